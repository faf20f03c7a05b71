"""AWS clients whose every request passes through a test's hands, which sends it, answers it itself, or breaks it.

The hook sits below botocore's retries and above the network (`before-send`): a made-up answer goes through botocore's
own parsers, and a request that is sent has its effect whatever becomes of the answer.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
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
        self._http = URLLib3Session(timeout=30, max_pool_connections=32)

    def reading(self, service: str, access: AwsAccess) -> Any:
        return self._hooked(super().reading(service, access), access)

    def writing(self, service: str, access: AwsAccess) -> Any:
        return self._hooked(super().writing(service, access), access)

    def _hooked(self, client: Any, access: AwsAccess) -> Any:
        def before_send(
            request: AWSPreparedRequest, event_name: str, **_: object
        ) -> AWSResponse | None:
            _, service, operation = event_name.split(".")
            call = _call(service, operation, str(access.region), request)
            return self.around(call, lambda: self._http.send(request))

        client.meta.events.register("before-send", before_send, unique_id="tests-around")
        return client


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
    return AWSResponse(call.request.url, status, dict(headers or {}), _Raw(body))


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


def _call(service: str, operation: str, region: str, request: AWSPreparedRequest) -> Call:
    if service == "kms":
        named: dict[str, str] = json.loads(request.body or b"{}")
        key = named.get("AliasName") or named.get("KeyId") or ""
        what = "alias" if key.startswith("alias/") else "key" if key else "keys"
        return Call(service, operation, region, what, key, request)
    path = urlsplit(request.url).path
    return Call(service, operation, region, _document(path), path, request)


def _document(path: str) -> str:
    *_, folder, name = path.split("/")
    if name[:1].isdigit():
        return "log"
    return folder if folder in {"state", "evidence"} and name != "lease.json" else name
