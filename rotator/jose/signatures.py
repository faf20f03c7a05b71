"""JWS signatures (RFC 7518 §3): made with a private key in memory, and ECDSA's two forms, raw and DER."""

from typing import assert_never

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from rotator.domain.jwk import Algorithm
from rotator.jose.public import CURVES, coordinate_bytes, curve_of, fits, from_cryptography

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(),
    "384": hashes.SHA384(),
    "512": hashes.SHA512(),
}


def sign_with(private_key: PrivateKey, algorithm: Algorithm, message: bytes) -> bytes:
    """The JWS signature over `message`; raises ValueError when the key is not of the algorithm's kind."""
    if not fits(from_cryptography(private_key.public_key()), algorithm):
        raise ValueError(f"this kind of key cannot sign {algorithm}")
    match private_key:
        case rsa.RSAPrivateKey():
            digest = hash_of(algorithm)
            return private_key.sign(message, rsa_padding(algorithm), digest)
        case ec.EllipticCurvePrivateKey():
            der = private_key.sign(message, ec.ECDSA(hash_of(algorithm)))
            return raw_from_der(der, algorithm)
        case ed25519.Ed25519PrivateKey():
            return private_key.sign(message)
        case _:
            assert_never(private_key)


def hash_of(algorithm: Algorithm) -> hashes.HashAlgorithm:
    """The hash of an RSA or ECDSA algorithm; EdDSA has its own and raises KeyError."""
    return _HASHES[algorithm.value[2:]]


def rsa_padding(algorithm: Algorithm) -> padding.AsymmetricPadding:
    """RS*: PKCS #1 v1.5. PS*: PSS, MGF1 of the same hash, a salt as long as the hash (RFC 7518 §3.5)."""
    if algorithm.value.startswith("RS"):
        return padding.PKCS1v15()
    digest = hash_of(algorithm)
    return padding.PSS(padding.MGF1(digest), salt_length=digest.digest_size)


def raw_from_der(signature: bytes, algorithm: Algorithm) -> bytes:
    """An ECDSA signature as JWS wants it, r‖s (RFC 7518 §3.4); raises ValueError when it is not DER."""
    size = _half(algorithm)
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        raise ValueError("the signature is not DER") from None
    try:
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except OverflowError:
        raise ValueError(f"r and s do not fit {algorithm}") from None


def der_from_raw(signature: bytes, algorithm: Algorithm) -> bytes:
    """An r‖s signature as DER; raises ValueError when its length is not the algorithm's."""
    size = _half(algorithm)
    if len(signature) != 2 * size:
        raise ValueError(f"a signature of {algorithm} has {2 * size} bytes")
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )


def _half(algorithm: Algorithm) -> int:
    curve = CURVES.get(curve_of(algorithm) or "")
    if curve is None:
        raise ValueError(f"{algorithm} is not ECDSA")
    return coordinate_bytes(curve)
