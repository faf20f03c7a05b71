"""Real keys in memory, as small as the algorithms allow."""

from collections.abc import Sequence

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm, PublicKey, thumbprint
from rotator.domain.keys import KeyHandle, LocalHandle
from rotator.errors import KeyStoreError
from rotator.jose.private import opened
from rotator.jose.public import RSA_BITS, fits, from_cryptography
from rotator.jose.signatures import PrivateKey, sign_with
from rotator.ports import ExistingHalf, Generated, Held, KeyName, PlainHalf
from tests.fakes.clock import START


def named(issuer: str, generation: int, intent: str = "intent") -> KeyName:
    """What a test asks for a key under."""
    return KeyName(issuer, generation, "lineage", intent, START)


class MemoryKeys:
    """Implements `ports.KeyStore`. `made` and `destroyed` list what happened, by `issuer/generation`."""

    def __init__(self) -> None:
        self._keys: dict[str, PrivateKey] = {}
        self.made: list[str] = []
        self.destroyed: list[str] = []

    def generate(self, asked: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        name = f"{asked.issuer}/{asked.generation}"
        if algorithm.is_rsa and rsa_bits not in RSA_BITS:
            raise KeyStoreError(f"no RSA key has {rsa_bits} bits")
        if name not in self._keys:
            self._keys[name] = new_private_key(algorithm, RSA_BITS[0])
            self.made.append(name)
        made = _generated(name, self._keys[name])
        if not fits(made.public, algorithm):
            raise KeyStoreError(f"the key of {name} is of another kind than {algorithm} needs")
        return made

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        if not isinstance(half, PlainHalf):
            raise KeyStoreError("a key in KMS cannot be kept in memory")
        kept = f"{name.issuer}/{name.generation}"
        try:
            key = self._keys.setdefault(kept, opened(half.pkcs8, public))
        except ValueError as error:
            raise KeyStoreError("the private key cannot be taken", detail=str(error)) from None
        if from_cryptography(key.public_key()) != public:
            raise KeyStoreError(f"{kept} is another key already")
        return _generated(kept, key).handle

    def find(self, asked: KeyName) -> Generated | None:
        name = f"{asked.issuer}/{asked.generation}"
        return _generated(name, self._keys[name]) if name in self._keys else None

    def all_of(self, issuer: str) -> Sequence[Held]:
        split = [(name, *name.split("/")) for name in self._keys]
        made = [(int(n), _generated(name, self._keys[name])) for name, i, n in split if i == issuer]
        return [Held(n, thumbprint(one.public), one.public, one.handle) for n, one in made]

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        if _name(handle) not in self._keys:
            raise KeyStoreError(f"{_name(handle)} does not exist")

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        self.prove(handle, aws_region)
        try:
            return sign_with(self._keys[_name(handle)], algorithm, message)
        except ValueError as error:
            raise KeyStoreError(f"cannot sign with {_name(handle)}", detail=str(error)) from None

    def destroy(self, handle: KeyHandle) -> None:
        if self._keys.pop(_name(handle), None):
            self.destroyed.append(_name(handle))

    def warnings(self) -> tuple[str, ...]:
        return ()


def _generated(name: str, key: PrivateKey) -> Generated:
    return Generated(from_cryptography(key.public_key()), LocalHandle(f"memory/{name}.pem"))


def _name(handle: KeyHandle) -> str:
    assert isinstance(handle, LocalHandle)
    return handle.path.removeprefix("memory/").removesuffix(".pem")
