"""Public keys of `cryptography` ↔ rotator's own, and which algorithm fits which key (RFC 7518 §3, RFC 8037)."""

from typing import assert_never

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rotator.domain.jwk import (
    Algorithm,
    EcPublic,
    OkpPublic,
    PublicKey,
    RsaPublic,
    b64url,
    unb64url,
)

CryptographyPublic = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

RSA_BITS = range(2048, 4096 + 1)
"""The RSA sizes that rotator makes; smaller ones are forbidden by RFC 7518 §3.3."""

CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}
"""RFC 7518 §6.2.1.1 names → curves."""

_CURVE_NAMES = {curve.name: name for name, curve in CURVES.items()}
_CURVE_OF = {Algorithm.ES256: "P-256", Algorithm.ES384: "P-384", Algorithm.ES512: "P-521"}


def curve_of(algorithm: Algorithm) -> str | None:
    """The curve that an ECDSA or EdDSA algorithm prescribes, None for RSA (RFC 7518 §3.4, RFC 9864 §2.2)."""
    return None if algorithm.is_rsa else _CURVE_OF.get(algorithm, "Ed25519")


def fits(key: PublicKey, algorithm: Algorithm) -> bool:
    """Whether a key is of the kind that an algorithm signs with."""
    match key:
        case RsaPublic():
            return algorithm.is_rsa
        case EcPublic(crv=crv) | OkpPublic(crv=crv):
            return crv == curve_of(algorithm)
        case _:
            assert_never(key)


def from_cryptography(key: object) -> PublicKey:
    """The public key as rotator keeps it; raises ValueError for a kind that it does not sign with."""
    match key:
        case rsa.RSAPublicKey():
            numbers = key.public_numbers()
            return RsaPublic(_integer(numbers.n), _integer(numbers.e))
        case ec.EllipticCurvePublicKey() if key.curve.name in _CURVE_NAMES:
            size = coordinate_bytes(key.curve)
            x, y = (n.to_bytes(size, "big") for n in _coordinates(key))
            return EcPublic(_CURVE_NAMES[key.curve.name], b64url(x), b64url(y))
        case ed25519.Ed25519PublicKey():
            return OkpPublic("Ed25519", b64url(key.public_bytes_raw()))
        case _:
            raise ValueError(f"{type(key).__name__} is no kind of key that rotator signs with")


def to_cryptography(key: PublicKey) -> CryptographyPublic:
    """The key as `cryptography` verifies with it; raises ValueError for impossible numbers or curves."""
    match key:
        case RsaPublic(n, e):
            return rsa.RSAPublicNumbers(_number(e), _number(n)).public_key()
        case EcPublic(crv, x, y) if crv in CURVES:
            return ec.EllipticCurvePublicNumbers(_number(x), _number(y), CURVES[crv]).public_key()
        case OkpPublic("Ed25519", x):
            return ed25519.Ed25519PublicKey.from_public_bytes(unb64url(x))
        case EcPublic() | OkpPublic():
            raise ValueError(f"rotator does not know the curve {key.crv}")
        case _:
            assert_never(key)


def normal(key: PublicKey) -> PublicKey:
    """The key in canonical form: some systems publish RSA numbers with a leading zero; raises ValueError as above."""
    return from_cryptography(to_cryptography(key))


def coordinate_bytes(curve: ec.EllipticCurve) -> int:
    """How long a coordinate, and each half of a raw signature, is (RFC 7518 §3.4)."""
    return (curve.key_size + 7) // 8


def _coordinates(key: ec.EllipticCurvePublicKey) -> tuple[int, int]:
    numbers = key.public_numbers()
    return numbers.x, numbers.y


def _integer(value: int) -> str:
    """Base64urlUInt: big-endian, as few bytes as it takes (RFC 7518 §2)."""
    return b64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _number(text: str) -> int:
    return int.from_bytes(unb64url(text), "big")
