"""What holds private halves, and what seals the log with one of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from rotator.domain.jwk import Algorithm, OkpPublic, PublicKey
from rotator.domain.keys import KeyHandle


@dataclass(frozen=True, slots=True)
class Generated:
    """A key pair that the store holds."""

    public: PublicKey
    handle: KeyHandle


@dataclass(frozen=True, slots=True)
class KeyName:
    """What a pair is asked for under.

    `lineage` and `intent` tell apart what others asked for in a store that is shared; `asked_at` is when the intent
    was recorded.
    """

    issuer: str
    generation: int
    lineage: str
    intent: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """A pair that a store holds under a generation; `public` None where the store does not tell (a disabled KMS key)."""

    generation: int
    kid: str
    public: PublicKey | None
    handle: KeyHandle


@dataclass(frozen=True, slots=True)
class PlainHalf:
    """A private half on its way into a key store, as plain PKCS #8 in DER; it has no printed form."""

    pkcs8: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KmsArn:
    """A key that exists in KMS already."""

    arn: str


ExistingHalf = PlainHalf | KmsArn
"""What a store can be given to keep from now on."""


class KeyStore(Protocol):
    """Holds private halves. No method returns one."""

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        """Make the pair of that name. Where one may have been made under it before, `find` comes first.

        Raises KeyStoreUnsure when nobody knows whether it was made (`find` will tell), KeyStoreError otherwise.
        """
        ...

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        """Keep a private half that was made elsewhere under that name; the same one again is fine.

        Raises KeyStoreError when its public half is not `public`, or when this store cannot keep its kind.
        """
        ...

    def find(self, name: KeyName) -> Generated | None:
        """The pair of that name, None when it was not made. Raises KeyStoreError, also when it is too early to say."""
        ...

    def all_of(self, issuer: str) -> Sequence[Held]:
        """Every pair that the store holds for an issuer of that name, by generation. Raises KeyStoreError."""
        ...

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        """Raise KeyStoreError unless signers of a region can use the private half now."""
        ...

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        """The JWS signature (RFC 7518 §3) over `message`, made in a region where that matters. Raises KeyStoreError."""
        ...

    def destroy(self, handle: KeyHandle) -> None:
        """Destroy the private half; one that is gone already is fine. Raises KeyStoreError."""
        ...

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about how keys are kept, such as a passphrase that lies beside them."""
        ...


class KeyControl(Protocol):
    """What can be done to keys that KMS keeps, beyond making and destroying them."""

    def replicate(self, handle: KeyHandle, aws_region: str) -> str:
        """Make the key usable in a region, or find that it is, and return its ARN there. Raises KeyStoreError."""
        ...

    def disable(self, handle: KeyHandle) -> None:
        """Make it refuse to sign in every region, until `enable`. Raises KeyStoreError."""
        ...

    def enable(self, handle: KeyHandle) -> None:
        """Undo `disable`. Raises KeyStoreError."""
        ...


class Notary(Protocol):
    """Signs checkpoints of the audit log with an Ed25519 key that is no issuer's."""

    def public(self) -> OkpPublic:
        """The public half. Raises KeyStoreError."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`. Raises KeyStoreError."""
        ...

    def keep(self, checkpoint: str) -> None:
        """Put a signed checkpoint where the configuration wants a copy, if anywhere. Raises KeyStoreError."""
        ...
