"""`rotate`, `rollback` and `region forget` on file regions: what they print, how they exit, what the next run does."""

import json
from datetime import timedelta

import pytest

from tests.cli.runner import CONFIG, Cli

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SCHEDULE = 'schedule: {timezone: Europe/Berlin, windows: ["Sat 03:00-05:00"]}\n'


def kids(cli: Cli) -> list[str]:
    """The kids of every key, oldest first."""
    (issuer,) = json.loads(cli.ok("history", "--json"))["issuers"]
    return [key["kid"] for key in issuer["keys"]]


def phases(cli: Cli) -> list[str]:
    (issuer,) = json.loads(cli.run("status", "--json").out)["issuers"]
    return [key["phase"] for key in issuer["keys"]]


def signs(cli: Cli, region: str = "us-east-1") -> str:
    path = cli.folder / "regions" / region / "accounts" / "signing.json"
    kid: str = json.loads(path.read_bytes())["active"]["kid"]
    return kid


def rotated(cli: Cli) -> None:
    cli.first_keys()
    cli.clock.advance(90 * DAY)
    cli.ok("apply", "--yes")
    cli.clock.advance(HOUR)


class TestRotate:
    def test_asked_shown_and_done_by_apply(self, cli: Cli) -> None:
        cli.first_keys()
        cli.clock.advance(2 * DAY)
        said = cli.ok("rotate", "accounts", "--reason", "drill \x1b[31m")
        assert said.startswith(
            "accounts: a switch ahead of its turn is asked for: drill \ufffd[31m\n"
        )
        assert "ahead of its turn, asked for by" in said
        assert said.endswith("3 steps due. Apply them: rotator apply\n")
        again = cli.ok("rotate", "accounts", "--reason", "once more")
        assert again.startswith("accounts: asked for already by ")
        assert ": drill" in again.splitlines()[0]
        before = signs(cli)
        cli.ok("apply", "--yes")
        assert signs(cli) != before

    def test_what_it_waits_for_is_said(self, cli: Cli) -> None:
        cli.first_keys()
        said = cli.ok("rotate", "accounts", "--reason", "drill")
        assert "it still waits: 24 h 5 s after us-east-1 served it: 24 h lead + 5 s drift" in said
        assert "nothing due, 1 waiting" in said

    def test_a_window_is_waited_for(self, cli: Cli) -> None:
        cli.first_keys()
        cli.write_config(CONFIG + SCHEDULE)
        cli.clock.advance(5 * DAY)
        said = cli.ok("rotate", "accounts", "--reason", "drill")
        assert "outside the windows in which a switch may begin (schedule)" in said
        assert "opens Sat 10 Jan 2026, 02:00 UTC" in said

    def test_a_region_that_is_in_the_way(self, cli: Cli) -> None:
        cli.first_keys()
        cli.clock.advance(2 * DAY)
        (cli.folder / "regions/eu-central-1/accounts/jwks.json").write_text("{")
        assert cli.run("rotate", "accounts", "--reason", "drill").code == 3


class TestRollback:
    def test_shown_asked_and_done(self, cli: Cli) -> None:
        rotated(cli)
        old, new, _ = kids(cli)
        cli.environ["NO_COLOR"] = "1"
        shown = cli.run("rollback", "accounts", "--reason", "bad release", answer="n\n")
        assert (shown.code, "E_DECLINED" in shown.err) == (1, True)
        said = " ".join(shown.out.split())
        assert f"back to {old[:8]} signs again in every region" in said
        assert f"retires {new[:8]} it stays served" in said
        assert said.endswith("Go back now? [y/N]")
        assert signs(cli) == new
        done = cli.run("rollback", "accounts", "--reason", "bad release", answer="y\n")
        assert done.code == 0
        assert "3 steps done" in done.out
        assert {signs(cli), signs(cli, "eu-central-1")} == {old}
        assert phases(cli) == ["active", "retired", "published"]
        log = cli.ok("audit", "--json")
        assert "rollback_asked" in log
        assert "bad release" in log

    def test_under_a_policy_that_has_become_infeasible(self, cli: Cli) -> None:
        rotated(cli)
        old = kids(cli)[0]
        cli.write_config(CONFIG + "policy: {rotate_every: 1h}\n")
        assert cli.run("rotate", "accounts", "--reason", "x").code == 78
        done = cli.run("rollback", "accounts", "--reason", "bad", "--yes")
        assert signs(cli) == old
        assert "3 steps done" in done.out
        assert done.code == 3  # the next switch is blocked by the policy, as `apply` would say, too

    def test_a_region_that_cannot_be_written(self, cli: Cli) -> None:
        rotated(cli)
        old = kids(cli)[0]
        folder = cli.folder / "regions" / "eu-central-1"
        folder.rename(cli.folder / "away")
        folder.write_text("a file where a folder should be")
        assert cli.run("rollback", "accounts", "--reason", "bad", "--yes").code == 3
        folder.unlink()
        (cli.folder / "away").rename(folder)
        again = cli.run("rollback", "accounts", "--reason", "bad", "--yes")
        assert "was asked for before; it goes on" in again.out
        assert again.code == 0
        assert {signs(cli), signs(cli, "eu-central-1")} == {old}

    def test_nobody_can_be_asked(self, cli: Cli) -> None:
        rotated(cli)
        refused = cli.run("rollback", "accounts", "--reason", "bad")
        assert (refused.code, refused.err.split()[0]) == (64, "E_USAGE")


