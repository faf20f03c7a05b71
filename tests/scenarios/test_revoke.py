"""A key is compromised (design §3): out of use at once, in whatever state the world is, and no other token is refused."""

import json
from datetime import timedelta
from functools import partial

import pytest

from rotator.app.hold import hold
from rotator.app.reports import ApplyReport
from rotator.domain.jwk import Algorithm
from rotator.domain.plan import FindingKind, Gate, Reason, Severity
from rotator.domain.policy import Policy
from rotator.domain.timing import LATE_WRITE
from rotator.planning.requests import rolled_back
from tests.fakes.edges import MemoryEdge
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.emergencies import Consumers, revoke, serves, signs, warm
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

US, EU, AP = NAMES


def everywhere(value: object) -> dict[str, object]:
    return dict.fromkeys(NAMES, value)


def kinds(report: ApplyReport) -> list[str]:
    return [result.step.kind for result in report.results]


def healthy(world: Regions) -> None:
    """The revocation is done: one key signs everywhere, another one stands by, nothing is blocked."""
    report = world.apply()
    assert not report.failed
    assert not report.left.blocked
    assert world.phases()[-2:] == ["active", "published"]
    last = len(world.remembered().keys) - 1
    assert signs(world) == everywhere(last - 1)
    gone = [n for n, key in enumerate(world.remembered().keys) if key.moments.revoked_at]
    assert gone
    assert not {n for kids in serves(world).values() for n in kids}.intersection(gone)
    revoked = {world.key(number).kid for number in gone}
    assert {name: set(world.signing(name).revoked) for name in NAMES} == everywhere(revoked)


def healthy_with(world: Regions, number: int) -> None:
    """As `healthy`, with that key as the active one."""
    assert signs(world) == everywhere(number)
    assert serves(world) == everywhere(sorted({number, len(world.remembered().keys) - 1}))
    assert not world.plan().steps
    assert not any(wait.blocked for wait in world.plan().waiting)


