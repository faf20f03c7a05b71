"""`status`: the page it writes, and the picture it draws anew."""

import os
import signal
import stat
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.cli.keyboard import END, keys
from tests.cli.runner import CONFIG, Cli
from tests.fakes.clock import FakeClock

MOMENT = timedelta(seconds=0)


class Watcher(FakeClock):
    """Does something in each pause between two looks, then types Ctrl-C."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        super().__init__()
        self.acts = list(acts)

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        if not self.acts:
            raise KeyboardInterrupt
        self.acts.pop(0)()


def nothing() -> None:
    """Time passes."""


@pytest.fixture
def watched(cli: Cli) -> Cli:
    """At work, with a terminal of a hundred columns by thirty lines."""
    cli.first_keys()
    return cli


def test_a_page_wants_a_file(cli: Cli) -> None:
    cli.first_keys()
    assert cli.run("status", "--html", "-").code == 64


def test_a_page_beside_the_answer(cli: Cli) -> None:
    cli.first_keys()
    page = cli.folder / "page.html"
    assert cli.ok("status", "--html", page).startswith("accounts   ")
    made = page.read_text("utf-8")
    assert "<h1 class=" in made
    assert "What was done lately" in made
    assert "<td>published at</td>" in made, "the log's end is on it"
    assert cli.ok("status", "--html", page, "--json").startswith("{")
    assert [path.name for path in cli.folder.iterdir() if path.name.startswith(".page")] == []


def test_a_page_of_some_regions(cli: Cli) -> None:
    cli.first_keys()
    page = cli.folder / "page.html"
    cli.ok("status", "--html", page, "--region", "us-east-1")
    assert "us-east-1" in page.read_text("utf-8")
    assert '<th scope="row">eu-central-1' not in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, 0o644), (0o600, 0o600), (0o664, 0o664)],
    ids=["new", "mine", "ours"],
)
def test_a_page_has_the_permissions_that_it_had(cli: Cli, before: int | None, after: int) -> None:
    page, mask = cli.folder / "page.html", os.umask(0o022)
    try:
        if before is not None:
            page.write_text("old")
            page.chmod(before)
        cli.ok("status", "--html", page)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(page.stat().st_mode) == after


def test_a_page_that_cannot_be_written(cli: Cli) -> None:
    result = cli.run("status", "--html", cli.folder / "nowhere" / "page.html")
    assert result.code == 64
    assert "page.html cannot be written" in result.err


def test_a_log_that_is_damaged_does_not_take_the_page_away(cli: Cli) -> None:
    cli.first_keys()
    page, state = cli.folder / "page.html", cli.folder / ".rotator" / "state.db"
    cut = "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)"
    subprocess.run([sys.executable, "-c", _SQL, str(state), cut], check=True)
    cli.ok("status", "--html", page)
    assert "The log is damaged" in page.read_text("utf-8")


_SQL = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"


@pytest.mark.parametrize("other", [("--json",), ("--check",), ("--html", "page.html")])
def test_watching_goes_with_nothing_else(cli: Cli, other: tuple[str, ...]) -> None:
    result = cli.run("status", "--watch", *other, answer="")
    assert result.code == 64


def test_watching_needs_a_terminal(cli: Cli) -> None:
    result = cli.run("status", "--watch")
    assert result.code == 64
    assert "--watch needs a terminal" in result.err
    assert "leave --watch out" in result.err
    cli.environ["NO_COLOR"] = "1"
    assert cli.run("status", "--watch", answer="").code == 64


def test_how_often_is_about_watching_only(cli: Cli) -> None:
    cli.first_keys()
    result = cli.run("status", "--every", "1m")
    assert (result.code, result.out, "--every goes with --watch" in result.err) == (64, "", True)


@pytest.mark.parametrize(
    ("every", "said"), [("0s", "too short"), ("999ms", "too short"), ("often", "is no duration")]
)
def test_how_often_is_checked(cli: Cli, every: str, said: str) -> None:
    result = cli.run("status", "--watch", "--every", every, answer="")
    assert result.code == 64
    assert said in result.err


def test_watching_looks_again_and_ends_well(watched: Cli) -> None:
    clock = watched.clock = Watcher(nothing, nothing)
    result = watched.run("status", "--watch", "--every", "7s", answer="")
    assert (result.code, result.err) == (0, "")
    assert clock.slept == [timedelta(seconds=7)] * 3
    for moment in ("06:17:00", "06:17:07", "06:17:14"):
        assert f"{moment} UTC" in result.out
    assert "every 7 s · q ends" in result.out
    assert "Nothing to do" in result.out.rpartition("q ends")[2], "the last one stays"


def test_a_look_that_fails_is_said_and_watching_goes_on(watched: Cli) -> None:
    state = watched.folder / ".rotator" / "state.db"
    kept = state.read_bytes()
    watched.clock = Watcher(
        lambda: state.write_bytes(b"garbage" * 999), lambda: state.write_bytes(kept), nothing
    )
    result = watched.run("status", "--watch", answer="")
    assert result.code == 0
    before, _, after = result.out.partition("cannot look now: ")
    assert "06:17:00 UTC" in before
    assert "06:17:10 UTC" in after, "once it can be read again"


def test_a_first_look_that_fails_is_an_error(watched: Cli) -> None:
    (watched.folder / ".rotator" / "state.db").write_bytes(b"garbage" * 999)
    result = watched.run("status", "--watch", answer="")
    assert result.code == 1
    assert "E_STATE_DAMAGED" in result.err


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal: what a person holds, what a program has."""
    person, program = os.openpty()
    try:
        yield person, program
    finally:
        os.close(program)
        os.close(person)


def test_keys_need_no_return_and_the_terminal_is_as_before() -> None:
    with terminal() as (person, program), os.fdopen(program, closefd=False) as stream:
        before = termios.tcgetattr(program)
        with keys(stream, FakeClock()) as wait:
            assert wait(MOMENT) == ""
            os.write(person, b"xq")
            assert "q" in wait(timedelta(seconds=10))
        assert termios.tcgetattr(program) == before


def test_a_terminal_that_goes_away_is_an_end() -> None:
    person, program = os.openpty()
    with os.fdopen(program) as stream, keys(stream, FakeClock()) as wait:
        os.close(person)
        assert wait(timedelta(seconds=10)) == END


def test_a_kill_leaves_no_dead_terminal() -> None:
    usual = signal.getsignal(signal.SIGTERM)
    with terminal() as (_, program), os.fdopen(program, closefd=False) as stream:
        before = termios.tcgetattr(program)
        with pytest.raises(KeyboardInterrupt), keys(stream, FakeClock()):
            os.kill(os.getpid(), signal.SIGTERM)
        assert termios.tcgetattr(program) == before
    assert signal.getsignal(signal.SIGTERM) is usual


def test_q_ends_a_real_one(tmp_path: Path) -> None:
    (tmp_path / "rotator.yaml").write_text(CONFIG)
    command = [sys.executable, "-m", "rotator", "status", "--watch", "--every", "1h"]
    with terminal() as (person, program):
        environ = {**os.environ, "TERM": "xterm"}
        environ.pop("NO_COLOR", None)
        with subprocess.Popen(
            command, cwd=tmp_path, env=environ, stdin=program, stdout=program, stderr=program
        ) as started:
            shown = b""
            while b"q ends" not in shown:
                shown += os.read(person, 4096)
            os.write(person, b"q")
            assert started.wait() == 0
