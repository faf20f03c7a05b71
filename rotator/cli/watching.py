"""`status --watch`: the status drawn anew in its place every few seconds, until q or Ctrl-C."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from rotator.app.reports import StatusReport
from rotator.app.status import status
from rotator.app.world import World
from rotator.cli.keyboard import END, keys
from rotator.cli.live import can_redraw, fitting, live
from rotator.cli.output import as_text, print_blocks, width_of
from rotator.cli.session import Session
from rotator.cli.waiting import Later
from rotator.errors import RotatorError, UsageError
from rotator.render.text.screen import Style, blank, line, say
from rotator.render.text.status import status_text
from rotator.render.words import both, rough

SHORTEST = timedelta(seconds=1)
QUIT = frozenset(f"qQ{END}")


@dataclass(slots=True)
class _Picture:
    """The last look that came to something, and what is wrong with the present one."""

    run: Session
    every: timedelta
    report: StatusReport
    trouble: str = ""

    def draw(self) -> str:
        """All of it where the terminal is high enough, else what needs attention first, else its beginning."""
        report = self.report
        calm = [issuer for issuer in report.issuers if not issuer.attention]
        worst = [issuer for issuer in report.issuers if issuer.attention]
        first = replace(report, issuers=(*worst, *calm))
        return fitting([lambda: self._text(report), lambda: self._text(first)])

    def _text(self, report: StatusReport) -> str:
        when = both(self.report.at, self.run.zone, seconds=True)
        how = f" · every {rough(self.every)} · q ends, any other key looks now"
        last = [line("  ", say(when, Style.STRONG), how)]
        if self.trouble:
            last.insert(0, line("  ", say(f"cannot look now: {self.trouble}", Style.BAD)))
        shown = status_text(report, self.run.zone, width_of(sys.stdout))
        blocks = [*shown, blank(), *last]
        return as_text(blocks, sys.stdout, self.run.environ)


def watch(
    run: Session,
    world: World,
    every: timedelta,
    narrowed: Callable[[StatusReport], StatusReport],
    *,
    refresh: bool,
) -> None:
    """Look and draw until somebody ends it; the first look raises what is wrong, a later one shows it and goes on."""
    if not can_redraw(sys.stdout, run.environ):
        raise UsageError(
            "--watch needs a terminal that can be drawn over",
            detail="stdout is no terminal, or NO_COLOR or TERM=dumb is set",
            hint="leave --watch out and run the command again and again, or ask the daemon's status page",
        )
    if every < SHORTEST:
        raise UsageError("--every is too short", hint="a second is the shortest")
    later = Later()
    calm = replace(world, reporter=later)
    with run.looking():
        picture = _Picture(run, every, narrowed(status(calm, refresh=refresh)))
    try:
        with keys(sys.stdin, run.clock) as wait, live(sys.stdout, picture.draw) as redraw:
            while not QUIT & set(wait(every)):
                _look_again(picture, calm, narrowed, refresh=refresh)
                redraw()
    except KeyboardInterrupt:
        pass
    print_blocks(status_text(picture.report, run.zone, width_of(sys.stdout)), run.environ)
    later.tell(run.reporter)


def _look_again(
    picture: _Picture,
    world: World,
    narrowed: Callable[[StatusReport], StatusReport],
    *,
    refresh: bool,
) -> None:
    try:
        picture.report, picture.trouble = narrowed(status(world, refresh=refresh)), ""
    except RotatorError as error:
        picture.trouble = error.message
