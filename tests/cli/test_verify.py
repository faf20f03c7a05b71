"""`rotator verify` for people who wait, for pipelines, and in GitHub Actions."""

import io
import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

from rotator.app.world import World
from rotator.cli.live import can_redraw, fitting
from tests.cli.runner import Cli, Result
from tests.fakes.state import MemoryState
from tests.render.schemas import valid

DOCUMENT = "regions/eu-central-1/accounts/jwks.json"
WAITING = re.compile(r"· gate closed: eu-central-1\. Waiting, .+ left …")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def closed(cli: Cli) -> Cli:
    """A gate that is closed: a region lost its document."""
    cli.first_keys()
    (cli.folder / DOCUMENT).unlink()
    return cli


class TestWaiting:
    def test_a_line_for_each_look_where_nobody_watches(self, closed):
        waited = closed.run("verify", "--wait", "10s")
        lines = waited.err.splitlines()
        assert [bool(WAITING.fullmatch(line)) for line in lines] == [True] * 4
        assert "Waiting, 3 s left" in lines[-1]
        assert (waited.code, "Waiting" in waited.out) == (3, False)

    @pytest.mark.parametrize(
        ("environ", "options"),
        [({"NO_COLOR": "1"}, ()), ({"TERM": "dumb"}, ()), ({}, ("--verbose",))],
    )
    def test_or_on_a_terminal_that_is_not_drawn_on(self, closed, environ, options):
        closed.environ |= environ
        waited = closed.run("verify", "--wait", "10s", *options, answer="")
        assert len(WAITING.findall(waited.err)) == 4
        assert "\x1b" not in waited.err

    def test_for_a_log_of_json(self, closed):
        waited = closed.run("verify", "--wait", "10s", "--log-format", "json", answer="")
        records = [json.loads(line) for line in waited.err.splitlines()]
        assert [record["level"] for record in records] == ["info"] * 4

    def test_quiet(self, closed):
        for answer in (None, ""):
            assert closed.run("verify", "--wait", "10s", "--quiet", answer=answer).err == ""

    def test_beside_a_document(self, closed):
        waited = closed.run("verify", "--wait", "10s", "--json")
        valid("verify", json.loads(waited.out))
        assert len(WAITING.findall(waited.err)) == 4

    def test_a_table_that_is_drawn_anew_on_a_terminal(self, closed):
        waited = closed.run("verify", "--wait", "10s", answer="")
        shown = ANSI.sub("", waited.err)
        assert "looking at the regions. 10 s left …" in shown
        for left in ("10 s", "9 s", "7 s", "3 s"):
            assert f"gate closed: eu-central-1. Waiting, {left} left …" in shown
        assert shown.count("us-east-1      ✓ origin") >= 4
        assert "✗ origin" in shown
        assert _screen(waited.err) == []
        assert "gate closed: eu-central-1" in ANSI.sub("", waited.out)

    def test_nothing_stays_of_it_when_the_gate_opens(self, cli):
        cli.first_keys()
        path = cli.folder / DOCUMENT
        document = path.read_bytes()
        path.unlink()
        cli.wiring = _after(cli, timedelta(seconds=3), lambda: path.write_bytes(document))
        waited = cli.run("verify", "--wait", "10m", answer="")
        assert (waited.code, _screen(waited.err)) == (0, [])
        assert "gate open" in ANSI.sub("", waited.out)

    def test_warnings_come_when_the_table_is_gone_each_once(self, closed):
        def forgetful(world: World) -> World:
            return replace(world, state=Forgetful(world.state, closed.clock))

        closed.wiring = forgetful
        waited = closed.run("verify", "--wait", "10s", answer="")
        assert _screen(waited.err) == ["warning: what was seen could not be kept: disk full"]

    def test_interrupted(self, closed):
        words = ["--config", str(closed.config), "verify", "--wait", "10m"]
        code = (  # a runner may have started this process with Ctrl-C turned off
            "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"from rotator.cli import main\nraise SystemExit(main({words!r}))"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as started:
            assert started.stderr is not None
            first = started.stderr.readline()
            started.send_signal(signal.SIGINT)
            try:
                out, err = started.communicate(timeout=30)
            finally:
                started.kill()
        assert first.startswith("· gate closed: eu-central-1")
        assert (started.returncode, out) == (130, "")
        assert err.splitlines()[-1].startswith("interrupted;")


class Forgetful(MemoryState):
    """A state store that reads what another one has, and cannot keep evidence."""

    def __init__(self, other, clock) -> None:
        super().__init__(clock)
        self.other = other

    def load(self, issuer):
        return self.other.load(issuer)

    def load_evidence(self, issuer):
        return self.other.load_evidence(issuer)

    def save_evidence(self, evidence, before=None):
        from rotator.errors import StateError

        raise StateError("disk full")


def _after(cli: Cli, pause: timedelta, happens: Callable[[], object]) -> Callable[[World], World]:
    """What happens once that much time has passed."""
    begun = cli.clock.now()

    class Watched(type(cli.clock)):  # type: ignore[misc]
        def sleep(self, duration):
            cli.clock.sleep(duration)
            if cli.clock.now() - begun >= pause:
                happens()

        def now(self):
            return cli.clock.now()

        def monotonic(self):
            return cli.clock.monotonic()

    return lambda world: replace(world, clock=Watched())


def _screen(written: str) -> list[str]:
    """The lines that stay on a terminal after this was written to it: text, CR, LF, cursor up, erase line."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", written):
        if piece == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif piece == "\r":
            column = 0
        elif piece.startswith("\x1b"):
            if piece.endswith("A"):
                row -= int(piece[2:-1] or 1)
            elif piece.endswith("K"):
                lines[row] = ""
        else:
            lines[row] = (
                lines[row][:column].ljust(column) + piece + lines[row][column + len(piece) :]
            )
            column += len(piece)
    return [line.rstrip() for line in lines if line.strip()]


class TestScreen:
    @pytest.mark.parametrize(
        ("lines", "shown"),
        [
            (8, ["a", "b", "c", "d", "gate"]),
            (6, ["a", "b", "c", "d", "gate"]),
            (5, ["c", "gate"]),
            (3, ["c", "gate"]),
            (2, ["…", "gate"]),
        ],
    )
    def test_the_first_that_fits(self, monkeypatch, lines, shown):
        monkeypatch.setenv("LINES", str(lines))
        monkeypatch.setenv("COLUMNS", "80")
        text = fitting([lambda: "a\nb\nc\nd\ngate\n", lambda: "c\ngate\n"])
        assert [line.strip() for line in text.split("\n")] == shown

    def test_the_last_is_cut_but_for_the_gate(self, monkeypatch):
        monkeypatch.setenv("LINES", "5")
        monkeypatch.setenv("COLUMNS", "80")
        assert fitting([lambda: "a\nb\nc\nd\ngate"]) == "a\nb\n  …\ngate"

    def test_a_pipe_is_never_drawn_on(self):
        assert not can_redraw(io.StringIO(), {"TERM": "xterm"})


class TestGithub:
    @pytest.fixture
    def summary(self, closed: Cli) -> Path:
        path = closed.folder / "summary.md"
        path.write_text("before\n")
        closed.environ |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)}
        return path

    @staticmethod
    def annotated(result: Result) -> bool:
        return any(line.startswith("::error title=") for line in result.err.splitlines())

    def test_by_itself_where_it_runs(self, closed, summary):
        done = closed.run("verify")
        assert (done.code, self.annotated(done)) == (3, True)
        assert summary.read_text().startswith("before\n## ❌ rotator: gate closed: eu-central-1")
        assert "::error" not in done.out
        assert "gate closed: eu-central-1" in done.out

    def test_not_elsewhere(self, closed, summary):
        closed.environ["GITHUB_ACTIONS"] = "false"
        done = closed.run("verify")
        assert (done.code, done.err, summary.read_text()) == (3, "", "before\n")

    def test_when_told_to(self, closed, summary):
        del closed.environ["GITHUB_ACTIONS"]
        assert self.annotated(closed.run("verify", "--github"))
        assert "## ❌" in summary.read_text()

    def test_not_when_told_not_to(self, closed, summary):
        done = closed.run("verify", "--no-github")
        assert (done.code, done.err, summary.read_text()) == (3, "", "before\n")

    def test_without_a_summary_only_annotations(self, closed):
        done = closed.run("verify", "--github")
        assert (done.code, self.annotated(done)) == (3, True)

    def test_a_summary_that_cannot_be_written_changes_nothing_else(self, closed, summary):
        closed.environ["GITHUB_STEP_SUMMARY"] = str(closed.folder)
        done = closed.run("verify")
        assert (done.code, self.annotated(done)) == (3, True)
        assert f"warning: {closed.folder} cannot be written" in done.err

    @pytest.mark.usefixtures("summary")
    @pytest.mark.parametrize("options", [(), ("--json",)])
    def test_nothing_on_stdout_is_a_command(self, closed, options):
        folder = closed.folder / "##[error]owned"
        folder.mkdir()
        closed.write_config(closed.config.read_text().replace("regions/eu-", "##[error]owned/eu-"))
        done = closed.run("verify", *options)
        assert done.code == 3
        assert "owned" in done.out
        assert "##[" not in done.out
        if options:
            assert "##[error]owned" in str(json.loads(done.out))

    def test_the_summary_of_an_open_gate(self, cli):
        cli.first_keys()
        path = cli.folder / "summary.md"
        cli.environ |= {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(path)}
        done = cli.run("verify")
        assert (done.code, done.err) == (0, "")
        assert path.read_text().startswith("## ✅ rotator: gate open")


class TestAsOf:
    def test_still_right(self, cli):
        cli.first_keys()
        done = cli.run("verify", "--as-of", "+5d")
        assert done.code == 0
        assert "gate open as of Tue 6 Jan 2026, 06:17 UTC: 2 regions checked" in done.out

    def test_a_hold_that_ends_is_named_everywhere(self, cli):
        cli.first_keys()
        cli.ok("hold", "accounts", "--reason", "freeze", "--until", "+3d")
        path = cli.folder / "junit.xml"
        done = cli.run("verify", "--as-of", "+5d", "--junit", path, "--github")
        words = "the hold of accounts ends Sun 4 Jan 2026, 06:17 UTC: what is due then goes on"
        assert (done.code, words in done.out, words in done.err) == (0, True, True)
        assert len(parse(path).getroot().findall("testsuite/properties/property")) == 2  # noqa: S314
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        document = json.loads(cli.ok("verify", "--as-of", "+5d", "--json"))
        valid("verify", document)
        (hold,) = document["holds"]
        assert (hold["issuer"], hold["ends_at"][:19]) == ("accounts", "2026-01-04T06:17:00")
        days = (document["at"][:10], document["looked_at"][:10])
        assert days == ("2026-01-06", "2026-01-01")
