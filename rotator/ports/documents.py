"""Where documents and aliases are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """A document as its store answered; `etag` is opaque, headers None where the store has none."""

    body: bytes
    etag: str
    content_type: str | None = None
    cache_control: str | None = None
    server_date: datetime | None = None


class DocumentTarget(Protocol):
    """One document in one region: a JWKS or a signing target."""

    @property
    def location(self) -> str:
        """Where it is, for people and for telling targets apart: a path or `s3://bucket/key`."""
        ...

    def read(self) -> Stored | None:
        """The document, None when it does not exist. Raises TargetError."""
        ...

    def write(self, body: bytes, expected_etag: str | None) -> str:
        """Replace the document that has `expected_etag` (None: that does not exist) and return the new ETag.

        Raises TargetConflict when the document is another one by now; TargetError otherwise. An error other
        than a conflict may come after the effect.
        """
        ...

    def prove_conditional_writes(self) -> None:
        """Raise TargetUnsafe when the store is seen to ignore conditions; called before the first write."""
        ...

    def oldest_version(self) -> datetime | None:
        """When the oldest version that can still be read was written, None when there is none. Raises TargetError."""
        ...


class AliasTarget(Protocol):
    """The name by which a region's signers reach the active KMS key."""

    @property
    def location(self) -> str:
        """Where it is, for people: `alias/rotator/accounts in eu-central-1`."""
        ...

    def read(self) -> str | None:
        """The ARN of the key it points at, None when there is no such alias. Raises TargetError."""
        ...

    def point(self, arn: str) -> None:
        """Create it or move it; readers may see that a little later. Raises TargetError."""
        ...


class EdgeCache(Protocol):
    """The cache in front of a region's JWKS, where it can be told to drop its copies (a CDN)."""

    @property
    def location(self) -> str:
        """Which one, for people: `CloudFront E2QWRUHAPOMQZL /accounts/jwks.json`."""
        ...

    def purge(self) -> None:
        """Have it drop its copies; that it took the order is enough. Raises TargetError."""
        ...


class Catalogue(Protocol):
    """Tells of many documents, or of many aliases, at once what each of them is now."""

    def covers(self, location: str) -> bool:
        """Whether the document or alias at that location would be listed if it existed."""
        ...

    def versions(self) -> Mapping[str, str]:
        """By location, the ETag of each document, or the ARN that each alias points at. Raises TargetError."""
        ...
