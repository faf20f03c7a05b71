"""`rotator revoke` on file regions: what it shows and asks, what it does, how it exits; drills; with and without the state."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.jwks import Jwks, parse
from rotator.domain.signing import SigningDocument, parse_signing
from tests.cli.runner import CONFIG, CTRL_C, Cli
from tests.fakes.clock import FakeClock
from tests.render.schemas import valid

REGIONS = ("us-east-1", "eu-central-1")
WHY = ("--reason", "laptop stolen, INC-4711")
LAZY = CONFIG.replace(
    "regions:",
    "policy: {verifiers: [pyjwt, {name: lazy, add: 1m, remove: unbounded}]}\nregions:",
)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """An issuer that has just got its keys: made once, since that takes a second."""
    made = Cli(tmp_path_factory.mktemp("first"))
    made.first_keys()
    return made


@pytest.fixture(scope="module")
def later(first: Cli, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The same a day later: its standby is warm."""
    made = copied(first, tmp_path_factory.mktemp("later"))
    made.clock.advance(timedelta(hours=26))
    made.ok("apply", "--yes")
    return made


def copied(cli: Cli, folder: Path) -> Cli:
    shutil.copytree(cli.folder, folder, dirs_exist_ok=True)
    return Cli(folder, FakeClock(cli.clock.now()))


@pytest.fixture
def alive(later: Cli, tmp_path: Path) -> Cli:
    """An issuer with an active key and a warm standby."""
    return copied(later, tmp_path)


@pytest.fixture
def young(first: Cli, tmp_path: Path) -> Cli:
    """An issuer whose standby is not warm."""
    return copied(first, tmp_path)


def folder(cli: Cli, region: str) -> Path:
    return cli.folder / "regions" / region / "accounts"


def kids(cli: Cli, region: str) -> tuple[str, ...]:
    document = parse((folder(cli, region) / "jwks.json").read_bytes())
    assert isinstance(document, Jwks)
    return document.kids()


def signs(cli: Cli, region: str) -> SigningDocument:
    document = parse_signing((folder(cli, region) / "signing.json").read_bytes())
    assert isinstance(document, SigningDocument)
    return document


def active(cli: Cli) -> str:
    return signs(cli, REGIONS[0]).active.kid


def standby(cli: Cli) -> str:
    found = signs(cli, REGIONS[0]).standby
    assert found is not None
    return found.kid


def put_away(cli: Cli, region: str) -> Path:
    """A region's folder that cannot be read: something else stands in its place."""
    there = folder(cli, region)
    kept = there.rename(there.with_name("kept"))
    there.write_text("")
    return kept


def put_back(cli: Cli, region: str, kept: Path) -> None:
    folder(cli, region).unlink()
    kept.rename(folder(cli, region))


def document(text: str) -> Any:
    found = json.loads(text)
    valid("revoke", found)
    return found


# ------------------------------------------------------------------------------------------- asked and typed


@pytest.mark.parametrize("typed", ["kid", "prefix"])
def test_the_kid_is_typed_and_the_key_is_gone(alive: Cli, typed: str) -> None:
    old, new = active(alive), standby(alive)
    answer = old if typed == "kid" else old[:8]
    result = alive.run("revoke", old[:8], *WHY, answer=f"{answer}\n")
    assert result.code == 0, result
    shown, _, done = result.out.partition("Type the kid to go on: ")
    assert f"{new[:8]} takes over in 2 regions" in shown
    assert "nobody waits" in shown
    assert "revoked everywhere" in done
    for region in REGIONS:
        assert old not in kids(alive, region)
        assert signs(alive, region).active.kid == new
        assert signs(alive, region).revoked == (old,)
    assert "laptop stolen, INC-4711" in alive.ok("audit")


@pytest.mark.parametrize("typed", ["", "y", "yes", "accounts", "Zr81kQpL", "\n"])
def test_anything_else_revokes_nothing(alive: Cli, typed: str) -> None:
    old = active(alive)
    result = alive.run("revoke", old[:8], *WHY, answer=f"{typed}\n")
    assert (result.code, "E_DECLINED" in result.err) == (1, True)
    assert "nothing was revoked" in result.err
    assert old in kids(alive, REGIONS[0])
    assert "revoked_at" not in alive.ok("audit")


@pytest.mark.parametrize("line", [("revoke", "KID", *WHY), ("apply",)])
def test_ctrl_c_at_the_question_says_that_nothing_was_begun(
    alive: Cli, line: tuple[str, ...]
) -> None:
    old = active(alive)
    alive.clock.advance(timedelta(days=89))
    result = alive.run(*(old if word == "KID" else word for word in line), answer=CTRL_C)
    said = "nothing was revoked" if line[0] == "revoke" else "nothing was changed"
    assert (result.code, said in result.err) == (130, True), result
    assert result.out.endswith("\n")
    assert "next run" not in result.err
    assert active(alive) == old


