"""Tokens: made by rotator, checked by a library that is not rotator."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm, EcPublic, Jwk, b64url, thumbprint, unb64url
from rotator.jose.public import from_cryptography
from rotator.jose.signatures import sign_with
from rotator.jose.tokens import InvalidTokenError, assemble, check, signing_input
from tests import vectors

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NONE = timedelta()
EXP = int(NOW.timestamp()) + 60
KEY = new_private_key(Algorithm.ES256, 2048)
PUBLIC = from_cryptography(KEY.public_key())
JWK = Jwk(thumbprint(PUBLIC), Algorithm.ES256, PUBLIC)


def token(claims: dict[str, Any], kid: str = JWK.kid) -> str:
    signed = signing_input(Algorithm.ES256, kid, claims)
    return assemble(signed, sign_with(KEY, Algorithm.ES256, signed))


def with_header(header: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, {"exp": EXP}))
    signed = ".".join(b64url(part) for part in parts).encode()
    return assemble(signed, sign_with(KEY, Algorithm.ES256, signed))


def test_header_and_claims_are_what_they_should_be() -> None:
    header, claims, _ = token({"iss": "us", "exp": EXP, "name": "Jürgen"}).split(".")
    assert json.loads(unb64url(header)) == {"alg": "ES256", "typ": "JWT", "kid": JWK.kid}
    assert json.loads(unb64url(claims)) == {"iss": "us", "exp": EXP, "name": "Jürgen"}


def test_another_type_can_be_named() -> None:
    header, _, _ = signing_input(Algorithm.ES256, "k", {}, typ="at+jwt").partition(b".")
    assert json.loads(unb64url(header.decode()))["typ"] == "at+jwt"


@pytest.mark.parametrize("algorithm", [Algorithm.EDDSA, Algorithm.ED25519])
def test_both_labels_of_ed25519_are_checked_without_a_warning(algorithm: Algorithm) -> None:
    key = new_private_key(algorithm, 2048)
    public = from_cryptography(key.public_key())
    jwk = Jwk(thumbprint(public), algorithm, public)
    signed = signing_input(algorithm, jwk.kid, {"exp": EXP})
    made = assemble(signed, sign_with(key, algorithm, signed))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert check(made, jwk, NOW, NONE) == {"exp": EXP}
    other = {Algorithm.EDDSA: Algorithm.ED25519, Algorithm.ED25519: Algorithm.EDDSA}[algorithm]
    with pytest.raises(InvalidTokenError, match="not signed with"):
        check(made, replace(jwk, alg=other), NOW, NONE)


@pytest.mark.parametrize(
    ("claims", "leeway"),
    [
        ({"exp": EXP}, 0),
        ({"exp": EXP - 60 + 0.5}, 0),
        ({"exp": EXP - 60}, 1),
        ({"exp": EXP - 89}, 30),
        ({"exp": EXP, "nbf": EXP - 60, "iat": EXP - 60}, 0),
        ({"exp": EXP, "nbf": EXP - 30, "iat": EXP - 30}, 30),
    ],
)
def test_a_token_that_is_valid_now(claims: dict[str, Any], leeway: int) -> None:
    assert check(token(claims), JWK, NOW, timedelta(seconds=leeway)) == claims


@pytest.mark.parametrize(
    ("claims", "leeway", "words"),
    [
        ({"exp": EXP - 60}, 0, "expired"),
        ({"exp": EXP - 90}, 30, "expired"),
        ({"exp": EXP, "nbf": EXP - 59}, 0, "not yet valid"),
        ({"exp": EXP, "iat": EXP - 29}, 30, "future"),
        ({}, 0, "exp"),
        ({"exp": None}, 0, "exp"),
        ({"exp": "tomorrow"}, 0, "exp"),
        ({"exp": True}, 0, "exp"),
    ],
)
def test_a_token_that_is_not_valid_now(claims: dict[str, Any], leeway: int, words: str) -> None:
    with pytest.raises(InvalidTokenError, match=words):
        check(token(claims), JWK, NOW, timedelta(seconds=leeway))


def test_a_token_of_another_kid_or_another_key_is_refused() -> None:
    with pytest.raises(InvalidTokenError, match="another kid"):
        check(token({"exp": EXP}, kid="other"), JWK, NOW, NONE)
    with pytest.raises(InvalidTokenError, match="bad_signature"):
        check(token({"exp": EXP}), replace(JWK, key=vectors.EC_7517), NOW, NONE)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"alg": "none", "kid": JWK.kid}, "not signed with ES256"),
        ({"alg": "HS256", "kid": JWK.kid}, "not signed with ES256"),
        ({"alg": "ES256"}, "another kid"),
        ({"alg": "ES256", "kid": 7}, "kid"),
        ({"kid": JWK.kid}, "alg"),
        ({"alg": "ES256", "kid": JWK.kid, "crit": ["b64"], "b64": True}, "extensions"),
        ({"alg": "ES256", "kid": JWK.kid, "b64": True}, "extensions"),
        ({"alg": "ES256", "kid": JWK.kid, "crit": ["surprise"], "surprise": 1}, "surprise"),
    ],
)
def test_a_header_that_asks_for_something_else_is_refused(
    header: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidTokenError, match=words):
        check(with_header(header), JWK, NOW, NONE)


def test_claims_must_be_an_object() -> None:
    signed = b".".join(
        b64url(part).encode()
        for part in (json.dumps({"alg": "ES256", "kid": JWK.kid}).encode(), b"[1]")
    )
    with pytest.raises(InvalidTokenError):
        check(assemble(signed, sign_with(KEY, Algorithm.ES256, signed)), JWK, NOW, NONE)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "é.é.é", "\ud800", token({"exp": EXP}) + ".x", "x" * 200_000]
)
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidTokenError):
        check(text, JWK, NOW, NONE)


def test_every_changed_character_is_noticed() -> None:
    good = token({"iss": "us", "exp": EXP})
    assert check(good, JWK, NOW, NONE)
    for at in range(0, len(good) - 1, 3):
        spoilt = good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :]
        with pytest.raises(InvalidTokenError):
            check(spoilt, JWK, NOW, NONE)


def test_a_key_that_cannot_be_is_said_as_such() -> None:
    nowhere = replace(JWK, key=EcPublic("P-256", vectors.EC_7517.x, vectors.EC_7517.x))
    with pytest.raises(InvalidTokenError):
        check(token({"exp": EXP}), nowhere, NOW, NONE)
