"""A document in an S3 object."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.families import TARGET
from rotator.aws.objects import Objects
from rotator.domain.jwks import MAX_BYTES
from rotator.ports import Stored


@dataclass(frozen=True, slots=True)
class S3Target:
    """Implements `ports.DocumentTarget` at `bucket`/`key`; `cache_control` None sets no header."""

    clients: AwsClients
    access: AwsAccess
    bucket: str
    key: str
    content_type: str
    cache_control: str | None = None

    @property
    def location(self) -> str:
        """`s3://bucket/key`, followed by the endpoint where it is not AWS's own."""
        return self._objects.place(self.key)

    def read(self) -> Stored | None:
        """The object, at most MAX_BYTES + 1 bytes of it; None only when S3 says that there is none."""
        return self._objects.get(self.key, MAX_BYTES)

    def write(self, body: bytes, expected_etag: str | None) -> str:
        """One PutObject under a condition, sent once. TargetUnreachable says when its effect is unknown."""
        return self._objects.put(self.key, body, expected_etag, self._headers)

    def prove_conditional_writes(self) -> None:
        """Try both conditions on a scratch object beside the document, where the store is not AWS's own."""
        self._objects.prove_conditions(self.key, self._headers)

    def oldest_version(self) -> datetime | None:
        """When the oldest version of the object that can still be read was written."""
        return min(self._objects.versions(self.key), default=None)

    @property
    def _objects(self) -> Objects:
        return Objects(self.clients, self.access, self.bucket, TARGET)

    @property
    def _headers(self) -> Mapping[str, str]:
        cache = {} if self.cache_control is None else {"CacheControl": self.cache_control}
        return {"ContentType": self.content_type, **cache}