class TestForget:
    def test_a_region_that_left(self, cli: Cli) -> None:
        rotated(cli)
        cli.write_config(_without(CONFIG, "eu-central-1"))
        assert "eu-central-1 left the configuration while it signs" in cli.run("plan").out
        stopped = "2026-04-01T06:30:00Z"
        line = ("region", "forget", "eu-central-1", "--signers-stopped-at", stopped)
        said = cli.ok(*line, "--reason", "sold")
        assert said == (
            "eu-central-1 is let go for accounts: nobody signs there since Wed 1 Apr 2026, 06:30:00 UTC,"
            " 47 m ago\nsee what goes on now: rotator plan\n"
        )
        assert "left the configuration" not in cli.ok("plan")
        assert "region_forgotten" in cli.ok("audit", "--json")

    def test_a_distance_is_a_moment_that_is_to_come(self, cli: Cli) -> None:
        rotated(cli)
        cli.write_config(_without(CONFIG, "eu-central-1"))
        line = ("region", "forget", "eu-central-1", "--signers-stopped-at", "+1h")
        refused = cli.run(*line, "--reason", "sold")
        assert (refused.code, "is in the future" in refused.err) == (64, True)


def _without(config: str, region: str) -> str:
    """The configuration without a region: its line and the two below it."""
    lines = config.splitlines()
    at = lines.index(f"  {region}:")
    return "\n".join([*lines[:at], *lines[at + 3 :]]) + "\n"


@pytest.mark.parametrize(
    ("line", "exit_code", "code", "words"),
    [
        (("rotate", "accounts"), 64, "E_USAGE", "--reason"),
        (("rotate", "accounts", "--reason", " "), 64, "E_USAGE", "needs a reason"),
        (("rotate", "nobody", "--reason", "x"), 64, "E_USAGE", "there is no issuer"),
        (("rollback", "accounts", "--reason", "x", "--yes"), 1, "E_REQUEST", "is the first key"),
        (("rollback", "nobody", "--reason", "x", "--yes"), 64, "E_USAGE", "there is no issuer"),
        (("region",), 64, "E_USAGE", ""),
        (
            ("region", "forget", "us-east-1", "--signers-stopped-at", "2026-01-01T00:00:00Z", "--reason", "x"),
            1,
            "E_REQUEST",
            "is still configured for accounts",
        ),
        (
            ("region", "forget", "mars-1", "--signers-stopped-at", "2026-01-01T00:00:00Z", "--reason", "x"),
            64,
            "E_USAGE",
            "there is no region 'mars-1' that was let go",
        ),
        (
            ("region", "forget", "mars-1", "--signers-stopped-at", "lately", "--reason", "x"),
            64,
            "E_USAGE",
            "is no time",
        ),
    ],
)  # fmt: skip
def test_refused(cli: Cli, line: tuple[str, ...], exit_code: int, code: str, words: str) -> None:
    cli.first_keys()
    refused = cli.run(*line)
    assert (refused.code, refused.err.split()[0]) == (exit_code, code), refused
    assert words in refused.err


def test_a_hold_forbids_the_way_back_and_keeps_a_request_waiting(cli: Cli) -> None:
    rotated(cli)
    cli.ok("hold", "accounts", "--reason", "freeze", "--until", "+2h")
    refused = cli.run("rollback", "accounts", "--reason", "bad", "--yes")
    assert (refused.code, refused.err.split()[0]) == (1, "E_REQUEST")
    assert "rotator release accounts" in refused.err
    cli.clock.advance(DAY)
    assert cli.run("rollback", "accounts", "--reason", "bad", "--yes").code == 0
