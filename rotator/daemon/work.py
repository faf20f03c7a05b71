"""One run of the daemon: look, or apply. What goes wrong becomes a value; nothing but Stopping leaves here."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex
from typing import Final

from rotator.app.apply import apply
from rotator.app.audit_tail import audit_tail
from rotator.app.last_apply import last_apply
from rotator.app.plan import inventories_of
from rotator.app.reports import ApplyReport, AuditTail, StatusReport, VerifyReport
from rotator.app.status import status_of
from rotator.app.verify import judged
from rotator.app.world import World
from rotator.daemon.schedule import Schedule
from rotator.daemon.stopping import Stopping
from rotator.errors import (
    Diagnostics,
    InternalError,
    LeaseHeld,
    LeaseLost,
    RotatorError,
    StateConflict,
)
from rotator.ports import Reporter

_BUSY: Final = (LeaseHeld.code, LeaseLost.code, StateConflict.code)
"""Another rotator works, which is no failure: what is due will be done, by it or by the next run."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration in force: its world, its schedule, and what is told of each run that is over.

    `reporter` makes the reporter of a run from the run's id.
    """

    world: World
    schedule: Schedule
    reporter: Callable[[str], Reporter]
    observer: "Callable[[Done], None]" = lambda _done: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One look at everything: the propagation gate, the keys with what comes next, the end of the log."""

    verify: VerifyReport
    status: StatusReport
    audit: AuditTail


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A run that is over: `kind` is `apply` or `verify`, `error` why it came to nothing.

    `turn_at` is when the apply that had this turn began: this one, or (without `applied`) one that somebody else ran.
    """

    kind: str
    world: World
    run: str
    applied: ApplyReport | None = None
    looked: Looked | None = None
    error: Diagnostics | None = None
    turn_at: datetime | None = None

    @property
    def undone(self) -> bool:
        """Whether something is left that is to be tried again soon."""
        return self.error is not None or bool(self.applied and self.applied.failed)

    @property
    def busy(self) -> bool:
        """Whether it gave way to another rotator."""
        return self.error is not None and self.error.code in _BUSY


def look(setup: Setup) -> Done:
    """Look at every region from outside, as `verify` does."""

    def work(world: World) -> Done:
        inventories = inventories_of(world, thorough=True)
        looked = Looked(
            verify=judged(world, inventories),
            status=status_of(world, inventories),
            audit=audit_tail(world),
        )
        return Done(kind="verify", world=world, run="", looked=looked)

    return _run(setup, "verify", work)


def apply_due(setup: Setup) -> Done:
    """Do what is due, as `apply --yes` does, unless somebody else has had this turn meanwhile."""

    def work(world: World) -> Done:
        now, last = world.clock.now(), last_apply(world)
        if last is not None and last <= now < setup.schedule.next_apply(last, now):
            return Done(kind="apply", world=world, run="", turn_at=last)
        report = apply(world)
        return Done(
            kind="apply", world=world, run="", applied=report, turn_at=last_apply(world) or now
        )

    return _run(setup, "apply", work)


def _run(setup: Setup, kind: str, work: Callable[[World], Done]) -> Done:
    run = token_hex(4)
    world = replace(setup.world, reporter=setup.reporter(run))
    try:
        return replace(work(world), run=run)
    except Stopping:
        raise
    except RotatorError as error:
        found = error.diagnostics()
    except Exception as error:  # noqa: BLE001  (a bug in one run must not end the daemon)
        found = bug(error, "a run failed in a way it should not")
    return Done(kind=kind, world=world, run=run, error=found)


def bug(error: Exception, words: str) -> Diagnostics:
    """What went wrong where nothing should."""
    return InternalError(words, detail=f"{type(error).__name__}: {error}").diagnostics()
