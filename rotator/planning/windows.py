"""Windows: when a switch may begin (design T12), what is too narrow a window, and how late a switch is that waits for one."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from rotator.domain.plan import Severity
from rotator.domain.policy import IssuerSetup
from rotator.domain.times import say
from rotator.domain.windows import Schedule
from rotator.planning.inequalities import Advice, Inequality

_MEMBERS = ("schedule", "rotate_every")


def closures(setup: IssuerSetup) -> Iterator[Inequality]:
    """T12: within every `rotate_every` some moment is open, so that no turn passes unused."""
    if setup.schedule is None:
        return
    closed, every = setup.schedule.longest_closure(), setup.policy.rotate_every
    if closed is None:
        yield Inequality(
            "T12", _MEMBERS, "the windows of the schedule never open again", holds=False
        )
        return
    holds = closed < every
    yield Inequality(
        "T12",
        _MEMBERS,
        f"the schedule is closed for {say(closed)} at a stretch {'<' if holds else '≥'} rotate_every {say(every)}"
        + ("" if holds else ": a switch could find no window in its turn"),
        holds,
    )


def window_advice(setup: IssuerSetup) -> Iterator[Advice]:
    """A run that comes at a fixed time may miss every window that is shorter than the pause between two runs."""
    if setup.schedule is None:
        return
    longest, every = setup.schedule.longest_opening(), setup.policy.run_every
    if longest < every:
        yield Advice(
            Severity.WARNING,
            ("schedule", "run_every"),
            f"no window is longer than {say(longest)}, run_every is {say(every)}: a run may miss them all."
            " Have rotator run inside them, or oftener",
        )


def window_opens(setup: IssuerSetup, now: datetime) -> datetime | None:
    """When the next window opens; None where one is open or there are none."""
    schedule = setup.schedule
    opens = schedule.opens(now) if schedule else now
    return None if opens == now else opens


def begins(setup: IssuerSetup, ready: datetime) -> datetime:
    """When a switch can begin that is ready at a moment: then, or when the next window opens."""
    opens = setup.schedule.opens(ready) if setup.schedule else None
    return opens or ready


def missed(schedule: Schedule, due: datetime, now: datetime, patience: timedelta) -> bool:
    """Whether a switch that was due then had its chance: `patience` is over, and so much of it (or one window) was open."""
    chance = min(patience, schedule.longest_opening())
    return due + patience < now and schedule.open_time(due, now) > chance
