"""Connections shared by the clients of one access, and one TLS context for all of them.

botocore has every connection read the certificate authorities anew, which costs more than the rest of the handshake:
with thirty regions it is most of what a run waits for. What is sent through here is checked as before: the chain
against the same authorities, the name by urllib3.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rotator.aws.access import AwsAccess

if TYPE_CHECKING:
    import ssl

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.httpsession import URLLib3Session

CONNECTIONS: Final = 64
"""How many connections to one host are kept."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """A TLS context that trusts the certificate authorities of `file`."""

    file: str
    context: "ssl.SSLContext"


def authorities_file(ca_bundle: str | None) -> str:
    """The file that AWS's tools trust: configured, from the environment, or the one that comes with botocore."""
    from botocore.httpsession import get_cert_path

    configured = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE")
    return configured or str(get_cert_path(True))  # noqa: FBT003 - botocore's interface


def authorities(file: str) -> Authorities:
    """Read the file. Raises OSError, of which ssl.SSLError is one."""
    from botocore.httpsession import create_urllib3_context

    context: ssl.SSLContext = create_urllib3_context()
    context.load_verify_locations(cafile=file)
    return Authorities(file, context)


def connections(access: AwsAccess, trusted: Authorities) -> "URLLib3Session":
    """A pool of kept connections for an access."""
    from botocore.httpsession import URLLib3Session

    class Shared(URLLib3Session):
        def _get_ssl_context(self) -> "ssl.SSLContext":
            return trusted.context

        def _setup_ssl_cert(self, conn: Any, url: str, verify: object) -> None:
            super()._setup_ssl_cert(conn, url, verify)  # type: ignore[misc]
            conn.ca_certs = None  # the context has read them

    # A pair, connect and read, whatever the stubs say.
    timeouts: Any = access.connect_timeout.total_seconds(), access.read_timeout.total_seconds()
    return Shared(timeout=timeouts, max_pool_connections=CONNECTIONS)


def shares(client: Any) -> bool:
    """Whether a client gains by sharing: it uses TLS, and no proxy stands between it and AWS."""
    from botocore.utils import get_environ_proxies

    url: str = client.meta.endpoint_url
    return url.startswith("https:") and not get_environ_proxies(url)


def send_through(client: Any, shared: "URLLib3Session") -> None:
    """Have a client send through shared connections."""

    def send(request: "AWSPreparedRequest", **_: object) -> Any:
        return shared.send(request)

    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register_last(f"before-send.{service}", send)
