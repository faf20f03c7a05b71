"""JOSE's algorithms in KMS's words (AWS KMS Developer Guide, "Key spec reference"; RFC 7518 §3.1)."""

from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from rotator.domain.jwk import Algorithm, PublicKey
from rotator.errors import KeyStoreError
from rotator.jose.public import from_cryptography
from rotator.jose.signatures import hash_of, raw_from_der

_RSA_BITS: Final = (2048, 3072, 4096)
_SPECS: Final = {
    Algorithm.ES256: "ECC_NIST_P256",
    Algorithm.ES384: "ECC_NIST_P384",
    Algorithm.ES512: "ECC_NIST_P521",
    Algorithm.EDDSA: "ECC_NIST_EDWARDS25519",
    Algorithm.ED25519: "ECC_NIST_EDWARDS25519",
}
_FAMILIES: Final = {"RS": "RSASSA_PKCS1_V1_5_SHA", "PS": "RSASSA_PSS_SHA", "ES": "ECDSA_SHA"}
_LONGEST_RAW: Final = 4096


def key_spec(algorithm: Algorithm, rsa_bits: int) -> str:
    """The KeySpec, and KeyPairSpec, of an algorithm's keys; raises KeyStoreError for an RSA size that KMS has not."""
    if not algorithm.is_rsa:
        return _SPECS[algorithm]
    if rsa_bits not in _RSA_BITS:
        sizes = ", ".join(map(str, _RSA_BITS))
        raise KeyStoreError(
            f"KMS makes RSA keys of {sizes} bits, not {rsa_bits}", hint="correct policy.rsa_bits"
        )
    return f"RSA_{rsa_bits}"


def signing_request(algorithm: Algorithm, message: bytes) -> dict[str, str | bytes]:
    """Sign's parameters for a message: its digest, or with Ed25519 the message itself. Raises KeyStoreError."""
    if algorithm in {Algorithm.EDDSA, Algorithm.ED25519}:
        if len(message) > _LONGEST_RAW:
            raise KeyStoreError(
                f"a token of {len(message)} bytes is too long for Ed25519 in KMS",
                detail=f"KMS signs messages of up to {_LONGEST_RAW} bytes",
                hint="put fewer claims into the token",
            )
        return {
            "SigningAlgorithm": "ED25519_SHA_512",
            "MessageType": "RAW",
            "Message": message,
        }
    digest = hashes.Hash(hash_of(algorithm))
    digest.update(message)
    return {
        "SigningAlgorithm": f"{_FAMILIES[algorithm.value[:2]]}_{algorithm.value[2:]}",
        "MessageType": "DIGEST",
        "Message": digest.finalize(),
    }


def jws_signature(algorithm: Algorithm, signature: bytes) -> bytes:
    """KMS's signature as JWS wants it; raises ValueError when an ECDSA signature is not DER."""
    return raw_from_der(signature, algorithm) if algorithm.value.startswith("ES") else signature


def public_half(der: bytes) -> PublicKey:
    """A SubjectPublicKeyInfo as KMS gives it; raises KeyStoreError for anything else."""
    try:
        return from_cryptography(load_der_public_key(der))
    except ValueError as error:
        raise KeyStoreError("KMS gave a public key that is none", detail=str(error)) from error
