"""`signing.json`: what signers follow, written and read back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rotator.domain.jwks import MAX_BYTES, Unreadable
from rotator.domain.signing import Signer, SigningDocument, parse_signing, render_signing

FULL = SigningDocument(
    issuer="accounts",
    generation=7,
    active=Signer("kid-2", "ES256", {"kind": "local", "path": "keys/accounts/2.pem"}),
    standby=Signer("kid-3", "ES256", {"kind": "local", "path": "keys/accounts/3.pem"}),
    revoked=("kid-1",),
    written_at=datetime(2026, 1, 1, tzinfo=UTC),
    max_token_lifetime=timedelta(days=30),
    refresh_after=timedelta(seconds=60),
    stop_after=timedelta(hours=24),
)


def test_the_members_are_those_of_the_contract() -> None:
    assert json.loads(render_signing(FULL)) == {
        "format": "rotator.signing/1",
        "issuer": "accounts",
        "generation": 7,
        "active": {
            "kid": "kid-2",
            "alg": "ES256",
            "key": {"kind": "local", "path": "keys/accounts/2.pem"},
        },
        "standby": {
            "kid": "kid-3",
            "alg": "ES256",
            "key": {"kind": "local", "path": "keys/accounts/3.pem"},
        },
        "revoked": ["kid-1"],
        "written_at": "2026-01-01T00:00:00Z",
        "max_token_lifetime_s": 2592000.0,
        "refresh_after_s": 60.0,
        "stop_after_s": 86400.0,
    }
    assert render_signing(FULL).endswith(b"}\n")


@pytest.mark.parametrize("document", [FULL, replace(FULL, standby=None, revoked=())])
def test_what_was_written_is_read_back(document: SigningDocument) -> None:
    assert parse_signing(render_signing(document)) == document


@pytest.mark.parametrize(
    "key",
    [
        {
            "kind": "kms",
            "key_id": "arn:aws:kms:eu-central-1:111122223333:key/mrk-1",
            "region": "eu-central-1",
        },
        {
            "kind": "kms-wrapped",
            "ciphertext": "AQIDAHg=",
            "context": {"issuer": "accounts", "generation": "7"},
        },
        {"kind": "kms-wrapped", "ciphertext": "", "context": {}},
    ],
)
def test_keys_that_kms_keeps_or_wrapped(key: dict[str, Any]) -> None:
    document = replace(FULL, active=Signer("kid-2", "ES256", key))
    assert json.loads(render_signing(document))["active"]["key"] == key
    assert parse_signing(render_signing(document)) == document


def test_members_of_a_later_format_are_ignored() -> None:
    assert parse_signing(changed(comment="hello")) == FULL


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (replace(FULL, generation=9, written_at=datetime(2027, 1, 1, tzinfo=UTC)), True),
        (replace(FULL, standby=None), False),
        (replace(FULL, revoked=()), False),
        (replace(FULL, stop_after=timedelta(hours=1)), False),
        (replace(FULL, active=replace(FULL.active, kid="other")), False),
    ],
)
def test_the_same_orders_whenever_written(other: SigningDocument, same: bool) -> None:
    assert FULL.same_orders(other) is same


def changed(**members: Any) -> bytes:
    return json.dumps(json.loads(render_signing(FULL)) | members).encode()


def without(name: str) -> bytes:
    return json.dumps(
        {k: v for k, v in json.loads(render_signing(FULL)).items() if k != name}
    ).encode()


@pytest.mark.parametrize("name", json.loads(render_signing(FULL)))
def test_every_member_is_needed(name: str) -> None:
    assert isinstance(parse_signing(without(name)), Unreadable)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"\xff",
        b"[" * 100_000,
        b" " * (MAX_BYTES + 1),
        changed(format="rotator.signing/2"),
        changed(issuer=7),
        changed(issuer="a\nb"),
        changed(generation="7"),
        changed(generation=True),
        changed(generation=-1),
        changed(generation=7.0),
        changed(active=None),
        changed(active={"kid": "k", "alg": "ES256"}),
        changed(active={"kid": "k", "alg": "ES256", "key": []} | {"alg": None}),
        changed(active={"kid": "k", "alg": "ES256", "key": [1]}),
        changed(active={"kid": "k", "alg": "ES256", "key": "text"}),
        changed(active={"kid": "k", "alg": "ES256", "key": {"kind": 1}}),
        changed(active={"kid": "k", "alg": "ES256", "key": {"context": {"issuer": 1}}}),
        changed(active={"kid": "k", "alg": "ES256", "key": {"context": {"issuer": {}}}}),
        changed(active={"kid": "k", "alg": "ES256", "key": {"context": ["issuer"]}}),
        changed(active={"kid": "\ud800", "alg": "ES256", "key": {}}),
        changed(standby=7),
        changed(revoked="kid-1"),
        changed(revoked={"kid-1": 1}),
        changed(revoked=[1]),
        changed(written_at=1),
        changed(written_at="yesterday"),
        changed(stop_after_s=-1),
        changed(stop_after_s="60"),
        changed(stop_after_s=True),
        changed(stop_after_s=1e300),
        changed(stop_after_s=float("nan")),
        changed(stop_after_s=float("inf")),
    ],
)
def test_anything_else_is_unreadable_and_never_quoted(body: bytes) -> None:
    document = parse_signing(body)
    assert isinstance(document, Unreadable)
    assert document.reason in {
        "not a signing document",
        "not of format rotator.signing/1",
        "larger than 256 KiB",
    }
