# ruff: noqa: INP001 -- an example to copy from, not a package
"""How a service signs with keys that rotator keeps in AWS: what to read, when to stop, and what to compare.

It needs boto3 and cryptography, and the permissions of `signer.json` (KMS) or `signer-wrapped.json`.

    signer = Signer(boto3.client("s3"), boto3.client("kms"), "acme-signing-eu-central-1", "accounts/signing.json")
    token = signer.token({"iss": "https://auth.example.com", "sub": "alice"}, lifetime_s=900)

A `Signer` is not for several threads at once: give each its own, or put a lock around `token`.
"""

import base64
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_private_key

RETRY_S = 5  # a store that is away is not asked for every token
KMS_ALGORITHMS = {"RS": "RSASSA_PKCS1_V1_5_SHA_", "PS": "RSASSA_PSS_SHA_", "ES": "ECDSA_SHA_"}
HALF_OF_A_SIGNATURE = {"ES256": 32, "ES384": 48, "ES512": 66}  # RFC 7518 §3.4


class MustNotSignError(Exception):
    """Whoever asked for a token has to be told that there is none now."""


class Signer:
    """Follows one region's signing.json.

    `alias`: go through the region's KMS alias; without it the key is named by its ARN, which is simpler and enough.
    `monotonic`: seconds that never go back.
    """

    def __init__(
        self,
        s3: Any,
        kms: Any,
        bucket: str,
        key: str,
        alias: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._s3, self._kms = s3, kms
        self._bucket, self._key, self._alias = bucket, key, alias
        self._monotonic = monotonic
        self._orders: Mapping[str, Any] | None = None
        self._read_at = self._due_at = -math.inf
        self._unwrapped: tuple[str, Any] | None = None

    def token(self, claims: Mapping[str, Any], lifetime_s: float) -> str:
        """A signed JWT. It lives no longer than signing.json allows (design T9)."""
        orders = self._current()
        active, now = orders["active"], int(time.time())
        life = int(min(lifetime_s, orders["max_token_lifetime_s"]))
        header = {"alg": active["alg"], "typ": "JWT", "kid": active["kid"]}
        signed = f"{_part(header)}.{_part({**claims, 'iat': now, 'exp': now + life})}"
        return f"{signed}.{_base64url(self._signature(active, signed.encode()))}"

    def _current(self) -> Mapping[str, Any]:
        """The orders, read again when they are due; a store that is away is borne until stop_after_s."""
        why: Exception | None = None
        if self._monotonic() >= self._due_at:
            try:
                self._refresh()
            except Exception as error:  # noqa: BLE001 -- whatever it is, what counts is how old the orders get
                why = error
        orders = self._orders
        if orders is None or self._monotonic() - self._read_at >= orders["stop_after_s"]:
            raise MustNotSignError("no fresh signing.json for too long") from why
        if orders["active"]["kid"] in orders["revoked"]:
            raise MustNotSignError("the key was revoked")
        return orders

    def _refresh(self) -> None:
        # The moment before the request: the orders are as old as that at most.
        asked_at = self._monotonic()
        self._due_at = asked_at + RETRY_S
        body = self._s3.get_object(Bucket=self._bucket, Key=self._key)["Body"].read()
        orders = json.loads(body)
        if orders["format"] != "rotator.signing/1":
            raise ValueError(orders["format"])
        # A store may answer with an older copy; the generation only goes up.
        if self._orders is None or orders["generation"] >= self._orders["generation"]:
            self._orders, self._read_at = orders, asked_at
            self._due_at = asked_at + orders["refresh_after_s"]

    def _signature(self, active: Mapping[str, Any], message: bytes) -> bytes:
        """The JWS signature (RFC 7518 §3) by the very key that the kid says."""
        if active["key"]["kind"] == "kms":
            return self._by_kms(active, message)
        return _by_hand(self._private_half(active), active["alg"], message)

    def _by_kms(self, active: Mapping[str, Any], message: bytes) -> bytes:
        named = active["key"]["key_id"]
        # Between choosing the kid and signing the alias may move, and it moves before or after signing.json: KMS says
        # which key it was. When it was another, the key is named itself (design T9b).
        for key_id in (self._alias, named):
            if key_id is not None:
                answer = self._kms.sign(KeyId=key_id, **_kms_request(active["alg"], message))
                if answer["KeyId"] == named:
                    return _jose(active["alg"], answer["Signature"])
        raise MustNotSignError(f"KMS signed with another key than {named}")

    def _private_half(self, active: Mapping[str, Any]) -> Any:
        """Unwrapped once per key, kept in memory only, and gone with the switch."""
        if self._unwrapped is None or self._unwrapped[0] != active["kid"]:
            self._unwrapped = None
            answer = self._kms.decrypt(
                CiphertextBlob=base64.b64decode(active["key"]["ciphertext"]),
                EncryptionContext=active["key"]["context"],
            )
            self._unwrapped = active["kid"], load_der_private_key(answer["Plaintext"], None)
        return self._unwrapped[1]


def _kms_request(alg: str, message: bytes) -> dict[str, Any]:
    if alg in {"EdDSA", "Ed25519"}:
        return {"MessageType": "RAW", "Message": message, "SigningAlgorithm": "ED25519_SHA_512"}
    digest = hashlib.new(f"sha{alg[2:]}", message).digest()
    algorithm = KMS_ALGORITHMS[alg[:2]] + alg[2:]
    return {"MessageType": "DIGEST", "Message": digest, "SigningAlgorithm": algorithm}


def _by_hand(private: Any, alg: str, message: bytes) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    digest = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}[alg[2:]]
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return _jose(alg, private.sign(message, ec.ECDSA(digest)))
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(alg)
    pss = padding.PSS(padding.MGF1(digest), digest.digest_size)
    return private.sign(message, pss if alg.startswith("PS") else padding.PKCS1v15(), digest)


def _jose(alg: str, signature: bytes) -> bytes:
    """KMS and most libraries write ECDSA signatures as DER; JOSE wants both halves at a fixed length."""
    if alg not in HALF_OF_A_SIGNATURE:
        return signature
    halves, length = decode_dss_signature(signature), HALF_OF_A_SIGNATURE[alg]
    return b"".join(half.to_bytes(length) for half in halves)


def _part(members: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(members, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
