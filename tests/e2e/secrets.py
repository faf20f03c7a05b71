"""Looks for private key material in whatever form it might have leaked."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
_SHORTEST = 16
"""A window of so many characters: what was cut or wrapped is still found, and nothing else looks like it."""


@dataclass
class Secrets:
    """Everything that must not be seen; `needles` by what they are."""

    needles: dict[bytes, str] = field(default_factory=dict)

    def add_text(self, name: str, text: str) -> None:
        """A secret text, as it is and encoded."""
        raw = text.encode()
        self._add(name, raw)
        self._add_bytes(name, raw)

    def add_pem(self, path: Path, passphrase: bytes) -> None:
        """The private key in a file: the file's own lines, the open key's lines, and every secret number of it."""
        pem, name = path.read_bytes(), f"{path.parent.name}/{path.stem}"
        key = load_pem_private_key(pem, passphrase)
        assert isinstance(key, PrivateKey)
        plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for what, text in (("encrypted PEM", pem), ("PEM", plain)):
            for line in _secret_lines(text, public):
                self._add(f"{name} {what}", line)
        for what, number, length in secret_numbers(key):
            self._add(f"{name} {what} decimal", str(number).encode())
            self._add_bytes(f"{name} {what}", number.to_bytes(length, "big"))

    def found_in(self, places: Mapping[str, bytes]) -> list[str]:
        """What was found where."""
        return [
            f"{what} in {where}"
            for where, content in places.items()
            for needle, what in self.needles.items()
            if needle in content
        ]

    def _add_bytes(self, name: str, raw: bytes) -> None:
        self._add(f"{name} raw", raw)
        for text in (raw.hex(), raw.hex().upper()):
            self._add(f"{name} hex", text.encode())
        for shift in range(3):  # inside a longer base64 text it may stand at any of three offsets
            inner = base64.b64encode(bytes(shift) + raw)[4:-4]
            self._add(f"{name} base64", inner)
            self._add(f"{name} base64url", inner.translate(bytes.maketrans(b"+/", b"-_")))

    def _add(self, name: str, needle: bytes) -> None:
        for start in (0, max(0, len(needle) - 2 * _SHORTEST)):
            window = needle[start : start + 2 * _SHORTEST]
            if len(window) >= _SHORTEST:
                self.needles[window] = name


def secret_numbers(key: PrivateKey) -> Iterator[tuple[str, int, int]]:
    """The secret numbers of a key: name, value, length in bytes."""
    match key:
        case ec.EllipticCurvePrivateKey():
            yield "d", key.private_numbers().private_value, -(-key.curve.key_size // 8)
        case rsa.RSAPrivateKey():
            numbers = key.private_numbers()
            size = key.key_size // 8
            yield "d", numbers.d, size
            yield "p", numbers.p, size // 2
            yield "q", numbers.q, size // 2
            yield "dp", numbers.dmp1, size // 2
            yield "dq", numbers.dmq1, size // 2
            yield "qi", numbers.iqmp, size // 2
        case ed25519.Ed25519PrivateKey():
            yield "seed", int.from_bytes(key.private_bytes_raw(), "big"), 32


def _secret_lines(pem: bytes, public: bytes) -> list[bytes]:
    """The lines of a PEM but its armour, the first, which is the same for every key of a kind, and public numbers."""
    lines = [line for line in pem.splitlines()[2:-1] if len(line) >= _SHORTEST]
    return [line for line in lines if base64.b64decode(line)[-16:] not in public]
