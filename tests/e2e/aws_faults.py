"""What AWS does to requests now and then: throttles, refuses, answers too late, or shows a change later than it made it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from tests.e2e.aws_hooks import Call, Send, answer, refusal
from tests.fakes.clock import FakeClock

PATIENCE = timedelta(seconds=10)
Fault = Callable[[Call, Send], AWSResponse]
ACTIONS = {
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "ListObjectsV2": "s3:ListBucket",
}


def action(operation: str) -> str:
    """The operation as IAM names it."""
    return ACTIONS.get(operation, f"kms:{operation}")


def throttled(call: Call, _: Send) -> AWSResponse:
    """Too many requests."""
    if call.service == "kms":
        return refusal(call, 400, "ThrottlingException", "Rate exceeded")
    return refusal(call, 503, "SlowDown", "Please reduce your request rate.")


def refused(call: Call, _: Send) -> AWSResponse:
    """A permission is missing (IAM User Guide, "Troubleshoot access denied error messages")."""
    allowed = action(call.operation)
    account = call.key.split(":")[4] if call.key.startswith("arn:") else "123456789012"
    words = (
        f"User: arn:aws:iam::{account}:user/ci is not authorized to perform: {allowed} on resource: {call.key or '*'} "
        f"because no identity-based policy allows the {allowed} action"
    )
    if call.service == "kms":
        return refusal(call, 400, "AccessDeniedException", words)
    return refusal(call, 403, "AccessDenied", words)


def slow(clock: FakeClock) -> Fault:
    """It takes effect, but the answer takes longer than anybody waits."""

    def fault(call: Call, send: Send) -> AWSResponse:
        send()
        clock.advance(PATIENCE)
        raise ReadTimeoutError(endpoint_url=call.request.url)

    return fault


@dataclass
class Broken:
    """One kind of call (`CreateKey keys`) meets a fault in one region, every time or the first `times`."""

    region: str
    kind: str
    fault: Fault
    times: int = 1_000_000
    met: int = 0

    def __call__(self, call: Call, send: Send) -> AWSResponse:
        if (call.region, f"{call.operation} {call.what}") != (self.region, self.kind):
            return send()
        self.met += 1
        return self.fault(call, send) if self.met <= self.times else send()


@dataclass
class Lagging:
    """KMS as it may be after a change: for `reads` looks each, in each region, the change does not show.

    An alias leads where it led before, a new key is not found and not listed, a replica is not found and then
    `Creating`. `hidden` counts the looks that showed the past. Without `new_keys` only aliases and replicas lag.
    """

    reads: int
    new_keys: bool = True
    hidden: int = 0
    _left: dict[tuple[str, str], int] = field(default_factory=dict)
    _past: dict[tuple[str, str], AWSResponse] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call, send: Send) -> AWSResponse:
        real = send()
        with self._lock:
            return self._told(call, real)

    def _told(self, call: Call, real: AWSResponse) -> AWSResponse:
        match call.operation:
            case "CreateKey" if self.new_keys and real.status_code == 200:
                self._changed(call.region, json.loads(real.content)["KeyMetadata"]["KeyId"])
            case "ReplicateKey" if real.status_code == 200:
                replica = json.loads(real.content)["ReplicaKeyMetadata"]
                self._changed(replica["Arn"].split(":")[3], replica["KeyId"])
            case "CreateAlias" | "UpdateAlias" if real.status_code == 200:
                self._changed(call.region, call.key)
            case "DescribeKey" if call.what == "alias":
                return self._alias(call, real)
            case "DescribeKey" | "GetPublicKey":
                return self._key(call, real)
            case "ListKeys":
                return self._list(call, real)
            case _:
                pass
        return real

    def _alias(self, call: Call, real: AWSResponse) -> AWSResponse:
        place = call.region, call.key
        if self._still_hidden(place):
            return self._past.get(place) or _not_found(call)
        self._past[place] = real
        return real

    def _key(self, call: Call, real: AWSResponse) -> AWSResponse:
        place = call.region, call.key.rpartition("/")[2]
        if not self._still_hidden(place):
            return real
        if call.operation == "GetPublicKey" or self._left[place] >= self.reads / 2:
            return _not_found(call)
        told = json.loads(real.content)
        told["KeyMetadata"] |= {"KeyState": "Creating", "Enabled": False}
        return _json(call, told)

    def _list(self, call: Call, real: AWSResponse) -> AWSResponse:
        told = json.loads(real.content)
        told["Keys"] = [
            key for key in told["Keys"] if not self._still_hidden((call.region, key["KeyId"]))
        ]
        return _json(call, told)

    def _changed(self, region: str, what: str) -> None:
        self._left[region, what] = self.reads

    def _still_hidden(self, place: tuple[str, str]) -> bool:
        left = self._left.get(place, 0)
        if left:
            self._left[place] = left - 1
            self.hidden += 1
        return left > 0


def _not_found(call: Call) -> AWSResponse:
    return refusal(call, 400, "NotFoundException", f"{call.key} is not found.")


def _json(call: Call, told: Mapping[str, object]) -> AWSResponse:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    return answer(call, 200, json.dumps(told).encode(), headers)