class TestTheActiveKey:
    def test_one_run_does_it_all_away_from_the_key_first(self):
        world = warm()
        consumers = Consumers(world)
        revoke(world, 0)
        consumers.look("before")
        report = world.apply()
        consumers.look("after")
        assert kinds(report)[:6] == ["switch"] * 3 + ["remove"] * 3
        assert {r.step.reason_code for r in report.results[:6]} == {Reason.KEY_REVOKED}
        assert world.phases() == ["revoked", "active", "published"]
        assert serves(world) == everywhere([1, 2])
        assert world.key(0).moments.removed_at
        healthy(world)
        consumers.days(5)

    def test_its_private_half_is_destroyed_when_no_late_write_can_point_at_it(self):
        world = warm()
        revoke(world, 0)
        world.apply()
        wait = world.wait_for("destroy")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.TIME,
            Reason.KEY_REVOKED,
            False,
        )
        assert wait.until == (world.key(0).moments.removed_at or world.at()) + LATE_WRITE
        world.until(wait)
        world.apply()
        assert world.keys.destroyed == ["accounts/1"]
        assert not world.apply().results

    def test_destroying_waits_for_a_region_that_may_use_it_again_for_all_anybody_knows(self):
        world = warm()
        revoke(world, 0)
        world.apply()
        world.down(EU)
        world.clock.advance(DAY)
        world.apply()
        wait = world.wait_for("destroy")
        assert (wait.reason_code, wait.region, wait.blocked) == (
            Reason.REGION_UNREACHABLE,
            EU,
            True,
        )
        assert not world.keys.destroyed
        world.up(EU)
        world.apply()
        assert world.keys.destroyed == ["accounts/1"]

    def test_it_goes_on_without_a_region_and_takes_it_along_when_it_is_back(self):
        world = warm()
        consumers = Consumers(world)
        revoke(world, 0)
        world.down(EU)
        report = world.apply()
        assert not report.failed
        assert report.left.blocked
        assert signs(world) == {US: 1, EU: 0, AP: 1}
        assert serves(world) == {US: [1, 2], EU: [0, 1], AP: [1, 2]}
        consumers.days(3)
        (wait,) = [w for w in world.plan().waiting if w.kind == "remove"]
        assert (wait.region, wait.blocked) == (EU, True)
        world.up(EU)
        consumers.apply()
        healthy(world)
        consumers.days(2)

    @pytest.mark.parametrize("document", [JWKS, SIGNING])
    def test_a_region_that_refuses_to_be_written_does_not_hold_the_others_up(self, document):
        world = warm()
        target = (world.jwks if document == JWKS else world.signings)[US]
        target.next_writes = [Fault.DENIED] * 3
        revoke(world, 0)
        report = world.apply()
        assert {r.step.region for r in report.failed} == {US}
        assert signs(world) == {US: int(document == JWKS), EU: 1, AP: 1}
        assert serves(world) == {US: [0, 1], EU: [1, 2], AP: [1, 2]}
        target.next_writes = []
        world.apply()
        healthy(world)

    def test_evidence_may_be_old_and_public_urls_silent(self):
        world = Regions(with_urls=True)
        world.apply()
        world.runs(days=3)
        for edge in world.edges.values():
            edge.down = "silent"
        world.clock.advance(5 * DAY)
        revoke(world, 0)
        world.apply()
        assert signs(world) == everywhere(1)
        assert serves(world) == everywhere([1, 2])

    def test_a_hold_does_not_stop_it_nor_its_new_standby(self):
        world = warm()
        hold(world.world(), "accounts", "freeze", owner="ben")
        revoke(world, 0)
        report = world.apply()
        assert not report.failed
        assert world.phases() == ["revoked", "active", "published"]
        world.clock.advance(DAY)
        assert not world.apply().results
        assert world.wait_for("destroy").gate is Gate.HOLD

    def test_under_a_hold_each_revoked_key_is_replaced_by_one(self):
        world = warm()
        hold(world.world(), "accounts", "freeze", owner="ben")
        world.set_policy(standby_keys=3)
        assert not world.apply().results
        revoke(world, 0)
        world.apply()
        assert world.phases() == ["revoked", "active", "published"]
        assert world.wait_for("generate").gate is Gate.HOLD

    def test_a_hold_that_came_later_does_not_stop_what_is_left_of_it(self):
        world = warm()
        revoke(world, 0)
        world.down(EU)
        world.apply()
        hold(world.world(), "accounts", "freeze", owner="ben")
        world.up(EU)
        world.clock.advance(DAY)
        assert not world.apply().failed
        assert signs(world) == everywhere(1)
        assert serves(world) == everywhere([1, 2])

    def test_an_infeasible_policy_does_not_stop_it(self):
        world = warm()
        world.set_policy(rotate_every=timedelta(hours=1))
        revoke(world, 0)
        world.apply()
        assert signs(world) == everywhere(1)
        assert serves(world) == everywhere([1, 2])

    def test_waves_do_not_slow_it(self):
        world = warm(waves=((US,), (EU,)))
        revoke(world, 0)
        world.apply()
        assert signs(world) == everywhere(1)

    def test_an_older_retired_key_takes_over_where_no_standby_is_warm(self):
        world = warm()
        world.runs(days=88, every=88 * DAY)
        assert world.phases() == ["retired", "active", "published"]
        consumers = Consumers(world)
        revoke(world, 1)
        consumers.apply()
        assert world.phases() == ["active", "revoked", "published"]
        assert signs(world) == everywhere(0)
        consumers.days(30, every=3 * DAY)
        assert world.phases() == ["active", "revoked", "published"]

    def test_the_standby_of_another_algorithm_takes_over_where_there_is_no_other(self):
        world = warm()
        world.set_policy(algorithm=Algorithm.EDDSA)
        revoke(world, 0)
        consumers = Consumers(world)
        consumers.apply()
        assert signs(world) == everywhere(1)
        consumers.days(3)

    def test_no_other_key_leaves_meanwhile(self):
        """The retired key's last token is dead, and a region is down."""
        world = warm()
        world.runs(days=90, every=90 * DAY)
        revoke(world, 1)
        world.down(EU)
        world.clock.advance(40 * DAY)
        world.apply()
        assert all(0 in kids for kids in serves(world).values())
        world.up(EU)
        world.apply()
        assert world.phases()[:2] == ["removed", "revoked"]


