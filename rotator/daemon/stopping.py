"""How a run is stopped in the middle: between two stages, with the lease given back (design §6).

A stage begins with the renewal of the lease, so the state store is where to say no. What waits for somebody else's lease
waits on the clock, and is called off there.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from rotator.app.world import World
from rotator.domain.evidence import Evidence
from rotator.domain.state import IssuerState
from rotator.ports import AuditEntry, AuditRecord, Clock, Lease, StateStore


class Stopping(Exception):
    """The daemon was asked to stop, and this is where it does. No error: nothing reports it."""


class Control(Protocol):
    """What the outside asks of the daemon, and its only way to wait."""

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        ...

    def reload_asked(self) -> bool:
        """Whether it was asked to read its configuration again since this was asked last."""
        ...

    def wait(self, duration: timedelta) -> None:
        """Wait, not longer than until something is asked."""
        ...


@dataclass(slots=True)
class StoppableClock:
    """A clock whose waits end when the daemon is to stop, where `calling_off` says that they may."""

    inner: Clock
    control: Control
    may_stop: bool = False

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        return self.inner.now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.inner.monotonic()

    def sleep(self, duration: timedelta) -> None:
        """Wait. Raises Stopping."""
        if not self.may_stop:
            self.inner.sleep(duration)
            return
        self.control.wait(duration)
        if self.control.stopping:
            raise Stopping

    @contextmanager
    def calling_off(self) -> Iterator[None]:
        """Waits in this block may be called off."""
        self.may_stop = True
        try:
            yield
        finally:
            self.may_stop = False


@dataclass(frozen=True, slots=True)
class StoppableState:
    """Implements `ports.StateStore` on another one; `acquire` and `renew` also raise Stopping, and every use is a beat."""

    inner: StateStore
    clock: StoppableClock
    beat: Callable[[], None] = field(default=lambda: None)

    def load(self, issuer: str) -> IssuerState | None:
        """The issuer's state."""
        self.beat()
        return self.inner.load(issuer)

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        """Save; never refused: what was begun gets its record."""
        self.beat()
        return self.inner.save(lease, state, entries)

    def issuers(self) -> tuple[str, ...]:
        """The issuers that have state."""
        return self.inner.issuers()

    def load_evidence(self, issuer: str) -> Evidence:
        """What was seen of the issuer."""
        self.beat()
        return self.inner.load_evidence(issuer)

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        """Keep what was seen."""
        self.beat()
        return self.inner.save_evidence(evidence, before)

    def audit(self) -> Iterable[AuditRecord]:
        """The whole log."""
        return self.inner.audit()

    def newest(self) -> Iterator[AuditRecord]:
        """The log from its end."""
        return self.inner.newest()

    def note(self, lease: Lease, entries: Sequence[AuditEntry]) -> None:
        """Log what changes no issuer's state."""
        self.inner.note(lease, entries)

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        """Take the lease. Raises Stopping before and while it waits for it."""
        self._go_on()
        with self.clock.calling_off():
            return self.inner.acquire(owner, term, urgent=urgent)

    def renew(self, lease: Lease, term: timedelta) -> None:
        """Still ours. Raises Stopping: the next stage is not begun."""
        self._go_on()
        self.beat()
        self.inner.renew(lease, term)

    def release(self, lease: Lease) -> None:
        """Give it back."""
        self.inner.release(lease)

    def holder(self) -> Lease | None:
        """Who holds the lease now."""
        return self.inner.holder()

    def break_lease(self) -> Lease | None:
        """Take it from whoever holds it."""
        return self.inner.break_lease()

    def _go_on(self) -> None:
        if self.clock.control.stopping:
            raise Stopping


def stoppable(world: World, clock: StoppableClock, beat: Callable[[], None]) -> World:
    """The world of a run that can be stopped; the state in it must have been made with that clock."""
    return replace(world, state=StoppableState(world.state, clock, beat))
