"""JSON Web Keys: base64url, members and thumbprints."""

import dataclasses

import pytest

from rotator.domain.jwk import (
    Algorithm,
    EcPublic,
    Jwk,
    OkpPublic,
    PublicKey,
    RsaPublic,
    b64url,
    jwk_members,
    thumbprint,
    unb64url,
)
from tests import vectors


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (vectors.RSA_7638, vectors.THUMBPRINT_7638),
        (vectors.ED25519_8037, vectors.THUMBPRINT_8037),
    ],
    ids=["RFC 7638 §3.1", "RFC 8037 A.3"],
)
def test_thumbprints_are_those_of_the_rfcs(key: PublicKey, expected: str) -> None:
    assert thumbprint(key) == expected


def test_the_thumbprint_ignores_what_the_key_is_published_under() -> None:
    key = vectors.ED25519_8037
    published = {thumbprint(Jwk("a", Algorithm.EDDSA, key).key) for _ in range(2)}
    assert published == {thumbprint(Jwk("b", Algorithm.ED25519, key).key)}


@pytest.mark.parametrize(
    ("key", "members"),
    [
        (RsaPublic("n", "e"), {"kty": "RSA", "n": "n", "e": "e"}),
        (EcPublic("P-256", "x", "y"), {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"}),
        (OkpPublic("Ed25519", "x"), {"kty": "OKP", "crv": "Ed25519", "x": "x"}),
    ],
)
def test_a_published_key_has_these_members_and_no_more(
    key: PublicKey, members: dict[str, str]
) -> None:
    jwk = Jwk("k", Algorithm.ES256, key)
    assert jwk_members(jwk) == members | {"use": "sig", "alg": "ES256", "kid": "k"}


def test_no_value_has_room_for_a_private_member() -> None:
    fields = {f.name for cls in (RsaPublic, EcPublic, OkpPublic) for f in dataclasses.fields(cls)}
    assert fields == {"n", "e", "crv", "x", "y"}


@pytest.mark.parametrize("algorithm", Algorithm)
def test_rsa_algorithms_are_known_by_their_names(algorithm: Algorithm) -> None:
    assert algorithm.is_rsa == (algorithm.value[0] in "RP")


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"", ""), (b"\0", "AA"), (b"\xfb\xff", "-_8"), (b"abc", "YWJj"), (b"abcd", "YWJjZA")],
)
def test_base64url_there_and_back(data: bytes, text: str) -> None:
    assert b64url(data) == text
    assert unb64url(text) == data


@pytest.mark.parametrize(
    "text",
    ["A", "AA==", "A A", "AA\n", "+A", "/A", "A*", "AB", "AAB", "é", "AAAAA", "AA\0A"],
)
def test_anything_but_canonical_base64url_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        unb64url(text)
