"""A notary in memory: a real Ed25519 key, always the same, and copies in a list."""

from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric import ed25519

from rotator.domain.jwk import OkpPublic, b64url
from rotator.errors import KeyStoreError


@dataclass
class MemoryNotary:
    """Implements `ports.Notary`. `broken` makes it refuse everything."""

    seed: bytes = b"\x07" * 32
    broken: bool = False
    copies: list[str] = field(default_factory=list)

    @cached_property
    def _key(self) -> ed25519.Ed25519PrivateKey:
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)

    def public(self) -> OkpPublic:
        self._answer()
        return OkpPublic("Ed25519", b64url(self._key.public_key().public_bytes_raw()))

    def sign(self, message: bytes) -> bytes:
        self._answer()
        return self._key.sign(message)

    def keep(self, checkpoint: str) -> None:
        self._answer()
        self.copies.append(checkpoint)

    def _answer(self) -> None:
        if self.broken:
            raise KeyStoreError("the checkpoint key cp.pem cannot be used", detail="no such file")
