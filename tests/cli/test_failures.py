"""Every way to fail has its exit code, three lines on stderr, and the same as JSON; never a traceback."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rotator.adapters.clock import SystemClock
from rotator.app.world import World
from rotator.cli import exits
from rotator.ports import Lease
from tests.cli.runner import CONFIG, Cli
from tests.render.schemas import valid

USAGE = {
    "no command": "",
    "an unknown command": "explode",
    "an unknown option": "plan --explode",
    "an argument too many": "plan what",
    "an argument too few": "hold --reason x",
    "an option without its value": "plan --out",
    "a plan for another moment that is saved": "plan --at +1d --out x.plan",
    "a time that is none": "plan --at tomorrow",
    "a distance that is none": "plan --at +soon",
    "a distance beyond all time": "plan --at +900000000d",
    "a wait that is none": "verify --wait long",
    "no samples": "verify --samples 0",
    "an unknown region": "verify --region mars-1",
    "an unknown region in status": "status --region mars-1",
    "an unknown issuer": "hold nobody --reason x",
    "an issuer to narrow to that is unknown": "plan --issuer nobody",
    "nobody to ask": "apply",
    "loud and quiet": "plan --verbose --quiet",
    "an unknown log format": "plan --log-format xml",
    "a claim without a value": "token accounts --region us-east-1 --claim x",
    "a claim that is no JSON": "token accounts --region us-east-1 --claim x:={",
    "a plan that is not there": "show nowhere.plan",
    "a directory instead of a plan": "show .",
    "a place that cannot be written": "plan --out /nowhere/at/all.plan",
}


@pytest.mark.parametrize("name", USAGE)
def test_usage(cli: Cli, name: str) -> None:
    result = cli.run(*USAGE[name].split())
    assert result.code == 64, result
    if USAGE[name]:
        code, *lines = result.err.splitlines()
        assert code.startswith("E_USAGE  ")
        assert "more: README.md" in lines[-1]
        assert result.out == ""


@pytest.mark.parametrize(
    "line", ["plan --json --explode", "plan --json --at tomorrow", "verify --region x --json"]
)
def test_errors_are_json_where_json_is_wanted(cli: Cli, line: str) -> None:
    result = cli.run(*line.split())
    valid("error", json.loads(result.out))
    assert (result.code, result.err) == (64, "")


def test_a_refused_configuration(cli: Cli) -> None:
    cli.write_config(CONFIG + "sudo: yes\npolicy: {leeway: 300s}\n")
    for line in ("plan", "config check", "status", "apply --yes"):
        result = cli.run(*line.split())
        assert (result.code, result.err.split()[0]) == (78, "E_CONFIG"), result
        assert "sudo" in result.err
        assert "rotator.yaml:" in result.err


def test_no_configuration(cli: Cli) -> None:
    cli.config.unlink()
    result = cli.run("plan")
    assert (result.code, "rotator init" in result.err) == (78, True)


def test_the_lease_is_held(cli: Cli) -> None:
    held: list[Lease] = []

    def hold(world: World) -> World:
        held.append(world.state.acquire("another@host", timedelta(minutes=5)))
        return world

    busy = Cli(cli.folder, cli.clock, hold).run("apply", "--yes")
    assert (busy.code, busy.err.split()[0]) == (75, "E_LEASE_HELD")
    assert cli.ok("state", "unlock").startswith("unlocked; another@host")


class _Broken(SystemClock):
    def now(self) -> datetime:
        raise RuntimeError("the clock fell off the wall")


class _Interrupted(SystemClock):
    def now(self) -> datetime:
        raise KeyboardInterrupt


def test_a_bug_is_one_clean_error(cli: Cli) -> None:
    broken = Cli(cli.folder, wiring=lambda world: replace(world, clock=_Broken()))
    result = broken.run("plan")
    assert (result.code, result.err.split()[0]) == (1, "E_INTERNAL")
    assert "fell off the wall" in result.err
    assert "Traceback" not in result.err
    assert "Traceback" in broken.run("plan", "--verbose").err


def test_ctrl_c(cli: Cli) -> None:
    result = Cli(cli.folder, wiring=lambda world: replace(world, clock=_Interrupted())).run("plan")
    assert result.code == 130
    assert "the next run goes on" in result.err


def test_logs_as_json(cli: Cli) -> None:
    result = cli.run("plan", "--explode", "--log-format", "json")
    record = json.loads(result.err)
    assert (record["level"], record["code"], result.out) == ("error", "E_USAGE", "")
    cli.first_keys()
    (cli.folder / "regions/eu-central-1/accounts/jwks.json").unlink()
    waited = cli.run("verify", "--wait", "1m", "--verbose", "--log-format=json")
    records = [json.loads(row) for row in waited.err.splitlines()]
    assert {"at", "level", "message"} <= records[-1].keys()


def test_quiet_says_nothing_while_it_waits(cli: Cli) -> None:
    cli.first_keys()
    (cli.folder / "regions/eu-central-1/accounts/jwks.json").unlink()
    assert "Waiting" not in cli.run("verify", "--wait", "1m", "--quiet", answer="").err


def test_precedence() -> None:
    ladder = [78, 75, 4, 1, 3, 2, 0]
    for index, code in enumerate(ladder):
        assert exits.worst(reversed(ladder[index:])) == code
