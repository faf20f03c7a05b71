"""Rotation as it is often done: write the new key set, be told that it was written, sign with the new key."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from jwt.algorithms import ECAlgorithm

from tests.e2e.place import ISSUER
from tests.e2e.traffic import numbers

_SECRET = "naive"


def kid_of(generation: int) -> str:
    """The kid of the key that a rotation, counted from 1, began to sign with."""
    return f"naive-{generation}"


@dataclass
class Naive:
    """Writes both documents of every region at once; the old key leaves with the switch."""

    base: Path
    jwks: Mapping[str, Path]
    signing: Mapping[str, Path]
    generation: int = 0

    def __post_init__(self) -> None:
        self._keys = self.base / ".rotator" / "keys"
        self._keys.mkdir(parents=True)
        (self._keys / "passphrase").write_text(_SECRET)

    def publish_and_switch(self) -> float:
        """One rotation: every write is acknowledged before the first signer is told. Returns when that was, in ms."""
        self.generation += 1
        key = ec.generate_private_key(ec.SECP256R1())
        pem = self._keys / f"{self.generation}.pem"
        encryption = BestAvailableEncryption(_SECRET.encode())
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        kid = kid_of(self.generation)
        public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
        entry = {**public, "kid": kid, "use": "sig", "alg": "ES256"}
        for path in self.jwks.values():
            _replace(path, {"keys": [entry]})
        switched = time.time() * 1000
        for path in self.signing.values():
            _replace(path, self._orders(kid, pem))
        return switched

    def _orders(self, kid: str, pem: Path) -> dict[str, object]:
        return {
            "format": "rotator.signing/1",
            "issuer": ISSUER,
            "generation": self.generation,
            "active": {"kid": kid, "alg": "ES256", "key": {"kind": "local", "path": str(pem)}},
            "max_token_lifetime_s": numbers.TOKEN_S,
            "refresh_after_s": 0.6,
            "stop_after_s": 4,
        }


def _replace(path: Path, document: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(document))
    aside.replace(path)
