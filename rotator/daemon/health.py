"""`/healthz` and `/readyz`: what the facts amount to. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from rotator.daemon.board import Facts
from rotator.daemon.turns import TICK
from rotator.domain.times import format_moment

IDLE_MAX: Final = TICK * 4
"""Without work a beat comes each tick."""
BUSY_MAX: Final = timedelta(minutes=15)
"""In the middle of a run a beat comes with each use of the state; a region that hangs may take minutes."""


def stalled(facts: Facts, monotonic: float) -> str:
    """Why the daemon is not alive any more, empty while it is."""
    silent = timedelta(seconds=monotonic - facts.beat)
    if silent <= (BUSY_MAX if facts.doing else IDLE_MAX):
        return ""
    return f"{facts.doing or 'the schedule'} has not moved for {silent.total_seconds():.0f} s"


def unready(facts: Facts, monotonic: float) -> tuple[str, ...]:
    """What is wrong, each as a sentence; nothing when all is well. A closed gate is no fault of the daemon's."""
    return tuple(_reasons(facts, monotonic))


def health_document(facts: Facts, monotonic: float) -> dict[str, Any]:
    """What both answers show to whoever may read them."""
    return {
        "format": "rotator.daemon/1",
        "ready": not unready(facts, monotonic),
        "reasons": list(unready(facts, monotonic)),
        "started_at": format_moment(facts.started_at),
        "doing": facts.doing or None,
        "next_apply": format_moment(facts.next_apply) if facts.next_apply else None,
        "runs": {
            kind: {
                "at": format_moment(ran.at) if ran.at else None,
                "succeeded_at": format_moment(ran.succeeded_at) if ran.succeeded_at else None,
                "error": ran.error.code if ran.error else None,
                "busy": ran.busy or None,
            }
            for kind, ran in facts.runs.items()
        },
    }


def _reasons(facts: Facts, monotonic: float) -> Iterator[str]:
    if words := stalled(facts, monotonic):
        yield words
    if facts.looked is None:
        yield "it has not looked at the regions yet"
    if facts.refused:
        yield f"the new configuration is refused: {facts.refused.message}"
    for kind, ran in facts.runs.items():
        if ran.error:
            yield f"{kind} failed: {ran.error.code}: {ran.error.message}"
