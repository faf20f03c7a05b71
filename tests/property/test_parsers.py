"""Parsers of what comes from outside: total, never believing more than they checked, and the inverse of writing."""

import contextlib
import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.jwk import Algorithm, Jwk, PublicKey, b64url, thumbprint, unb64url
from rotator.domain.jwks import Jwks, Unreadable, own_entry, parse, render
from rotator.domain.signing import SigningDocument, parse_signing, render_signing
from rotator.domain.times import (
    format_duration,
    format_moment,
    parse_duration,
    parse_moment,
    say,
)
from tests import vectors
from tests.property.strategies import DURATIONS, JSON, MOMENTS, TEXT, values

PRIVATE = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "seed"]
PUBLIC: st.SearchStrategy[PublicKey] = st.sampled_from(
    [*vectors.KEYS.values(), vectors.RSA_7638, vectors.EC_7517]
)
KIDS = st.text(min_size=1, max_size=60).filter(str.isprintable)
JWKS = st.lists(st.builds(Jwk, kid=KIDS, alg=st.sampled_from(Algorithm), key=PUBLIC), max_size=6)
WORDS = st.text(max_size=20).filter(str.isprintable)
POSITIVE = DURATIONS.map(abs)


# ------------------------------------------------------------------------------------------ times


@given(POSITIVE)
def test_a_duration_is_read_as_it_was_written(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@given(DURATIONS)
def test_a_duration_can_always_be_said(value: timedelta) -> None:
    assert say(value).lstrip("-")[0].isdigit()
    assert say(-value) in {f"-{say(value)}", say(value).removeprefix("-")}


@given(MOMENTS)
def test_a_moment_is_read_as_it_was_written(value: Any) -> None:
    assert parse_moment(format_moment(value)) == value
    assert format_moment(value).endswith("Z")


@given(st.text() | st.from_regex(r"[\d.]+(ms|s|m|h|d)|P[\dWDTHMS.]+|[\d:TZ+ -]+", fullmatch=True))
def test_reading_times_raises_nothing_but_value_errors(text: str) -> None:
    for read in (parse_duration, parse_moment):
        with contextlib.suppress(ValueError):
            read(text)


# ------------------------------------------------------------------------------------------- jwks


@given(st.binary())
def test_base64url_is_read_as_it_was_written(data: bytes) -> None:
    assert unb64url(b64url(data)) == data


@given(st.text(alphabet="AQgw-_+/= \n", max_size=8))
def test_what_is_read_as_base64url_has_one_form(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert b64url(unb64url(text)) == text


@given(JWKS)
def test_a_document_is_read_as_it_was_written(jwks: list[Jwk]) -> None:
    entries = tuple(own_entry(jwk) for jwk in jwks)
    document = parse(render(entries))
    assert isinstance(document, Jwks)
    assert document.keys == entries
    assert render(document.keys) == render(entries)
    assert bool(document.flaws) == (len({jwk.kid for jwk in jwks}) < len(jwks))
    for jwk in jwks:
        assert document.holds(jwk) == (document.kids().count(jwk.kid) == 1)


@given(st.binary())
def test_any_bytes_are_a_document_or_unreadable(body: bytes) -> None:
    assert isinstance(parse(body), Jwks | Unreadable)
    assert isinstance(parse_signing(body), Unreadable)


ENTRY = st.dictionaries(
    st.sampled_from(["kid", "kty", "crv", "x", "y", "n", "e", "alg", "use", *PRIVATE]) | TEXT,
    JSON | st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", vectors.EC_7517.x]),
)
MUTATED = st.builds(
    lambda jwk, extra, dropped: {
        name: value
        for name, value in (json.loads(own_entry(jwk).text) | extra).items()
        if name not in dropped
    },
    st.builds(Jwk, kid=KIDS, alg=st.sampled_from(Algorithm), key=PUBLIC),
    ENTRY,
    st.sets(st.sampled_from(["kid", "kty", "crv", "x", "y", "n", "e"]), max_size=1),
)


@given(st.lists(MUTATED | ENTRY | JSON, max_size=5), st.booleans())
def test_spoilt_documents_are_read_as_far_as_they_are_right(
    entries: list[Any], ascii_: bool
) -> None:
    body = json.dumps({"keys": entries}, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    document = parse(body)
    if isinstance(document, Unreadable):
        return
    given_kids = [entry.get("kid") for entry in entries if isinstance(entry, dict)]
    for key in document.keys:
        assert key.kid in given_kids
        assert not json.loads(key.text).keys() & set(PRIVATE)
    read_again = parse(render(document.keys))
    assert isinstance(read_again, Jwks)
    assert read_again.keys == document.keys


@given(st.builds(Jwk, kid=KIDS, alg=st.sampled_from(Algorithm), key=PUBLIC), ENTRY)
def test_a_key_is_only_held_with_its_own_material(jwk: Jwk, extra: dict[str, Any]) -> None:
    entry = json.loads(own_entry(jwk).text) | extra
    document = parse(json.dumps({"keys": [entry]}).encode())
    if isinstance(document, Jwks) and document.holds(jwk):
        assert document.keys[0].thumbprint == thumbprint(jwk.key)
        assert {name: entry[name] for name in ("kid", "kty")} == {
            "kid": jwk.kid,
            "kty": jwk.key.kty,
        }


# ---------------------------------------------------------------------------------------- signing


SIGNERS = st.fixed_dictionaries(
    {
        "kid": WORDS,
        "alg": WORDS,
        "key": st.dictionaries(
            WORDS, WORDS | st.dictionaries(WORDS, WORDS, max_size=3), max_size=3
        ),
    }
)
DOCUMENT = st.fixed_dictionaries(
    {
        "format": st.just("rotator.signing/1"),
        "issuer": WORDS,
        "generation": st.integers(min_value=0),
        "active": SIGNERS,
        "standby": st.none() | SIGNERS,
        "revoked": st.lists(WORDS, max_size=3),
        "written_at": MOMENTS.map(format_moment),
        "max_token_lifetime_s": POSITIVE.map(timedelta.total_seconds),
        "refresh_after_s": POSITIVE.map(timedelta.total_seconds),
        "stop_after_s": POSITIVE.map(timedelta.total_seconds),
    }
)


@given(DOCUMENT)
def test_signing_orders_are_read_as_they_were_written(members: dict[str, Any]) -> None:
    document = parse_signing(json.dumps(members).encode())
    assert isinstance(document, SigningDocument)
    assert parse_signing(render_signing(document)) == document
    assert json.loads(render_signing(document)) == members


@given(DOCUMENT, st.data())
def test_spoilt_signing_orders_are_read_whole_or_not_at_all(
    members: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(members)))
    members[name] = data.draw(JSON)
    document = parse_signing(json.dumps(members).encode())
    if isinstance(document, SigningDocument):
        assert parse_signing(render_signing(document)) == document
    else:
        assert document.reason


@given(values(SigningDocument))
def test_any_value_can_be_written_and_reading_it_is_total(document: SigningDocument) -> None:
    assert isinstance(parse_signing(render_signing(document)), SigningDocument | Unreadable)
