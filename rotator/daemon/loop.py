"""The loop: one thread that looks, applies and waits, one thing after the other, until it is asked to stop."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from rotator.app.last_apply import last_apply
from rotator.daemon.board import Board
from rotator.daemon.diary import Diary
from rotator.daemon.stopping import Control, Stopping
from rotator.daemon.turns import TICK, Instant, Memory, Turn, believed, idle, turn
from rotator.daemon.work import Done, Setup, apply_due, bug, look
from rotator.domain.times import say
from rotator.errors import Diagnostics, RotatorError
from rotator.ports import Clock, Reporter


class Loop:
    """Runs one configuration after the other. `load` reads the present one as a whole, or raises RotatorError."""

    def __init__(
        self,
        setup: Setup,
        load: Callable[[], Setup],
        *,
        clock: Clock,
        control: Control,
        board: Board,
        reporter: Reporter,
        tick: timedelta = TICK,
    ) -> None:
        """`reporter` tells what no run says, `tick` is how long a wait may be."""
        self._setup = setup
        self._load = load
        self._clock = clock
        self._control = control
        self._board = board
        self._reporter = reporter
        self._tick = tick
        self._diary = Diary(reporter)
        self.memory = Memory()

    def run(self) -> None:
        """Go on until asked to stop. A run under way then ends between two stages, its lease given back."""
        try:
            self._remember()
            while not self._control.stopping:
                self.step()
        except Stopping:
            self._reporter.progress("stopped between two stages; the lease is given back")

    def step(self) -> None:
        """One turn: whatever is to be done now, or a wait."""
        if self._control.reload_asked():
            self._reload()
        now = self._now()
        self._beat()
        self.memory = believed(self.memory, now)
        match turn(self._setup.schedule, self.memory, now):
            case Turn.APPLY:
                self._apply()
            case Turn.LOOK:
                self._look()
            case Turn.NOBODY:
                self._control.wait(idle(self._setup.schedule, self.memory, now, self._tick))
            case _ as never:
                assert_never(never)

    def _look(self) -> None:
        done = self._working("verify", look)
        self.memory = replace(self.memory, looked=self._now())
        if done.looked:
            self._board.put(looked=done.looked)
        self._close(done)

    def _apply(self) -> None:
        done = self._working("apply", apply_due)
        failures, again_at, applied = 0, 0.0, done.turn_at
        if done.undone:
            failures = 1 if done.busy else self.memory.failures + 1
            pause = self._setup.schedule.pause(failures)
            again_at = self._now().monotonic + pause.total_seconds()
            applied = self.memory.applied
            self._reporter.progress(f"apply is tried again in {say(pause)}", run=done.run)
        self.memory = replace(self.memory, applied=applied, failures=failures, again_at=again_at)
        self._close(done)
        if done.applied:
            self._look()

    def _reload(self) -> None:
        """Take the new configuration as a whole, or go on under the old one."""
        try:
            setup = self._load()
        except RotatorError as error:
            self._refuse(error.diagnostics())
            return
        except Exception as error:  # noqa: BLE001  (nor may a bug here end what works)
            self._refuse(bug(error, "it cannot be read"))
            return
        self._setup, self.memory = setup, Memory()
        self._board.put(refused=None)
        self._reporter.progress("the new configuration is in force")
        self._remember()

    def _refuse(self, found: Diagnostics) -> None:
        self._board.put(refused=found)
        words = "the new configuration is refused, the old one stays in force"
        why = ": ".join(filter(None, [found.message, found.detail]))
        self._reporter.warn(f"{words}: {why}", code=found.code)

    def _remember(self) -> None:
        """What was before this daemon; where nobody can tell, apply has its turn."""
        try:
            self.memory = replace(self.memory, applied=last_apply(self._setup.world))
        except RotatorError as error:
            self._reporter.warn(f"when the last apply was cannot be read: {error.message}")
        self._show_next()

    def _working(self, kind: str, work: Callable[[Setup], Done]) -> Done:
        """A run, seen to be under way by whoever asks."""
        self._board.put(doing=kind)
        try:
            return work(self._setup)
        finally:
            self._board.put(doing="")
            self._beat()

    def _close(self, done: Done) -> None:
        """Tell how a run went: on the board, in the log, and to whoever observes."""
        now = self._clock.now()
        error = None if done.busy else done.error
        went_well = {} if done.error else {"succeeded_at": now}
        busy = done.error.message if done.busy and done.error else ""
        self._board.ran(done.kind, at=now, error=error, busy=busy, **went_well)
        self._diary.tell(done, self._show_next())
        try:
            self._setup.observer(done)
        except Exception as error:  # noqa: BLE001  (nobody who looks on may stop the daemon)
            self._reporter.warn(f"metrics or notices failed: {type(error).__name__}: {error}")

    def _show_next(self) -> datetime:
        now = self._now()
        turn_at = self._setup.schedule.next_apply(self.memory.applied, now.wall)
        again = now.wall + timedelta(seconds=self.memory.again_at - now.monotonic)
        at = max(turn_at, again) if self.memory.again_at else turn_at
        self._board.put(next_apply=at)
        return at

    def _beat(self) -> None:
        self._board.put(beat=self._clock.monotonic())

    def _now(self) -> Instant:
        return Instant(self._clock.now(), self._clock.monotonic())
