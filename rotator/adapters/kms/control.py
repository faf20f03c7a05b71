"""What is done to KMS keys in each of their regions: replicate, prove, disable, enable, schedule for deletion.

Each looks at the key's state first: repeating what is done already is fine, and changes nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from rotator.adapters.kms.regions import Kms, arn_in, side_by_side
from rotator.adapters.kms.search import as_tags, tags_on
from rotator.domain.keys import KmsHandle
from rotator.errors import KeyStoreError, KeyStoreUnreachable

if TYPE_CHECKING:
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

_OURS: Final = "rotator:"
_ENDING: Final = {"PendingDeletion", "PendingReplicaDeletion"}


def replicate(kms: Kms, arn: str, region: str, policy: Mapping[str, str]) -> None:
    """Ask for a replica in a region; one that is there already is fine."""
    tags = {name: value for name, value in tags_on(kms, arn).items() if name.startswith(_OURS)}
    parameters: dict[str, Any] = {"Tags": as_tags(tags), **policy}
    with kms.calling(kms.primary, "kms:ReplicateKey", arn) as client:
        try:
            client.replicate_key(KeyId=arn, ReplicaRegion=region, **parameters)
        except client.exceptions.AlreadyExistsException:
            return


def prove(kms: Kms, region: str, arn: str) -> None:
    """Raise KeyStoreError unless signers of the region can use the key now."""
    described = _described(kms, region, arn)
    usage = described.get("KeyUsage")
    if usage != "SIGN_VERIFY":
        raise KeyStoreError(f"{arn} is of another kind: it is for {usage}, not for signing")
    if described.get("KeyState") != "Enabled":
        raise kms.unusable(region, arn, str(described.get("KeyState")))


def disable(kms: Kms, arns: Mapping[str, str]) -> None:
    """DisableKey wherever the key is still enabled."""

    def one(pair: tuple[str, str]) -> None:
        region, arn = pair
        described = kms.describe(region, arn)
        if described is None or described.get("KeyState") in {"Disabled", *_ENDING}:
            return
        with kms.calling(region, "kms:DisableKey", arn) as client:
            client.disable_key(KeyId=arn)

    side_by_side(one, list(arns.items()))


def enable(kms: Kms, arns: Mapping[str, str]) -> None:
    """EnableKey wherever the key is disabled; raises KeyStoreError where it is about to be deleted."""

    def one(pair: tuple[str, str]) -> None:
        region, arn = pair
        state = str(_described(kms, region, arn).get("KeyState"))
        if state in _ENDING:
            raise kms.unusable(region, arn, state)
        if state != "Enabled":
            with kms.calling(region, "kms:EnableKey", arn) as client:
                client.enable_key(KeyId=arn)

    side_by_side(one, list(arns.items()))


def destroy(kms: Kms, arn: str, primary: str, known: Iterable[str], window: timedelta) -> None:
    """Schedule the deletion of all replicas, then of the primary, also when a replica's region fails.

    The primary is PendingReplicaDeletion until the last replica is gone; only then does its own window begin.
    """
    described = kms.describe(primary, arn)
    regions = sorted({*known, *(_replicas(described) if described else {})})

    def one(region: str) -> None:
        _schedule(kms, region, arn_in(arn, region), window)

    def last(_: str) -> None:
        _schedule(kms, primary, arn, window)

    try:
        side_by_side(one, regions)
    finally:
        side_by_side(last, [primary])


def handle_of(kms: Kms, arn: str, described: "KeyMetadataTypeDef") -> KmsHandle:
    """The handle of a key of the primary region, with every replica that is made and stays, enabled or not.

    A replica in a region that does not answer is left out: `replicate` finds it again.
    """
    replicas = {region: arn_in(arn, region) for region in _replicas(described)}
    staying = {region: there for region, there in replicas.items() if _stays(kms, region, there)}
    return KmsHandle(kms.primary, {kms.primary: arn, **staying})


def _stays(kms: Kms, region: str, arn: str) -> bool:
    try:
        described = kms.describe(region, arn)
    except KeyStoreUnreachable:
        return False
    return described is not None and described.get("KeyState") in {"Enabled", "Disabled"}


def _described(kms: Kms, region: str, arn: str) -> "KeyMetadataTypeDef":
    described = kms.describe(region, arn)
    if described is None:
        attempt = kms.attempt(region, "kms:DescribeKey", arn)
        raise KeyStoreError(
            f"{arn} cannot be used in {region}",
            detail="there is no such key",
            hint=f"look at it: {attempt.command('describe-key')}",
        )
    return described


def _replicas(described: "KeyMetadataTypeDef") -> list[str]:
    """The regions that the primary says it has replicas in."""
    related = described.get("MultiRegionConfiguration", {}).get("ReplicaKeys", [])
    return [replica["Region"] for replica in related if "Region" in replica]


def _schedule(kms: Kms, region: str, arn: str, window: timedelta) -> None:
    described = kms.describe(region, arn)
    if described is None or described.get("KeyState") in _ENDING:
        return
    with kms.calling(region, "kms:ScheduleKeyDeletion", arn) as client:
        client.schedule_key_deletion(KeyId=arn, PendingWindowInDays=window.days)
