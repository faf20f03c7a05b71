"""What GitHub Actions is told beside the result: annotations on stderr, and the step's summary."""

import sys
from pathlib import Path

from rotator.app.reports import VerifyReport
from rotator.cli.reporter import put
from rotator.cli.session import Session
from rotator.render.github import annotations, summary


def tell_github(run: Session, report: VerifyReport) -> None:
    """Write both; without $GITHUB_STEP_SUMMARY only annotations.

    The runner reads commands from both streams of a step (actions/runner, `ScriptHandler.cs`: one `OutputManager` each
    for stdout and stderr), so that stdout can stay the result.
    """
    for line in annotations(report):
        put(sys.stderr, line + "\n")
    path = run.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="replace") as file:
            file.write(summary(report))
    except OSError as error:
        run.reporter.warn(f"{path} cannot be written: {error.strerror or error}")
