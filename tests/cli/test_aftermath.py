"""What follows a command: its metrics in a file, its news to whoever wants them; never another exit code."""

import fcntl
import io
import json
import os
from contextlib import redirect_stdout
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.clock import SystemClock
from rotator.app.world import World
from rotator.cli import aftermath
from rotator.cli.run import COMMANDS
from rotator.cli.session import Session
from rotator.errors import TargetDenied
from tests.cli.runner import CONFIG, Cli
from tests.daemon.test_metrics import figures
from tests.fakes.notifier import RecordingNotifier

DAY = timedelta(days=1)
TWO = CONFIG + '  payments: {url: "https://pay.example.com"}\n'


class Told(Cli):
    """A folder with one reader and a textfile."""

    reader: RecordingNotifier

    def __post_init__(self) -> None:
        self.reader = RecordingNotifier()
        self.wiring = self.wired
        self.write_config(CONFIG + "metrics: {textfile: rotator.prom}\n")

    def wired(self, world: World) -> World:
        return replace(world, notifiers=(self.reader,))

    @property
    def textfile(self) -> Path:
        return self.folder / "rotator.prom"

    def figures(self) -> dict[str, dict[tuple[str, ...], float]]:
        return figures(self.textfile.read_bytes())

    def successes(self) -> dict[str, float]:
        found = self.figures()["rotator_last_success_timestamp_seconds"]
        return {labels[0]: at - self.clock.now().timestamp() for labels, at in found.items()}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


