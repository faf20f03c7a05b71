"""What a URL says of where to ask, as whom, and for what."""

from dataclasses import dataclass
from typing import Final

from urllib3.util import parse_url

_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL taken apart. `host` has no brackets; `target` is the path and query as they are sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "https"

    @property
    def name(self) -> str:
        """The host as certificates and Host headers have it: without a final dot, without an IPv6 zone."""
        return self.host.partition("%")[0].rstrip(".")

    @property
    def authority(self) -> str:
        """The Host header (RFC 9110 §7.2)."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def destination(url: str) -> Destination:
    """Take a URL apart. Raises ValueError with the reason when it is none that can be asked."""
    parts = parse_url(url)
    if parts.scheme not in _PORTS:
        raise ValueError("neither http nor https")
    host = (parts.host or "").strip("[]")
    if not host.strip("."):
        raise ValueError("no host")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    return Destination(parts.scheme, host, port, parts.request_uri)
