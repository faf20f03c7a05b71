"""Documents: canonical bytes out, anything at all in."""

import json
from typing import Any

import pytest

from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.jwks import MAX_BYTES, Jwks, Unreadable, own_entry, parse, render, short
from tests import vectors

ES = Jwk(thumbprint(vectors.EC_7515_A3), Algorithm.ES256, vectors.EC_7515_A3)
RS = Jwk("2011-04-29", Algorithm.RS256, vectors.RSA_7638)
ED = Jwk("ed", Algorithm.ED25519, vectors.ED25519_8037)
GOOD = {"kid": "k", "kty": "OKP", "crv": "Ed25519", "x": vectors.ED25519_8037.x}
EC = {"kid": "k", "kty": "EC", "crv": "P-256", "x": vectors.EC_7517.x, "y": vectors.EC_7517.y}
RSA = {"kid": "k", "kty": "RSA", "n": vectors.RSA_7638.n, "e": "AQAB"}


def read(*entries: object) -> Jwks:
    document = parse(json.dumps({"keys": entries}).encode())
    assert isinstance(document, Jwks)
    return document


def test_the_canonical_bytes() -> None:
    assert render([own_entry(ED)]) == (
        b'{"keys":[{"alg":"Ed25519","crv":"Ed25519","kid":"ed","kty":"OKP","use":"sig",'
        b'"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    )


def test_what_was_rendered_is_read_back_in_order() -> None:
    entries = tuple(own_entry(jwk) for jwk in (RS, ES, ED))
    document = parse(render(entries))
    assert document == Jwks(entries)
    assert document.kids() == (RS.kid, ES.kid, ED.kid)
    assert all(document.holds(jwk) for jwk in (RS, ES, ED))
    assert render(document.keys) == render(entries)


def test_the_key_set_of_rfc_7517() -> None:
    document = parse(vectors.JWKS_7517.encode())
    assert isinstance(document, Jwks)
    assert document.kids() == ("1", "2011-04-29")
    assert [key.thumbprint for key in document.keys] == [
        thumbprint(vectors.EC_7517),
        vectors.THUMBPRINT_7638,
    ]
    assert document.flaws == ()
    assert document.holds(RS)


def test_a_key_is_held_only_with_its_own_material_and_once() -> None:
    other = Jwk(ED.kid, Algorithm.ES256, vectors.EC_7517)
    assert not read().holds(ED)
    assert not read(json.loads(own_entry(other).text)).holds(ED)
    twice = read(*[json.loads(own_entry(ED).text)] * 2)
    assert not twice.holds(ED)
    assert twice.flaws == ("kid ed stands there more than once",)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"keys":[NaN]}', "not JSON"),
        (b'{"keys":[],"keys":[]}', "not JSON"),
        (b'{"keys":[{"kid":"a","kid":"b"}]}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"keys":[' + b"1" * 5000 + b"]}", "not JSON"),
        (b"null", 'no "keys" list'),
        (b"[]", 'no "keys" list'),
        (b"{}", 'no "keys" list'),
        (b'{"keys":{}}', 'no "keys" list'),
        (b" " * (MAX_BYTES + 1), "larger than 256 KiB"),
    ],
)
def test_what_is_no_key_set(body: bytes, reason: str) -> None:
    assert parse(body) == Unreadable(reason)


def test_an_empty_key_set_is_one() -> None:
    assert parse(b'{"keys":[],"more":1}') == Jwks(())


@pytest.mark.parametrize(
    ("entry", "flaw"),
    [
        (7, "entry 0 is no object"),
        ({}, "entry 0 has no usable kid"),
        (GOOD | {"kid": 7}, "entry 0 has no usable kid"),
        (GOOD | {"kid": ""}, "entry 0 has no usable kid"),
        (GOOD | {"kid": "a\nb"}, "entry 0 has no usable kid"),
        (GOOD | {"kid": "\ud800"}, "entry 0 has no usable kid"),
        (GOOD | {"kid": "k" * 513}, "entry 0 has no usable kid"),
        ({"kid": "k"}, "key k cannot be read: no kty"),
        ({"kid": "k", "kty": ["RSA"]}, "key k cannot be read: no kty"),
        (GOOD | {"x": None}, "key k cannot be read: no x"),
        (GOOD | {"x": "AA"}, "key k cannot be read: public key of the wrong length"),
        (GOOD | {"x": "A=="}, "key k cannot be read: not base64url"),
        (EC | {"y": "AA"}, "key k cannot be read: coordinates of the wrong length"),
        (EC | {"crv": "P-384"}, "key k cannot be read: coordinates of the wrong length"),
        (EC | {"x": ""}, "key k cannot be read: no x"),
        (RSA | {"n": "AQAB"}, "key k cannot be read: RSA modulus of an impossible size"),
        (RSA | {"e": "*"}, "key k cannot be read: not base64url"),
        (RSA | {"e": 65537}, "key k cannot be read: no e"),
    ],
)
def test_an_entry_that_cannot_be_read_is_left_out_and_said(entry: object, flaw: str) -> None:
    document = read(entry, GOOD | {"kid": "good"})
    assert document.kids() == ("good",)
    assert document.flaws == (flaw,)


def test_a_number_too_large_to_write_again_is_a_flaw() -> None:
    document = parse(b'{"keys":[{"kid":"k","kty":"EC","crv":"x","n":1e999}]}')
    assert isinstance(document, Jwks)
    assert document.keys == ()
    assert document.flaws[0].startswith("key k cannot be read: ")


@pytest.mark.parametrize(
    "entry",
    [
        {"kid": "k", "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"},
        {"kid": "k", "kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"},
        {"kid": "k", "kty": "EC", "crv": ["P-256"], "x": "AA"},
        {"kid": "k", "kty": "OKP", "crv": "X25519", "x": "AA"},
        {"kid": "k", "kty": "OKP", "crv": {}, "x": "AA"},
    ],
)
def test_a_key_of_another_kind_is_kept_without_a_thumbprint(entry: dict[str, Any]) -> None:
    (key,) = read(entry).keys
    assert (key.kid, key.thumbprint) == ("k", None)
    assert json.loads(key.text) == entry
    assert read(entry).flaws == ()


def test_a_foreign_key_keeps_its_public_members() -> None:
    foreign = GOOD | {"use": "sig", "x5c": ["AA"], "note": "ü"}
    assert json.loads(read(foreign).keys[0].text) == foreign


@pytest.mark.parametrize("private", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed"])
def test_private_members_are_named_and_never_kept(private: str) -> None:
    document = read(GOOD | {private: "c2VjcmV0"})
    assert document.flaws == (f"key k carries private members ({private})",)
    assert "c2VjcmV0" not in repr(document)
    assert document.kids() == ("k",)


def test_of_many_flaws_only_some_are_listed() -> None:
    document = read(*range(1000))
    assert len(document.flaws) == 21
    assert document.flaws[-1] == "and 980 flaws more"


@pytest.mark.parametrize(
    ("kid", "shown"),
    [("abc", "abc"), ("0123456789", "01234567"), ("a\x1b[31m", "a?[31m"), ("ü", "?")],
)
def test_a_kid_from_outside_is_fit_to_print(kid: str, shown: str) -> None:
    assert short(kid) == shown
