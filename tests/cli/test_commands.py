"""Every command once, on file regions: what it prints, what it leaves, how it exits."""

import json
import stat
from datetime import timedelta
from xml.etree.ElementTree import parse

import pytest

from tests.cli.runner import Cli
from tests.render.schemas import valid


def test_first_run_then_nothing_to_do(cli: Cli) -> None:
    plan = cli.run("plan")
    assert plan.code == 0
    assert "make accounts/1" in plan.out
    assert "Apply them: rotator apply" in plan.out
    done = cli.run("apply", "--yes")
    assert done.code == 0, done
    assert "failed" not in done.out
    again = cli.run("apply", "--yes")
    assert (again.code, "nothing to do" in again.out) == (0, True)
    assert "signs everywhere" in cli.ok("status")


@pytest.mark.parametrize("command", ["plan", "status", "verify", "history", "audit"])
def test_json_is_one_document_of_the_contract(cli: Cli, command: str) -> None:
    cli.first_keys()
    result = cli.run(command, "--json")
    valid(command, json.loads(result.out))
    assert result.err == ""


def test_apply_json(cli: Cli) -> None:
    result = cli.run("apply", "--yes", "--json")
    document = json.loads(result.out)
    valid("apply", document)
    assert document["summary"]["failed"] == 0


def test_plan_detailed_exitcode(cli: Cli) -> None:
    assert cli.run("plan", "--detailed-exitcode").code == 2
    cli.first_keys()
    assert cli.run("plan", "--detailed-exitcode").code == 0


def test_plan_for_another_moment(cli: Cli) -> None:
    cli.first_keys()
    assert cli.run("plan", "--at", "+91d", "--detailed-exitcode").code == 2
    assert cli.run("plan", "--detailed-exitcode").code == 0


