"""AWS clients whose every request passes through a test's hands, which sends it, answers it itself, or breaks it.

The hook sits where a request goes onto its connection, below botocore's retries: a made-up answer goes through
botocore's own parsers, and a request that is sent has its effect whatever becomes of the answer.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.httpsession import URLLib3Session

from rotator.aws import AwsAccess, AwsClients
from tests.e2e.failpoints import AFTER, BEFORE

CHANGING = {
    "CreateKey",
    "TagResource",
    "ReplicateKey",
    "CreateAlias",
    "UpdateAlias",
    "DisableKey",
    "ScheduleKeyDeletion",
    "PutObject",
    "DeleteObject",
}
"""The operations of an apply that change something."""
LISTINGS = {"list-type=2": "ListObjectsV2", "versions": "ListObjectVersions"}
"""What tells S3's listings from a GetObject."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way: `what` is the kind of thing it is about (`signing.json`, `log`, `alias`, `key`)."""

    service: str
    operation: str
    region: str
    what: str
    key: str
    request: AWSPreparedRequest

    @property
    def name(self) -> str:
        """`eu-central-1 UpdateAlias alias`."""
        return f"{self.region} {self.operation} {self.what}"

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.operation in CHANGING


Send = Callable[[], AWSResponse]
Around = Callable[[Call, Send], AWSResponse]


def passed_on(_: Call, send: Send) -> AWSResponse:
    """Nothing is done to it."""
    return send()


class HookedClients(AwsClients):
    """The clients of a place. `around` may be changed at any time; connections and credentials stay."""

    def __init__(self) -> None:
        super().__init__()
        self.around: Around = passed_on

    # A request goes over the client's own connections or over shared ones, never over both.

    def _new_client(self, service: str, access: AwsAccess, attempts: int) -> Any:
        client = super()._new_client(service, access, attempts)
        endpoint = client._endpoint  # botocore has no other way to what sends
        endpoint.http_session = _Wire(endpoint.http_session, access, service, self)
        return client

    def _kept(self, service: str, access: AwsAccess) -> URLLib3Session:
        return cast("URLLib3Session", _Wire(super()._kept(service, access), access, service, self))


@dataclass(frozen=True)
class _Wire:
    """Connections on which every request passes the test's hands first."""

    connections: URLLib3Session
    access: AwsAccess
    service: str
    clients: HookedClients

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        call = _call(self.service, str(self.access.region), request)
        return self.clients.around(call, lambda: self.connections.send(request))

    def close(self) -> None:
        self.connections.close()


@dataclass
class Points:
    """Numbers the calls, and calls `die` before or after the one that is fatal (None: none), and at every later one.

    A point is `name#n`, n counted per name, so that threads working side by side do not change it. `passed` lists
    them in order, `changes` those that change something.
    """

    die: Callable[[], NoReturn]
    fatal: str | None = None
    when: str = BEFORE
    passed: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dead: bool = False

    def __call__(self, call: Call, send: Send) -> AWSResponse:
        point = self._next(call)
        self._die_if(point, BEFORE)
        answer = send()
        self._die_if(point, AFTER)
        return answer

    def _next(self, call: Call) -> str:
        with self._lock:
            self._counts[call.name] += 1
            point = f"{call.name}#{self._counts[call.name]}"
            self.passed.append(point)
            if call.changes:
                self.changes.append(point)
        return point

    def _die_if(self, point: str, when: str) -> None:
        if self._dead or (point, when) == (self.fatal, self.when):
            self._dead = True
            self.die()


def answer(
    call: Call, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> AWSResponse:
    """An answer that no server gave."""
    fields: Any = headers or {}
    return AWSResponse(call.request.url, status, fields, _Raw(body))


def refusal(call: Call, status: int, code: str, message: str) -> AWSResponse:
    """An error in the words of the call's service (AWS JSON 1.1; Amazon S3 API Reference, "Error responses")."""
    if call.service == "kms":
        body = json.dumps({"__type": code, "message": message}).encode()
        return answer(call, status, body, {"Content-Type": "application/x-amz-json-1.1"})
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return answer(call, status, xml.encode(), {"Content-Type": "application/xml"})


@dataclass
class _Raw:
    """The body of a made-up answer, as urllib3's answers give it."""

    body: bytes

    def stream(self, *_: object, **__: object) -> list[bytes]:
        return [self.body]


def _call(service: str, region: str, request: AWSPreparedRequest) -> Call:
    path, query = urlsplit(request.url).path, urlsplit(request.url).query
    if service == "s3":
        listing = next((name for mark, name in LISTINGS.items() if mark in query), None)
        operation = listing or f"{request.method.title()}Object"
        return Call(service, operation, region, _document(path), path, request)
    named: dict[str, str] = json.loads(cast("bytes", request.body) or b"{}")
    target = request.headers["X-Amz-Target"]
    operation = (target.decode() if isinstance(target, bytes) else target).partition(".")[2]
    key = named.get("AliasName") or named.get("KeyId") or ""
    what = "alias" if key.startswith("alias/") else "key" if key else "keys"
    return Call(service, operation, region, what, key, request)


def _document(path: str) -> str:
    *_, folder, name = path.split("/")
    if name[:1].isdigit():
        return "log"
    return folder if folder in {"state", "evidence"} and not name.startswith("lease.json") else name
