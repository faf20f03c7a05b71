"""Unknown never becomes pass: whatever happens, a switch is planned only where an independent calculation allows it.

A history is a list of steps: time passes, some things change, and then rotator is run. What was answered and when is on
record, and after each step `oracle` works out from that alone whether a switch may happen (design T1, T2, T2b, T11).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotator.app.apply import apply
from rotator.app.plan import inventories_of, make_plan, plan_of
from rotator.app.verify import verify
from rotator.domain.inventory import Inventory
from rotator.domain.plan import IssuerPlan, Reason, Switch
from rotator.planning.safety import check
from tests.e2e.failpoints import AFTER, BEFORE, Failpoints, KilledError, die
from tests.property.changes import CHANGES, GAPS, well
from tests.property.histories import POLICY, History
from tests.property.oracle import complaints
from tests.scenarios.world import NAMES

RULES = {"T1", "T2", "T2b", "T11"}
"""What the calculation covers, and `planning.safety` too."""
DOCUMENTS = tuple(f"{name} {kind} write" for name in NAMES for kind in ("jwks", "signing"))
DEATHS = tuple(
    f"dies {when} {what}#{n}"
    for what in ("state save", *DOCUMENTS)
    for n in (1, 2)
    for when in (BEFORE, AFTER)
)
"""Runs that end too early, and where."""


@dataclass(frozen=True)
class Step:
    """Time passes, something changes, and then rotator is run."""

    after: str
    changes: tuple[str, ...]
    run: str


ANYTHING = st.lists(st.sampled_from(sorted(CHANGES)), max_size=3, unique=True).map(tuple)
STEPS = st.builds(
    Step,
    after=st.sampled_from(sorted(GAPS)),
    changes=ANYTHING | st.sampled_from([(), ("all is well",)]),
    run=st.sampled_from(["apply", "plan", "verify", "plan --no-refresh"]) | st.sampled_from(DEATHS),
)
EUROPE = "eu-central-1"


KNOWN = {
    "each rule alone closes what is due": [
        Step("0:00:01", (f"{EUROPE}: answers 503",), "apply"),
        Step("0:00:01", ("all is well", "one pass is enough"), "verify"),
        Step("0:00:01", ("four passes are needed",), "plan --no-refresh"),
        Step("0:00:01", (f"{EUROPE}: its clock is 20 m ahead",), "apply"),
        Step("0:00:01", ("all is well", "verifiers that wait for a restart"), "apply"),
        Step("0:00:01", ("somebody attests",), "apply"),
    ],
    "a lead begun by a clock that is behind": [
        Step("0:00:30", (f"{EUROPE}: serves it without the newest",), "verify"),
        Step("0:00:30", ("all is well", "this host's clock is 10 h behind"), "verify"),
        Step("0:05:00", ("this host's clock is right",), "apply"),
    ],
    "a document put back, and nobody knows whether it was": [
        Step(
            "0:00:01",
            (
                f"{EUROPE}: stays as it is now",
                f"{EUROPE}: the document is nothing",
                f"{EUROPE}: goes down after the next write",
            ),
            "apply",
        ),
        Step("0:05:00", (f"{EUROPE}: is up",), "apply"),
    ],
    "a run that died after it put a document back": [
        Step(
            "0:00:01",
            (f"{EUROPE}: stays as it is now", f"{EUROPE}: the document is nothing"),
            f"dies after {EUROPE} jwks write#1",
        ),
    ],
    "a failing answer that may be served stale": [
        Step(
            "0:00:01",
            ("jwks_url: answers 404", "jwks_url: keeps for 5 m, then stale"),
            "verify",
        ),
        Step("0:00:01", ("all is well",), "verify"),
        Step("0:31:00", (), "apply"),
        Step("1:00:00", (), "apply"),
    ],
    "the last seconds of an earlier staleness": [
        Step("0:00:01", (f"{EUROPE}: keeps for 2 h",), "verify"),
        Step("0:00:01", ("all is well", f"{EUROPE}: serves it without the newest"), "verify"),
        Step("0:00:01", ("all is well",), "verify"),
        Step("2:10:00", (), "verify"),
        *[Step("0:00:30", (), "plan")] * 2,
        *[Step("0:00:01", (), "plan")] * 12,
    ],
    "a private half to destroy, and a region that is down": [
        Step("0:00:01", (), "apply"),
        Step("1:00:00", (), f"dies before {NAMES[2]} signing write#1"),
        Step("0:00:01", (f"{EUROPE}: is down",), "apply"),
    ],
    "a clock that ran ahead while an earlier staleness counts": [
        Step("0:00:01", ("verifiers nobody measured",), "plan"),
        Step("0:00:01", ("quick verifiers", f"{EUROPE}: answers HTML"), "verify"),
        Step("0:00:01", ("all is well", "this host's clock is 10 h ahead"), "verify"),
        Step("0:00:01", ("this host's clock is right",), "verify"),
        Step("1:00:00", (), "apply"),
    ],
    "the first key before a URL that was silent": [
        Step("0:00:01", (f"{EUROPE}: silence",), "apply"),
        Step("0:00:30", (f"{EUROPE}: tells the truth", f"{EUROPE}: keeps for 2 h"), "apply"),
        Step("1:00:00", (), "apply"),
        Step("0:31:00", (), "apply"),
    ],
}
"""Histories that went wrong once, or that a change of one rule would make go wrong."""


@pytest.mark.parametrize("name", KNOWN)
def test_a_history_that_is_known(name):
    live_through("nothing" if "the first key" in name else "due", "plain", KNOWN[name])


@settings(max_examples=25)
@given(
    start=st.sampled_from(["nothing", "waiting", "due"]),
    checks=st.sampled_from(["plain", "watched", "covered"]),
    steps=st.lists(STEPS, min_size=1, max_size=14),
)
def test_a_switch_is_planned_only_where_all_of_it_holds(start, checks, steps):
    live_through(start, checks, steps)


def live_through(start: str, checks: str, steps: list[Step]) -> None:
    """What happens, with a look at the plan after each step; at the end all is well again."""
    history = begun(start, checks)
    for step in steps:
        history.clock.advance(GAPS[step.after])
        history.drop_what_was_not_kept()
        for change in step.changes:
            CHANGES[change](history)
        run(history, step.run)
        examine(history)
    recover(history)


def run(history: History, what: str) -> None:
    """One run of rotator; `apply` judges each switch when it is written."""
    match what.split():
        case ["apply"]:
            apply(history.world())
        case ["verify"]:
            verify(history.world())
        case ["plan", "--no-refresh"]:
            plan = make_plan(history.world(), refresh=False).issuers[0]
            # The regions' own documents are taken for as they were left, and decide only over the first key.
            state = history.state.load("accounts")
            if state and state.was_ever_active():
                allowed(history, plan, RULES)
        case ["dies", when, *point]:
            points = Failpoints(die, fatal=" ".join(point), when=when)
            try:
                apply(points.wrap(history.world()))
            except KilledError:
                history.die()
        case _:
            assert what == "plan", "which follows each step"


def examine(history: History) -> None:
    """The plan of now: what it switches to is allowed, what is allowed it switches to, and the checker agrees."""
    world = history.world()
    (inventory,) = inventories = inventories_of(world)
    plan, now = plan_of(world, inventories).issuers[0], world.clock.now()
    allowed(history, plan)
    assert check(plan, inventory, now) == ()
    keys = [key.kid for key in inventory.state.keys if not key.ever_signed]
    against = {kid: complaints(history, kid) for kid in keys}
    for kid, words in against.items():
        forged = check(forgery(plan, kid, now), inventory, now)
        broken = {violation.invariant for violation in forged} & RULES
        wrong = {word.partition(" ")[0] for word in words} & RULES
        assert broken or not wrong, words
        assert wrong or not broken or stricter(history), forged
    if calm(history, inventory, now) and not all(against.values()):
        assert any(isinstance(step, Switch) for step in plan.steps), plan.waiting


def allowed(history: History, plan: IssuerPlan, rules: AbstractSet[str] = RULES | {"I7"}) -> None:
    """No switch without all that it needs."""
    for step in plan.steps:
        if isinstance(step, Switch):
            found = complaints(history, step.kid)
            against = [word for word in found if word.partition(" ")[0] in rules]
            assert not against, f"a switch of {step.region} is planned: {against}"


def forgery(plan: IssuerPlan, kid: str, now: datetime) -> IssuerPlan:
    """A plan to switch to the key now, whatever the evidence."""
    step = Switch(
        n=1,
        kid=kid,
        region=NAMES[0],
        standby=None,
        expected_etag=None,
        generation=10**6,
        reason="",
        reason_code=Reason.ROTATION_DUE,
        not_before=now,
    )
    return replace(plan, steps=(step,))


def stricter(history: History) -> bool:
    """Whether rotator may be more cautious: before the first key signs, after clocks were apart, after a run died in a repair."""
    return history.skewed or history.died or not history.was_active


def calm(history: History, inventory: Inventory, now: datetime) -> bool:
    """Whether the next key's turn has come, and nothing but what `complaints` knows could keep it back."""
    active = inventory.state.active()
    turn = active and active.moments.activated_at + history.policy.rotate_every <= now
    return bool(turn) and history.sound() and not stricter(history)


def recover(history: History) -> None:
    """Once everything is well, the next key comes to sign; nothing that happened keeps it back for ever."""
    well(history)
    history.policy = POLICY
    switches = len(history.switches)
    for _ in range(30):
        history.clock.advance(timedelta(hours=1))
        history.learn()
        apply(history.world())
        if len(history.switches) >= switches + len(NAMES):
            return
    raise AssertionError(history.plan().waiting)


@cache
def _begun(start: str, checks: str) -> History:
    history = History(checks)
    for minutes in {"nothing": (), "waiting": (0, 10, 10, 130), "due": (0, 10, 10, 181)}[start]:
        history.clock.advance(timedelta(minutes=minutes))
        history.learn()
        (verify if minutes > 10 else apply)(history.world())
    return history


def begun(start: str, checks: str) -> History:
    """A world of its own at the start: empty, with an hour to the next switch, or with one that is due."""
    history = _begun(start, checks).copied()
    history.judge = lambda kid: complaints(history, kid)
    return history
