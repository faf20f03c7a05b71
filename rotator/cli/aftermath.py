"""What follows a command that is over: others are told, and its metrics are written. Neither changes how it ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rotator.app.world import World
from rotator.cli.failure import understood
from rotator.cli.session import Session
from rotator.errors import Declined, UsageError

if TYPE_CHECKING:
    from rotator.app.observing import Observation
    from rotator.app.reports import StatusReport
    from rotator.daemon.metrics import Metrics
    from rotator.domain.plan import Plan

TOLD: Final = frozenset(
    {"apply", "verify", "rotate", "revoke", "rollback", "hold", "release"}
    | {"import", "region", "adopt", "reject", "attest"}
)
"""Commands after which others are told what is new; the rest only look, or are the daemon, which tells by itself."""

METERED: Final = TOLD | {"plan", "status"}
"""Commands whose metrics are written."""


@contextmanager
def aftermath(run: Session, command: str | None) -> Iterator[None]:
    """Carries out a command, and then what follows it; a reader of stdout who has gone is no error."""
    try:
        yield
    except (UsageError, Declined):
        raise
    except BrokenPipeError:
        _follow(run, command, None)
        raise
    except Exception as error:
        _follow(run, command, understood(error).code)
        raise
    _follow(run, command, None)


def _follow(run: Session, command: str | None, code: str | None) -> None:
    """Tell and write as the configuration says; trouble with it is a warning, whatever it is: the answer is printed already."""
    world = run.made
    if world is None or command not in METERED or run.aside:
        return
    readers = world.notifiers if command in TOLD else ()
    if not (readers or run.textfile):
        return
    try:
        _tell_and_write(run, replace(world, notifiers=readers), command, code)
    except Exception as error:  # noqa: BLE001  (a bug here must not change how the command ended)
        known = understood(error)
        why = ": ".join(filter(None, [known.message, known.detail]))
        run.reporter.warn(f"metrics and notices of this run are left out: {why}", code=known.code)


def _tell_and_write(run: Session, world: World, command: str, code: str | None) -> None:
    from rotator.app.telling import tell
    from rotator.daemon.metrics import Metrics

    metrics = Metrics()
    seen = _observation(world, run.ended)
    if seen is not None:
        metrics.saw(seen)
        metrics.told(tell(world, seen))
    if run.textfile:
        _count(run, metrics, command, code)
        _write(run, run.textfile, metrics)


def _observation(world: World, ended: "Plan | StatusReport | None") -> "Observation | None":
    """How things stand now; None where the state cannot be read, which the command itself has said already."""
    from rotator.app.observing import observe, observed
    from rotator.app.reports import StatusReport
    from rotator.errors import StateError

    try:
        if isinstance(ended, StatusReport):
            return observed(world, ended)
        return observe(world, ended)
    except StateError:
        return None


def _count(run: Session, metrics: "Metrics", command: str, code: str | None) -> None:
    """How the command went. A step that failed is no success, a gate that is closed is one: rotator did its part."""
    failed = [code] if code else [error.code for error in run.failures]
    metrics.failed(failed)
    if not failed and not run.issuers:  # for some issuers alone it is no run of the whole
        metrics.succeeded(command, run.clock.now())


def _write(run: Session, path: Path, metrics: "Metrics") -> None:
    """Renew the file; where the run was about some issuers alone, those of the others stay."""
    from rotator.cli.textfile import update

    def renewed(before: str) -> bytes:
        metrics.recall(before, issuers=run.issuers or None)
        return metrics.text(run.clock.now())

    update(path, renewed, run.clock)