class TestWithoutAWarmStandby:
    def test_nothing_is_broken_and_it_is_said_how_to_go_on(self):
        world = Regions()
        world.apply()
        consumers = Consumers(world)
        revoke(world, 0)
        consumers.apply()
        assert signs(world) == everywhere(0)
        assert all({0, 1} <= set(kids) for kids in serves(world).values())
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.SAFETY,
            Reason.NO_WARM_STANDBY,
            True,
        )
        assert "--no-standby" in wait.reason
        assert wait.until
        world.until(wait)
        consumers.apply()
        assert signs(world) == everywhere(1)
        healthy(world)

    def test_cold_the_one_that_is_served_signs_at_once(self):
        world = Regions()
        world.apply()
        revoke(world, 0, cold=True)
        world.apply()
        assert signs(world) == everywhere(1)
        healthy(world)

    def test_cold_may_be_said_later(self):
        world = Regions()
        world.apply()
        revoke(world, 0)
        world.apply()
        assert signs(world) == everywhere(0)
        revoke(world, 0, cold=True)
        world.apply()
        assert signs(world) == everywhere(1)
        healthy(world)

    @pytest.mark.parametrize("held", [False, True])
    def test_all_keys(self, held):
        world = warm()
        if held:
            hold(world.world(), "accounts", "freeze", owner="ben")
        revoke(world, 0, 1, cold=True)
        world.apply()
        assert world.phases() == ["revoked", "revoked", "active", "published"]
        assert signs(world) == everywhere(2)
        assert serves(world) == everywhere([2, 3])
        world.clock.advance(DAY)
        world.apply()
        assert world.keys.destroyed == ([] if held else ["accounts/1", "accounts/2"])
        healthy(world)

    def test_all_keys_while_a_region_is_down(self):
        world = warm()
        world.down(EU)
        revoke(world, 0, 1, cold=True)
        world.apply()
        assert signs(world) == {US: 2, EU: 0, AP: 2}
        assert world.phases() == ["revoked", "revoked", "published", "staged"]
        world.runs(days=1)
        world.up(EU)
        assert not [f for f in world.plan().findings if f.kind is FindingKind.DRIFT]
        world.apply()
        healthy(world)

    def test_a_region_that_cannot_take_the_new_key_holds_the_others_up_for_minutes_only(self):
        world = warm()
        world.jwks[EU].next_writes = [Fault.DENIED] * 9
        revoke(world, 0, 1, cold=True)
        assert world.apply().failed
        assert signs(world) == everywhere(0)
        world.apply()
        assert signs(world) == everywhere(0)
        world.clock.advance(LATE_WRITE)
        world.apply()
        assert signs(world) == {US: 2, EU: 0, AP: 2}
        assert 0 in serves(world)[EU]
        world.jwks[EU].next_writes = []
        world.apply()
        healthy(world)

    def test_a_word_of_before_does_not_count_for_the_next_key(self):
        world = Regions()
        world.apply()
        world.clock.advance(timedelta(minutes=5))
        revoke(world, 0, cold=True)
        world.apply()
        world.clock.advance(timedelta(minutes=5))
        revoke(world, 1)
        world.apply()
        assert signs(world) == everywhere(1)
        assert world.wait_for("switch").reason_code is Reason.NO_WARM_STANDBY


