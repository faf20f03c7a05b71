"""Whether a key that somebody else made in KMS can become an issuer's own."""

import re
from typing import TYPE_CHECKING, Final

from rotator.adapters.kms import control, search
from rotator.adapters.kms.regions import Kms
from rotator.domain.keys import KmsHandle
from rotator.errors import KeyStoreError

if TYPE_CHECKING:
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

_ARN: Final = re.compile(r"arn:[a-z-]+:kms:([a-z0-9-]+):\d{12}:key/[A-Za-z0-9-]+")


def examined(kms: Kms, issuer: str, arn: str) -> KmsHandle:
    """The handle of a key that signs, is enabled, can reach every region, and is no other issuer's.

    Raises KeyStoreError with what is in the way.
    """
    found = _ARN.fullmatch(arn)
    if not found:
        raise KeyStoreError(
            f"{arn} is no ARN of a KMS key",
            hint="name the key itself, not an alias: arn:aws:kms:REGION:ACCOUNT:key/ID",
        )
    if found[1] != kms.primary:
        raise KeyStoreError(
            f"{arn} is in {found[1]}, and this issuer's keys are made in {kms.primary}",
            hint=f"name the primary key, or set keys.primary_region: {found[1]}",
        )
    control.prove(kms, kms.primary, arn)
    described = kms.describe(kms.primary, arn) or _gone(arn)
    _require_reach(kms, arn, described)
    owner = search.tags_on(kms, arn).get(search.ISSUER, issuer)
    if owner != issuer:
        raise KeyStoreError(
            f"{arn} belongs to the issuer {owner}",
            detail=f"it is tagged {search.ISSUER}={owner}",
            hint="one key signs for one issuer",
        )
    return control.handle_of(kms, arn, described)


def _require_reach(kms: Kms, arn: str, described: "KeyMetadataTypeDef") -> None:
    elsewhere = sorted(kms.accesses.keys() - {kms.primary})
    related = described.get("MultiRegionConfiguration", {})
    if related.get("MultiRegionKeyType") == "REPLICA":
        primary = related.get("PrimaryKey", {}).get("Arn", "its primary")
        raise KeyStoreError(f"{arn} is a replica", hint=f"name {primary}")
    if elsewhere and not described.get("MultiRegion"):
        raise KeyStoreError(
            f"{arn} is no multi-region key: signers in {', '.join(elsewhere)} cannot use it",
            hint="take it over with its own region alone, rotate to a multi-region key, then add the others",
        )


def _gone(arn: str) -> "KeyMetadataTypeDef":
    raise KeyStoreError(f"{arn} is gone")
