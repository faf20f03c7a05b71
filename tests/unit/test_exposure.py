"""T6: until when a withdrawn key is believed, who is logged out, what must be restarted, who does not know the successor."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.evidence import Check, CheckKind, Look, Verdict
from rotator.domain.inventory import Absent, RegionView, Unavailable
from rotator.domain.policy import Policy, Special, Verifier
from rotator.planning.exposure import (
    Endless,
    Restart,
    cut_off,
    exposures,
    last_signature,
    logged_out,
    rejections,
    restarts,
)
from rotator.planning.situation import Situation
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
S, M, H = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours"))


def policy(*verifiers: Verifier) -> Policy:
    return Policy(verifiers=verifiers)


def situation(world: Regions) -> Situation:
    (inventory,) = inventories_of(world.world())
    return Situation(inventory, world.at())


def alive(days: int = 0, **changes: Any) -> Regions:
    world = Regions(**changes)
    world.apply()
    world.ages(days)
    return world


# --------------------------------------------------------------------------------- until when it is believed

DROPS = [
    (30 * S, 6 * M + 30 * S, None, False),
    (timedelta(), 6 * M, None, False),
    (Special.HEADER, 11 * M, None, False),  # what the edge keeps, once more
    (Special.UNKNOWN, 2 * H + 6 * M, None, True),
    (Special.UNBOUNDED, None, Endless.RESTART, False),
    (Special.MANUAL, None, Endless.RELOAD, False),
]


@pytest.mark.parametrize(("drops", "total", "endless", "assumed"), DROPS)
def test_each_kind_of_verifier(drops, total, endless, assumed):
    """A minute until the region serves it, five in the edge, then the verifier's own."""
    world = alive(policy=policy(Verifier("gw", learns=S, drops=drops)))
    found = exposures(situation(world), dict.fromkeys(NAMES, world.at()))
    assert [one.gate for one in found] == list(NAMES)
    assert {one.until for one in found} == {total and world.at() + total}
    assert {(one.verifier, one.endless, one.assumed) for one in found} == {("gw", endless, assumed)}


def test_without_named_verifiers_two_hours_count_and_are_said_to_be_assumed():
    world = alive()
    (one, *_) = exposures(situation(world), {US: world.at()})
    assert (one.verifier, one.assumed) == ("verifiers (none named)", True)
    assert one.until == world.at() + 2 * H + 6 * M


def test_a_region_that_could_not_be_written_has_no_end():
    world = alive(
        policy=policy(Verifier("gw", learns=S, drops=S), Verifier("x", S, Special.MANUAL))
    )
    left = {US: world.at() - H, EU: None}
    found = {(one.gate, one.verifier): one for one in exposures(situation(world), left)}
    assert found[US, "gw"].until == world.at() - H + 6 * M + S
    for pair in ((EU, "gw"), (EU, "x"), (AP, "gw")):
        assert (found[pair].until, found[pair].endless) == (None, Endless.UNWRITTEN)


def test_what_the_edge_was_measured_to_keep_counts_where_it_is_longer():
    world = alive(
        policy=policy(Verifier("gw", S, S), Verifier("by-header", S, Special.HEADER)),
        with_urls=True,
        edge_age=H,
    )
    gw, by_header = exposures(situation(world), dict.fromkeys(NAMES, world.at()))[:2]
    assert gw.until == world.at() + M + H + S
    assert by_header.until == world.at() + M + H + H
    assert gw.delay.explain() == "1 m propagation + 1 h edge + 1 s gw"


def test_the_issuers_own_url_is_exposed_like_a_region():
    world = alive(with_jwks_url=True)
    gates = [one.gate for one in exposures(situation(world), {})]
    assert gates == [*NAMES, "jwks_url"]


# ------------------------------------------------------------------------------- who rejects the successor


def test_a_new_key_is_rejected_until_every_verifier_learns_it():
    world = alive(policy=policy(Verifier("gw", 10 * M, S), Verifier("boot", Special.UNBOUNDED, S)))
    found = rejections(situation(world), None)
    assert [(one.verifier, one.until) for one in found[:2]] == [
        ("gw", world.at() + 16 * M),
        ("boot", None),
    ]
    assert found[1].endless is Endless.RESTART


def test_a_successor_is_rejected_from_when_it_was_first_seen_and_no_longer_than_that():
    world = Regions(policy=policy(Verifier("gw", 10 * M, S)))
    world.apply()
    seen_at = world.at()
    world.clock.advance(5 * M)
    standby = world.key(1)
    ends = {one.until for one in rejections(situation(world), standby)}
    assert [end and abs(end - seen_at - 16 * M) < M for end in ends] == [True]
    world.clock.advance(12 * M)
    assert rejections(situation(world), standby) == ()


# ------------------------------------------------------------------------------------- who is logged out


def test_tokens_of_the_key_that_signs_would_have_lived_from_now():
    world = alive()
    out = logged_out(situation(world), world.key(0))
    assert (out.access, out.refresh) == (world.at() + 15 * M, world.at() + 30 * DAY)


