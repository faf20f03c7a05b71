"""Real keys in memory, as small as the algorithms allow."""

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KeyHandle, LocalHandle
from rotator.errors import KeyStoreError
from rotator.jose.public import RSA_BITS, fits, from_cryptography
from rotator.jose.signatures import PrivateKey, sign_with
from rotator.ports import Generated


class MemoryKeys:
    """Implements `ports.KeyStore`. `made` and `destroyed` list what happened, by `issuer/generation`."""

    def __init__(self) -> None:
        self._keys: dict[str, PrivateKey] = {}
        self.made: list[str] = []
        self.destroyed: list[str] = []

    def generate(
        self, issuer: str, generation: int, algorithm: Algorithm, rsa_bits: int
    ) -> Generated:
        name = f"{issuer}/{generation}"
        if algorithm.is_rsa and rsa_bits not in RSA_BITS:
            raise KeyStoreError(f"no RSA key has {rsa_bits} bits")
        if name not in self._keys:
            self._keys[name] = new_private_key(algorithm, RSA_BITS[0])
            self.made.append(name)
        made = _generated(name, self._keys[name])
        if not fits(made.public, algorithm):
            raise KeyStoreError(f"the key of {name} is of another kind than {algorithm} needs")
        return made

    def find(self, issuer: str, generation: int) -> Generated | None:
        name = f"{issuer}/{generation}"
        return _generated(name, self._keys[name]) if name in self._keys else None

    def sign(self, handle: KeyHandle, algorithm: Algorithm, message: bytes) -> bytes:
        key = self._keys.get(_name(handle))
        if key is None:
            raise KeyStoreError(f"{handle.path} does not exist")
        try:
            return sign_with(key, algorithm, message)
        except ValueError as error:
            raise KeyStoreError(f"cannot sign with {handle.path}", detail=str(error)) from None

    def destroy(self, handle: KeyHandle) -> None:
        if self._keys.pop(_name(handle), None):
            self.destroyed.append(_name(handle))

    def warnings(self) -> tuple[str, ...]:
        return ()


def _generated(name: str, key: PrivateKey) -> Generated:
    return Generated(from_cryptography(key.public_key()), LocalHandle(f"memory/{name}.pem"))


def _name(handle: KeyHandle) -> str:
    return handle.path.removeprefix("memory/").removesuffix(".pem")
