"""`rotator.history/1` (contract §3): whole kids, public halves, moments, reasons; nothing secret in any of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rotator.app.history import Story
from rotator.app.reports import AuditLine
from rotator.domain.jwk import jwk_members
from rotator.domain.state import Revocation
from rotator.domain.times import format_moment
from rotator.render.json_out import key_document


def history_document(
    stories: Iterable[Story], issuers: Iterable[str], at: datetime
) -> dict[str, Any]:
    """Every issuer's keys, oldest first, each with what the log says of it."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in issuers}
    for story in stories:
        found[story.issuer].append(_key(story))
    listed = [{"issuer": name, "keys": keys} for name, keys in found.items()]
    return {"format": "rotator.history/1", "at": format_moment(at), "issuers": listed}


def _key(story: Story) -> dict[str, Any]:
    return {
        **key_document(story.status),
        "jwk": jwk_members(story.status.key.jwk),
        "revoked": _revoked(story.revocation) if story.revocation else None,
        "events": [_event(event) for event in story.events],
    }


def _revoked(revocation: Revocation) -> dict[str, Any]:
    return {
        "at": format_moment(revocation.at),
        "reason": revocation.reason,
        "owner": revocation.owner,
        "cold": revocation.cold,
    }


def _event(event: AuditLine) -> dict[str, Any]:
    return {
        "number": event.number,
        "at": format_moment(event.at),
        "event": event.event,
        "facts": dict(event.facts),
    }