def test_nobody_is_logged_out_by_a_key_that_never_signed():
    world = alive()
    out = logged_out(situation(world), world.key(1))
    assert (out.access, out.refresh) == (None, None)
    assert last_signature(situation(world), world.key(1)) is None
    assert cut_off(situation(world), world.key(1)) == ()


def test_without_refresh_tokens_only_access_tokens_are_named():
    world = alive(policy=Policy(refresh_token_lifetime=timedelta()))
    out = logged_out(situation(world), world.key(0))
    assert (out.access, out.refresh) == (world.at() + 15 * M, None)


def test_a_retired_key_counts_from_its_last_signature():
    world = alive(95)
    retired = world.key(0)
    at = retired.moments.retired_at
    assert at is not None
    out = logged_out(situation(world), retired)
    assert last_signature(situation(world), retired) == at + DAY  # a signer that is cut off
    assert (out.access, out.refresh) == (None, at + 31 * DAY)
    assert cut_off(situation(world), retired) == ()


def test_a_key_that_was_switched_away_an_hour_ago_may_have_signed_until_now():
    world = alive(89)
    world.clock.advance(DAY)
    world.apply()
    world.clock.advance(H)
    (inventory,) = inventories_of(world.world())
    seen = Situation(inventory, world.at())
    retired = world.key(0)
    assert retired.moments.retired_at is not None
    assert last_signature(seen, retired) == world.at()
    assert {(one.region, one.ordered) for one in cut_off(seen, retired)} == {
        (name, True) for name in NAMES
    }
    blind = replace(inventory.views[EU], signing=Unavailable("E", "down"))
    dark = Situation(replace(inventory, views={**inventory.views, EU: blind}), world.at())
    ends = {one.region: (one.until, one.ordered) for one in cut_off(dark, retired)}
    assert ends[EU] == (None, False)
    assert ends[US][0] is not None
    assert ends[US][0] < world.at() + DAY


def test_signers_that_are_still_ordered_to_use_a_key_have_no_end_once_the_revoke_is_over():
    world = alive()
    before, key = situation(world), world.key(0)
    assert {one.until for one in cut_off(before, key)} == {world.at() + DAY}
    left = cut_off(before, key, over=True)
    assert [(one.region, one.until, one.ordered) for one in left] == [
        (name, None, False) for name in NAMES
    ]


@pytest.mark.parametrize("back", [False, True])
def test_nobody_is_logged_out_by_what_was_signed_after_the_key_was_gone(back):
    """But where a region shows it again, as a restored one does, it counts until now."""
    world = alive()
    key, gone = world.key(0), world.at() - 5 * M
    key = replace(key, moments=replace(key.moments, removed_at=gone, retired_at=gone))
    seen = situation(world)
    if not back:
        nothing = RegionView(jwks=Absent(), signing=Absent())
        views = dict.fromkeys(NAMES, nothing)
        seen = Situation(replace(seen.inventory, views=views), world.at())
    assert logged_out(seen, key).access == (world.at() if back else gone) + 15 * M


# ------------------------------------------------------------------------------- what has to be restarted

LAZY = Verifier("lazy", learns=S, drops=Special.UNBOUNDED)
BY_HAND = Verifier("by-hand", learns=S, drops=Special.MANUAL)
QUICK = Verifier("quick", learns=S, drops=S)


def said(*checks: Check, verifiers=(LAZY,)) -> Situation:
    world = alive(policy=policy(*verifiers))
    seen = situation(world)
    looks = {US: Look(world.at(), checks)}
    evidence = replace(seen.evidence, looks=looks)
    return Situation(replace(seen.inventory, evidence=evidence), world.at())


def check(verdict=Verdict.PASS, covers=(), **members: Any) -> Check:
    return Check(
        kind=CheckKind.VERIFIER,
        target="https://api/healthz",
        verdict=verdict,
        covers=covers,
        **members,
    )


HERE = Restart("lazy", Endless.RESTART, US, "https://api/healthz")
SEEN = [
    (check(kids=("k",)), [HERE]),
    (check(held=("k",)), [HERE]),  # one of several behind that URL
    (check(kids=("other",)), []),
    (check(verdict=Verdict.UNKNOWN), [HERE]),  # no answer is not "it is gone"
    (check(kids=("k",), covers=("lazy",)), [HERE]),
    (check(kids=("k",), covers=("quick",)), [Restart("lazy", Endless.RESTART)]),
]


@pytest.mark.parametrize(("one", "expected"), SEEN)
def test_what_still_reports_the_key(one, expected):
    assert list(restarts(said(one, verifiers=(LAZY, QUICK)), "k")) == expected


def test_each_kind_is_named_with_what_helps():
    found = restarts(said(verifiers=(LAZY, QUICK, BY_HAND)), "k")
    assert [(one.verifier, one.endless, one.gate) for one in found] == [
        ("lazy", Endless.RESTART, None),
        ("by-hand", Endless.RELOAD, None),
    ]


def test_a_verifier_check_is_not_needed_for_the_quick_ones():
    assert restarts(said(check(kids=("k",)), verifiers=(QUICK,)), "k") == ()