class TestInTheMiddleOfASwitch:
    def switching(self) -> Regions:
        world = warm()
        world.runs(days=87, every=87 * DAY)
        world.signings[EU].next_writes = [Fault.DENIED]
        world.clock.advance(DAY)
        world.apply()
        assert signs(world) == {US: 1, EU: 0, AP: 1}
        return world

    def test_the_new_key_is_revoked_the_old_one_goes_on(self):
        world = self.switching()
        consumers = Consumers(world)
        revoke(world, 1)
        consumers.look("before")
        report = world.apply()
        consumers.look("after")
        leaving = {r.step.region: r.step.reason_code for r in report.results[:3]}
        assert leaving == everywhere(Reason.KEY_REVOKED) | {EU: Reason.SIGNING_OUTDATED}
        assert not [f for f in world.plan().findings if f.kind is FindingKind.DRIFT]
        assert world.phases()[:2] == ["active", "revoked"]
        assert signs(world) == everywhere(0)
        assert serves(world) == everywhere([0, 2])
        consumers.days(2)
        assert world.phases() == ["retired", "revoked", "active", "published"]
        healthy(world)

    def test_the_old_key_is_revoked_the_new_one_goes_on(self):
        world = self.switching()
        consumers = Consumers(world)
        revoke(world, 0)
        consumers.apply()
        assert world.phases()[:2] == ["revoked", "active"]
        healthy(world)

    def test_both(self):
        world = self.switching()
        revoke(world, 0, 1, cold=True)
        world.apply()
        assert world.phases()[:2] == ["revoked", "revoked"]
        healthy(world)

    @pytest.mark.parametrize("number", [0, 1])
    def test_while_a_region_is_down(self, number):
        world = self.switching()
        world.down(EU)
        revoke(world, number)
        consumers = Consumers(world)
        consumers.apply()
        other = 1 - number
        assert signs(world) == {US: other, EU: 0, AP: other}
        world.up(EU)
        consumers.apply()
        assert signs(world) == everywhere(other)
        assert number not in serves(world)[EU]


@pytest.mark.parametrize("number", [0, 1])
def test_in_the_middle_of_a_rollback(number):
    """The key before was asked for again, and waits for a region: either of the two is compromised."""
    world = warm()
    world.runs(days=90, every=90 * DAY)
    begun = rolled_back(world.remembered(), reason="bad release", owner="ann", now=world.at())
    world.remember(keys=begun.keys, request=begun.request)
    world.down(EU)
    world.apply()
    assert world.phases()[:2] == ["published", "active"]
    consumers = Consumers(world)
    revoke(world, number)
    consumers.apply()
    assert world.remembered().request is None
    assert {signs(world)[US], signs(world)[AP]} == {1 - number}
    world.up(EU)
    consumers.apply()
    consumers.days(2)
    healthy_with(world, 1 - number)


@pytest.mark.parametrize(("days", "number", "active"), [(2, 1, 0), (90, 0, 1)])
def test_a_key_that_does_not_sign_is_only_withdrawn(days, number, active):
    """A standby, a retired key."""
    world = warm()
    world.runs(days=days, every=days * DAY)
    consumers = Consumers(world)
    revoke(world, number)
    consumers.look("before")
    report = world.apply()
    consumers.look("after")
    assert not report.failed
    assert "switch" not in kinds(report)
    assert signs(world) == everywhere(active)
    assert all(number not in kids for kids in serves(world).values())
    assert all(world.key(number).kid in world.signing(name).revoked for name in NAMES)
    assert world.phases()[-1] == "published"
    consumers.days(3)
    assert world.phases()[number] == "revoked"


class TestClocks:
    def test_other_clocks_that_are_apart_do_not_stop_it(self):
        world = Regions(with_urls=True)
        world.apply()
        world.runs(days=3)
        world.edges[EU].ahead = timedelta(minutes=9)
        revoke(world, 0)
        world.apply()
        assert signs(world) == everywhere(1)

    def test_neither_does_this_hosts_own(self):
        world = Regions(with_urls=True)
        world.apply()
        world.runs(days=3)
        for edge in world.edges.values():
            edge.ahead = timedelta(minutes=9)
        revoke(world, 0)
        report = world.apply()
        assert not report.failed
        assert signs(world) == everywhere(1)
        assert serves(world) == everywhere([1, 2])
        assert Reason.OWN_CLOCK_WRONG in {w.reason_code for w in world.plan().waiting}

    def test_nor_one_that_fell_behind_what_it_recorded(self):
        world = warm()
        world.clock.set(world.at() - timedelta(hours=3))
        revoke(world, 0)
        world.apply()
        assert signs(world) == everywhere(1)
        assert serves(world) == everywhere([1, 2])

    def test_meanwhile_nothing_else_happens(self):
        """The active key's turn has come; what is revoked is the other standby."""
        world = warm(standby_keys=2)
        world.runs(days=87, every=87 * DAY)
        world.clock.set(world.at() - timedelta(days=1))
        revoke(world, 2)
        world.apply()
        assert signs(world) == everywhere(0)
        assert serves(world) == everywhere([0, 1, 3])


