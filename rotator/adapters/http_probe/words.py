"""What went wrong with a look, in words that quote nothing of the other side but the kind of a TLS fault."""

import socket
import ssl
from http.client import HTTPException
from typing import Final

from urllib3.exceptions import IncompleteRead, ProtocolError, ReadTimeoutError

_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (  # the first that fits
    (socket.gaierror, "the host name does not resolve"),
    (ReadTimeoutError, "timed out while waiting for the answer"),
    (TimeoutError, "timed out while waiting for the answer"),
    (ProtocolError, "the answer was cut short"),
    (IncompleteRead, "the answer was cut short"),
    (ConnectionError, "the connection was closed before an answer came"),
    (HTTPException, "the answer is not HTTP"),
)
_CERTIFICATES: Final = {  # X509_V_ERR_*, openssl's x509_vfy.h
    9: "is not valid yet",
    10: "has expired",
    62: "is of another name",
    64: "is of another address",
}
_ALL_SAID: Final = frozenset({9, 10})
_SHOWN: Final = 200


def reason(error: Exception) -> str:
    """What went wrong."""
    match error:
        case ssl.SSLCertVerificationError():
            said = _CERTIFICATES.get(error.verify_code, "is not trusted")
            more = "" if error.verify_code in _ALL_SAID else f": {printable(error.verify_message)}"
            return f"TLS: the certificate {said}{more}"
        case ssl.SSLError():
            return f"TLS: {printable(error.reason or 'handshake failed')}"
        case _:
            found = (words for kind, words in _REASONS if isinstance(error, kind))
            return next(found, f"no answer: {type(error).__name__}")


def printable(text: str) -> str:
    """At most 200 characters, each of them harmless on a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:_SHOWN])
