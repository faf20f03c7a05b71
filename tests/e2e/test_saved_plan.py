"""What changed after it was saved, or was never whole: plans, state, log and documents are detected, never half-used."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.consumers import key_set
from tests.e2e.place import ISSUER, REGIONS, Place
from tests.fakes.clock import FakeClock

FAILED, CLOSED, STALE = 1, 3, 4
DAY = timedelta(days=1)
EU = "eu-central-1"


@pytest.fixture
def due(place: Place) -> Place:
    """A place in which a switch is due."""
    place.clock = FakeClock()
    place.ok("apply", "--yes")
    later(place, 91)
    return place


def later(place: Place, days: float) -> None:
    assert isinstance(place.clock, FakeClock)
    place.clock.advance(days * DAY)


def saved(place: Place) -> Path:
    path = place.folder / "switch.plan"
    place.ok("plan", "--out", path)
    return path


def contents(place: Place) -> list[bytes | None]:
    """Everything that a run may change outside of the evidence."""
    documents = [read(name) for name in REGIONS for read in (place.jwks, place.signing)]
    return [*documents, *(path.read_bytes() for path in sorted(place.pems().values()))]


def test_a_saved_plan_is_carried_out_exactly(due: Place) -> None:
    path = saved(due)
    steps = json.loads(path.read_text())["issuers"][0]["steps"]
    done = due.run("apply", path, "--json")
    assert done.code == 0, done
    results = json.loads(done.out)["results"]
    assert [(r["kind"], r["region"]) for r in results] == [(s["kind"], s["region"]) for s in steps]
    again = due.run("apply", path)
    assert again.code == STALE
    assert "the plan was made for serial" in again.err


def a_hold(place: Place) -> None:
    place.ok("hold", ISSUER, "--reason", "freeze")


def another_run(place: Place) -> None:
    place.ok("apply", "--yes")


def an_edit(place: Place) -> None:
    place.policy(refresh_token_lifetime="29d")


def a_document_rewritten(place: Place) -> None:
    path = place.folder / f"regions/{EU}/{ISSUER}/signing.json"
    path.write_bytes(path.read_bytes() + b"\n")


def a_document_gone(place: Place) -> None:
    (place.folder / f"regions/{EU}/{ISSUER}/signing.json").unlink()


def another_history(place: Place) -> None:
    """The state of a second rotator that began anew."""
    other = Place(place.folder.with_name("other"), place.config, place.clock)
    other.ok("apply", "--yes")
    shutil.rmtree(place.folder / ".rotator")
    shutil.copytree(other.folder / ".rotator", place.folder / ".rotator")


CHANGES: dict[str, tuple[Callable[[Place], None], str]] = {
    "a hold": (a_hold, "the plan was made for serial"),
    "another run": (another_run, "the plan was made for serial"),
    "an edit": (an_edit, "the configuration"),
    "a document rewritten": (a_document_rewritten, f"{EU}'s signing target (ETag)"),
    "a document gone": (a_document_gone, f"{EU}'s signing target (ETag)"),
    "another history": (another_history, "another history"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_is_stale_after(due: Place, change: str) -> None:
    path = saved(due)
    make, words = CHANGES[change]
    make(due)
    before = contents(due)
    applied = due.run("apply", path)
    assert applied.code == STALE
    assert applied.err.startswith("E_STALE_PLAN")
    assert words in applied.err
    assert contents(due) == before
    assert "nobody held it" in due.ok("state", "unlock")


def test_a_jwks_that_moved_stales_the_plan_that_writes_it(due: Place) -> None:
    due.policy(standby_keys=2)
    path = saved(due)
    document = due.folder / f"regions/{EU}/{ISSUER}/jwks.json"
    document.write_bytes(document.read_bytes() + b" ")
    applied = due.run("apply", path)
    assert (applied.code, f"{EU}'s JWKS (ETag)" in applied.err) == (STALE, True)


def test_evidence_stales_no_plan(due: Place) -> None:
    """It is looked at anew when the plan is applied."""
    path = saved(due)
    due.ok("verify")
    later(due, 1 / 24)
    assert due.run("apply", path).code == 0


@pytest.mark.parametrize("cut", [0, 1, 100, 1000, -2])
def test_a_truncated_plan(due: Place, cut: int) -> None:
    path = saved(due)
    path.write_bytes(path.read_bytes()[:cut])
    refused(due, path)


def test_a_tampered_plan(due: Place) -> None:
    """Every value in it, changed one at a time, and a member added."""
    path = saved(due)
    whole = json.loads(path.read_text())
    for place_ in list(leaves(whole)):
        path.write_text(json.dumps(changed(whole, place_)))
        refused(due, path)
    path.write_text(json.dumps({**whole, "approved": True}))
    refused(due, path)
    path.write_text("null")
    refused(due, path)


def refused(place: Place, path: Path) -> None:
    before = contents(place)
    for command in ("apply", "show"):
        ran = place.run(command, path)
        assert (ran.code, ran.err.split()[0]) == (FAILED, "E_PLAN_DAMAGED"), ran
        assert "Traceback" not in ran.err
    assert contents(place) == before


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """The path of every scalar in a JSON value."""
    match value:
        case dict():
            for name, member in value.items():
                yield from leaves(member, (*path, name))
        case list():
            for index, member in enumerate(value):
                yield from leaves(member, (*path, index))
        case _:
            yield path


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy in which the scalar at a path is another one of its kind."""
    copy = json.loads(json.dumps(value))
    inner = copy
    for name in path[:-1]:
        inner = inner[name]
    old = inner[path[-1]]
    match old:
        case bool():
            inner[path[-1]] = not old
        case int() | float():
            inner[path[-1]] = old + 1
        case str():
            inner[path[-1]] = old[:-1] + ("0" if old[-1:] != "0" else "1")
        case _:
            inner[path[-1]] = "something"
    return copy


