"""Finding keys by their tags. KMS cannot search: every key of the region is listed, and each one's tags are read."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rotator.adapters.kms.regions import Kms
from rotator.errors import KeyStoreDenied, KeyStoreUnreachable
from rotator.ports import KeyName

if TYPE_CHECKING:
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

ISSUER: Final = "rotator:issuer"
GENERATION: Final = "rotator:generation"
LINEAGE: Final = "rotator:lineage"
INTENT: Final = "rotator:intent"
KID: Final = "rotator:kid"

_AT_ONCE: Final = 8
_GONE: Final = {"PendingDeletion", "PendingReplicaDeletion"}


@dataclass(frozen=True, slots=True)
class Tagged:
    """A key of the primary region that is not about to be deleted, with its tags and what DescribeKey says of it."""

    arn: str
    tags: Mapping[str, str]
    described: "KeyMetadataTypeDef"


def tags_of(name: KeyName) -> dict[str, str]:
    """What a key is marked with when it is asked for."""
    return {
        ISSUER: name.issuer,
        GENERATION: str(name.generation),
        LINEAGE: name.lineage,
        INTENT: name.intent,
    }


def as_tags(tags: Mapping[str, str]) -> list[Any]:
    """Tags in KMS's form."""
    return [{"TagKey": name, "TagValue": value} for name, value in tags.items()]


def find_tagged(kms: Kms, wanted: Mapping[str, str]) -> list[Tagged]:
    """The keys that carry all of these tags, ordered by ARN.

    Raises KeyStoreDenied when none does but some would not show their tags: the one that is looked for may be one.
    """
    arns = sorted(_listed(kms))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read = dict(zip(arns, pool.map(lambda arn: _tags_or_denial(kms, arn), arns), strict=True))
    denials = [answer for answer in read.values() if isinstance(answer, KeyStoreDenied)]
    matching = {
        arn: tags
        for arn, tags in read.items()
        if isinstance(tags, dict) and wanted.items() <= tags.items()
    }
    described = {arn: _described(kms, arn) for arn in matching}
    found = [
        Tagged(arn, matching[arn], known)
        for arn, known in described.items()
        if known.get("KeyState") not in _GONE
    ]
    if denials and not found:
        first, hidden = denials[0], len(denials)
        first.detail += f"; {hidden} of {len(arns)} keys do not show whether they are rotator's"
        raise first
    return found


def _described(kms: Kms, arn: str) -> "KeyMetadataTypeDef":
    """A key that is listed and tagged exists, whatever an answer that lags behind says: it is never taken for gone."""
    known = kms.describe(kms.primary, arn)
    if known is None:
        attempt = kms.attempt(kms.primary, "kms:DescribeKey", arn)
        raise KeyStoreUnreachable(
            attempt.what,
            detail="KMS lists the key and says that there is none: it is not consistent yet",
        )
    return known


def tags_on(kms: Kms, arn: str) -> dict[str, str]:
    """The tags of a key of the primary region, none when there is no such key."""
    tags: dict[str, str] = {}
    page: dict[str, Any] = {"KeyId": arn}
    while True:
        with kms.calling(kms.primary, "kms:ListResourceTags", arn) as client:
            try:
                answer = client.list_resource_tags(**page)
            except client.exceptions.NotFoundException:
                return {}
            tags |= {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}
        if not answer.get("NextMarker"):
            return tags
        page["Marker"] = answer["NextMarker"]


def _tags_or_denial(kms: Kms, arn: str) -> dict[str, str] | KeyStoreDenied:
    try:
        return tags_on(kms, arn)
    except KeyStoreDenied as denial:
        return denial


def _listed(kms: Kms) -> Iterator[str]:
    page: dict[str, Any] = {"Limit": 1000}
    while True:
        with kms.calling(kms.primary, "kms:ListKeys") as client:
            answer = client.list_keys(**page)
            arns = [key["KeyArn"] for key in answer["Keys"]]
        yield from arns
        if not answer.get("Truncated"):
            return
        if not answer.get("NextMarker"):
            attempt = kms.attempt(kms.primary, "kms:ListKeys", "")
            raise KeyStoreUnreachable(attempt.what, detail="the list is cut short")
        page["Marker"] = answer["NextMarker"]
