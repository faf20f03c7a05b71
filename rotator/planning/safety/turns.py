"""The safety checker's part about turns: which key may be named, and when a switch may begin (design §3, T12)."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import RepairSigning, Switch, WriteSigning
from rotator.domain.windows import Schedule, Window
from rotator.planning.safety.world import World


def bad_turn(
    step: Switch | WriteSigning | RepairSigning, world: World
) -> Iterable[tuple[str, str]]:
    """A key that retired signs again only by a rollback, and a switch that is not begun yet begins in a window."""
    key, state = world.key(step.kid), world.inventory.state
    if key and phase(key) is Phase.RETIRED:
        yield "I5", f"{step.kid[:8]} was switched away from, and no rollback was begun"
    schedule = world.inventory.setup.schedule
    begins = isinstance(step, Switch) and not (key and key.ever_signed)
    if schedule and begins and state.active() and not _open(schedule, world.now):
        yield "T12", f"no window is open for a switch to {step.kid[:8]}"


def _open(schedule: Schedule, now: datetime) -> bool:
    """Each window of today and yesterday as two moments, and no blackout on the day it is there."""
    today = now.astimezone(schedule.zone).date()
    if any(blackout.first <= today <= blackout.last for blackout in schedule.blackouts):
        return False
    days = (today, today - timedelta(days=1))
    return not schedule.windows or any(
        _spans(window, day, schedule, now) for window in schedule.windows for day in days
    )


def _spans(window: Window, day: date, schedule: Schedule, now: datetime) -> bool:
    if day.weekday() not in window.days:
        return False
    midnight = datetime.combine(day, time(), schedule.zone)
    last = window.start + window.minutes
    start, end = (midnight + timedelta(minutes=minute) for minute in (window.start, last))
    return start.astimezone(UTC) <= now < end.astimezone(UTC)
