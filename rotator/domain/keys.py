"""A signing key as the state keeps it: public half, where the private half lives, and its recorded moments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, assert_never

from rotator.domain.jwk import Jwk


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """When each thing happened to a key, aware UTC; the phase follows from these, never the other way round.

    `switch_started_at` and `removal_started_at` are recorded before the first region is touched: from the first
    on a key counts as having signed, from the second on it is wanted nowhere.
    """

    staged_at: datetime
    published_at: datetime | None = None
    switch_started_at: datetime | None = None
    activated_at: datetime | None = None
    retired_at: datetime | None = None
    removal_started_at: datetime | None = None
    removed_at: datetime | None = None
    revoked_at: datetime | None = None
    disabled_at: datetime | None = None
    destroyed_at: datetime | None = None

    def recorded(self) -> dict[str, datetime]:
        """The moments that have happened, by name."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {name: moment for name, moment in found.items() if moment is not None}


@dataclass(frozen=True, slots=True)
class LocalHandle:
    """A private half in an encrypted PKCS#8 file; the path is absolute or relative to the configuration."""

    kind: ClassVar[str] = "local"
    path: str


@dataclass(frozen=True, slots=True)
class KmsHandle:
    """An asymmetric KMS key: its ARN in each AWS region where it is ready to sign; made in the region `primary`."""

    kind: ClassVar[str] = "kms"
    primary: str
    arns: Mapping[str, str]

    def arn_in(self, aws_region: str | None) -> str | None:
        """Its ARN in a region, None where it is not ready to sign."""
        return self.arns.get(aws_region) if aws_region else None

    def owns(self, arn: str) -> bool:
        """Whether an ARN is this key's in some region, also in one that is not known: replicas share account and key id."""
        return _regionless(arn) in map(_regionless, self.arns.values())

    def with_replica(self, region: str, arn: str) -> "KmsHandle":
        """The handle with one more region."""
        return KmsHandle(self.primary, {**self.arns, region: arn})


@dataclass(frozen=True, slots=True)
class WrappedHandle:
    """A private half encrypted by a KMS key under a context; `ciphertext` is base64, empty once it is destroyed."""

    kind: ClassVar[str] = "kms-wrapped"
    ciphertext: str
    context: Mapping[str, str]


KeyHandle = LocalHandle | KmsHandle | WrappedHandle
"""Where a private half lives."""

SignerKey = Mapping[str, str | Mapping[str, str]]
"""The `key` member of `signing.json` (contract §3)."""

KMS_SIGNER_STOP = timedelta(minutes=5)
"""D_sign is at least this through a KMS alias, which becomes consistent late (design §4)."""


def _regionless(arn: str) -> str:
    """Account and key id of `arn:aws:kms:REGION:ACCOUNT:key/ID`."""
    return arn.split(":", 4)[-1]


def reaches(handle: KeyHandle, aws_region: str | None) -> bool:
    """Whether signers of an AWS region can use the private half; only a KMS key has to be there."""
    return not isinstance(handle, KmsHandle) or aws_region in handle.arns


def signer_key(handle: KeyHandle, aws_region: str | None) -> SignerKey:
    """What `signing.json` tells the signers of a region about a private half; it must reach them."""
    match handle:
        case LocalHandle(path):
            return {"kind": handle.kind, "path": path}
        case KmsHandle(_, arns):
            region = aws_region or ""
            return {"kind": handle.kind, "key_id": arns[region], "region": region}
        case WrappedHandle(ciphertext, context):
            return {"kind": handle.kind, "ciphertext": ciphertext, "context": context}
        case _:
            assert_never(handle)


def wrapped_handle(key: SignerKey) -> WrappedHandle | None:
    """The wrapped private half that a signing target tells of, None when it tells of another kind."""
    ciphertext, context = key.get("ciphertext"), key.get("context")
    if key.get("kind") != WrappedHandle.kind or not isinstance(ciphertext, str):
        return None
    return WrappedHandle(ciphertext, context if isinstance(context, Mapping) else {})


def least_signer_stop(handle: KeyHandle) -> timedelta:
    """The shortest D_sign that may be counted on for a key kept there."""
    return KMS_SIGNER_STOP if isinstance(handle, KmsHandle) else timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of an issuer. `generation` is the number it was asked for under (`accounts/12`).

    `max_token_lifetime` and `max_signer_stop` are watermarks: the largest that any `signing.json` allowed
    while it named this key (design §4).
    """

    jwk: Jwk
    generation: int
    handle: KeyHandle
    moments: Moments
    max_token_lifetime: timedelta = field(default=timedelta())
    max_signer_stop: timedelta = field(default=timedelta())

    @property
    def kid(self) -> str:
        """The kid it is published under."""
        return self.jwk.kid

    @property
    def ever_signed(self) -> bool:
        """Whether tokens of this key may exist."""
        return self.moments.switch_started_at is not None

    @property
    def usable(self) -> bool:
        """Whether its private half may still be asked to sign."""
        moments = self.moments
        return (
            moments.revoked_at is None
            and moments.disabled_at is None
            and moments.destroyed_at is None
        )