def test_the_end_of_input_ends_the_line_of_the_question(alive: Cli) -> None:
    result = alive.run("revoke", active(alive)[:8], *WHY, answer="")
    assert (result.code, "nothing was revoked" in result.err) == (1, True)
    assert result.out.endswith("Type the kid to go on: \n")


def test_for_all_keys_the_issuers_name_is_typed(alive: Cli) -> None:
    before = kids(alive, REGIONS[0])
    line = ("revoke", "--all-keys", "accounts", *WHY, "--no-standby")
    assert alive.run(*line, answer=f"{before[0]}\n").code == 1
    assert kids(alive, REGIONS[0]) == before
    result = alive.run(*line, answer="accounts\n")
    assert result.code == 0, result
    assert "Type the issuer's name to go on" in result.out
    assert not set(kids(alive, REGIONS[0])) & set(before)


def test_a_kid_that_begins_with_a_dash_is_a_kid(alive: Cli) -> None:
    result = alive.run("revoke", "-nobody", "--dry-run", "--no-standby")
    assert (result.code, "E_NO_SUCH_KEY" in result.err) == (1, True)


USAGE = [
    ((), "one key, or all keys"),
    (("abcdefgh", "--all-keys", "accounts", *WHY), "one key, or all keys"),
    (("abcdefgh", "--yes"), "needs a reason"),
    (("abcdefgh", "--yes", "--reason", "  "), "needs a reason"),
    (("abcdefgh", *WHY), "nobody can be asked here"),
    (("abc", *WHY, "--yes"), "too short"),
    (("--all-keys", "payments", *WHY, "--yes"), "there is no issuer 'payments'"),
]


@pytest.mark.parametrize(("line", "words"), USAGE)
def test_what_cannot_be_understood(alive: Cli, line: tuple[str, ...], words: str) -> None:
    result = alive.run("revoke", *line)
    assert (result.code, words in result.err) == (64, True), result


# ---------------------------------------------------------------------------------------------- only looking


def test_a_drill_shows_it_all_and_changes_nothing(alive: Cli) -> None:
    files = {path: path.read_bytes() for path in alive.folder.rglob("*.json")}
    before = alive.ok("history"), alive.ok("audit")
    text = alive.ok("revoke", active(alive)[:8], "--dry-run")
    assert "A drill: nothing is changed." in text
    for label in ("now", "logged out", "exposure", "signers"):
        assert f"  {label} " in text
    assert {path: path.read_bytes() for path in files} == files
    assert (alive.ok("history"), alive.ok("audit")) == before


def test_a_drill_without_a_standby_says_who_would_reject(young: Cli) -> None:
    text = young.ok("revoke", active(young)[:8], "--dry-run")
    assert f"no warm standby: {standby(young)[:8]} is warm at" in text
    assert "tokens of the key that takes over may be rejected until" in text


def test_a_drill_as_json(alive: Cli) -> None:
    found = document(alive.ok("revoke", active(alive), "--dry-run", "--json"))
    assert (found["dry_run"], found["done"], found["ready"]) == (True, False, True)
    assert [step["kind"] for step in found["steps"]][:2] == ["switch", "switch"]
    assert {one["region"] for one in found["exposure"]} == set(REGIONS)


def test_what_has_to_be_restarted(alive: Cli) -> None:
    cli = alive
    cli.write_config(LAZY)
    old = active(cli)
    text = cli.ok("revoke", old[:8], "--restart-list")
    assert text.split()[:4] == ["lazy", "everywhere", "restart", "it:"]
    assert "pyjwt" not in text
    found = json.loads(cli.ok("revoke", old[:8], "--restart-list", "--json"))
    valid("restarts", found)
    assert found["restart"] == [
        {"verifier": "lazy", "why": "restart", "region": None, "target": None}
    ]
    assert "lazy: rotator revoke" in cli.ok("revoke", old[:8], "--dry-run")


def test_nothing_has_to_be_restarted(alive: Cli) -> None:
    text = alive.ok("revoke", active(alive)[:8], "--restart-list")
    assert text.startswith("  nothing that can be seen goes on believing")


# -------------------------------------------------------------------------------------------------- refusals


def test_no_warm_standby_is_refused_with_who_rejects_until_when(young: Cli) -> None:
    old = active(young)
    result = young.run("revoke", old[:8], *WHY, "--yes")
    assert (result.code, "E_REVOKE" in result.err) == (1, True)
    assert "may be rejected until" in result.out
    assert "--no-standby" in result.err
    assert old in kids(young, REGIONS[0])
    assert young.run("revoke", old[:8], *WHY, "--yes", "--no-standby").code == 0
    assert old not in kids(young, REGIONS[0])


