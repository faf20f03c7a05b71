"""A name may have addresses at which nobody is asked: what consumers pass over is no silence."""

from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from rotator.domain import hosts
from rotator.ports import NoAnswer


def passed_over(url: str, address: str, silence: NoAnswer | None, *, others: bool) -> bool:
    """Whether an address serves nobody here: no IPv6 on this host, or a loopback name that listens on the other one.

    Consumers try the next address then. Only where `others` of the URL answered, and never for an IPv4 one of a real name.
    """
    if silence is None or not silence.unreachable or not others:
        return False
    return is_loopback(url) or isinstance(ip_address(address.partition("%")[0]), IPv6Address)


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this one, by its name (RFC 6761 §6.3) or its address."""
    try:
        return hosts.is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
