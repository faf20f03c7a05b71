"""One HTTP request as bytes → a value, or why it is none: small on purpose, since everything it does not know is refused."""

import re
from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 8192
"""Of the request line and all headers; a browser sends less than a tenth."""

_LINE: Final = re.compile(rb"([A-Z]{1,16}) (/[!-~]{0,2000}) HTTP/1\.[01]")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):([\t -~\x80-\xff]*)")


@dataclass(frozen=True, slots=True)
class Request:
    """A request without a body: `path` without its query, headers by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]


class BadRequest(Exception):
    """What came is no request that is answered here; `status` says why."""

    def __init__(self, status: int) -> None:
        """`status` is the HTTP status to answer with."""
        super().__init__(status)
        self.status = status


def parse(head: bytes) -> Request:
    """The request in `head`, which ends with an empty line. Raises BadRequest."""
    line, *rest = head.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    matched = _LINE.fullmatch(line)
    if not matched:
        raise BadRequest(400)
    headers: dict[str, str] = {}
    for text in rest:
        header = _HEADER.fullmatch(text)
        if not header:
            raise BadRequest(400)
        name = header[1].decode("ascii").lower()
        if name in headers and name in ("host", "authorization"):
            raise BadRequest(400)
        headers[name] = header[2].decode("latin-1").strip(" \t")
    path = matched[2].decode("ascii").partition("?")[0]
    return Request(matched[1].decode("ascii"), path, headers)
