"""Public keys there and back, and which algorithm a key fits."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from rotator.domain.jwk import Algorithm, EcPublic, OkpPublic, PublicKey, RsaPublic
from rotator.jose.public import curve_of, fits, from_cryptography, to_cryptography
from tests import vectors


@pytest.mark.parametrize(
    "key",
    [
        vectors.RSA_7515,
        vectors.RSA_7638,
        vectors.EC_7515_A3,
        vectors.EC_7515_A4,
        vectors.EC_7517,
        vectors.ED25519_8037,
    ],
)
def test_published_keys_go_there_and_back(key: PublicKey) -> None:
    assert from_cryptography(to_cryptography(key)) == key


def test_leading_zeros_of_a_coordinate_are_kept_and_of_a_modulus_dropped() -> None:
    assert len(vectors.EC_7515_A4.y) == 88
    assert vectors.EC_7515_A4.y.startswith("AD")
    assert from_cryptography(rsa.RSAPublicNumbers(65537, 2**2047 + 1).public_key()) == RsaPublic(
        "g" + "A" * 340 + "Q", "AQAB"
    )


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256K1()).public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        ed25519.Ed25519PrivateKey.generate(),
        "key",
    ],
    ids=["secp256k1", "Ed448", "a private key", "text"],
)
def test_other_kinds_are_refused(key: object) -> None:
    with pytest.raises(ValueError, match="no kind of key"):
        from_cryptography(key)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (EcPublic("secp256k1", "AA", "AA"), "secp256k1"),
        (OkpPublic("Ed448", "AA"), "Ed448"),
        (EcPublic("P-256", vectors.EC_7517.x, vectors.EC_7517.x), "curve"),
        (OkpPublic("Ed25519", "AA"), "32"),
        (RsaPublic("AQAB", "Ag"), r"\w"),
    ],
    ids=[
        "curve unknown",
        "Edwards curve unknown",
        "not on the curve",
        "too short",
        "even exponent",
    ],
)
def test_impossible_keys_are_refused(key: PublicKey, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        to_cryptography(key)


@pytest.mark.parametrize(
    ("algorithm", "curve"),
    [
        (Algorithm.RS256, None),
        (Algorithm.PS512, None),
        (Algorithm.ES256, "P-256"),
        (Algorithm.ES384, "P-384"),
        (Algorithm.ES512, "P-521"),
        (Algorithm.EDDSA, "Ed25519"),
        (Algorithm.ED25519, "Ed25519"),
    ],
)
def test_an_algorithm_prescribes_its_curve(algorithm: Algorithm, curve: str | None) -> None:
    assert curve_of(algorithm) == curve


@pytest.mark.parametrize("algorithm", Algorithm)
def test_each_kind_of_key_fits_its_own_algorithms_alone(algorithm: Algorithm) -> None:
    fitting = [key for key in vectors.KEYS.values() if fits(key, algorithm)]
    kind = {"RS": vectors.RSA_7515, "PS": vectors.RSA_7515, "Ed": vectors.ED25519_8037}
    ecdsa = {Algorithm.ES256: [vectors.EC_7515_A3], Algorithm.ES512: [vectors.EC_7515_A4]}
    expected = [kind[algorithm[:2]]] if algorithm[:2] in kind else ecdsa.get(algorithm, [])
    assert fitting == expected
