"""A document in an S3 object: every write names the ETag it replaces.

ETags are opaque and are sent back exactly as the server gave them, quotes included, as RFC 9110 §13.1.1 has it; a
store that wants them otherwise (Ceph) does not recognise its own and is refused.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rotator.adapters.s3_target.access import AwsAccess, AwsClients
from rotator.adapters.s3_target.failures import Attempt, explained
from rotator.domain.jwks import MAX_BYTES
from rotator.errors import TargetConflict, TargetError, TargetUnsafe
from rotator.ports import Stored

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_CHUNK: Final = 65_536
_BODY_PATIENCE: Final = timedelta(seconds=30)
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")
_SCRATCH: Final = ".conditional-write-probe"
_NO_SUCH_ETAG: Final = '"00000000000000000000000000000000"'
_ALL_WIN: Final = "of 20 writers at once 20 would win"
_PROOF_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class S3Target:
    """One document at `bucket`/`key`; `cache_control` None sets no header (a signing target needs none)."""

    clients: AwsClients
    access: AwsAccess
    bucket: str
    key: str
    content_type: str
    cache_control: str | None = None

    @property
    def location(self) -> str:
        """`s3://bucket/key`, followed by the endpoint where it is not AWS's own."""
        endpoint = f" at {self.access.endpoint}" if self.access.endpoint else ""
        return f"s3://{self.bucket}/{self.key}{endpoint}"

    def read(self) -> Stored | None:
        """The object, at most MAX_BYTES + 1 bytes of it; None only when S3 says that there is none."""
        attempt = self._attempt("s3:GetObject", self.key)
        with explained(attempt):
            client = self.clients.s3_for_reading(self.access)
            try:
                answer = client.get_object(Bucket=self.bucket, Key=self.key)
            except client.exceptions.NoSuchKey:
                return None
            return _stored(attempt, answer)

    def write(self, body: bytes, expected_etag: str | None) -> str:
        """One PutObject under a condition, sent once. TargetUnreachable says when its effect is unknown."""
        return self._put(self.key, body, _condition(expected_etag))

    def prove_conditional_writes(self) -> None:
        """Try both conditions on a scratch object beside the document; the scratch object is removed again.

        AWS's own endpoints document them and are believed, so that no permission beyond the document's is needed.
        """
        endpoint = self._endpoint()
        if (urlsplit(endpoint).hostname or "").endswith(_AWS):
            return
        flaw = self._flaw()
        # Another rotator may be at the same scratch object and take it away: only a flaw that stays is the store's.
        for pause_s in _PROOF_PAUSES_S:
            if flaw is None:
                return
            time.sleep(SystemRandom().uniform(0, pause_s))
            flaw = self._flaw()
        if flaw is not None:
            raise TargetUnsafe(
                f"the store at {endpoint} cannot be trusted with s3://{self.bucket}/{self.key}",
                detail=f"it {flaw}",
            )

    def _flaw(self) -> str | None:
        """What the store does wrong with conditions, None when it keeps them."""
        scratch = self.key + _SCRATCH
        made = self._etag_or_refusal(scratch, _condition(None))
        try:
            # A refusal because the object is there already is the proof itself.
            if made and self._etag_or_refusal(scratch, _condition(None)):
                return f"ignores If-None-Match: {_ALL_WIN}"
            if self._etag_or_refusal(scratch, _condition(_NO_SUCH_ETAG)):
                return f"ignores If-Match: {_ALL_WIN}"
            if made and not self._etag_or_refusal(scratch, _condition(made)):
                return "does not recognise its own ETag in If-Match: nothing could ever be replaced"
        finally:
            self._delete(scratch)
        return None

    def _etag_or_refusal(self, key: str, condition: Mapping[str, str]) -> str | None:
        try:
            return self._put(key, b"rotator\n", condition)
        except TargetConflict:
            return None

    def _put(self, key: str, body: bytes, condition: Mapping[str, str]) -> str:
        attempt = self._attempt("s3:PutObject", key)
        headers = {"ContentType": self.content_type, **condition}
        if self.cache_control is not None:
            headers["CacheControl"] = self.cache_control
        parameters: dict[str, Any] = {"Bucket": self.bucket, "Key": key, "Body": body, **headers}
        with explained(attempt):
            answer = self.clients.s3_for_writing(self.access).put_object(**parameters)
        if not answer.get("ETag"):
            raise attempt.unreachable("the answer carries no ETag: not an S3 store?")
        return answer["ETag"]

    def _delete(self, key: str) -> None:
        try:
            with explained(self._attempt("s3:DeleteObject", key)):
                client = self.clients.s3_for_writing(self.access)
                client.delete_object(Bucket=self.bucket, Key=key)
        except TargetError:
            return  # the name is fixed, so at most one stray object stays

    def _endpoint(self) -> str:
        """Where requests really go: an endpoint may also come from the environment."""
        with explained(self._attempt("s3:GetObject", self.key)):
            return self.clients.s3_for_reading(self.access).meta.endpoint_url

    def _attempt(self, action: str, key: str) -> Attempt:
        return Attempt(action, self.bucket, key, self.access)


def _condition(expected_etag: str | None) -> Mapping[str, str]:
    return {"IfNoneMatch": "*"} if expected_etag is None else {"IfMatch": expected_etag}


def _stored(attempt: Attempt, answer: "GetObjectOutputTypeDef") -> Stored:
    body = _body(attempt, answer)
    if not answer.get("ETag"):
        raise attempt.unreachable("the answer carries no ETag: not an S3 store?")
    return Stored(
        body=body,
        etag=answer["ETag"],
        content_type=answer.get("ContentType"),
        cache_control=answer.get("CacheControl"),
        server_date=_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date")),
    )


def _body(attempt: Attempt, answer: "GetObjectOutputTypeDef") -> bytes:
    """At most MAX_BYTES + 1 bytes, and never for longer than the body's patience, however slowly they come."""
    deadline = time.monotonic() + _BODY_PATIENCE.total_seconds()
    announced: int | None = answer.get("ContentLength")
    wanted = MAX_BYTES + 1 if announced is None else min(announced, MAX_BYTES + 1)
    body = bytearray()
    with answer["Body"] as stream:
        raw: Any = stream  # urllib3's answer, whose read1() returns as soon as something is there
        while len(body) < wanted and (part := raw.read1(min(_CHUNK, wanted - len(body)))):
            body += part
            if time.monotonic() > deadline:
                raise attempt.unreachable("the object came too slowly")
    if announced is not None and len(body) < wanted:
        raise attempt.unreachable("the object was cut short")
    return bytes(body)


def _date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
