"""Wrapped keys in memory: the store opens a ciphertext for whoever brings it with its context, and keeps no list."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm, PublicKey
from rotator.domain.keys import KeyHandle, WrappedHandle
from rotator.errors import KeyStoreError, KeyStoreUnreachable
from rotator.jose.private import opened
from rotator.jose.public import RSA_BITS, from_cryptography
from rotator.jose.signatures import PrivateKey, sign_with
from rotator.ports import ExistingHalf, Generated, Held, KeyName, PlainHalf


@dataclass
class MemoryWrapped:
    """Implements `ports.KeyStore` of kind `kms-wrapped`; `down` are AWS regions whose KMS does not answer."""

    primary: str = "us-east-1"
    down: set[str] = field(default_factory=set)
    made: list[str] = field(default_factory=list)
    _sealed: dict[str, tuple[PrivateKey, dict[str, str]]] = field(default_factory=dict)

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        private = new_private_key(algorithm, RSA_BITS[0])
        return Generated(from_cryptography(private.public_key()), self._seal(name, private))

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        if not isinstance(half, PlainHalf):
            raise KeyStoreError("a key in KMS cannot be wrapped")
        try:
            return self._seal(name, opened(half.pkcs8, public))
        except ValueError as error:
            raise KeyStoreError("the private key cannot be taken", detail=str(error)) from None

    def find(self, name: KeyName) -> Generated | None:
        return None

    def all_of(self, issuer: str) -> Sequence[Held]:
        return ()

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        assert isinstance(handle, WrappedHandle)
        self._open(handle.ciphertext, handle.context, aws_region)

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        assert isinstance(handle, WrappedHandle)
        return sign_with(
            self._open(handle.ciphertext, handle.context, aws_region), algorithm, message
        )

    def destroy(self, handle: KeyHandle) -> None:
        """Nothing: whoever holds the ciphertext drops it."""

    def warnings(self) -> tuple[str, ...]:
        return ()

    def _seal(self, name: KeyName, private: PrivateKey) -> WrappedHandle:
        self._answers(self.primary)
        self.made.append(f"{name.issuer}/{name.generation}")
        context = {
            "issuer": name.issuer,
            "generation": str(name.generation),
            "lineage": name.lineage,
        }
        ciphertext = base64.b64encode(f"sealed {len(self.made)}".encode()).decode()
        self._sealed[ciphertext] = private, context
        return WrappedHandle(ciphertext, context)

    def _open(
        self, ciphertext: str, context: Mapping[str, str], aws_region: str | None
    ) -> PrivateKey:
        self._answers(aws_region or self.primary)
        private, sealed_under = self._sealed.get(ciphertext, (None, {}))
        if private is None or dict(context) != sealed_under:
            raise KeyStoreError("InvalidCiphertextException")
        return private

    def _answers(self, region: str) -> None:
        if region in self.down:
            raise KeyStoreUnreachable(f"KMS in {region} does not answer")