class TestTextfile:
    def test_each_command_says_when_it_succeeded(self, told: Told) -> None:
        told.first_keys()
        told.clock.advance(timedelta(hours=1))
        told.ok("verify")
        told.ok("plan")
        told.ok("status")
        assert {name: round(at) for name, at in told.successes().items()} == {
            "apply": -3600,
            "verify": 0,
            "plan": 0,
            "status": 0,
        }

    def test_it_shows_how_things_stand(self, told: Told) -> None:
        told.first_keys()
        phases = {labels[2] for labels in told.figures()["rotator_key_phase"]}
        assert phases == {"active", "published"}
        verdicts = {labels[1:] for labels in told.figures()["rotator_gate_verdict"]}
        assert verdicts == {("us-east-1", "pass"), ("eu-central-1", "pass")}

    @pytest.mark.parametrize(
        "line",
        [
            "plan --at +1d",
            "plan --no-refresh",
            "status --no-refresh",
            "verify --as-of +1d",
            "history",
            "audit",
            "config check",
            "verify --nonsense",
            "token accounts --region us-east-1",
        ],
    )
    def test_what_asks_about_something_else_writes_nothing(self, told: Told, line: str) -> None:
        told.first_keys()
        before = told.textfile.read_bytes()
        told.clock.advance(timedelta(minutes=1))
        told.run(*line.split())
        assert told.textfile.read_bytes() == before

    def test_errors_are_counted_by_code(self, told: Told) -> None:
        told.first_keys()
        assert told.run("apply", "--yes", "nowhere.plan").code == 64  # nothing was tried
        broken = told.folder / "broken.plan"
        broken.write_text("{")
        for _ in range(2):
            assert told.run("apply", broken).code == 1
        assert told.figures()["rotator_errors_total"] == {("E_PLAN_DAMAGED",): 2}

    def test_a_rollback_of_which_a_step_failed_is_no_success(self, told: Told) -> None:
        told.first_keys()
        told.clock.advance(90 * DAY)
        told.ok("apply", "--yes")
        told.wiring = unwritable
        assert told.run("rollback", "accounts", "--reason", "x", "--yes").code == 3
        assert told.successes().keys() == {"apply"}
        assert told.figures()["rotator_errors_total"] == {("E_TARGET_DENIED",): 1}

    def test_a_gate_that_is_closed_is_no_failure_of_the_look(self, told: Told) -> None:
        told.first_keys()
        (told.folder / "regions/eu-central-1/accounts/jwks.json").write_text("{}")
        assert told.run("verify").code == 3
        assert told.successes()["verify"] == 0
        assert told.figures()["rotator_errors_total"] == {}

    def test_a_state_that_cannot_be_read_leaves_the_figures_and_counts_the_error(
        self, told: Told
    ) -> None:
        told.first_keys()
        before = told.figures()
        (told.folder / ".rotator/state.db").write_bytes(b"no database" * 100)
        code = told.run("verify").code
        assert code == 1
        after = told.figures()
        assert after["rotator_key_phase"] == before["rotator_key_phase"]
        assert sum(after["rotator_errors_total"].values()) == 1

    def test_one_issuer_alone_leaves_the_other_as_it_was(self, told: Told) -> None:
        told.write_config(TWO + "metrics: {textfile: rotator.prom}\n")
        told.first_keys()
        told.clock.advance(DAY)
        told.ok("verify", "--issuer", "accounts")
        looked = told.figures()["rotator_gate_looked_timestamp_seconds"]
        assert told.successes().keys() == {"apply"}
        ages = {
            labels[0]: round((told.clock.now().timestamp() - at) / 86_400)
            for labels, at in looked.items()
        }
        assert ages == {"accounts": 0, "payments": 1}

    def test_an_issuer_that_left_is_gone(self, told: Told) -> None:
        told.write_config(TWO + "metrics: {textfile: rotator.prom}\n")
        told.first_keys()
        told.write_config(CONFIG + "metrics: {textfile: rotator.prom}\n")
        told.ok("verify")
        assert "payments" not in told.textfile.read_text()

    @pytest.mark.parametrize("text", [b"garbage", b"\xff\xfe\x00", b""])
    def test_a_damaged_one_is_begun_anew(self, told: Told, text: bytes) -> None:
        told.textfile.write_bytes(text)
        told.first_keys()
        assert set(told.successes()) == {"apply"}

    def test_it_is_replaced_whole_and_nothing_is_left_beside_it(self, told: Told) -> None:
        told.first_keys()
        with told.textfile.open("rb") as held:
            told.ok("verify")
            assert b"verify" not in held.read()
        assert [path.name for path in told.folder.iterdir() if ".prom" in path.name] == [
            "rotator.prom"
        ]

    def test_a_place_that_cannot_be_written_is_a_warning(self, told: Told) -> None:
        told.write_config(CONFIG + "metrics: {textfile: no/where/rotator.prom}\n")
        result = told.run("apply", "--yes")
        assert result.code == 0
        assert "metrics and notices of this run are left out: " in result.err
        assert "no/where/rotator.prom cannot be written" in result.err

    def test_a_run_that_does_not_let_go_of_it_hangs_no_other(self, told: Told) -> None:
        told.first_keys()
        held = os.open(told.folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            before = told.textfile.read_bytes()
            result = told.run("verify")
            assert result.code == 0
            assert "another run has been writing there for 10 s" in result.err
            assert told.textfile.read_bytes() == before
        finally:
            os.close(held)

    def test_a_reader_of_stdout_who_left_is_no_error(self, told: Told) -> None:
        told.first_keys()
        run = Session(environ={}, clock=told.clock, textfile=told.textfile)
        with redirect_stdout(io.StringIO()):
            run.config = told.config
            run.world(feasible=False)
        with pytest.raises(BrokenPipeError), aftermath.aftermath(run, "status"):
            raise BrokenPipeError
        assert told.successes()["status"] == 0
        assert told.figures()["rotator_errors_total"] == {}


class TestNotices:
    def test_whoever_wants_to_is_told(self, told: Told) -> None:
        told.first_keys()
        (words,) = told.reader.heard()
        assert words.endswith("signs in every region")
        told.ok("verify")
        assert told.reader.heard() == []
        outcomes = told.figures()["rotator_notices_total"]
        assert outcomes == {("ops", "told"): 1, ("ops", "failed"): 0}

    def test_looking_alone_tells_nobody(self, told: Told) -> None:
        told.reader.deaf = True
        told.first_keys()
        told.reader.deaf = False
        told.ok("plan")
        told.ok("status")
        assert told.reader.messages == []
        told.ok("verify")
        assert len(told.reader.heard()) == 1

    def test_no_textfile_is_needed_for_it(self, told: Told) -> None:
        told.write_config(CONFIG)
        told.first_keys()
        assert len(told.reader.heard()) == 1
        assert not told.textfile.exists()

    def test_one_who_hears_nothing_changes_nothing(self, told: Told) -> None:
        told.reader.deaf = True
        result = told.run("apply", "--yes")
        assert result.code == 0
        assert "ops could not be told 1 of its notices; the next run tries again" in result.err
        assert told.figures()["rotator_notices_total"]["ops", "failed"] == 1

    def test_a_bug_in_telling_changes_nothing_that_was_printed(self, told: Told) -> None:
        told.first_keys()
        broken: Any = None
        told.reader.topics = broken
        told.clock.advance(90 * DAY)
        result = told.run("apply", "--yes", "--json")
        assert result.code == 0
        assert json.loads(result.out)["format"]
        assert "metrics and notices of this run are left out" in result.err

    def test_a_run_that_failed_tells_as_well(self, told: Told) -> None:
        told.first_keys()
        told.reader.heard()
        told.clock.advance(89 * DAY)
        told.ok("apply", "--yes")
        told.clock.advance(DAY)
        folder = told.folder / "regions/eu-central-1/accounts"
        (folder / "jwks.json").unlink()
        (folder / "jwks.json").mkdir()
        result = told.run("apply", "--yes")
        assert result.code == 3
        assert any("eu-central-1" in words for words in told.reader.heard())

    def test_without_readers_and_textfile_the_state_is_not_read_again(self, cli: Cli) -> None:
        cli.first_keys()
        watched = Watched()
        cli.wiring = watched.wired
        cli.ok("verify")
        assert watched.reads == ["accounts"]


def unwritable(world: World) -> World:
    """The signing target of one region takes nothing."""
    (issuer,) = world.issuers
    region = issuer.regions["eu-central-1"]
    refuses: Any = Refuses(region.signing)
    regions = {**issuer.regions, "eu-central-1": replace(region, signing=refuses)}
    return replace(world, issuers=(replace(issuer, regions=regions),))


class Refuses:
    """A document that can be read only."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def write(self, body: bytes, expected_etag: str | None) -> str:
        raise TargetDenied("eu-central-1 refuses")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.target, name)


class Watched:
    """A state store that keeps count of what is read of it."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.store: Any = None

    def wired(self, world: World) -> World:
        self.store = world.state
        watched: Any = self
        return replace(world, state=watched)

    def load(self, issuer: str) -> Any:
        self.reads.append(issuer)
        return self.store.load(issuer)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_commands_that_are_followed_are_commands() -> None:
    assert aftermath.METERED - {"revoke"} <= set(COMMANDS)


class TestLog:
    def lines(self, told: Told, *words: str) -> list[dict[str, object]]:
        result = told.run(*words, "--log-format", "json")
        return [json.loads(line) for line in result.err.splitlines()]

    def test_every_line_of_a_run_has_its_id_and_steps_have_their_facts(self, told: Told) -> None:
        lines = self.lines(told, "apply", "--yes")
        assert len({line["run"] for line in lines}) == 1
        (switch, *_) = [line for line in lines if line.get("step") == "switch"]
        assert switch == {
            "at": switch["at"],
            "level": "info",
            "message": f"accounts: switch {switch['region']}",
            "run": switch["run"],
            "issuer": "accounts",
            "step": "switch",
            "region": switch["region"],
            "kid": switch["kid"],
            "reason_code": "rotation_due",
        }

    def test_two_runs_have_two_ids(self, told: Told) -> None:
        first, second = self.lines(told, "apply", "--yes"), self.lines(told, "apply", "--yes")
        assert {line["run"] for line in first}.isdisjoint({line["run"] for line in second})

    def test_the_error_that_ends_a_run_is_its_last_line(self, told: Told) -> None:
        broken = told.folder / "broken.plan"
        broken.write_text("{")
        last = self.lines(told, "apply", str(broken))[-1]
        assert (last["level"], last["code"]) == ("error", "E_PLAN_DAMAGED")
        assert {"run", "detail", "hint", "runbook"} <= last.keys()

    def test_quiet_leaves_out_what_goes_well(self, told: Told) -> None:
        told.reader.deaf = True
        levels = {line["level"] for line in self.lines(told, "apply", "--yes", "--quiet")}
        assert levels == {"warning"}

    def test_foreign_text_is_escaped(self, told: Told) -> None:
        hostile = "x\u202e\x1b[31m\n::error::##[error]"
        result = told.run("apply", "--yes", "--issuer", hostile, "--log-format=json")
        assert result.err.isascii()
        (line,) = result.err.splitlines()
        assert "\x1b" not in line
        assert "##[" not in line
        assert json.loads(line)["code"] == "E_USAGE"


def test_the_log_is_dated_by_the_run_s_clock(told: Told) -> None:
    result = told.run("apply", "--yes", "--log-format", "json")
    first = json.loads(result.err.splitlines()[0])
    assert first["at"].startswith(f"{told.clock.now():%Y-%m-%dT%H:%M}")
    assert SystemClock().now() > told.clock.now()
