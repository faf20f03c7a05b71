"""Which host is this machine itself: one rule for what may be asked over http: and for who may read without a token."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Whether a host, without port and brackets, is `localhost`, a name below it (RFC 6761 §6.3), or a loopback address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        name = host.lower()
        return name == "localhost" or name.endswith(".localhost")
