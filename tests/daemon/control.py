"""The outside of a daemon under test: it asks what the test tells it to, and waiting moves the test's clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from rotator.app.world import World
from rotator.daemon.board import Board
from rotator.daemon.loop import Loop
from rotator.daemon.schedule import Schedule, schedule
from rotator.daemon.stopping import StoppableClock, stoppable
from rotator.daemon.work import Done, Setup
from tests.fakes.clock import FakeClock
from tests.fakes.reporter import RecordingReporter


@dataclass
class FakeControl:
    """Implements `stopping.Control`. `passing` is what happens while the daemon waits."""

    clock: FakeClock
    passing: Callable[[timedelta], None] | None = None
    stopping: bool = False
    reload: bool = False
    waited: list[timedelta] = field(default_factory=list)

    def reload_asked(self) -> bool:
        asked, self.reload = self.reload, False
        return asked

    def wait(self, duration: timedelta) -> None:
        self.waited.append(duration)
        (self.passing or self.clock.advance)(duration)


@dataclass
class Daemon:
    """A daemon over a world of the scenarios: `world` makes it anew for each configuration that is read."""

    world: Callable[[], World]
    clock: FakeClock
    schedule: Schedule = field(
        default_factory=lambda: schedule("17 6 * * *", "UTC", verify_every=timedelta(hours=6))
    )
    tick: timedelta = timedelta(minutes=1)
    on_done: Callable[[Done], None] = lambda _done: None

    def __post_init__(self) -> None:
        self.control = FakeControl(self.clock)
        self.reporter = RecordingReporter()
        self.done: list[Done] = []
        self.refuse: Exception | None = None
        self.start()

    def start(self) -> None:
        """A new process over the same world."""
        self.control.stopping = False
        self.board = Board(self.clock.now(), self.clock.monotonic())
        self.loop = Loop(
            self.setup(),
            self.setup,
            clock=self.clock,
            control=self.control,
            board=self.board,
            reporter=self.reporter,
            tick=self.tick,
        )

    def setup(self) -> Setup:
        """The configuration as it is now."""
        if self.refuse:
            raise self.refuse
        clock = StoppableClock(self.clock, self.control)
        world = stoppable(self.world(), clock, lambda: None)
        return Setup(world, self.schedule, lambda _run: self.reporter, self._observe)

    def steps(self, number: int) -> None:
        for _ in range(number):
            self.loop.step()

    def until(self, duration: timedelta) -> None:
        """Steps until so much time has passed."""
        end = self.clock.monotonic() + duration.total_seconds()
        while self.clock.monotonic() < end:
            self.loop.step()

    def kinds(self) -> list[str]:
        """What was run so far, in order, and forget it."""
        found = [done.kind for done in self.done]
        self.done.clear()
        return found

    def _observe(self, done: Done) -> None:
        self.done.append(done)
        self.on_done(done)
