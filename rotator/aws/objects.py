"""Objects of one bucket: read whole or not at all, written only under a condition, listed in order.

ETags are opaque and are sent back exactly as the server gave them, quotes included, as RFC 9110 §13.1.1 has it; a
store that wants them otherwise (Ceph) does not recognise its own and is refused.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rotator.aws.access import AwsAccess
from rotator.aws.clients import AwsClients
from rotator.aws.failures import explained
from rotator.aws.families import Family
from rotator.aws.s3 import S3Attempt, changes
from rotator.errors import RotatorError
from rotator.ports import Stored

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef

_CHUNK: Final = 65_536
_BODY_PATIENCE: Final = timedelta(seconds=30)
_PAGE: Final = 1000
_AWS: Final = (".amazonaws.com", ".amazonaws.com.cn")
_SCRATCH: Final = ".conditional-write-probe"
_NO_SUCH_ETAG: Final = '"00000000000000000000000000000000"'
_ALL_WIN: Final = "of 20 writers at once 20 would win"
_PROOF_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Objects:
    """A bucket as somebody reaches it; `family` are the errors that its user promises."""

    clients: AwsClients
    access: AwsAccess
    bucket: str
    family: Family

    def place(self, key: str) -> str:
        """`s3://bucket/key`, followed by the endpoint where it is not AWS's own."""
        endpoint = f" at {self.access.endpoint}" if self.access.endpoint else ""
        return f"s3://{self.bucket}/{key}{endpoint}"

    def get(self, key: str, limit: int) -> Stored | None:
        """The object, at most `limit` + 1 bytes of it; None only when S3 says that there is none."""
        attempt = self.attempt("s3:GetObject", key)
        with explained(attempt):
            client = self.clients.s3_for_reading(self.access)
            try:
                answer = client.get_object(Bucket=self.bucket, Key=key)
            except client.exceptions.NoSuchKey:
                return None
            return _stored(attempt, answer, limit)

    def put(self, key: str, body: bytes, etag: str | None, headers: Mapping[str, str]) -> str:
        """Replace the object that has `etag` (None: that does not exist), sent once; its new ETag.

        `headers` as PutObject names them. An error other than the family's `conflict` may come after the effect.
        """
        attempt = self.attempt("s3:PutObject", key)
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        where: dict[str, Any] = {"Bucket": self.bucket, "Key": key, **condition, **headers}
        with explained(attempt):
            answer = self.clients.s3_for_writing(self.access).put_object(Body=body, **where)
        if not answer.get("ETag"):
            raise attempt.unreachable("the answer carries no ETag: not an S3 store?")
        return answer["ETag"]

    def keys(self, prefix: str, most: int | None = None) -> Iterator[str]:
        """The keys that begin with `prefix`, in the order of their UTF-8 bytes; the first `most` of them."""
        page: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix, "MaxKeys": most or _PAGE}
        while True:
            with explained(self.attempt("s3:ListBucket", prefix)):
                answer = self.clients.s3_for_reading(self.access).list_objects_v2(**page)
                found = [item["Key"] for item in answer.get("Contents", ())]
            yield from found
            if most or not answer.get("IsTruncated"):
                return
            page["ContinuationToken"] = answer["NextContinuationToken"]

    def versions(self, key: str) -> Iterator[datetime]:
        """When each version of one object that can still be read was written; in an unversioned bucket the one."""
        page: dict[str, Any] = {"Bucket": self.bucket, "Prefix": key}
        while True:
            with explained(self.attempt("s3:ListBucketVersions", key)):
                answer = self.clients.s3_for_reading(self.access).list_object_versions(**page)
                found = [v["LastModified"] for v in answer.get("Versions", ()) if v["Key"] == key]
            yield from (moment.astimezone(UTC) for moment in found)
            # Of all keys that begin with this one, this one comes first.
            if not answer.get("IsTruncated") or answer["NextKeyMarker"] != key:
                return
            page["KeyMarker"], page["VersionIdMarker"] = key, answer["NextVersionIdMarker"]

    def prove_conditions(self, key: str, headers: Mapping[str, str]) -> None:
        """Try both conditions on a scratch object beside `key`, removed again; raises the family's `unsafe`.

        AWS's own endpoints document them and are believed, so that no permission beyond the document's is needed.
        """
        endpoint = self.endpoint()
        if (urlsplit(endpoint).hostname or "").endswith(_AWS):
            return
        flaw = self._flaw(key + _SCRATCH, headers)
        # Another rotator may be at the same scratch object and take it away: only a flaw that stays is the store's.
        for pause_s in _PROOF_PAUSES_S:
            if flaw is None:
                return
            time.sleep(SystemRandom().uniform(0, pause_s))
            flaw = self._flaw(key + _SCRATCH, headers)
        if flaw is not None:
            raise self.family.unsafe(
                f"the store at {endpoint} cannot be trusted with s3://{self.bucket}/{key}",
                detail=f"it {flaw}",
                hint="use a store that honours If-Match and If-None-Match",
            )

    def endpoint(self) -> str:
        """Where requests really go: an endpoint may also come from the environment."""
        with explained(self.attempt("s3:GetObject", "")):
            return self.clients.s3_for_reading(self.access).meta.endpoint_url

    def attempt(self, action: str, key: str) -> S3Attempt:
        """One call, for the words of what may go wrong with it."""
        return S3Attempt(
            action=action,
            access=self.access,
            family=self.family,
            changes=changes(action),
            bucket=self.bucket,
            key=key,
        )

    def _flaw(self, scratch: str, headers: Mapping[str, str]) -> str | None:
        """What the store does wrong with conditions, None when it keeps them."""
        made = self._etag_or_refusal(scratch, None, headers)
        try:
            # A refusal because the object is there already is the proof itself.
            if made and self._etag_or_refusal(scratch, None, headers):
                return f"ignores If-None-Match: {_ALL_WIN}"
            if self._etag_or_refusal(scratch, _NO_SUCH_ETAG, headers):
                return f"ignores If-Match: {_ALL_WIN}"
            if made and not self._etag_or_refusal(scratch, made, headers):
                return "does not recognise its own ETag in If-Match: nothing could ever be replaced"
        finally:
            self._delete(scratch)
        return None

    def _etag_or_refusal(
        self, key: str, etag: str | None, headers: Mapping[str, str]
    ) -> str | None:
        try:
            return self.put(key, b"rotator\n", etag, headers)
        except self.family.conflict:
            return None

    def _delete(self, key: str) -> None:
        try:
            with explained(self.attempt("s3:DeleteObject", key)):
                client = self.clients.s3_for_writing(self.access)
                client.delete_object(Bucket=self.bucket, Key=key)
        except RotatorError:
            return  # the name is fixed, so at most one stray object stays


def _stored(attempt: S3Attempt, answer: "GetObjectOutputTypeDef", limit: int) -> Stored:
    body = _body(attempt, answer, limit)
    if not answer.get("ETag"):
        raise attempt.unreachable("the answer carries no ETag: not an S3 store?")
    return Stored(
        body=body,
        etag=answer["ETag"],
        content_type=answer.get("ContentType"),
        cache_control=answer.get("CacheControl"),
        server_date=_date(answer["ResponseMetadata"]["HTTPHeaders"].get("date")),
    )


def _body(attempt: S3Attempt, answer: "GetObjectOutputTypeDef", limit: int) -> bytes:
    """At most `limit` + 1 bytes, and never for longer than the body's patience, however slowly they come."""
    deadline = time.monotonic() + _BODY_PATIENCE.total_seconds()
    announced: int | None = answer.get("ContentLength")
    wanted = limit + 1 if announced is None else min(announced, limit + 1)
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