class TestSomebodyPutsItBack:
    @pytest.fixture
    def world(self) -> Regions:
        world = warm()
        self.before = {name: dict(region.documents) for name, region in world.regions.items()}
        revoke(world, 0)
        world.apply()
        world.clock.advance(DAY)
        world.apply()
        return world

    def test_into_a_document_it_is_taken_out_before_anything_else(self, world):
        world.regions[EU].documents[JWKS] = self.before[EU][JWKS]
        plan = world.plan()
        assert (plan.steps[0].kind, plan.steps[0].reason_code) == ("remove", Reason.KEY_REVOKED)
        (found,) = [f for f in plan.findings if "revoked" in f.detail]
        assert (found.region, found.severity) == (EU, Severity.ERROR)
        world.apply()
        healthy(world)

    def test_and_into_the_signing_target_the_region_first_leaves_it(self, world):
        for document in (JWKS, SIGNING):
            world.regions[EU].documents[document] = self.before[EU][document]
        kinds_ = [step.kind for step in world.plan().steps]
        assert kinds_.index("remove") > kinds_.index("repair")
        world.apply()
        healthy(world)

    def test_into_a_document_that_is_no_key_set_otherwise(self, world):
        twice = json.loads(self.before[EU][JWKS])
        twice["keys"] += twice["keys"]
        world.regions[EU].documents[JWKS] = json.dumps(twice).encode()
        world.apply()
        healthy(world)

    def test_alone_into_a_document_that_first_needs_the_others_back(self, world):
        only = json.loads(self.before[EU][JWKS])
        only["keys"] = [key for key in only["keys"] if key["kid"] == world.key(0).kid]
        world.regions[EU].documents[JWKS] = json.dumps(only).encode()
        wait = next(w for w in world.plan().waiting if w.kind == "remove")
        assert (wait.reason_code, wait.region) == (Reason.KEY_REVOKED, EU)
        world.apply()
        healthy(world)

    def test_into_a_region_that_joins_with_an_old_document(self, world):
        world.join("sa-east-1")
        world.regions["sa-east-1"].documents[JWKS] = self.before[EU][JWKS]
        assert world.plan().steps[0].kind == "remove"
        world.apply()
        assert serves(world)["sa-east-1"] == [1, 2]

    def test_under_a_hold(self, world):
        hold(world.world(), "accounts", "freeze", owner="ben")
        world.regions[EU].documents[JWKS] = self.before[EU][JWKS]
        world.apply()
        assert serves(world) == everywhere([1, 2])


class TestEdges:
    def test_each_is_told_once_after_the_withdrawal(self):
        world = warm()
        for name in (US, EU):
            origin = partial(world.regions[name].documents.__getitem__, JWKS)
            world.caches[name] = MemoryEdge(name, origin)
            assert world.key(0).kid.encode() in world.caches[name].serves()
        world.caches[EU].down = True
        revoke(world, 0)
        report = world.apply()
        assert [(r.step.kind, r.step.region) for r in report.failed] == [("purge", EU)]
        assert world.phases()[:2] == ["revoked", "active"]
        assert len(world.remembered().keys) == 3
        assert world.key(0).kid.encode() not in world.caches[US].serves()
        assert world.remembered().revocations[0].purged == (US,)
        world.caches[EU].down = False
        world.apply()
        assert not world.apply().results
        assert {name: edge.purges for name, edge in world.caches.items()} == {US: 1, EU: 1}

    def test_not_where_the_key_is_served_still_nor_when_its_copies_are_dead(self):
        world = warm()
        world.caches[EU] = MemoryEdge(EU)
        world.down(EU)
        revoke(world, 0)
        world.apply()
        assert world.caches[EU].purges == 0
        world.up(EU)
        world.apply()
        assert world.caches[EU].purges == 1
        world.clock.advance(DAY)
        world.caches[AP] = MemoryEdge(AP)
        world.apply()
        assert world.caches[AP].purges == 0


