"""`signing.json`: what a region's signers follow (contract §3). Written by rotator, read back, never assumed."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rotator.domain.jwks import MAX_BYTES, Unreadable
from rotator.domain.keys import SignerKey
from rotator.domain.times import format_moment, parse_moment

FORMAT = "rotator.signing/1"


@dataclass(frozen=True, slots=True)
class Signer:
    """A key as signers need it; `key` says where its private half is."""

    kid: str
    alg: str
    key: SignerKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningDocument:
    """Which key a region signs with, for how long tokens may live, and when a signer without a fresh copy stops."""

    issuer: str
    generation: int
    active: Signer
    standby: Signer | None
    revoked: tuple[str, ...]
    written_at: datetime
    max_token_lifetime: timedelta
    refresh_after: timedelta
    stop_after: timedelta

    def same_orders(self, other: "SigningDocument") -> bool:
        """Whether both tell signers the same, whenever and under whatever generation they were written."""
        return _orders(self) == _orders(other)


def render_signing(document: SigningDocument) -> bytes:
    """The document's bytes."""
    members = {
        "format": FORMAT,
        "issuer": document.issuer,
        "generation": document.generation,
        **_orders(document),
    }
    return (
        json.dumps(members | {"written_at": format_moment(document.written_at)}, indent=1) + "\n"
    ).encode()


def parse_signing(body: bytes) -> SigningDocument | Unreadable:
    """Read a served signing target; total, and `reason` never quotes it. Members it does not know are ignored."""
    if len(body) > MAX_BYTES:
        return Unreadable(f"larger than {MAX_BYTES // 1024} KiB")
    try:
        members = json.loads(body.decode("utf-8"))
        if members["format"] != FORMAT:
            return Unreadable(f"not of format {FORMAT}")
        return SigningDocument(
            issuer=_text(members["issuer"]),
            generation=_count(members["generation"]),
            active=_signer(members["active"]),
            standby=None if members["standby"] is None else _signer(members["standby"]),
            revoked=tuple(_text(kid) for kid in _list(members["revoked"])),
            written_at=parse_moment(members["written_at"]),
            max_token_lifetime=timedelta(seconds=_number(members["max_token_lifetime_s"])),
            refresh_after=timedelta(seconds=_number(members["refresh_after_s"])),
            stop_after=timedelta(seconds=_number(members["stop_after_s"])),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return Unreadable("not a signing document")


def _orders(document: SigningDocument) -> dict[str, Any]:
    return {
        "active": _signer_members(document.active),
        "standby": _signer_members(document.standby) if document.standby else None,
        "revoked": list(document.revoked),
        "max_token_lifetime_s": _seconds(document.max_token_lifetime),
        "refresh_after_s": _seconds(document.refresh_after),
        "stop_after_s": _seconds(document.stop_after),
    }


def _seconds(value: timedelta) -> float:
    """Whole seconds as an integer, so that shells can count with them."""
    seconds = value.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


def _signer_members(signer: Signer) -> dict[str, Any]:
    return {"kid": signer.kid, "alg": signer.alg, "key": dict(signer.key)}


def _signer(members: dict[str, Any]) -> Signer:
    key = {_text(name): _text_or_texts(value) for name, value in dict(members["key"]).items()}
    return Signer(_text(members["kid"]), _text(members["alg"]), key)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise TypeError
    return value


def _text_or_texts(value: object) -> str | dict[str, str]:
    if isinstance(value, dict):
        return {_text(name): _text(item) for name, item in value.items()}
    return _text(value)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise TypeError
    return value
