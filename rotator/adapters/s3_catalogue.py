"""What lies in a bucket, a thousand objects a call: the ETags of many documents without a read of each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.failures import explained
from rotator.aws.families import TARGET
from rotator.aws.objects import Objects

_READS_PER_PAGE: Final = 32
"""So many reads, side by side, take as long as one page, and cost more (S3 pricing: a LIST is 12.5 GETs)."""

Document = tuple[AwsAccess, str, str]
"""An object that holds a document: how it is reached, bucket, key."""


@dataclass(frozen=True, slots=True)
class S3Catalogue:
    """Implements `ports.Catalogue` for the documents at `keys` of a bucket, by ListObjectsV2 below their common prefix.

    Needs s3:ListBucket on that prefix. `page` objects a call; S3 shows a thousand at most.
    """

    clients: AwsClients
    access: AwsAccess
    bucket: str
    keys: frozenset[str]
    page: int = 1000

    @property
    def prefix(self) -> str:
        """What all of its keys begin with."""
        return _common_prefix(self.keys)

    def covers(self, location: str) -> bool:
        """Whether it is the location that `S3Target` has for one of the keys."""
        head = f"s3://{self.bucket}/"
        tail = self._objects.place("").removeprefix(head)
        key = location.removeprefix(head).removesuffix(tail)
        return key in self.keys and self._objects.place(key) == location

    def versions(self) -> Mapping[str, str]:
        """The documents' ETags, as reading them would tell.

        Raises TargetError; also when the prefix holds so much else that reading each document is cheaper.
        """
        found: dict[str, str] = {}
        token: str | None = None
        pages = 1 + len(self.keys) // _READS_PER_PAGE
        for _ in range(pages):
            listed, token = self._listed(token)
            found |= listed
            if token is None or len(found) == len(self.keys):
                return {self._objects.place(key): etag for key, etag in found.items()}
        raise self._objects.attempt("s3:ListBucket", self.prefix).failed(
            f"{pages * self.page} objects showed {len(found)} of {len(self.keys)} documents",
            "keep the documents below a prefix of their own; until then each of them is read",
        )

    def _listed(self, token: str | None) -> tuple[dict[str, str], str | None]:
        """The ETags of the documents on a page, and what asks for the next one.

        The order of keys means nothing: SeaweedFS and S3's directory buckets have one of their own.
        """
        after: dict[str, Any] = {} if token is None else {"ContinuationToken": token}
        with explained(self._objects.attempt("s3:ListBucket", self.prefix)):
            answer = self.clients.s3_for_reading(self.access).list_objects_v2(
                Bucket=self.bucket, Prefix=self.prefix, MaxKeys=self.page, **after
            )
            listed = {item["Key"]: _as_header(item["ETag"]) for item in answer.get("Contents", ())}
            more = answer["NextContinuationToken"] if answer["IsTruncated"] else None
        return {key: etag for key, etag in listed.items() if key in self.keys}, more

    @property
    def _objects(self) -> Objects:
        return Objects(self.clients, self.access, self.bucket, TARGET)


def s3_catalogues(clients: AwsClients, *kinds: Iterable[Document]) -> tuple[S3Catalogue, ...]:
    """The fewest catalogues that cover all documents, each kind (`jwks`, `signing`) listed below its own prefix.

    One per way in and bucket; two where the kinds have prefixes apart, since other things may lie between them.
    """
    groups: dict[tuple[AwsAccess, str], list[frozenset[str]]] = {}
    for kind in kinds:
        for place, keys in _by_bucket(kind).items():
            groups[place] = list(_with(groups.get(place, []), frozenset(keys)))
    return tuple(
        S3Catalogue(clients, access, bucket, keys)
        for (access, bucket), several in groups.items()
        for keys in several
    )


def _by_bucket(documents: Iterable[Document]) -> dict[tuple[AwsAccess, str], set[str]]:
    found: dict[tuple[AwsAccess, str], set[str]] = {}
    for access, bucket, key in documents:
        found.setdefault((access, bucket), set()).add(key)
    return found


def _with(groups: Iterable[frozenset[str]], keys: frozenset[str]) -> Iterator[frozenset[str]]:
    """The groups and one more, as one where either's prefix begins the other's."""
    ours = _common_prefix(keys)
    for group in groups:
        theirs = _common_prefix(group)
        if ours.startswith(theirs) or theirs.startswith(ours):
            keys |= group
        else:
            yield group
    yield keys


def _common_prefix(keys: frozenset[str]) -> str:
    pairs = zip(min(keys), max(keys), strict=False)
    return "".join(first for first, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _as_header(etag: str) -> str:
    """With the quotes that a header has (RFC 9110 §8.8.3); some stores leave them out of their lists."""
    return etag if etag.endswith('"') else f'"{etag}"'
