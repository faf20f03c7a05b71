"""`verify --wait`: on a terminal a table that is drawn anew with the time left, elsewhere a line for each look."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rotator.app.reports import VerifyReport
from rotator.app.verify import wait_until_open
from rotator.app.world import World
from rotator.cli.live import can_redraw, fitting, live
from rotator.cli.output import as_text
from rotator.cli.reporter import JsonReporter, TextReporter
from rotator.cli.session import Session
from rotator.domain.evidence import Verdict
from rotator.ports import Fact, Reporter
from rotator.render.text.verify import gate_words, verify_text
from rotator.render.words import rough


def wait(
    run: Session,
    world: World,
    deadline: timedelta,
    regions: tuple[str, ...],
    then: datetime | None,
) -> VerifyReport:
    """Look until the gate is open or the time is up, and show meanwhile how it stands."""

    def look(world: World, on_report: Callable[[VerifyReport, timedelta], None]) -> VerifyReport:
        return wait_until_open(world, deadline, regions=regions, as_of=then, on_report=on_report)

    if run.quiet:
        return look(world, lambda _report, _left: None)
    if run.json_logs or run.verbose or not can_redraw(sys.stderr, run.environ):
        told = _reporter(run)
        return look(world, lambda report, left: told.progress(gate_words(report, left)))
    picture = _Picture(run, world, deadline)
    later = Later()
    try:
        with live(sys.stderr, picture.draw) as redraw:
            return look(replace(world, reporter=later), picture.shows(redraw))
    finally:
        later.tell(run.reporter)


def _reporter(run: Session) -> Reporter:
    """A job that waits for half an hour says so in its log too, where nobody watches."""
    if run.json_logs:
        return JsonReporter(sys.stderr, run.clock, progress_shown=True, run=run.run_id)
    return TextReporter(sys.stderr, progress_shown=True)


class Later:
    """Implements `ports.Reporter`: keeps warnings until the picture is gone, each once; it shows the progress itself."""

    def __init__(self) -> None:
        self._warnings: dict[str, Mapping[str, Fact]] = {}

    def progress(self, message: str, **facts: Fact) -> None:
        """Something that is being done."""

    def warn(self, message: str, **facts: Fact) -> None:
        """Something that should be looked at, in a while."""
        self._warnings[message] = facts

    def tell(self, reporter: Reporter) -> None:
        """Say it now."""
        for message, facts in self._warnings.items():
            reporter.warn(message, **facts)


@dataclass(slots=True)
class _Picture:
    """What is on the terminal: the last look, and the time that is left now."""

    run: Session
    world: World
    deadline: timedelta
    end: float = field(init=False)
    report: VerifyReport | None = None

    def __post_init__(self) -> None:
        self.end = self.world.clock.monotonic() + self.deadline.total_seconds()

    def shows(self, redraw: Callable[[], None]) -> Callable[[VerifyReport, timedelta], None]:
        """What to call with each look's report."""

        def show(report: VerifyReport, _left: timedelta) -> None:
            self.report = report
            redraw()

        return show

    def draw(self) -> str:
        """All regions, or only those that do not pass where the terminal is too low for all."""
        left = timedelta(seconds=max(0.0, self.end - self.world.clock.monotonic()))
        report = self.report
        if report is None:
            return f"  looking at the regions. {rough(left)} left …"
        closed = tuple(r for r in report.regions if r.verdict is not Verdict.PASS)
        return fitting(
            [
                lambda: self._text(report, left),
                lambda: self._text(replace(report, regions=closed), left),
            ]
        )

    def _text(self, report: VerifyReport, left: timedelta) -> str:
        return as_text(verify_text(report, left), sys.stderr, self.run.environ)
