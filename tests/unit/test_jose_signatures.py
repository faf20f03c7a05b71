"""Signatures against the RFCs' vectors, against Debian's jose, and ECDSA's two forms."""

import json
import subprocess
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm, EcPublic, Jwk, jwk_members, thumbprint, unb64url
from rotator.jose.public import from_cryptography, to_cryptography
from rotator.jose.signatures import (
    PrivateKey,
    der_from_raw,
    hash_of,
    raw_from_der,
    rsa_padding,
    sign_with,
)
from rotator.jose.tokens import assemble, signing_input
from tests import vectors


def rsa_7515() -> rsa.RSAPrivateKey:
    n, e, d = (
        int.from_bytes(unb64url(text), "big")
        for text in (vectors.RSA_7515.n, vectors.RSA_7515.e, vectors.RSA_7515_D)
    )
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    crt = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return rsa.RSAPrivateNumbers(p, q, d, *crt, rsa.RSAPublicNumbers(e, n)).private_key()


def ed25519_8037() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.from_private_bytes(unb64url(vectors.ED25519_8037_D))


@pytest.mark.parametrize(
    ("key", "algorithm", "jws"),
    [
        (rsa_7515(), Algorithm.RS256, vectors.JWS_A2),
        (ed25519_8037(), Algorithm.EDDSA, vectors.JWS_8037),
        (ed25519_8037(), Algorithm.ED25519, vectors.JWS_8037),
    ],
    ids=["RFC 7515 A.2", "RFC 8037 A.4", "RFC 8037 A.4, the other label"],
)
def test_deterministic_signatures_are_those_of_the_rfc(
    key: PrivateKey, algorithm: Algorithm, jws: str
) -> None:
    signed = jws.rpartition(".")[0].encode()
    assert assemble(signed, sign_with(key, algorithm, signed)) == jws


@pytest.mark.parametrize(
    ("key", "algorithm", "jws"),
    [
        (vectors.EC_7515_A3, Algorithm.ES256, vectors.JWS_A3),
        (vectors.EC_7515_A4, Algorithm.ES512, vectors.JWS_A4),
    ],
    ids=["RFC 7515 A.3", "RFC 7515 A.4"],
)
def test_the_rfcs_raw_signatures_verify_as_der_and_come_back(
    key: EcPublic, algorithm: Algorithm, jws: str
) -> None:
    signed, _, signature = jws.rpartition(".")
    der = der_from_raw(unb64url(signature), algorithm)
    assert raw_from_der(der, algorithm) == unb64url(signature)
    verifier = to_cryptography(key)
    assert isinstance(verifier, ec.EllipticCurvePublicKey)
    verifier.verify(der, signed.encode(), ec.ECDSA(hash_of(algorithm)))
    with pytest.raises(InvalidSignature):
        verifier.verify(der, signed.encode() + b"x", ec.ECDSA(hash_of(algorithm)))


@pytest.mark.parametrize("algorithm", [Algorithm.PS256, Algorithm.PS384, Algorithm.PS512])
def test_the_salt_of_pss_is_as_long_as_the_hash(algorithm: Algorithm) -> None:
    key = rsa_7515()
    signature = sign_with(key, algorithm, b"message")
    key.public_key().verify(signature, b"message", rsa_padding(algorithm), hash_of(algorithm))
    assert sign_with(key, algorithm, b"message") != signature


def test_short_numbers_are_padded_and_long_ones_refused() -> None:
    small = der_from_raw(bytes(31) + b"\1" + bytes(31) + b"\2", Algorithm.ES256)
    assert raw_from_der(small, Algorithm.ES256) == bytes(31) + b"\1" + bytes(31) + b"\2"
    with pytest.raises(ValueError, match="ES256"):
        raw_from_der(der_from_raw(b"\xff" * 96, Algorithm.ES384), Algorithm.ES256)


@pytest.mark.parametrize("size", [0, 63, 65, 96])
def test_a_raw_signature_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        der_from_raw(bytes(size), Algorithm.ES256)


def test_what_is_not_der_or_not_ecdsa_is_refused() -> None:
    with pytest.raises(ValueError, match="not DER"):
        raw_from_der(b"not DER", Algorithm.ES256)
    for algorithm in (Algorithm.RS256, Algorithm.EDDSA):
        with pytest.raises(ValueError, match="not ECDSA"):
            der_from_raw(bytes(64), algorithm)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ED25519])
def test_a_key_of_another_kind_signs_nothing(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match=f"cannot sign {algorithm}"):
        sign_with(rsa_7515(), algorithm, b"message")


@pytest.mark.jose_cli
@pytest.mark.parametrize("algorithm", [a for a in Algorithm if not a.startswith("Ed")])
def test_debians_jose_accepts_signature_and_thumbprint(
    algorithm: Algorithm, tmp_path: Path
) -> None:
    key = new_private_key(algorithm, 2048)
    public = from_cryptography(key.public_key())
    jwk = Jwk(thumbprint(public), algorithm, public)
    file = tmp_path / "key.jwk"
    file.write_text(json.dumps(jwk_members(jwk)))
    signed = signing_input(algorithm, jwk.kid, {"iss": "us"})
    token = assemble(signed, sign_with(key, algorithm, signed))
    subprocess.run(
        ["jose", "jws", "ver", "-i", "-", "-k", file], input=token, text=True, check=True
    )
    answer = subprocess.run(
        ["jose", "jwk", "thp", "-i", file, "-a", "S256"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == jwk.kid
