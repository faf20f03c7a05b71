"""A saved plan: the contract's members, and a table of everything that is refused."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rotator.domain import plan_json
from rotator.errors import PlanDamaged
from tests.render import scenarios

STEP_MEMBERS = [
    *(
        "n",
        "kind",
        "kid",
        "ref",
        "region",
        "keys",
        "expected_etag",
        "reason",
        "reason_code",
        "not_before",
    ),
    *("generation", "standby", "document", "algorithm"),
]


def whole() -> dict[str, Any]:
    return json.loads(plan_json.text(scenarios.every_step()))  # type: ignore[no-any-return]


def steps_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["issuers"][0]["steps"]  # type: ignore[no-any-return]


def test_every_step_has_every_member_in_the_contracts_order() -> None:
    for step in steps_of(whole()):
        assert list(step) == STEP_MEMBERS


def test_what_a_kind_has_no_use_for_is_null() -> None:
    generate, *_, destroy = steps_of(whole())
    assert (generate["ref"], generate["kid"], generate["keys"]) == ("accounts/3", None, [])
    assert (destroy["kid"], destroy["region"], destroy["document"]) == (scenarios.GONE, None, None)


def test_the_two_repairs_are_told_apart() -> None:
    repairs = [step["document"] for step in steps_of(whole()) if step["kind"] == "repair"]
    assert repairs == ["jwks", "signing"]


def test_summary_counts_what_waits_for_time_apart_from_what_is_blocked() -> None:
    assert plan_json.summary(scenarios.region_stale()) == {
        "due": 0,
        "blocked": 1,
        "waiting": 1,
        "findings": 0,
    }


def test_it_is_read_back() -> None:
    for make in scenarios.PLANS.values():
        assert plan_json.load(plan_json.text(make())) == make()


def _set(*path: str | int, to: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = to

    return change


def _drop(*path: str | int) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for name in path[:-1]:
            place = place[name]
        del place[path[-1]]

    return change


STEP = ("issuers", 0, "steps", 0)
WRITE = ("issuers", 0, "steps", 1)

REFUSED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "another format": (
        _set("format", to="rotator.plan/2"),
        r"\$\.format: rotator\.plan/1 expected",
    ),
    "a member too many": (_set("extra", to=1), r"\$: unknown member 'extra'"),
    "a member too few": (_drop("now"), r"\$: member 'now' is missing"),
    "issuers are no list": (_set("issuers", to={}), r"\$\.issuers: a list expected"),
    "an issuer is no object": (_set("issuers", 0, to=7), r"\$\.issuers\[0\]: an object expected"),
    "an issuer without lineage": (
        _drop("issuers", 0, "lineage"),
        r"issuers\[0\]: member 'lineage' is missing",
    ),
    "a serial in words": (
        _set("issuers", 0, "serial", to="7"),
        r"issuers\[0\]\.serial: int expected",
    ),
    "a step of an unknown kind": (
        _set(*STEP, "kind", to="explode"),
        r"steps\[0\]\.kind: no such step",
    ),
    "a kind that is a list": (_set(*STEP, "kind", to=[]), r"steps\[0\]\.kind: no such step"),
    "a repair of nothing": (_set(*STEP, "document", to="jwks"), r"steps\[0\]\.kind: no such step"),
    "a step member too many": (_set(*STEP, "sudo", to=True), r"steps\[0\]: unknown member 'sudo'"),
    "a step member too few": (_drop(*STEP, "reason"), r"steps\[0\]: member 'reason' is missing"),
    "a generate step with a region": (
        _set(*STEP, "region", to="x"),
        r"steps\[0\]\.region: a generate step has none",
    ),
    "a write with a standby": (
        _set(*WRITE, "standby", to="x"),
        r"steps\[1\]\.standby: a write_jwks step has none",
    ),
    "a write without a region": (
        _set(*WRITE, "region", to=None),
        r"steps\[1\]\.region: str expected",
    ),
    "keys that are numbers": (_set(*WRITE, "keys", to=[1]), r"steps\[1\]\.keys\[0\]: str expected"),
    "a time in words": (
        _set(*STEP, "not_before", to="soon"),
        r"steps\[0\]\.not_before: 'soon' is no time",
    ),
    "a reason nobody knows": (
        _set(*STEP, "reason_code", to="because"),
        r"steps\[0\]\.reason_code: 'because'",
    ),
    "steps out of order": (_set(*WRITE, "n", to=1), r"steps: they are not numbered upwards"),
    "a step number 0": (_set(*STEP, "n", to=0), r"steps: they are not numbered upwards"),
    "a summary that does not count": (
        _set("summary", "due", to=1),
        r"\$\.summary: it does not count",
    ),
    "a config digest that is none": (
        _set("config_digest", to=None),
        r"\$\.config_digest: str expected",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    change, words = REFUSED[name]
    document = whole()
    change(document)
    document["digest"] = plan_json.digest(document)
    with pytest.raises(PlanDamaged) as refused:
        plan_json.load(json.dumps(document))
    assert refused.match("not a plan")
    assert re.search(words, refused.value.detail), refused.value.detail


@pytest.mark.parametrize(
    ("saved", "words"),
    [
        ("", "not whole JSON"),
        (plan_json.text(scenarios.steady())[:-9], "not whole JSON"),
        (b"\xff\xfe\xfd", "not UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "an object expected"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 1, "a": 1}', "stands there twice"),
        ('{"format": ' + "9" * 5000 + "}", "a value that no plan has"),
        (" " * (plan_json.MAX_BYTES + 1), "larger than 64 MiB"),
    ],
)
def test_not_even_json(saved: str | bytes, words: str) -> None:
    with pytest.raises(PlanDamaged) as refused:
        plan_json.load(saved)
    assert words in refused.value.detail


def test_a_byte_changed_by_hand_is_found() -> None:
    text = plan_json.text(scenarios.steady()).replace('"serial": 41', '"serial": 42')
    with pytest.raises(PlanDamaged) as refused:
        plan_json.load(text)
    assert "changed after it was saved" in refused.value.detail


def test_wrong_things_to_dump_never_become_a_document() -> None:
    """A number that is none would make a document that nobody can read."""
    endless = replace(scenarios.turn(), numbers={"x_s": float("inf")})
    with pytest.raises(ValueError, match="JSON compliant"):
        plan_json.text(scenarios.plan(waiting=(endless,)))
