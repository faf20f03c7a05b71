"""Runs the checks one after another, all of them even when one fails, and ends with the count of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.servers.availability import missing_components

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent  # not resolved: a venv's python is a link
REPORTS = tuple(
    ROOT / "reports" / name for name in ("junit.xml", "junit-others.xml", "junit-slow.xml")
)
# Every branch of what decides is tested, by tests of its own: measuring makes a test take twice the time.
FULLY_COVERED = ("rotator/domain", "rotator/planning")
MEASURED = tuple(f"tests/{name}" for name in ("unit", "scenarios", "app", "property", "config"))


@dataclass(frozen=True, slots=True)
class Check:
    """A command of the virtual environment; `live` ones print as they go, the others when they fail."""

    name: str
    command: tuple[str, ...]
    live: bool = False


STATIC = (
    Check("ruff check", ("ruff", "check", "--quiet")),
    Check("ruff format", ("ruff", "format", "--check", "--quiet")),
    Check("mypy", ("mypy", "--no-error-summary")),
    Check("import-linter", ("lint-imports",)),
)
PYTEST = ("pytest", f"--junit-xml={REPORTS[0].relative_to(ROOT)}")
# The markers of tests that start servers and take their time.
SERVERS = (
    *("s3", "ministack", "timetravel", "s3rver"),
    *("nginx", "caddy", "envoy", "apache", "openbao", "chromium"),
)
FAST_TESTS = Check(
    "tests",
    (
        *PYTEST,
        "-q",
        "-m",
        f"not slow and not ({' or '.join(SERVERS)})",
    ),
    live=True,
)
# A test at a time for each worker, so that they share them out evenly.
SHARED_OUT = ("--dist", "load", "--maxschedchunk", "1")
MEASURED_TESTS = Check(
    "tests of the core, with coverage",
    (
        *PYTEST,
        *("-n", "2", *SHARED_OUT),
        *("-m", "not slow"),
        *(f"--cov={package}" for package in FULLY_COVERED),
        "--cov-report=",
        *MEASURED,
    ),
    live=True,
)
# Servers and other processes: a worker often waits for them, so that a third one fills two cores.
OTHER_TESTS = Check(
    "other tests",
    (
        "pytest",
        f"--junit-xml={REPORTS[1].relative_to(ROOT)}",
        *("-n", "3", *SHARED_OUT),
        *("-m", "not slow"),
        *(f"--ignore={folder}" for folder in MEASURED),
        "tests",
    ),
    live=True,
)
# Whole lives, kills and races: they reach nothing that the others do not.
SLOW_TESTS = Check(
    "slow tests",
    (
        "pytest",
        f"--junit-xml={REPORTS[2].relative_to(ROOT)}",
        *("-n", "3", *SHARED_OUT),
        "-m",
        "slow",
    ),
    live=True,
)
GATE = Check(
    "coverage of domain and planning",
    ("coverage", "report", "--fail-under=100"),
)


def environment() -> dict[str, str]:
    """This one, with the virtual environment's commands first.

    Bytecode is kept whatever the shell says: else each of a thousand processes compiles rotator, and each worker all tests.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def run(check: Check) -> bool:
    """Run one check and say how it went."""
    started = time.monotonic()
    if check.live:
        print(f"···· {check.name}", flush=True)
    ended = subprocess.run(
        [BIN / check.command[0], *check.command[1:]],
        cwd=ROOT,
        env=environment(),
        check=False,
        text=True,
        stdout=None if check.live else subprocess.PIPE,
        stderr=None if check.live else subprocess.STDOUT,
    )
    passed = ended.returncode == 0
    if not passed and ended.stdout:
        print(ended.stdout)
    verdict = "ok  " if passed else "FAIL"
    print(f"{verdict} {check.name} ({time.monotonic() - started:.1f} s)", flush=True)
    return passed


def closing_line() -> str:
    """Count the tests from the reports that pytest wrote."""
    counts: Counter[str] = Counter()
    for report in REPORTS:
        suite = ET.parse(report).getroot().find("testsuite") if report.exists() else None  # noqa: S314 - our own
        for name, count in suite.attrib.items() if suite is not None else ():
            counts[name] += int(count) if count.isdecimal() else 0
    failed, skipped = counts["failures"] + counts["errors"], counts["skipped"]
    passed = counts["tests"] - failed - skipped
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def main(which: str) -> int:
    """Run the checks of one kind; the exit code is 1 when any failed."""
    for report in REPORTS:
        report.unlink(missing_ok=True)
    checks = {
        "fast": (*STATIC, FAST_TESTS),
        "all": (*STATIC, MEASURED_TESTS, GATE, OTHER_TESTS, SLOW_TESTS),
    }[which]
    failed = [check.name for check in checks if not run(check)]
    if failed:
        print(f"Failed: {', '.join(failed)}")
    for needs in missing_components().values():
        print(f"Left out, for want of {needs}: the tests that need it")
    print(closing_line(), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
