"""A configuration file → `Settings`, or everything that is wrong with it, line by line."""

from collections.abc import Mapping
from pathlib import Path

from rotator.config.build import Built, build
from rotator.config.places import Problems
from rotator.config.reading import read_all
from rotator.config.settings import Settings
from rotator.errors import ConfigError, PolicyInfeasible

__all__ = ["Settings", "config_path", "load", "require_feasible"]

DEFAULT_PATH = Path("rotator.yaml")
VARIABLE = "ROTATOR_CONFIG"


def config_path(given: Path | None, environ: Mapping[str, str]) -> Path:
    """The configuration to use: `--config`, else `$ROTATOR_CONFIG`, else `rotator.yaml` (contract §1)."""
    return given or Path(environ.get(VARIABLE) or DEFAULT_PATH)


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """The configuration at `path`; raises ConfigError with one line of detail for each problem.

    Infeasible policies are left to `require_feasible`. Of `environ` only HOME is read, for paths that begin with `~/`.
    """
    problems = Problems(str(path))
    reading = read_all(path, environ, problems)
    if reading is None:
        raise _refused(path, problems.lines())
    built = build(reading, path.parent, problems)
    if problems:
        raise _refused(path, problems.merged(built.infeasible).lines())
    return _settings(path, built)


def require_feasible(settings: Settings) -> None:
    """Raise PolicyInfeasible when a policy's numbers contradict each other (design T7, T8)."""
    if settings.problems:
        raise PolicyInfeasible(
            f"{settings.path}: the policy cannot work: {_count(settings.problems)}",
            detail="\n".join(settings.problems),
        )


def _settings(path: Path, built: Built) -> Settings:
    return Settings(
        path=path,
        base=path.parent,
        digest=built.digest,
        state=built.state,
        issuers=built.issuers,
        daemon=built.daemon,
        state_written=built.state_written,
        audit=built.audit,
        notify=built.notify,
        textfile=built.textfile,
        metrics_written=built.metrics_written,
        warnings=built.warnings.lines(),
        notes=built.notes.lines(),
        problems=built.infeasible.lines(),
    )


def _refused(path: Path, lines: tuple[str, ...]) -> ConfigError:
    return ConfigError(f"{path} is refused: {_count(lines)}", detail="\n".join(lines))


def _count(lines: tuple[str, ...]) -> str:
    return f"{len(lines)} problems" if len(lines) > 1 else "1 problem"
