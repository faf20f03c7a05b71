"""What every command is handed: the configuration, the ports of the run, and how to answer."""

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from rotator.app.world import World
from rotator.cli.patience import patience
from rotator.cli.reporter import JsonReporter, TextReporter
from rotator.errors import UsageError
from rotator.ports import Clock, Reporter

if TYPE_CHECKING:
    from rotator.app.reports import StatusReport, StepResult
    from rotator.aws import AwsClients
    from rotator.config.settings import Settings
    from rotator.domain.plan import Plan
    from rotator.errors import Diagnostics

Wiring = Callable[[World], World]
"""By which tests wrap a run's ports; production code hands none."""


@dataclass(slots=True)
class Session:
    """One command line being carried out. The options are set by the root of the command tree."""

    environ: Mapping[str, str]
    clock: Clock
    wiring: Wiring | None = None
    clients: "AwsClients | None" = None
    config: Path | None = None
    issuers: tuple[str, ...] = ()
    json_logs: bool = False
    verbose: bool = False
    quiet: bool = False
    run_id: str = field(default_factory=lambda: token_hex(4))
    """What every line that the run logs carries."""
    made: World | None = None
    """The world, once the command has one."""
    textfile: Path | None = None
    """Where the configuration wants metrics to be written."""
    ended: "Plan | StatusReport | None" = None
    """How the regions stood when the command was over, where it looked at them."""
    failures: tuple["Diagnostics", ...] = ()
    """What went wrong with single steps of a command that came to its end."""
    aside: bool = False
    """Whether it asked about another moment, or looked at nothing: no news for anybody."""

    @property
    def zone(self) -> tzinfo | None:
        """The reader's time zone: $TZ, else (None) the system's."""
        try:
            return ZoneInfo(self.environ["TZ"])
        except (KeyError, ValueError, OSError):
            return None

    @property
    def reporter(self) -> Reporter:
        """Where progress and warnings go: stderr, as the options say."""
        shown = not self.quiet and (self.verbose or sys.stderr.isatty())
        if self.json_logs:
            return JsonReporter(sys.stderr, self.clock, not self.quiet, run=self.run_id)
        return TextReporter(sys.stderr, shown)

    def looking(self) -> AbstractContextManager[None]:
        """Shows that something is going on where looking at the regions takes a while."""
        shown = sys.stderr.isatty() and not (self.quiet or self.json_logs)
        plain = bool(self.environ.get("NO_COLOR"))
        return patience(sys.stderr, "looking at the regions", shown=shown and not plain)

    def over(self, left: "Plan", failed: "Iterable[StepResult]" = ()) -> None:
        """The command has come to its end: how the regions stand, and which of its steps did not succeed."""
        self.ended = left
        self.failures = tuple(result.error for result in failed if result.error)

    def settings(self) -> "Settings":
        """The configuration; raises ConfigError with every problem in it."""
        from rotator.config.load import config_path, load

        return load(config_path(self.config, self.environ), self.environ)

    def world(self, *, feasible: bool, probing: bool = False) -> World:
        """The run's ports. `feasible`: refuse a policy that breaks its own inequalities (design T7).

        `probing`: URLs will be asked for that are not in the configuration.
        """
        from rotator.bootstrap import build_world
        from rotator.config.load import require_feasible

        settings = self.settings()
        if feasible:
            require_feasible(settings)
        world = build_world(
            settings,
            clock=self.clock,
            reporter=self.reporter,
            environ=self.environ,
            issuers=self.issuers,
            clients=self.clients,
            probing=probing,
        )
        self.made = self.wiring(world) if self.wiring else world
        self.textfile = settings.resolve(settings.textfile) if settings.textfile else None
        return self.made


def session(ctx: typer.Context) -> Session:
    """The session that `main` made."""
    made = ctx.obj
    if not isinstance(made, Session):
        raise TypeError("a command runs without a session")
    return made


def check_regions(world: World, names: tuple[str, ...]) -> None:
    """Raise UsageError for a region that no selected issuer has."""
    known = sorted({region for issuer in world.issuers for region in issuer.setup.gates()})
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no region {name!r}", detail=f"configured: {', '.join(known)}"
            )


def require_person(hint: str) -> None:
    """Raise UsageError where nobody can be asked."""
    if not is_terminal():
        raise UsageError(
            "nobody can be asked here", detail="stdin or stdout is not a terminal", hint=hint
        )


def is_terminal() -> bool:
    """Whether a person can be asked: both ends are terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()
