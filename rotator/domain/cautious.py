"""What two who looked at the same time may both believe: looking needs no lease, and late is safe (design §6, T10)."""

from collections.abc import Mapping
from datetime import datetime

from rotator.domain.evidence import Evidence, Sighting, StalenessMark, worst
from rotator.domain.notice import told_by_both


def cautious(one: Evidence, other: Evidence) -> Evidence:
    """What two who looked at the same time may both believe: the later beginning, the worse verdict, no run that one lacks.

    Looking needs no lease, so a slow look may be kept after a quicker one that saw a run end. Late is safe (design T10).
    """
    gates = one.sightings.keys() | other.sightings.keys()
    looks = sorted((*one.looks.items(), *other.looks.items()), key=lambda item: item[1].at)
    failed = sorted((*one.failed_before.items(), *other.failed_before.items()), key=lambda i: i[1])
    return Evidence(
        issuer=one.issuer,
        sightings={gate: _both_sightings(one, other, gate) for gate in sorted(gates)},
        looks=dict(looks),
        marks={
            gate: _both_marks(one.marks.get(gate, ()), other.marks.get(gate, ()))
            for gate in sorted(one.marks.keys() | other.marks.keys())
        },
        failed_before=dict(failed),
        foreign={
            kid: min((e.foreign[kid] for e in (one, other) if kid in e.foreign), key=lambda f: f.at)
            for kid in sorted(one.foreign.keys() | other.foreign.keys())
        },
        told=told_by_both(one.told, other.told),
        applied_at=max(filter(None, (one.applied_at, other.applied_at)), default=None),
    )


def _both_marks(
    one: tuple[StalenessMark, ...], other: tuple[StalenessMark, ...]
) -> tuple[StalenessMark, ...]:
    """All marks in the order of their ends; of two that end together the one in force stays the last."""
    return tuple(sorted(dict.fromkeys((*one, *other)), key=lambda mark: mark.until))


def _both_sightings(one: Evidence, other: Evidence, gate: str) -> Mapping[str, Sighting]:
    kids = one.sightings.get(gate, {}).keys() | other.sightings.get(gate, {}).keys()
    return {kid: _both(one.sighting(gate, kid), other.sighting(gate, kid)) for kid in sorted(kids)}


def _both(one: Sighting, other: Sighting) -> Sighting:
    since = _later(one.visible_since, other.visible_since)
    return Sighting(
        verdict=worst([one.verdict, other.verdict]),
        checked_at=min(one.checked_at, other.checked_at)
        if one.checked_at and other.checked_at
        else None,
        visible_since=since,
        passes=min(one.passes, other.passes),
        away_since=_later(one.away_since, other.away_since),
        seen_by=(one if since == one.visible_since else other).seen_by if since else "",
    )


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    """The later beginning of a run that both saw, None when one of them saw none."""
    return max(one, other) if one and other else None