def corrupt_state(place: Place) -> None:
    sql(place, """UPDATE issuers SET state = replace(state, '"serial"', '"Serial"')""")


def state_of_yesterday(place: Place) -> None:
    """One row put back, the rest as it is."""
    sql(place, "UPDATE issuers SET serial = serial - 1")


def truncate_database(place: Place) -> None:
    checkpoint(place)
    place.state_file.write_bytes(place.state_file.read_bytes()[:5000])


def scribble_on_database(place: Place) -> None:
    checkpoint(place)
    data = bytearray(place.state_file.read_bytes())
    data[4096:] = bytes(len(data) - 4096)
    place.state_file.write_bytes(data)


def empty_database(place: Place) -> None:
    checkpoint(place)
    place.state_file.write_bytes(b"")


def foreign_database(place: Place) -> None:
    place.state_file.write_bytes(b"this is a shopping list\n" * 400)


def checkpoint(place: Place) -> None:
    sql(place, "PRAGMA wal_checkpoint(TRUNCATE)")


def sql(place: Place, statement: str) -> None:
    with closing(sqlite3.connect(place.state_file, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize(
    "damage",
    [
        corrupt_state,
        state_of_yesterday,
        truncate_database,
        scribble_on_database,
        empty_database,
        foreign_database,
    ],
    ids=lambda damage: damage.__name__,
)
def test_a_damaged_state(due: Place, damage: Callable[[Place], None]) -> None:
    damage(due)
    before = contents(due)
    for line in ("plan", "status", "apply --yes", "state show"):
        ran = due.run(*line.split())
        assert (ran.code, ran.err.split()[0]) == (FAILED, "E_STATE_DAMAGED"), (line, ran)
        assert "runbooks/state-lost.md" in ran.err
        assert "Traceback" not in ran.err
    assert contents(due) == before


AUDIT_DAMAGE = {
    "a fact changed": "UPDATE audit SET entry = replace(entry, 'us-east-1', 'us-east-2') WHERE number = 7",
    "a digest changed": "UPDATE audit SET digest = previous WHERE number = 5",
    "one in the middle gone": "DELETE FROM audit WHERE number = 5",
    "the first gone": "DELETE FROM audit WHERE number = 1",
    "the last gone": "DELETE FROM audit WHERE number = (SELECT max(number) FROM audit)",
    "all gone": "DELETE FROM audit",
    "two exchanged": (
        "UPDATE audit SET entry = (SELECT entry FROM audit a WHERE a.number = 11 - audit.number)"
        " WHERE number IN (5, 6)"
    ),
    "one added": "INSERT INTO audit SELECT number + 1, digest, entry, digest FROM audit ORDER BY number DESC LIMIT 1",
    "junk in it": "UPDATE audit SET entry = '{{{' WHERE number = 3",
}


@pytest.mark.parametrize("damage", AUDIT_DAMAGE)
def test_a_damaged_log(due: Place, damage: str) -> None:
    due.ok("audit", "--verify")
    rows = due.json("audit")["records"]
    assert any(row["number"] == 7 and "us-east-1" in json.dumps(row) for row in rows), rows[:9]
    sql(due, AUDIT_DAMAGE[damage])
    ran = due.run("audit", "--verify")
    assert ran.code == FAILED, ran
    assert "Traceback" not in ran.err
    assert "breaks" in ran.out or "E_STATE_DAMAGED" in ran.err, ran


def with_private_members(document: dict[str, Any]) -> bytes:
    document["keys"][0]["d"] = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
    return json.dumps(document).encode()


def with_a_kid_twice(document: dict[str, Any]) -> bytes:
    other = {**document["keys"][1], "kid": document["keys"][0]["kid"]}
    return json.dumps({"keys": [*document["keys"], other]}).encode()


def with_other_material(document: dict[str, Any]) -> bytes:
    """The kid is right, the thumbprint is not."""
    first, second = document["keys"]
    return json.dumps({"keys": [{**first, "x": second["x"], "y": second["y"]}, second]}).encode()


def with_a_foreign_key(document: dict[str, Any]) -> bytes:
    return json.dumps({"keys": [*document["keys"], {"kty": "oct", "kid": "not-ours"}]}).encode()


def ten_megabytes(_: dict[str, Any]) -> bytes:
    return b"JUNK-JUNK-JUNK-\x1b[31m" * (10 * 1024 * 1024 // 20)


def deep(_: dict[str, Any]) -> bytes:
    return b'{"keys":' + b"[" * 100_000


BAD_DOCUMENTS = {
    with_private_members: "private members",
    with_a_kid_twice: "more than once",
    with_other_material: "lacks",
    with_a_foreign_key: "does not own",
    ten_megabytes: "larger than",
    deep: "not JSON",
}


@pytest.mark.parametrize("make", BAD_DOCUMENTS, ids=lambda make: make.__name__)
def test_a_bad_document_in_a_region(due: Place, make: Callable[[dict[str, Any]], bytes]) -> None:
    """It closes the gate and is named; nothing of it is echoed whole or believed."""
    path = due.folder / f"regions/{EU}/{ISSUER}/jwks.json"
    body = make(json.loads(path.read_bytes()))
    path.write_bytes(body)
    verify = due.run("verify", "--verbose")
    plan = due.run("plan", "--verbose")
    status = due.run("status", "--verbose", "--check")
    assert (verify.code, status.code) == (CLOSED, CLOSED)
    for ran in (verify, plan, status):
        assert EU in ran.out
        assert len(ran.out + ran.err) < 10_000
        for junk in ("c2VjcmV0", "JUNK-JUNK", "\x1b", "[[[["):
            assert junk not in ran.out + ran.err
    assert BAD_DOCUMENTS[make] in plan.out.replace("\n", " ") + verify.out
    (issuer,) = due.json("plan")["issuers"]
    assert "switch" not in {step["kind"] for step in issuer["steps"]}
    assert [wait for wait in issuer["waiting"] if wait["kind"] == "switch"]
    applied = due.run("apply", "--yes")
    assert "JUNK-JUNK" not in applied.out + applied.err
    assert due.phases() == ["active", "published"]
    assert not {"d", "k"} & {name for key in json.loads(path.read_bytes())["keys"] for name in key}
    if make is with_a_foreign_key:
        assert applied.code == CLOSED
        assert "not-ours" in key_set_kids(path)
    else:
        assert key_set(path.read_bytes()) == key_set(due.jwks("us-east-1") or b"")


def key_set_kids(path: Path) -> list[str]:
    return [key["kid"] for key in json.loads(path.read_bytes())["keys"]]
