"""A service that signs through its region's KMS alias, written from the documents' description alone (design T9b)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

ALGORITHMS = {
    "RS256": ("RSASSA_PKCS1_V1_5_SHA_256", "sha256", 0),
    "PS256": ("RSASSA_PSS_SHA_256", "sha256", 0),
    "ES256": ("ECDSA_SHA_256", "sha256", 32),
    "ES384": ("ECDSA_SHA_384", "sha384", 48),
    "ES512": ("ECDSA_SHA_512", "sha512", 66),
    "EdDSA": ("ED25519_SHA_512", "", 0),
    "Ed25519": ("ED25519_SHA_512", "", 0),
}
"""JWS algorithm → KMS's name, the digest that is sent (none: the message itself), bytes of a coordinate."""


@dataclass
class AliasSigner:
    """Signs with whatever the alias points at, and keeps kid and key together. `between` runs before each request."""

    kms: KMSClient
    alias: str
    read: Callable[[], bytes | None]
    between: Callable[[], None] = lambda: None
    mismatches: int = field(default=0)

    def token(self, issuer: str, now: datetime, lifetime: timedelta) -> str | None:
        """A token, None when the region has no orders yet."""
        key = self.alias
        for _ in range(6):
            body = self.read()
            if body is None:
                return None
            active = json.loads(body)["active"]
            unsigned = self._unsigned(active, issuer, now, lifetime)
            self.between()
            signature, used = self._sign(key, active["alg"], unsigned)
            if used == active["key"]["key_id"]:
                return f"{unsigned}.{signature}"
            self.mismatches += 1
            if self.mismatches % 5 == 0:  # long enough: the key itself, then
                key = active["key"]["key_id"]
        raise AssertionError("a key that is named itself answers as another")

    def _unsigned(
        self, active: dict[str, Any], issuer: str, now: datetime, lifetime: timedelta
    ) -> str:
        header = {"alg": active["alg"], "kid": active["kid"], "typ": "JWT"}
        issued = int(now.timestamp())
        claims = {"iss": issuer, "iat": issued, "exp": issued + int(lifetime.total_seconds())}
        return ".".join(_b64(json.dumps(part).encode()) for part in (header, claims))

    def _sign(self, key: str, alg: str, unsigned: str) -> tuple[str, str]:
        name, digest, width = ALGORITHMS[alg]
        message = unsigned.encode()
        answer = self.kms.sign(
            KeyId=key,
            Message=hashlib.new(digest, message).digest() if digest else message,
            MessageType="DIGEST" if digest else "RAW",
            SigningAlgorithm=name,  # type: ignore[arg-type]
        )
        signature = answer["Signature"]
        if width:
            r, s = decode_dss_signature(signature)
            signature = r.to_bytes(width, "big") + s.to_bytes(width, "big")
        return _b64(signature), answer["KeyId"]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
