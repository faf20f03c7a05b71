"""KMS in every region of one configuration, and what one can ask about a key there."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from rotator.aws import AwsAccess, AwsClients
from rotator.aws.failures import explained
from rotator.aws.families import KEY_STORE, Family
from rotator.aws.kms import KmsAttempt, changes
from rotator.errors import KeyStoreError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_kms.type_defs import KeyMetadataTypeDef

T = TypeVar("T")
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Kms:
    """How KMS is reached: one access per AWS region; keys are made in `primary`."""

    clients: AwsClients
    accesses: Mapping[str, AwsAccess]
    primary: str

    @contextlib.contextmanager
    def calling(
        self, region: str, action: str, key: str = "", family: Family = KEY_STORE
    ) -> Iterator["KMSClient"]:
        """The client for one call: what asks is tried again, what changes something is sent once."""
        attempt = self.attempt(region, action, key, family)
        with explained(attempt):
            if attempt.changes:
                yield self.clients.kms_for_writing(attempt.access)
            else:
                yield self.clients.kms_for_reading(attempt.access)

    def attempt(self, region: str, action: str, key: str, family: Family = KEY_STORE) -> KmsAttempt:
        """The description of a call, for its errors."""
        return KmsAttempt(
            action=action,
            access=self.access(region),
            family=family,
            changes=changes(action),
            key=key,
        )

    def access(self, region: str) -> AwsAccess:
        """The region's own access; a region that left the configuration is reached as the primary one is."""
        return self.accesses.get(region) or replace(self.accesses[self.primary], region=region)

    def describe(self, region: str, key: str) -> "KeyMetadataTypeDef | None":
        """What KMS says of a key (DescribeKey), None when it knows none of that name."""
        with self.calling(region, "kms:DescribeKey", key) as client:
            try:
                return client.describe_key(KeyId=key)["KeyMetadata"]
            except client.exceptions.NotFoundException:
                return None

    def unusable(self, region: str, key: str, state: str) -> KeyStoreError:
        """The error for a key that signers of a region cannot use, with the command that mends it."""
        attempt = self.attempt(region, "kms:DescribeKey", key)
        match state:
            case "Disabled":
                hint = attempt.command("enable-key")
            case "PendingDeletion" | "PendingReplicaDeletion":
                hint = f"{attempt.command('cancel-key-deletion')}, then {attempt.command('enable-key')}"
            case _:
                hint = attempt.command("describe-key")
        return KeyStoreError(
            f"{key} cannot be used in {region}", detail=f"its state is {state}", hint=hint
        )


def arn_in(arn: str, region: str) -> str:
    """The ARN of a multi-region key's relative: all have one key id (AWS KMS Developer Guide, "Multi-Region keys")."""
    partition, service, _, rest = arn.removeprefix("arn:").split(":", 3)
    return f"arn:{partition}:{service}:{region}:{rest}"


def side_by_side(do: Callable[[T], None], items: Sequence[T]) -> None:
    """Do it for each, whatever becomes of the others; raises the first error, which names the rest."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        errors = [error for error in pool.map(lambda item: _attempted(do, item), items) if error]
    if errors:
        first, *others = errors
        first.detail = "; also: ".join([first.detail, *(other.message for other in others)])
        raise first


def _attempted(do: Callable[[T], None], item: T) -> KeyStoreError | None:
    try:
        do(item)
    except KeyStoreError as error:
        return error
    return None