def test_a_saved_plan_is_private_shown_and_applied(cli: Cli) -> None:
    path = cli.folder / "new.plan"
    assert f"rotator apply {path}" in cli.ok("plan", "--out", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "make accounts/1" in cli.ok("show", path)
    valid("plan", json.loads(cli.ok("show", path, "--json")))
    assert cli.run("apply", path).code == 0
    stale = cli.run("apply", path)
    assert (stale.code, stale.err.split()[0]) == (4, "E_STALE_PLAN")
    assert "make accounts/1" in cli.ok("show", path)


def test_a_damaged_plan_is_refused_before_anything_is_read(cli: Cli) -> None:
    path = cli.folder / "new.plan"
    cli.ok("plan", "--out", path)
    path.write_text(path.read_text().replace("accounts/1", "accounts/9"))
    for command in ("show", "apply"):
        refused = cli.run(command, path)
        assert (refused.code, refused.err.split()[0]) == (1, "E_PLAN_DAMAGED")


def test_apply_asks_on_a_terminal(cli: Cli) -> None:
    declined = cli.run("apply", answer="\n")
    assert (declined.code, "E_DECLINED" in declined.err) == (1, True)
    assert "make accounts/1" in declined.out
    assert "[y/N]" in declined.out
    accepted = cli.run("apply", answer="y\n")
    assert accepted.code == 0, accepted
    assert "✓" in accepted.out


def test_apply_asks_beside_the_json(cli: Cli) -> None:
    accepted = cli.run("apply", "--json", answer="yes\n")
    valid("apply", json.loads(accepted.out))
    assert "[y/N]" in accepted.err


def test_colour_on_a_terminal_and_not_with_no_color(cli: Cli) -> None:
    assert "\x1b[" in cli.run("plan", answer="").out
    cli.environ["NO_COLOR"] = "1"
    assert "\x1b[" not in cli.run("plan", answer="").out
    assert "\x1b[" not in cli.run("plan").out


def test_verify_and_junit(cli: Cli) -> None:
    cli.first_keys()
    path = cli.folder / "junit.xml"
    result = cli.run("verify", "--junit", path, "--samples", "2")
    assert (result.code, "gate open" in result.out) == (0, True)
    assert len(parse(path).getroot().findall("testsuite/testcase")) == 3  # noqa: S314


def test_verify_a_region_that_lost_its_document(cli: Cli) -> None:
    cli.first_keys()
    (cli.folder / "regions/eu-central-1/accounts/jwks.json").write_text('{"keys":[]}')
    closed = cli.run("verify")
    assert (closed.code, "gate closed: eu-central-1" in closed.out) == (3, True)
    assert cli.run("verify", "--region", "us-east-1").code == 0
    assert cli.run("status").code == 0
    assert cli.run("status", "--check").code == 3
    assert cli.run("status", "--check", "--region", "us-east-1").code == 3


def test_verify_waits_on_the_clock_it_is_given(cli: Cli) -> None:
    cli.first_keys()
    (cli.folder / "regions/eu-central-1/accounts/jwks.json").unlink()
    waited = cli.run("verify", "--wait", "10m", "--verbose")
    assert waited.code == 3
    assert sum(cli.clock.slept, timedelta()) >= timedelta(minutes=10)
    assert "Waiting, " in waited.err


def test_verify_as_of_a_later_time(cli: Cli) -> None:
    cli.first_keys()
    late = cli.run("verify", "--as-of", "+120d")
    assert (late.code, "overdue" in late.out) == (3, True)


def test_token_is_alone_on_stdout(cli: Cli) -> None:
    cli.first_keys()
    token = cli.run(
        "token", "accounts", "--region", "us-east-1", "--claim", "sub=7", "--claim", 'aud:=["a"]'
    )
    assert (token.code, token.out.count("."), token.out.count("\n")) == (0, 2, 1)


def test_token_by_prefix(cli: Cli) -> None:
    cli.first_keys()
    issuer = json.loads(cli.ok("status", "--json"))["issuers"][0]
    for key in issuer["keys"]:
        assert (
            cli.run("token", "accounts", "--region", "us-east-1", "--kid", key["kid"][:6]).code == 0
        )
    assert (
        cli.run("token", "accounts", "--region", "us-east-1", "--kid", "-xxxxx").err.split()[0]
        == "E_NO_SUCH_KEY"
    )
    assert cli.run("token", "accounts", "--region", "us-east-1", "--kid", "abc").code == 64


def test_hold_and_release(cli: Cli) -> None:
    cli.first_keys()
    assert "until: rotator release" in cli.ok("hold", "accounts", "--reason", "--freeze--")
    assert "held: --freeze--" in cli.ok("status")
    cli.clock.advance(timedelta(days=91))
    assert cli.run("plan", "--detailed-exitcode").code == 0
    assert "goes on" in cli.ok("release", "accounts")
    assert cli.run("plan", "--detailed-exitcode").code == 2
    assert "was not held" in cli.ok("release", "accounts")


def test_hold_until(cli: Cli) -> None:
    cli.first_keys()
    assert "in 24 h" in cli.ok("hold", "accounts", "--reason", "launch", "--until", "+24h")
    assert (
        cli.run("hold", "accounts", "--reason", "launch", "--until", "2020-01-01T00:00:00Z").code
        == 64
    )


def test_history_and_audit(cli: Cli) -> None:
    cli.first_keys()
    assert "accounts · 2 keys ever, 2 served" in cli.ok("history")
    assert "prove the log" in cli.ok("audit")
    assert "chain whole" in cli.ok("audit", "--verify")


def test_state_goes_out_and_comes_back(cli: Cli) -> None:
    cli.first_keys()
    path = cli.folder / "backup.json"
    cli.ok("state", "export", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == json.loads(cli.ok("state", "export"))
    assert json.loads(cli.ok("state", "show"))["issuers"][0]["issuer"] == "accounts"
    assert cli.run("state", "import", path).code == 64
    assert cli.run("state", "import", path, answer="n\n").code == 1
    assert cli.run("state", "import", path, answer="y\n").code == 0
    assert cli.run("state", "import", path, "--yes").code == 0
    path.write_text("{")
    damaged = cli.run("state", "import", path, "--yes")
    assert (damaged.code, damaged.err.split()[0]) == (1, "E_STATE_DAMAGED")


def test_unlock(cli: Cli) -> None:
    assert cli.ok("state", "unlock") == "nobody held it\n"


def test_config(cli: Cli) -> None:
    assert "is fine: 1 issuer" in cli.ok("config", "check")
    assert json.loads(cli.ok("config", "schema"))["type"] == "object"
    assert "rotate_every" in cli.ok("config", "show")


def test_init(cli: Cli) -> None:
    assert "wrote" in cli.ok("init", cli.folder / "new")
    assert ".rotator/" in (cli.folder / "new" / ".gitignore").read_text()
    again = cli.run("init", cli.folder / "new")
    assert (again.code, "exists already" in again.err) == (64, True)
    cli.ok("init", cli.folder / "cloud", "--aws")
    assert "bucket" in (cli.folder / "cloud" / "rotator.yaml").read_text()


def test_init_leaves_an_existing_gitignore_alone(cli: Cli) -> None:
    ignore = cli.folder / "new" / ".gitignore"
    ignore.parent.mkdir()
    ignore.write_text("*.pyc")
    cli.ok("init", ignore.parent)
    assert ignore.read_text() == "*.pyc\n.rotator/\n"


def test_a_region_that_cannot_be_reached(cli: Cli) -> None:
    """A file stands where its folder should be: the others go on, the exit code says 3."""
    (cli.folder / "regions").mkdir()
    (cli.folder / "regions" / "eu-central-1").write_text("in the way")
    planned = cli.run("plan", "--detailed-exitcode")
    assert (planned.code, "eu-central-1 could not be read" in planned.out) == (3, True), planned
    applied = cli.run("apply", "--yes", "--json")
    assert applied.code == 3
    assert json.loads(applied.out)["left"]["summary"]["blocked"] > 0
    assert (cli.folder / "regions/us-east-1/accounts/jwks.json").exists()


def test_a_passphrase_beside_the_keys_is_warned_of(cli: Cli) -> None:
    assert "passphrase" in cli.run("apply", "--yes").err
    cli.environ["ROTATOR_KEY_PASSPHRASE"] = "correct horse"
    other = Cli(cli.folder / "regions", environ=cli.environ)
    assert other.run("apply", "--yes").err == ""
