"""The life of a key in one table (design §3): which event is possible in which phase, and the moment it records.

An event that the table does not list raises and changes nothing.
"""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from rotator.domain.keys import Key, Moments
from rotator.errors import IllegalTransition


class Phase(StrEnum):
    """Where a key is in its life; always derived from its moments."""

    STAGED = "staged"
    PUBLISHED = "published"
    ACTIVE = "active"
    RETIRED = "retired"
    REMOVED = "removed"
    REVOKED = "revoked"


class Event(StrEnum):
    """What can happen to a key; the value names the moment that it records."""

    PUBLISH = "published_at"
    START_SWITCH = "switch_started_at"
    ACTIVATE = "activated_at"
    RETIRE = "retired_at"
    START_REMOVAL = "removal_started_at"
    REMOVE = "removed_at"
    REVOKE = "revoked_at"
    DISABLE = "disabled_at"
    DESTROY = "destroyed_at"


TRANSITIONS: dict[tuple[Phase, Event], Phase] = {
    (Phase.STAGED, Event.PUBLISH): Phase.PUBLISHED,
    (Phase.PUBLISHED, Event.START_SWITCH): Phase.PUBLISHED,
    (Phase.PUBLISHED, Event.ACTIVATE): Phase.ACTIVE,
    (Phase.PUBLISHED, Event.START_REMOVAL): Phase.PUBLISHED,
    (Phase.PUBLISHED, Event.REMOVE): Phase.REMOVED,
    (Phase.STAGED, Event.START_REMOVAL): Phase.STAGED,
    (Phase.STAGED, Event.REMOVE): Phase.REMOVED,
    (Phase.PUBLISHED, Event.RETIRE): Phase.RETIRED,
    (Phase.ACTIVE, Event.RETIRE): Phase.RETIRED,
    (Phase.RETIRED, Event.DISABLE): Phase.RETIRED,
    (Phase.RETIRED, Event.START_REMOVAL): Phase.RETIRED,
    (Phase.RETIRED, Event.REMOVE): Phase.REMOVED,
    (Phase.REMOVED, Event.DISABLE): Phase.REMOVED,
    (Phase.REMOVED, Event.DESTROY): Phase.REMOVED,
    (Phase.STAGED, Event.REVOKE): Phase.REVOKED,
    (Phase.PUBLISHED, Event.REVOKE): Phase.REVOKED,
    (Phase.ACTIVE, Event.REVOKE): Phase.REVOKED,
    (Phase.RETIRED, Event.REVOKE): Phase.REVOKED,
    (Phase.REVOKED, Event.REMOVE): Phase.REVOKED,
    (Phase.REVOKED, Event.DISABLE): Phase.REVOKED,
    (Phase.REVOKED, Event.DESTROY): Phase.REVOKED,
}
"""Phase and event → the phase after it. REMOVED and REVOKED are terminal for the public half.

PUBLISHED retires only where a switch to it was begun and is given up: tokens of it may exist.
"""

IN_JWKS = frozenset({Phase.STAGED, Phase.PUBLISHED, Phase.ACTIVE, Phase.RETIRED})
"""Phases in which a key belongs in the documents, until its removal starts."""


def phase_of(moments: Moments) -> Phase:
    """The phase that the recorded moments amount to."""
    ladder = (
        (moments.revoked_at, Phase.REVOKED),
        (moments.removed_at, Phase.REMOVED),
        (moments.retired_at, Phase.RETIRED),
        (moments.activated_at, Phase.ACTIVE),
        (moments.published_at, Phase.PUBLISHED),
    )
    return next((phase for moment, phase in ladder if moment is not None), Phase.STAGED)


def phase(key: Key) -> Phase:
    """The phase of a key."""
    return phase_of(key.moments)


def wanted(key: Key) -> bool:
    """Whether the key belongs in every region's document now."""
    return phase(key) in IN_JWKS and key.moments.removal_started_at is None


def advance(key: Key, event: Event, at: datetime) -> Key:
    """The key after `event`; one recorded already keeps its first moment. Raises IllegalTransition."""
    before = phase(key)
    given_up = (before, event) == (Phase.PUBLISHED, Event.RETIRE)
    if (before, event) not in TRANSITIONS or (given_up and not key.ever_signed):
        raise IllegalTransition(
            f"a {before} key cannot take {event.name.lower()}", detail=f"kid {key.kid}"
        )
    if getattr(key.moments, event.value) is not None:
        return key
    return replace(key, moments=replace(key.moments, **{event.value: at}))


def reactivated(key: Key, at: datetime) -> Key:
    """A retired key on its way back (`rollback`): published, and a switch to it begun. Raises IllegalTransition.

    The one way back in a key's life; the log keeps the moments that are forgotten here.
    """
    if phase(key) is not Phase.RETIRED or not key.usable:
        raise IllegalTransition(
            f"a {phase(key)} key cannot become active again", detail=f"kid {key.kid}"
        )
    moments = replace(key.moments, switch_started_at=at, activated_at=None, retired_at=None)
    return replace(key, moments=moments)
