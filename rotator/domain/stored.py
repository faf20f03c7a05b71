"""State, evidence and log entries as a store keeps them: JSON text with a checksum that also says whose it is."""

import hashlib
import json
from contextlib import suppress
from typing import TypeVar

from rotator.domain.audit import AuditEntry
from rotator.domain.codec import CodecError, decode, encode
from rotator.domain.state import IssuerState
from rotator.errors import StateDamaged

T = TypeVar("T")


def text_of(value: object) -> str:
    """The JSON text of a value of the domain, as short as it can be."""
    return json.dumps(encode(value), separators=(",", ":"), allow_nan=False)


def checksum(issuer: str, text: str) -> str:
    """SHA-256, hex; over the issuer too, so that one issuer's state cannot stand in for another's."""
    return hashlib.sha256(f"{issuer}\n{text}".encode()).hexdigest()


def restored(cls: type[T], text: object, written: object, issuer: str, what: str) -> T:
    """The value that `text` stands for, whose checksum was `written`. Raises StateDamaged."""
    if not isinstance(text, str) or checksum(issuer, text) != written:
        raise StateDamaged(
            f"the {what} of {issuer} is not what was written", detail="its checksum differs"
        )
    with suppress(ValueError, RecursionError):
        return decode(cls, json.loads(text))
    raise StateDamaged(f"the {what} of {issuer} cannot be read")


def restored_state(text: object, written: object, issuer: str, serial: object) -> IssuerState:
    """The state that was kept for an issuer under a serial. Raises StateDamaged."""
    state = restored(IssuerState, text, written, issuer, "state")
    if (state.issuer, state.serial) != (issuer, serial):
        raise StateDamaged(f"the state of {issuer} is that of another issuer or another time")
    return state


def restored_entry(number: int, text: str) -> AuditEntry:
    """The log entry that was kept under a number. Raises StateDamaged."""
    try:
        return decode(AuditEntry, json.loads(text))
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, CodecError) else ""
        raise StateDamaged(
            f"entry {number} of the audit log cannot be read", detail=detail
        ) from None