def test_an_unknown_key(alive: Cli) -> None:
    result = alive.run("revoke", "Zr81kQpL", *WHY, "--yes")
    assert (result.code, "E_NO_SUCH_KEY" in result.err) == (1, True)


def test_a_refusal_as_json_is_one_document(young: Cli) -> None:
    result = young.run("revoke", active(young)[:8], *WHY, "--yes", "--json")
    assert json.loads(result.out)["error"]["code"] == "E_REVOKE"


# -------------------------------------------------------------------------------------- past what stands in the way


def test_a_hold_and_a_policy_that_became_infeasible_stop_nothing(alive: Cli) -> None:
    alive.ok("hold", "accounts", "--reason", "freeze")
    alive.write_config(CONFIG.replace("regions:", "policy: {rotate_every: 1h}\nregions:", 1))
    assert alive.run("apply", "--yes").code == 78
    old = active(alive)
    result = alive.run("revoke", old[:8], *WHY, "--yes")
    assert result.code == 0, result
    assert "(freeze): a revoke goes on all the same" in result.out
    assert old not in kids(alive, REGIONS[0])


def test_a_region_that_cannot_be_read_is_exit_3_until_it_is_done(alive: Cli) -> None:
    old = active(alive)
    kept = put_away(alive, REGIONS[1])
    result = alive.run("revoke", old[:8], *WHY, "--yes")
    assert result.code == 3, result
    assert "eu-central-1 to be done: rotator apply goes on there" in result.out
    assert "no end in sight" in result.out
    assert old not in kids(alive, REGIONS[0])
    found = alive.run("revoke", old[:8], *WHY, "--yes", "--json")
    assert found.code == 3
    ends = {end["region"]: end["done"] for end in document(found.out)["regions"]}
    assert ends == {REGIONS[0]: True, REGIONS[1]: False}
    put_back(alive, REGIONS[1], kept)
    assert alive.run("apply", "--yes").code == 0
    assert old not in kids(alive, REGIONS[1])
    again = alive.run("revoke", old[:8], *WHY, "--yes")
    assert (again.code, "revoked everywhere" in again.out) == (0, True)


def test_the_json_of_a_terminal_holds_nothing_but_json(alive: Cli) -> None:
    old = active(alive)
    result = alive.run("revoke", old[:8], *WHY, "--json", answer=f"{old}\n")
    assert document(result.out)["done"] is True
    assert "takes over in 2 regions" in result.err


# ------------------------------------------------------------------------------------------ without the state


def lose_state(cli: Cli) -> Path:
    """Its place cannot be used any more."""
    there = cli.folder / ".rotator" / "state.db"
    kept = there.rename(there.with_name("kept.db"))
    there.mkdir()
    return kept


def test_a_state_that_cannot_be_had_names_the_way_without_it(alive: Cli) -> None:
    lose_state(alive)
    result = alive.run("revoke", active(alive)[:8], *WHY, "--yes")
    assert (result.code, "--without-state" in result.err) == (1, True), result


def test_a_state_file_that_is_gone_names_the_ways_out(alive: Cli) -> None:
    old = active(alive)
    (alive.folder / ".rotator" / "state.db").unlink()
    result = alive.run("revoke", old[:8], *WHY, "--yes")
    assert (result.code, result.err.split()[0]) == (3, "E_STATE_BEHIND"), result
    assert "--without-state" in result.err
    assert "state import --from-regions" in result.err
    again = alive.run("revoke", old[:8], *WHY, "--yes", "--without-state")
    assert (again.code, old in kids(alive, REGIONS[0])) == (0, False), again


def test_without_the_state_and_then_with_it_again_the_key_stays_away(alive: Cli) -> None:
    old, new = active(alive), standby(alive)
    kept = lose_state(alive)
    result = alive.run("revoke", old[:8], *WHY, "--yes", "--without-state")
    assert result.code == 0, result
    assert "catches up from the regions" in result.err
    assert [signs(alive, region).active.kid for region in REGIONS] == [new, new]
    there = alive.folder / ".rotator" / "state.db"
    there.rmdir()
    kept.rename(there)
    assert "older state was restored" in alive.run("plan").out
    alive.ok("apply", "--yes")
    for _ in range(3):
        alive.clock.advance(timedelta(days=31))
        alive.ok("apply", "--yes")
        assert all(old not in kids(alive, region) for region in REGIONS)
    assert active(alive) != old


def test_without_the_state_a_dry_run_leaves_no_trace(alive: Cli) -> None:
    lose_state(alive)
    before = {path for path in alive.folder.rglob("*") if path.is_file()}
    result = alive.run("revoke", active(alive)[:8], "--dry-run", "--without-state")
    assert (result.code, "takes over in 2 regions" in result.out) == (0, True), result
    assert {path for path in alive.folder.rglob("*") if path.is_file()} == before