class TestOlderStates:
    """Design I8: whatever became of the state, the revoked key does not come back."""

    def later(self) -> tuple[Regions, dict[str, str], str]:
        """A backup in which a key is still a standby that was revoked since; a month went by."""
        world = warm()
        backup = dict(world.state._states)
        standby = world.key(1).kid
        revoke(world, 1)
        world.apply()
        world.runs(days=30, every=10 * DAY)
        return world, backup, standby

    def gone(self, world: Regions, kid: str) -> None:
        assert all(kid not in world.document(name).kids() for name in NAMES)
        assert all(kid in world.signing(name).revoked for name in NAMES)

    def test_a_month_old_backup(self):
        world, backup, standby = self.later()
        consumers = Consumers(world)
        consumers.look("before")
        world.state._states = backup
        consumers.apply()
        self.gone(world, standby)
        consumers.days(50, every=2 * DAY)
        self.gone(world, standby)
        assert sorted(set(world.phases()) - {"removed", "revoked"}) == ["active", "published"]

    def test_a_month_old_backup_whose_generation_somebody_raised(self):
        """So it does not look older than the regions: what they list as revoked is believed all the same."""
        world, backup, standby = self.later()
        consumers = Consumers(world)
        consumers.look("before")
        now = world.remembered().generation
        world.state._states = backup
        world.remember(generation=now)
        consumers.apply()
        self.gone(world, standby)
        assert world.phases()[1] == "revoked"
        consumers.days(4)
        self.gone(world, standby)

    def test_a_lost_state(self):
        world, _, standby = self.later()
        consumers = Consumers(world)
        consumers.look("before")
        world.state = MemoryState(world.clock)
        consumers.apply()
        assert world.remembered().key(standby) is None  # its private half is destroyed
        self.gone(world, standby)
        consumers.days(70, every=2 * DAY)
        self.gone(world, standby)
        assert sorted(set(world.phases()) - {"removed", "revoked"}) == ["active", "published"]

    def test_a_state_that_is_lost_while_a_region_is_still_to_be_switched(self):
        world = warm()
        compromised = world.key(0).kid
        world.down(EU)
        revoke(world, 0)
        world.apply()
        consumers = Consumers(world)
        consumers.look("before")
        world.state = MemoryState(world.clock)
        world.up(EU)
        consumers.apply()
        self.gone(world, compromised)
        consumers.days(4)
        self.gone(world, compromised)
        assert world.phases()[:2] == ["revoked", "active"]
        assert world.phases()[-1] == "published"
        assert not any(wait.blocked for wait in world.plan().waiting)

    def test_what_a_document_with_an_older_generation_lists_is_drift(self):
        world = warm()
        orders = json.loads(world.regions[EU].documents[SIGNING])
        orders["revoked"] = [world.key(1).kid]
        world.regions[EU].documents[SIGNING] = json.dumps(orders).encode()
        world.apply()
        assert world.phases() == ["active", "published"]
        assert world.signing(EU).revoked == ()


def test_a_first_key_that_is_revoked_in_the_middle_of_its_switch():
    """Caches know its document by then: the next key is not a first key, and has its lead."""
    world = Regions()
    world.signings[EU].next_writes = [Fault.DENIED] * 2
    world.apply()
    assert world.phases() == ["published", "published"]
    world.signings[EU].next_writes = []
    revoke(world, 0)
    world.apply()
    assert world.phases()[0] == "revoked"
    assert world.wait_for("switch").reason_code is Reason.NO_WARM_STANDBY
    world.clock.advance(2 * DAY)
    world.apply()
    healthy(world)


def test_a_document_that_holds_nothing_else_stays():
    world = Regions(policy=Policy(standby_keys=0))
    world.apply()
    world.clock.advance(DAY)
    world.apply()
    revoke(world, 0)
    with_nothing = world.apply()
    assert not with_nothing.failed
    assert all(0 in kids for kids in serves(world).values())
    assert world.wait_for("switch").reason_code is Reason.NO_WARM_STANDBY
