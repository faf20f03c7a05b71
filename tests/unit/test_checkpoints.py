"""A checkpoint is one compact JWS; whatever is not exactly one is refused."""

import json

import pytest

from rotator.domain.audit import AuditEntry
from rotator.domain.checkpoints import EVENT, TYPE, Checkpoint, entry_of, parse, read_fact, to_sign
from rotator.domain.jwk import b64url
from tests.unit.logs import DAY, GOOD, KID, NOW

CHECKPOINT = Checkpoint(7, "ab" * 32, NOW + DAY)
HEADER = {"alg": "EdDSA", "kid": KID, "typ": TYPE}
PAYLOAD = {"number": 7, "digest": "ab" * 32, "at": "2026-03-02T12:00:00Z"}


def jws(header: object = HEADER, payload: object = PAYLOAD, tail: str = "Z29vZA") -> str:
    return ".".join([*(b64url(json.dumps(part).encode()) for part in (header, payload)), tail])


def test_what_was_signed_is_read_back() -> None:
    entry = entry_of(CHECKPOINT, KID, GOOD)
    assert (entry.at, entry.issuer, entry.event) == (CHECKPOINT.at, "", EVENT)
    assert (entry.facts["upto"], entry.facts["key"]) == (7, KID)
    signed = read_fact(entry)
    assert signed is not None
    assert (signed.checkpoint, signed.kid, signed.signature) == (CHECKPOINT, KID, GOOD)
    assert signed.message == to_sign(CHECKPOINT, KID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.b",
        "a.b.c.d",
        "x" * 5000,
        f"{jws()}=",
        jws(tail="not base64"),
        jws({**HEADER, "typ": "JWT"}),
        jws({**HEADER, "crit": ["exp"]}),
        jws({**HEADER, "alg": "none"}),
        jws({**HEADER, "kid": 7}),
        jws([]),
        jws(payload={**PAYLOAD, "more": 1}),
        jws(payload={**PAYLOAD, "number": "7"}),
        jws(payload={**PAYLOAD, "at": "yesterday"}),
        jws(payload={"number": 7}),
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(text)
    assert read_fact(AuditEntry(NOW, "", EVENT, {"jws": text})) is None


def test_an_entry_without_one() -> None:
    assert read_fact(AuditEntry(NOW, "", EVENT, {"jws": None})) is None
    assert read_fact(AuditEntry(NOW, "", EVENT)) is None
