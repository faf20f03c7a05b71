"""A daemon left alone for a year: everything it should do is done on time, or it says why not, and it does not grow.

Its loop runs as it does in a process, on a clock of the test's: restarts, three days without power, a clock that is an hour
wrong either way, both changes of summer time, a full disk, a state that nobody may write, a region that is away for a week.
Signers and verifiers go by the true time, which only the monotonic clock knows.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psutil
import pytest

from rotator.adapters.memory_state import MemoryState
from rotator.daemon.schedule import schedule
from rotator.daemon.work import Done
from rotator.domain.audit import AuditEntry
from rotator.domain.evidence import Evidence
from rotator.domain.lifecycle import Phase
from rotator.domain.state import IssuerState
from rotator.errors import ConfigError, StateError
from rotator.ports import Lease
from tests.daemon.control import Daemon
from tests.scenarios.test_hostile_years import WITH_STANDBY, Months
from tests.scenarios.world import DAY, NAMES

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")
JITTER = timedelta(minutes=10)
TICK = HOUR
POLICY = replace(WITH_STANDBY, rotate_every=20 * DAY, run_every=DAY)
DAYS = 372
LATEST = JITTER + TICK + timedelta(minutes=40)
"""How long after its moment a run is on time: the jitter, a tick, and the longest pause after a failure."""


class BreakableState(MemoryState):
    """A state whose disk may be full or read-only."""

    broken: str | None = None

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        self._or_break()
        return super().acquire(owner, term, urgent=urgent)

    def save(self, lease: Lease, state: IssuerState, entries: list[AuditEntry]) -> IssuerState:  # type: ignore[override]
        self._or_break()
        return super().save(lease, state, entries)

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        self._or_break()
        return super().save_evidence(evidence, before)

    def _or_break(self) -> None:
        if self.broken:
            raise StateError("the state cannot be written", detail=self.broken)


@dataclass(frozen=True)
class Applied:
    """One apply that the daemon ran, by the true time."""

    at: datetime
    trouble: str


@dataclass
class Year:
    """The world, what happens in it when, and what the daemon did."""

    months: Months = field(default_factory=lambda: Months(1, POLICY))
    applied: list[Applied] = field(default_factory=list)
    sizes: list[tuple[int, int, int]] = field(default_factory=list)
    off: timedelta = timedelta()

    def __post_init__(self) -> None:
        self.world, self.clock = self.months.world, self.months.world.clock
        self.state = self.world.state = BreakableState(self.clock)
        self.begin, self.epoch = self.clock.now(), self.clock.monotonic()
        line = schedule("30 2 * * *", "Europe/Berlin", jitter=JITTER, verify_every=DAY)
        self.daemon = Daemon(self.world.world, self.clock, line, TICK, self.note)
        self.daemon.control.passing = self.passing
        self.script: list[tuple[timedelta, Callable[[], None]]] = []
        self.traffic_at = self.true()

    def true(self) -> datetime:
        return self.begin + timedelta(seconds=self.clock.monotonic() - self.epoch)

    def at(self, days: float, event: Callable[[], None]) -> None:
        self.script.append((days * DAY, event))
        self.script.sort(key=lambda entry: entry[0])

    def note(self, done: Done) -> None:
        self.daemon.done.clear()
        if done.kind == "apply":
            failed = [r.error.code for r in done.applied.failed if r.error] if done.applied else []
            words = done.error.detail if done.error else ", ".join(failed)
            self.applied.append(Applied(self.true(), words))

    def passing(self, duration: timedelta) -> None:
        """Time goes by until the wait is over, with whatever happens meanwhile."""
        self.daemon.control.waited.clear()
        end = self.true() + duration
        while self.script and self.begin + self.script[0][0] <= end:
            moment, event = self.script.pop(0)
            self.clock.advance(max(timedelta(), self.begin + moment - self.true()))
            event()
            if self.daemon.control.stopping:
                return
        self.clock.advance(max(timedelta(), end - self.true()))
        if self.true() - self.traffic_at >= 2 * HOUR:
            self.traffic_at = self.true()
            self.traffic()

    def traffic(self) -> None:
        """Signers and verifiers, who have the right time."""
        wrong, right = self.clock.now(), self.true()
        self.clock.set(right)
        self.months.sign()
        self.months.verify()
        self.clock.set(wrong)

    def live(self) -> None:
        while self.true() < self.begin + DAYS * DAY:
            self.daemon.loop.run()
            self.clock.advance(self.off)
            self.off = timedelta()
            self.daemon.start()
            self.measure()

    def measure(self) -> None:
        process = psutil.Process()
        gc.collect()
        self.sizes.append((len(gc.get_objects()), process.num_fds(), process.num_threads()))

    def restart(self, off: timedelta = timedelta()) -> Callable[[], None]:
        def event() -> None:
            self.off, self.daemon.control.stopping = off, True

        return event

    def breaks(self, why: str | None) -> Callable[[], None]:
        return lambda: setattr(self.state, "broken", why)

    def jumps(self, by: timedelta) -> Callable[[], None]:
        return lambda: self.clock.set(self.clock.now() + by)


def expected() -> list[datetime]:
    """Half past two in Berlin on each day, worked out without a scheduler."""
    first = date(2026, 1, 2)
    moments = (
        datetime.combine(first + timedelta(days=n), time(2, 30), BERLIN) for n in range(DAYS - 1)
    )
    return [moment.astimezone(UTC) for moment in moments]


def eventful(year: Year) -> None:
    for day in range(9, DAYS, 31):
        year.at(day + day % 7 / 7, year.restart())
    year.at(DAYS + 0.5, year.restart())
    year.at(39.2, year.breaks("the disk is full"))
    year.at(40.7, year.breaks(None))
    year.at(79.0, year.breaks("it is read-only"))
    year.at(82.5, year.breaks(None))
    year.at(119.5, lambda: year.world.down(NAMES[1]))
    year.at(126.5, lambda: year.world.up(NAMES[1]))
    year.at(150.1, year.jumps(HOUR))
    year.at(150.4, year.jumps(-HOUR))
    year.at(200.1, year.jumps(-HOUR))
    year.at(200.9, year.jumps(HOUR))
    year.at(250.3, year.restart(off=3 * DAY))
    year.at(300.2, lambda: refused(year))
    year.at(301.2, lambda: accepted(year))


def refused(year: Year) -> None:
    year.daemon.refuse = ConfigError("rotator.yaml is refused", detail="rotator.yaml:3: policy: …")
    year.daemon.control.reload = True


def accepted(year: Year) -> None:
    year.daemon.refuse = None
    year.daemon.control.reload = True


@pytest.mark.slow
def test_a_year() -> None:
    """One test of many questions, since a year takes a while."""
    year = Year()
    eventful(year)
    year.live()
    each_day_on_time_or_with_a_reason(year)
    what_was_missed_is_made_up_for_once(year)
    it_says_what_stood_in_the_way(year)
    no_token_is_refused_while_keys_come_and_go(year)
    nothing_grows(year)


def each_day_on_time_or_with_a_reason(year: Year) -> None:
    late: dict[int, set[str]] = {}
    for moment in expected():
        runs = [run for run in year.applied if moment <= run.at]
        good = next(run for run in runs if not run.trouble)
        if good.at > moment + LATEST:
            why = {run.trouble for run in runs if run.at < good.at}
            late[(moment - year.begin).days] = why
    assert late == {
        39: {"the disk is full"},
        79: {"it is read-only"},
        80: {"it is read-only"},
        81: {"it is read-only"},
        250: set(),  # without power nobody says anything
        251: set(),
        252: set(),
    }


def what_was_missed_is_made_up_for_once(year: Year) -> None:
    good = Counter((run.at - year.begin).days for run in year.applied if not run.trouble)
    twice = {day for day, times in good.items() if times > 1}
    assert twice <= {0, 40, 82, 253, 296}, "the first day, after each trouble, and 25 October"
    assert max(good.values()) == 2


def it_says_what_stood_in_the_way(year: Year) -> None:
    said = " ".join(year.daemon.reporter.warnings)
    assert "the disk is full" in said
    assert "it is read-only" in said
    assert "the new configuration is refused, the old one stays in force" in said
    assert f"accounts in {NAMES[1]} (unknown)" in " ".join(year.daemon.reporter.messages)


def no_token_is_refused_while_keys_come_and_go(year: Year) -> None:
    assert not year.months.failures[:3]
    assert year.months.checked > 500_000
    phases = year.world.phases()
    assert phases[-2:] == [Phase.ACTIVE, Phase.PUBLISHED]
    assert phases.count(Phase.REMOVED) >= DAYS * DAY // POLICY.rotate_every - 2


def nothing_grows(year: Year) -> None:
    """Files and threads not at all; objects by what the state keeps of removed keys."""
    objects, files, threads = zip(*year.sizes, strict=True)
    assert len(year.sizes) == 14
    assert len(set(files)) == 1
    assert len(set(threads)) == 1
    assert objects[-1] < objects[1] * 1.03


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (date(2026, 3, 28), "01:30"),
        (date(2026, 3, 29), "01:30"),  # 02:30 is skipped and becomes 03:30
        (date(2026, 3, 30), "00:30"),
        (date(2026, 10, 25), "00:30"),  # the first of two
        (date(2026, 10, 26), "01:30"),
    ],
)
def test_what_is_expected(day, utc):
    (moment,) = [at for at in expected() if at.astimezone(BERLIN).date() == day]
    assert f"{moment:%H:%M}" == utc
