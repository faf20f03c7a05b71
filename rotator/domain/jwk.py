"""Public keys as JSON Web Keys: the algorithms rotator signs with, the members a key has, its thumbprint.

A value of these types cannot hold a private member: there is no field for one.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar, assert_never


class Algorithm(StrEnum):
    """JWS algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2); the value is what `alg` says on the wire."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"
    ED25519 = "Ed25519"

    @property
    def is_rsa(self) -> bool:
        """Whether keys of this algorithm are RSA keys."""
        return self.value[:2] in ("RS", "PS")


@dataclass(frozen=True, slots=True)
class RsaPublic:
    """RFC 7518 §6.3.1; both members base64url without padding."""

    kty: ClassVar[str] = "RSA"
    n: str
    e: str


@dataclass(frozen=True, slots=True)
class EcPublic:
    """RFC 7518 §6.2.1; coordinates base64url, as long as the curve's field."""

    kty: ClassVar[str] = "EC"
    crv: str
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class OkpPublic:
    """RFC 8037 §2; `x` is the public key, base64url."""

    kty: ClassVar[str] = "OKP"
    crv: str
    x: str


PublicKey = RsaPublic | EcPublic | OkpPublic


@dataclass(frozen=True, slots=True)
class Jwk:
    """A public key with the kid and the algorithm it is published under."""

    kid: str
    alg: Algorithm
    key: PublicKey


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The bytes of strict base64url without padding; raises ValueError on anything else."""
    if not text.isascii() or any(c in "=+/" or c.isspace() for c in text):
        raise ValueError("not base64url")
    try:
        data = base64.b64decode(
            text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True
        )
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if b64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def required_members(key: PublicKey) -> dict[str, str]:
    """The members that make the key, `kty` among them: what RFC 7638 hashes."""
    match key:
        case RsaPublic(n, e):
            return {"kty": key.kty, "n": n, "e": e}
        case EcPublic(crv, x, y):
            return {"kty": key.kty, "crv": crv, "x": x, "y": y}
        case OkpPublic(crv, x):
            return {"kty": key.kty, "crv": crv, "x": x}
        case _:
            assert_never(key)


@lru_cache(maxsize=256)
def thumbprint(key: PublicKey) -> str:
    """The key's RFC 7638 SHA-256 thumbprint, base64url."""
    canonical = json.dumps(required_members(key), sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(canonical.encode("ascii")).digest())


def jwk_members(jwk: Jwk) -> dict[str, str]:
    """The JWK as it is published: required members, `use`, `alg`, `kid`."""
    return required_members(jwk.key) | {"use": "sig", "alg": jwk.alg.value, "kid": jwk.kid}
