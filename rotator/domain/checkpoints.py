"""Checkpoints: signed statements of how far the audit log had come, which make its truncation show.

One is a compact JWS (RFC 7515 §3.1) of type `rotator-checkpoint+jws`, signed with Ed25519; any JOSE library checks it.
It is kept in the log as an entry, and worth most where somebody else keeps it too. Signing is done elsewhere.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rotator.domain.audit import AuditEntry, Fact
from rotator.domain.codec import decode, encode
from rotator.domain.jwk import Algorithm, b64url, unb64url
from rotator.domain.strict_json import read_json

EVENT: Final = "checkpoint"
"""The event of the entry that holds one."""

TYPE: Final = "rotator-checkpoint+jws"
_MOST: Final = 4096
_HEADER: Final = frozenset({"alg", "typ", "kid"})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """At the moment `at` the log ended with the record of that number and digest."""

    number: int
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint as it was found: who is said to have signed it, over which bytes, with which signature."""

    checkpoint: Checkpoint
    kid: str
    message: bytes
    signature: bytes


def to_sign(checkpoint: Checkpoint, kid: str) -> bytes:
    """What is signed: header and payload (RFC 7515 §5.1), ASCII."""
    header = {"alg": Algorithm.EDDSA.value, "kid": kid, "typ": TYPE}
    return ".".join(b64url(_json(part)) for part in (header, encode(checkpoint))).encode("ascii")


def entry_of(checkpoint: Checkpoint, kid: str, signature: bytes) -> AuditEntry:
    """The log entry that holds a signed checkpoint; it is no issuer's."""
    jws = f"{to_sign(checkpoint, kid).decode('ascii')}.{b64url(signature)}"
    facts: dict[str, Fact] = {"upto": checkpoint.number, "key": kid, "jws": jws}
    return AuditEntry(checkpoint.at, "", EVENT, facts)


def parse(text: str) -> Signed:
    """A checkpoint from its compact form, not yet verified; raises ValueError."""
    parts = text.split(".") if len(text) <= _MOST else []
    if len(parts) != 3:
        raise ValueError("no checkpoint: three parts joined by points expected")
    header, payload, signature = (unb64url(part) for part in parts)
    members = read_json(header)
    if not isinstance(members, dict) or set(members) != _HEADER or members["typ"] != TYPE:
        raise ValueError(f"no checkpoint: its header has not exactly alg, kid and the type {TYPE}")
    if members["alg"] != Algorithm.EDDSA.value or not isinstance(members["kid"], str):
        raise ValueError("no checkpoint: it is not signed with EdDSA by a key that it names")
    checkpoint = decode(Checkpoint, read_json(payload), "checkpoint")
    return Signed(checkpoint, members["kid"], text.rpartition(".")[0].encode("ascii"), signature)


def read_fact(entry: AuditEntry) -> Signed | None:
    """The checkpoint that a log entry of the event `EVENT` holds; None where it cannot be read."""
    jws = entry.facts.get("jws")
    try:
        return parse(jws) if isinstance(jws, str) else None
    except ValueError:
        return None


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")
