"""Ed25519 as the audit log's checkpoints need it: one key from PEM, and whether it signed something."""

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from rotator.domain.checkpoints import Signed
from rotator.domain.jwk import OkpPublic, b64url, thumbprint, unb64url


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An opened private key; nothing of it is shown."""

    _key: ed25519.Ed25519PrivateKey

    def __repr__(self) -> str:
        """No key material."""
        return "SigningKey()"

    @property
    def public(self) -> OkpPublic:
        """Its public half."""
        return OkpPublic("Ed25519", b64url(self._key.public_key().public_bytes_raw()))

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`."""
        return self._key.sign(message)


def open_private(pem: bytes, passphrase: bytes | None = None) -> SigningKey:
    """The private key in a PEM (PKCS #8); raises ValueError for anything else and for a wrong passphrase."""
    try:
        key = load_pem_private_key(pem, passphrase)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError("it is no Ed25519 key")  # noqa: TRY004  (the file's content, not a caller's mistake)
    return SigningKey(key)


def open_public(pem: bytes) -> OkpPublic:
    """The public key in a PEM; raises ValueError for anything else."""
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError("it is no Ed25519 key")  # noqa: TRY004  (the file's content, not a caller's mistake)
    return OkpPublic("Ed25519", b64url(key.public_bytes_raw()))


def signed_by(key: OkpPublic, signed: Signed) -> bool:
    """Whether this key signed that checkpoint, under its own name."""
    if signed.kid != thumbprint(key):
        return False
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(unb64url(key.x)).verify(
            signed.signature, signed.message
        )
    except InvalidSignature:
        return False
    return True
