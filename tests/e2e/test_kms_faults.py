"""An apply during which AWS throttles, refuses, answers too late, or shows changes late: each kind of call once.

Whatever happens: one clear error that names region and action, every token verifies, no key is made twice or
forgotten, and the next ordinary run leaves what an undisturbed one leaves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest

import pytest

from tests.e2e.aws_faults import (
    Broken,
    Fault,
    Lagging,
    action,
    refused,
    slow,
    throttled,
)
from tests.e2e.aws_hooks import Points
from tests.e2e.failpoints import AFTER, KilledError, die
from tests.e2e.kms_life import DISABLE, FIRST, LIFE, REMOVAL, SOON, SWITCH, TWO, Life, Lives, Moment
from tests.e2e.place import Ran
from tests.fakes.clock import FakeClock
from tests.servers.faulty import Delay, FaultyProxy, Request
from tests.servers.s3 import S3Endpoint

pytestmark = [pytest.mark.ministack, pytest.mark.slow]

PRIMARY, OTHER = TWO
DONE, CLOSED = 0, 3
FAULTS: Mapping[str, Callable[[FakeClock], Fault]] = {
    "throttled": lambda _: throttled,
    "refused": lambda _: refused,
    "slow": slow,
}


@dataclass(frozen=True)
class Case:
    """A kind of call in one region, and the error code under each fault: "" where the run gets over it."""

    region: str
    kind: str
    throttled: str
    refused: str
    slow: str

    @property
    def action(self) -> str:
        return action(self.kind.partition(" ")[0])


KEY = "E_KEY_STORE_UNREACHABLE", "E_KEY_STORE_DENIED", "E_KEY_STORE_UNREACHABLE"
UNSURE = ("E_KEY_STORE_UNSURE",) * 3
TARGET = "E_TARGET_UNREACHABLE", "E_TARGET_DENIED", ""
LOOK = ("blocked",) * 3
"""No step fails: what cannot be read is not touched, and the plan says why."""

UNANSWERED = "key_unanswered"

TABLE: Mapping[Moment, tuple[Case, ...]] = {
    FIRST: (
        Case(PRIMARY, "CreateKey keys", *KEY[:2], "E_KEY_STORE_UNSURE"),
        Case(PRIMARY, "GetPublicKey key", *UNSURE),
        Case(PRIMARY, "TagResource key", *UNSURE),
        Case(PRIMARY, "ListResourceTags key", *KEY),
        Case(PRIMARY, "ReplicateKey key", *KEY),
        Case(OTHER, "CreateAlias alias", *TARGET),
        Case(OTHER, "UpdateAlias alias", *TARGET[:2], "E_TARGET_UNREACHABLE"),
    ),
    SWITCH: (
        Case(OTHER, "UpdateAlias alias", *TARGET),
        Case(OTHER, "PutObject signing.json", *TARGET),
        Case(OTHER, "DescribeKey key", *KEY),
        Case(OTHER, "DescribeKey alias", *LOOK),
        Case(OTHER, "GetObject signing.json", *LOOK),
        Case(OTHER, "GetObject jwks.json", *LOOK),
        Case(OTHER, "PutObject jwks.json", *TARGET),
    ),
    DISABLE: (Case(OTHER, "DisableKey key", *KEY), Case(OTHER, "DescribeKey key", *KEY)),
    REMOVAL: (
        Case(OTHER, "ScheduleKeyDeletion key", *KEY),
        Case(PRIMARY, "ScheduleKeyDeletion key", *KEY),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_kind_of_call(lives: Lives, name: str) -> None:
    for cases in zip_longest(*TABLE.values()):
        life = lives.begin()
        last = max(n for n, case in enumerate(cases) if case)
        for moment, case in zip([*TABLE][: last + 1], cases, strict=False):
            life.clock.advance(moment.after)
            if case:
                meets(life, case, name)
                life.goes_on(moment, f"{moment.name}: {case.kind} {name}")
            else:
                life.ends(moment, moment.name)


def meets(life: Life, case: Case, name: str) -> None:
    """The apply of this moment under the fault; where a step fails, another a minute later."""
    expected: str = getattr(case, name)
    tells(under(life, case, name), expected, case.action, case.region)
    if not expected.startswith("E_") or name == "slow":
        return  # what took effect is not done again
    life.clock.advance(SOON)
    # Whether a key was made is found out before anything else is tried.
    expected = UNANSWERED if expected == UNSURE[0] else expected
    tells(under(life, case, name), expected, case.action, case.region)


def under(life: Life, case: Case, name: str) -> Ran:
    broken = Broken(case.region, case.kind, FAULTS[name](life.clock))
    ran = life.apply(broken, "--json")
    assert broken.met, case
    life.onlooker.everything_verifies(life.clock.now(), f"{case.kind} {name}")
    return ran


def tells(ran: Ran, expected: str, named: str, region: str) -> None:
    """One error with that code and those names; where only a look failed, the plan says so."""
    assert ran.code == (CLOSED if expected else DONE), ran
    report = json.loads(ran.out)
    assert "Traceback" not in ran.out + ran.err
    errors = [result["error"] for result in report["results"] if not result["done"]]
    assert [error["code"] for error in errors] == ([expected] if expected.startswith("E_") else [])
    for error in errors:
        assert f"{named}:" in error["detail"]
        assert f" in {region}" in error["message"] + error["detail"]
        assert error["hint"]
    (issuer,) = report["left"]["issuers"]
    waits = {wait["reason_code"]: wait["reason"] for wait in issuer["waiting"]}
    if expected == LOOK[0]:
        told = [reason for reason in waits.values() if f"{named}:" in reason]
        assert len(told) == 1
        assert f" in {region}" in told[0]
    assert (UNANSWERED in waits) == (expected in {UNANSWERED, UNSURE[0]})


STATE_CASES = (
    ("GetObject lease.json", "E_STATE_UNREACHABLE", "E_STATE_DENIED", "E_STATE_UNREACHABLE"),
    ("PutObject lease.json", "E_STATE_UNREACHABLE", "E_STATE_DENIED", ""),
    ("GetObject state", "E_STATE_UNREACHABLE", "E_STATE_DENIED", "E_STATE_UNREACHABLE"),
    ("PutObject state", "E_STATE_UNREACHABLE", "E_STATE_DENIED", ""),
    ("GetObject evidence", "E_STATE_UNREACHABLE", "E_STATE_DENIED", "E_STATE_UNREACHABLE"),
    ("PutObject evidence", "", "", ""),
    ("PutObject log", "E_STATE_UNREACHABLE", "E_STATE_DENIED", ""),
)


@pytest.mark.parametrize("name", FAULTS)
def test_each_kind_of_call_of_a_state_in_a_bucket(lives: Lives, name: str) -> None:
    life = lives.begin(state="s3")
    life.lives(FIRST)
    for number, (kind, *codes) in enumerate(STATE_CASES):
        expected = dict(zip(FAULTS, codes, strict=True))[name]
        life.place.policy(refresh_token_lifetime=f"{700 + number}h")
        broken = Broken(PRIMARY, kind, FAULTS[name](life.clock))
        ran = life.apply(broken, "--json")
        assert broken.met, kind
        assert ran.code == bool(expected), (kind, ran)
        if expected:
            error = json.loads(ran.out)["error"]
            assert error["code"] == expected, kind
            assert f"{action(kind.partition(' ')[0])}:" in error["detail"], (kind, error)
            assert PRIMARY in error["message"], (kind, error)
        life.goes_on(replace(FIRST, after=SOON), f"{kind} {name}")
    life.place.ok("audit", "--verify")


def test_reads_that_are_throttled_twice_go_unnoticed(lives: Lives) -> None:
    life = lives.begin()
    for moment, kind in zip(LIFE, ("GetPublicKey key", "DescribeKey alias"), strict=False):
        broken = Broken(PRIMARY, kind, throttled, times=2)
        life.clock.advance(moment.after)
        assert life.apply(broken).code == DONE
        assert broken.met > 2
        life.goes_on(moment, f"{kind} throttled twice")


# ------------------------------------------------------------------------------------ consistent in the end


def test_what_shows_late_is_waited_for(lives: Lives) -> None:
    life = lives.begin()
    for moment in LIFE:
        lagging = Lagging(reads=4)
        life.clock.advance(moment.after)
        ran = life.apply(lagging)
        assert ran.code == DONE, (moment.name, ran)
        assert lagging.hidden >= 4 or moment not in {FIRST, SWITCH}
        life.onlooker.is_settled(moment.phases, life.clock.now(), moment.name)


@pytest.mark.parametrize("moment", [FIRST, SWITCH], ids=lambda moment: moment.name)
def test_what_does_not_show_for_minutes_stops_the_run_and_not_the_signers(
    lives: Lives, moment: Moment
) -> None:
    life = lives.begin()
    life.lives(*LIFE[: LIFE.index(moment)])
    life.clock.advance(moment.after)
    lagging = Lagging(reads=10_000, new_keys=False)
    for _ in range(2):
        ran = life.apply(lagging, "--json")
        assert ran.code == CLOSED, ran
        life.onlooker.everything_verifies(life.clock.now(), moment.name)
        life.clock.advance(SOON)
    life.goes_on(moment, "KMS shows everything again")


def test_a_key_whose_making_was_cut_short_is_found_in_lists_that_lag(lives: Lives) -> None:
    """The next run comes at once: it waits for ListKeys to show the key, and makes no other."""
    life, lagging = lives.begin(), Lagging(reads=5)
    dying = Points(die, f"{PRIMARY} CreateKey keys#1", AFTER)
    with pytest.raises(KilledError):
        life.apply(lambda call, send: dying(call, lambda: lagging(call, send)))
    assert life.apply(lagging).code == DONE
    assert lagging.hidden >= 5
    life.onlooker.is_settled(FIRST.phases, life.clock.now(), "found late")
    assert len(life.onlooker.keys(PRIMARY)) == 2


# ------------------------------------------------------------------------------------ over a real network


def test_an_alias_that_is_moved_after_everybody_gave_up(
    lives: Lives, faulty_proxy: Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
) -> None:
    """A region's KMS really takes longer than the ten seconds that rotator waits, and then does what was asked."""
    proxy, endpoint = faulty_proxy(lives.store)
    life = lives.begin(kms={OTHER: endpoint.url})
    life.lives(FIRST)
    life.clock.advance(SWITCH.after)
    before = life.onlooker.target(OTHER)

    def is_move(request: Request) -> bool:
        return request.headers.get("x-amz-target", "").endswith(".UpdateAlias")

    with proxy.failing(Delay(10.5), is_move):
        ran = life.apply()
        assert ran.code == CLOSED, ran
        assert f"in {OTHER}" in ran.out
        assert "whether it took effect is unknown" in ran.out
        life.onlooker.everything_verifies(life.clock.now(), "an alias not moved yet")
        deadline = time.monotonic() + 5
        while life.onlooker.target(OTHER) == before and time.monotonic() < deadline:
            time.sleep(0.1)
    assert life.onlooker.target(OTHER) != before
    life.goes_on(SWITCH, "an alias moved late")
