"""The section `schedule`: what it amounts to, what is refused, and where it shows."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from rotator.config.load import require_feasible
from rotator.config.show import show
from rotator.domain.windows import Blackout, Window
from rotator.errors import PolicyInfeasible
from tests.config.files import FINE, ISSUER, assert_refused, loaded

OFFICE = 'schedule: {timezone: Europe/Berlin, windows: ["Mon-Fri 09:00-16:00"]}\n'
BLACK = "schedule:\n  blackout:\n    - 2026-12-20/2027-01-03\n    - 2026-11-27\n"


def test_windows(tmp_path: Path) -> None:
    schedule = loaded(tmp_path, FINE + OFFICE).issuers[0].setup.schedule
    assert schedule
    assert schedule.written() == ("Europe/Berlin", "Mon-Fri 09:00-16:00")
    assert str(schedule.zone) == "Europe/Berlin"
    assert schedule.windows == (Window((0, 1, 2, 3, 4), 540, 960),)


def test_blackouts_in_utc(tmp_path: Path) -> None:
    schedule = loaded(tmp_path, FINE + BLACK).issuers[0].setup.schedule
    assert schedule
    assert (schedule.zone_name, schedule.windows) == ("UTC", ())
    day = date(2026, 11, 27)
    assert schedule.blackouts == (
        Blackout(date(2026, 12, 20), date(2027, 1, 3)),
        Blackout(day, day),
    )


@pytest.mark.parametrize("text", ["", "schedule:\n", "schedule: {}\n", "schedule: {windows: []}\n"])
def test_none(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, FINE + text).issuers[0].setup.schedule is None


def test_an_issuer_has_its_own(tmp_path: Path) -> None:
    own = f'accounts: {{url: "https://auth.example.com", {BLACK_OWN}}}'
    text = (FINE + OFFICE).replace(ISSUER, own)
    schedule = loaded(tmp_path, text).issuers[0].setup.schedule
    assert schedule
    assert schedule.written() == ("UTC", "2026-11-27")


BLACK_OWN = 'schedule: {blackout: ["2026-11-27"]}'


def test_a_plan_for_other_windows_is_stale_and_none_changes_nothing(tmp_path: Path) -> None:
    digests = [
        loaded(tmp_path, FINE + text).digest for text in ("", "schedule: {}\n", OFFICE, BLACK)
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("timezone: Europe/Bern", "schedule.timezone: a time zone such as Europe/Berlin expected"),
        ("timezone: ../../etc/passwd", "schedule.timezone: a time zone such as"),
        ("windows: [Mon-Fri]", "schedule.windows[0]: 'Mon-Fri' is no window: write a window as"),
        ('windows: ["Mon 09:00-09:00"]', "schedule.windows[0]: 'Mon 09:00-09:00' never opens"),
        (
            "windows: [9]",
            "schedule.windows[0]: a window such as Mon-Fri 09:00-16:00 expected, not 9",
        ),
        ("windows: all", "schedule.windows: a list expected"),
        ("blackout: [2026-02-30]", "schedule.blackout[0]: '2026-02-30' is no blackout"),
        ("blackout: [2027-01-03/2026-12-20]", "schedule.blackout[0]: '2027-01-03/2026-12-20' ends"),
        (
            "blackout: [{}]",
            "schedule.blackout[0]: a day such as 2026-12-24 expected, not a mapping",
        ),
        ("window: []", "schedule.window: unknown member; did you mean windows?"),
    ],
)
def test_refused(tmp_path: Path, line: str, words: str) -> None:
    assert_refused(tmp_path, f"{FINE}schedule:\n  {line}\n", 18, words)


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (
            'schedule: {windows: ["Sat 03:00-04:00"]}\npolicy: {rotate_every: 5d, verifiers: [pyjwt], history_max: 100}',
            "schedule: the schedule is closed for 6 d 23 h at a stretch ≥ rotate_every 5 d",
        ),
        (
            "schedule: {blackout: [2026-01-01/9999-12-31]}",
            "schedule: the windows of the schedule never open again (design T12)",
        ),
    ],
)
def test_infeasible(tmp_path: Path, schedule: str, words: str) -> None:
    fine = FINE.replace("policy:\n  verifiers: [pyjwt]\n", "") if "policy" in schedule else FINE
    settings = loaded(tmp_path, f"{fine}{schedule}\n")
    assert [words in problem for problem in settings.problems] == [True]
    with pytest.raises(PolicyInfeasible):
        require_feasible(settings)


def test_windows_that_every_run_may_miss(tmp_path: Path) -> None:
    (warning,) = loaded(tmp_path, FINE + OFFICE).warnings
    assert "17: schedule: no window is longer than 7 h, run_every is 24 h" in warning


def test_a_host_without_time_zones_of_its_own(tmp_path: Path) -> None:
    """A slim container has none, and what the daemon runs by must not be wrong there."""
    path = tmp_path / "rotator.yaml"
    path.write_text(FINE + OFFICE + "daemon: {timezone: Asia/Tokyo}\n")
    command = [sys.executable, "-m", "rotator", "--config", str(path), "config", "check"]
    done = subprocess.run(command, env={"PYTHONTZPATH": ""}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_it_shows(tmp_path: Path) -> None:
    text = show(loaded(tmp_path, FINE + OFFICE))
    rows = [row.split("  ") for row in text.splitlines() if "switches begin" in row]
    assert [[cell.strip() for cell in row if cell.strip()] for row in rows] == [
        ["switches begin", "Mon-Fri 09:00-16:00", "schedule, Europe/Berlin"]
    ]
    black = show(loaded(tmp_path, FINE + BLACK))
    assert black.count("no switch begins") == 2
