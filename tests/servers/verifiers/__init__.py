"""Programs that check tokens with keys they fetch from a JWKS URL, each with the caching that it ships with.

Only the times of that caching can be set, so that a rotation of months fits into a minute.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.servers.process import ServerProcess

AUDIENCE = "traffic"
SUBJECT = "traffic"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A running verifier: a request to it carries a token, and its status says whether that was accepted.

    `restart` starts it anew, without the keys it held. `kind` names the software. A GET carries the token as a bearer; where `login` is set, a POST carries it in JSON
    beside those members. `accepts` and `rejects` are the statuses that are verdicts; any other is a failure to answer.
    """

    kind: str
    port: int
    path: str
    process: ServerProcess
    accepts: int = HTTPStatus.OK
    rejects: int = HTTPStatus.UNAUTHORIZED
    login: dict[str, str] = field(default_factory=dict)
    restart: Callable[[], None] | None = None

    @property
    def endpoint(self) -> dict[str, Any]:
        """What another program needs to know to ask it."""
        return {
            "kind": self.kind,
            "port": self.port,
            "path": self.path,
            "accepts": int(self.accepts),
            "rejects": int(self.rejects),
            "login": self.login,
        }


class NoVerdictError(RuntimeError):
    """A verifier said neither yes nor no."""


def answers(port: int, path: str = "/") -> bool:
    """Tell whether a server answers HTTP, whatever it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
