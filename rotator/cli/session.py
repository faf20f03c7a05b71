"""What every command is handed: the configuration, the ports of the run, and how to answer."""

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from rotator.app.world import World
from rotator.cli.patience import patience
from rotator.cli.reporter import JsonReporter, TextReporter
from rotator.errors import UsageError
from rotator.ports import Clock, Reporter

if TYPE_CHECKING:
    from rotator.aws import AwsClients
    from rotator.config.settings import Settings

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
            return JsonReporter(sys.stderr, self.clock, shown)
        return TextReporter(sys.stderr, shown)

    def looking(self) -> AbstractContextManager[None]:
        """Shows that something is going on where looking at the regions takes a while."""
        shown = sys.stderr.isatty() and not (self.quiet or self.json_logs)
        plain = bool(self.environ.get("NO_COLOR"))
        return patience(sys.stderr, "looking at the regions", shown=shown and not plain)

    def settings(self) -> "Settings":
        """The configuration; raises ConfigError with every problem in it."""
        from rotator.config.load import config_path, load

        return load(config_path(self.config, self.environ), self.environ)

    def world(self, *, feasible: bool) -> World:
        """The run's ports. `feasible`: refuse a policy that breaks its own inequalities (design T7)."""
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
        )
        return self.wiring(world) if self.wiring else world


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


def is_terminal() -> bool:
    """Whether a person can be asked: both ends are terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()
