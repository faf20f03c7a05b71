"""`revoke`: what is chosen, shown and refused; what is done past holds, other runs and regions that fail; without a state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.apply import apply
from rotator.app.danger import Wanted
from rotator.app.hold import hold
from rotator.app.revoke import (
    Chosen,
    RevokeReport,
    carry_out,
    choose,
    choose_all,
    preview,
    require_successor,
)
from rotator.app.without_state import remake
from rotator.app.world import World
from rotator.bootstrap import stateless
from rotator.domain.jwks import render
from rotator.domain.lifecycle import Phase
from rotator.domain.policy import Policy
from rotator.domain.times import format_moment
from rotator.errors import (
    KeyStoreError,
    LeaseHeld,
    LeaseLost,
    NoSuchKey,
    RevokeRefused,
    StateBehind,
    StateError,
    UsageError,
)
from rotator.planning.exposure import Endless
from tests.fakes.clock import START
from tests.fakes.edges import MemoryEdge
from tests.fakes.keys import named
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

US, EU, AP = NAMES
WANTED = Wanted(reason="laptop stolen", owner="ann")
COLD = replace(WANTED, cold=True)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def world() -> Regions:
    """Three regions with an active key and a warm standby."""
    made = Regions()
    made.apply()
    made.clock.advance(26 * HOUR)
    made.apply()
    return made


@pytest.fixture
def young() -> Regions:
    """The same an hour after the first apply: the standby is not warm yet."""
    made = Regions()
    made.apply()
    made.clock.advance(HOUR)
    made.apply()
    return made


def active(world: Regions) -> str:
    key = world.remembered().active()
    assert key is not None
    return key.kid


def revoke(world: Regions, wanted: Wanted = WANTED, kid: str | None = None) -> RevokeReport:
    chosen = choose(world.world(), kid or active(world))
    return carry_out(world.world(), chosen, wanted)


def served(world: Regions) -> dict[str, tuple[str, ...]]:
    return {name: world.document(name).kids() for name in world.names}


def signs(world: Regions) -> set[str]:
    return {world.signing(name).active.kid for name in world.names}


def events(world: Regions) -> list[str]:
    return [record.entry.event for record in world.state.audit()]


class TestChoosing:
    def test_a_prefix_finds_the_key_of_any_issuer(self, world):
        kid = active(world)
        chosen = choose(world.world(), kid[:6])
        assert (chosen.issuer.name, chosen.kids) == ("accounts", (kid,))

    @pytest.mark.parametrize(
        ("prefix", "error", "words"),
        [("abc", UsageError, "too short"), ("nobody-has-it", NoSuchKey, "no issuer ever had")],
    )
    def test_what_is_no_key(self, world, prefix, error, words):
        with pytest.raises(error, match=words):
            choose(world.world(), prefix)

    def test_a_prefix_that_fits_two_keys_names_both(self, world):
        one, two = world.remembered().keys
        alike = replace(two, jwk=replace(two.jwk, kid=f"{one.kid[:10]}-another"))
        world.remember(keys=(one, alike))
        with pytest.raises(UsageError, match="fits 2 keys: accounts's") as caught:
            choose(world.world(), one.kid[:8])
        assert caught.value.hint == "write more of the kid"

    def test_a_removed_key_is_past_and_says_since_when(self, world):
        first = active(world)
        world.ages(125)
        removed = world.key(0)
        assert removed.kid == first
        gone = removed.moments.removed_at
        assert gone is not None
        with pytest.raises(RevokeRefused, match="nothing to revoke") as caught:
            choose(world.world(), first)
        assert format_moment(gone) in caught.value.message

    def test_all_keys_are_those_that_may_be_believed(self, world):
        kids = tuple(key.kid for key in world.remembered().keys)
        assert choose_all(world.world(), "accounts") == Chosen(
            world.world().issuers[0], kids, whole_issuer=True
        )

    def test_all_keys_again_are_the_same_until_they_are_gone_everywhere(self, world):
        world.down(EU)
        before = choose_all(world.world(), "accounts")
        assert not carry_out(world.world(), before, COLD).done
        assert len(world.remembered().keys) > len(before.kids)
        assert choose_all(world.world(), "accounts").kids == before.kids
        world.up(EU)
        assert carry_out(world.world(), before, COLD).done
        after = choose_all(world.world(), "accounts").kids
        assert after
        assert not set(after) & set(before.kids)

    def test_an_issuer_without_keys(self):
        with pytest.raises(RevokeRefused, match="no keys to revoke"):
            choose_all(Regions().world(), "accounts")
        with pytest.raises(UsageError, match="no issuer"):
            choose_all(Regions().world(), "nobody")

    @pytest.mark.parametrize("choice", [choose, choose_all])
    def test_a_state_that_is_gone_is_no_unknown_key(self, world, choice):
        kid = active(world)
        world.state = MemoryState(world.clock)
        with pytest.raises(StateBehind, match="empty or gone, but its regions sign") as caught:
            choice(world.world(), kid if choice is choose else "accounts")
        assert "state import --from-regions" in caught.value.detail
        assert "--without-state" in caught.value.hint


class TestShowing:
    def test_it_changes_nothing(self, world):
        before = world.remembered()
        documents = {name: dict(world.regions[name].documents) for name in NAMES}
        danger = preview(world.world(), choose(world.world(), active(world)), WANTED)
        assert danger.plan.steps
        assert world.remembered() == before
        assert {name: world.regions[name].documents for name in NAMES} == documents

    def test_the_standby_takes_over_and_nobody_waits(self, world):
        danger = preview(world.world(), choose(world.world(), active(world)), WANTED)
        assert danger.successor is not None
        assert danger.successor.key.kid == world.key(1).kid
        assert (danger.needed, danger.ready, danger.rejected) == (True, True, ())
        assert danger.successor.seen_at == world.at()
        assert danger.logged_out.refresh == world.at() + 30 * DAY
        assert {one.gate for one in danger.exposed} == set(NAMES)

    def test_a_standby_leaves_and_nothing_has_to_take_over(self, world):
        danger = preview(world.world(), choose(world.world(), world.key(1).kid), WANTED)
        assert (danger.needed, danger.ready) == (False, True)
        assert danger.successor is not None
        assert danger.successor.signs_in == NAMES
        assert (danger.logged_out.access, danger.cut_off) == (None, ())

    def test_without_a_warm_standby_it_says_who_rejects_until_when(self, young):
        chosen = choose(young.world(), active(young))
        danger = preview(young.world(), chosen, WANTED)
        assert (danger.successor, danger.ready) == (None, False)
        assert danger.next_standby is not None
        assert danger.next_standby.ready_at == START + DAY + timedelta(seconds=5)
        assert {one.gate for one in danger.rejected} == set(NAMES)
        cold = preview(young.world(), chosen, COLD)
        assert cold.successor is not None
        assert (cold.successor.key.kid, cold.successor.warm) == (young.key(1).kid, False)

    def test_a_region_that_cannot_be_read_has_no_end(self, world):
        world.down(EU)
        danger = preview(world.world(), choose(world.world(), active(world)), WANTED)
        assert danger.unread == (EU,)
        endless = {one.gate for one in danger.exposed if one.endless is Endless.UNWRITTEN}
        assert endless == {EU}

    def test_a_hold_is_named(self, world):
        hold(world.world(), "accounts", "freeze", owner="ops")
        danger = preview(world.world(), choose(world.world(), active(world)), WANTED)
        assert danger.hold is not None
        assert danger.hold.reason == "freeze"


class TestDoing:
    def test_every_region_switches_and_then_lets_go(self, world):
        old, standby = active(world), world.key(1).kid
        report = revoke(world)
        assert (report.done, report.failed) == (True, ())
        assert signs(world) == {standby}
        assert all(old not in kids for kids in served(world).values())
        assert [(end.region, end.signs_with) for end in report.regions] == [
            (name, standby) for name in NAMES
        ]
        assert {end.left_at for end in report.regions} == {
            world.remembered().key(old).moments.removed_at
        }
        assert world.remembered().revocation(old).reason == "laptop stolen"
        assert all(old in world.signing(name).revoked for name in NAMES)
        assert Phase.PUBLISHED in world.phases()  # a new standby
        assert events(world).index("revoked") < events(world).index("revoked_at")

    def test_the_decision_is_saved_before_anything_is_done(self, world):
        for name in NAMES:
            world.down(name)
        old = active(world)
        report = revoke(world)
        assert not report.done
        assert world.remembered().key(old).moments.revoked_at == world.at()
        for name in NAMES:
            world.up(name)
        world.apply()
        assert all(old not in kids for kids in served(world).values())

    def test_a_region_that_is_down_holds_nobody_up_and_every_later_run_goes_on(self, world):
        hold(world.world(), "accounts", "freeze", owner="ops")
        old, standby = active(world), world.key(1).kid
        world.down(EU)
        report = revoke(world)
        ends = {end.region: end.done for end in report.regions}
        assert (report.done, ends) == (False, {US: True, EU: False, AP: True})
        assert old not in world.document(US).kids()
        world.up(EU)
        world.clock.advance(HOUR)
        world.apply()
        assert (signs(world), old in world.document(EU).kids()) == ({standby}, False)
        again = revoke(world, kid=old)
        assert (again.done, again.results) == (True, ())
        left = {end.region: end.left_at for end in again.regions}
        assert left[US] == left[AP]
        assert HOUR <= left[EU] - left[US] < HOUR + MINUTE
        until = {one.gate: one.until for one in again.after.exposed}
        assert until[EU] - until[US] == left[EU] - left[US]
        out = again.after.logged_out
        world.clock.advance(5 * MINUTE)
        assert preview(world.world(), again.chosen, WANTED).logged_out == out

    def test_what_could_not_be_written_has_no_end_afterwards(self, world):
        """The preview counts on it; the report knows better."""
        kid = active(world)
        for target in (world.jwks[EU], world.signings[EU]):
            target.next_writes = [Fault.DENIED] * 20  # it can be read all the while
        before = preview(world.world(), choose(world.world(), kid), WANTED)
        assert all(one.until for one in before.exposed)
        assert all(one.until for one in before.cut_off)
        report = revoke(world)
        after = report.after
        endless = {one.gate for one in after.exposed if one.endless is Endless.UNWRITTEN}
        assert (report.done, endless) == (False, {EU})
        assert {one.region: one.until is None for one in after.cut_off} == {
            US: False,
            EU: True,
            AP: False,
        }

    def test_a_signing_target_that_cannot_be_read_has_no_end_either(self, world):
        kid = active(world)
        world.regions[EU].documents[SIGNING] = b"garbage"
        danger = preview(world.world(), choose(world.world(), kid), WANTED)
        assert danger.unread == (EU,)
        assert {one.gate for one in danger.exposed if not one.until} == {EU}
        assert {one.region for one in danger.cut_off if not one.until} == {EU}

    def test_the_report_names_the_standby_that_was_made(self, world):
        report = revoke(world)
        assert report.standby is not None
        assert report.standby.key.kid == world.key(2).kid
        assert (report.standby.warm, report.standby.key.ever_signed) == (False, False)

    def test_without_a_standby_nothing_is_decided_unless_that_is_wanted(self, young):
        old, before = active(young), young.remembered()
        with pytest.raises(RevokeRefused, match="no warm standby") as caught:
            revoke(young)
        assert "is warm at 2026-01-02T06:17:06Z, in 23 h 5 s" in caught.value.detail
        assert young.remembered() == before
        assert revoke(young, COLD).done
        assert signs(young) == {young.key(1).kid}
        assert old not in served(young)[US]

    def test_all_keys_need_a_new_one(self, world):
        chosen = choose_all(world.world(), "accounts")
        with pytest.raises(RevokeRefused, match="no warm standby") as caught:
            carry_out(world.world(), chosen, WANTED)
        assert caught.value.detail.startswith("there is none, a new key would be made")
        assert carry_out(world.world(), chosen, COLD).done
        assert not signs(world) & set(chosen.kids)
        assert all(not set(kids) & set(chosen.kids) for kids in served(world).values())

    def test_a_standby_that_was_never_seen_is_said(self, young):
        young.down(EU)
        evidence = young.state.load_evidence("accounts")
        young.state.save_evidence(replace(evidence, sightings={}))
        chosen = choose(young.world(), active(young))
        danger = preview(young.world(), chosen, WANTED)
        with pytest.raises(RevokeRefused) as caught:
            require_successor(danger, WANTED)
        assert "was not seen in every region yet" in caught.value.detail

    def test_a_run_under_way_makes_way_after_its_step(self, world):
        """Its next renewal is refused, its saved work stays, and the revoke has the lease."""
        running = world.state.acquire("daily", timedelta(minutes=3))
        lost: list[LeaseLost] = []

        class Clock(type(world.clock)):  # type: ignore[misc]
            def sleep(self, duration: timedelta) -> None:
                super().sleep(duration)
                with pytest.raises(LeaseLost) as caught:
                    world.state.renew(running, timedelta(minutes=3))
                lost.append(caught.value)
                world.state.release(running)

        world.state._clock = Clock(world.at())
        assert revoke(world).done
        assert [error.message for error in lost] == [
            "a revoke or a hold took this run's lease over"
        ]
        assert world.reporter.messages[-1]

    def test_another_revoke_is_not_disturbed(self, world):
        world.state.acquire("ann's revoke", timedelta(minutes=3), urgent=True)
        with pytest.raises(LeaseHeld, match="ann's revoke"):
            revoke(world)

    def test_an_edge_is_told_once_and_again_when_it_was_down(self, world):
        edges = {name: MemoryEdge(name) for name in NAMES}
        edges[EU].down = True

        def told(made: World) -> World:
            (issuer,) = made.issuers
            regions = {n: replace(p, edge=edges[n]) for n, p in issuer.regions.items()}
            setups = tuple(replace(r, has_edge=True) for r in issuer.setup.regions)
            setup = replace(issuer.setup, regions=setups)
            return replace(made, issuers=(replace(issuer, setup=setup, regions=regions),))

        old = active(world)
        report = carry_out(told(world.world()), choose(told(world.world()), old), WANTED)
        assert {end.region: end.purged for end in report.regions} == {US: True, EU: False, AP: True}
        assert [step.error.code for step in report.failed] == ["E_TARGET_UNREACHABLE"]
        assert report.after.edges == NAMES
        edges[EU].down = False
        apply(told(world.world()))
        assert [edge.purges for edge in edges.values()] == [1, 1, 1]

    def test_a_log_that_cannot_be_read_stops_nothing(self, world):
        class Torn(MemoryState):
            def newest(self):
                raise StateError("the log is torn")

        torn = Torn(world.clock)
        torn.__dict__.update(world.state.__dict__)
        world.state = torn
        report = revoke(world)
        assert (report.done, [end.left_at for end in report.regions]) == (True, [None] * 3)
        assert any("the log is torn" in words for words in world.reporter.warnings)


class TestWithoutState:
    """The state's place is gone: the regions and the key store must do."""

    def alone(self, world: Regions) -> World:
        return remake(stateless(world.world()))

    def revoke(self, world: Regions, kid: str, wanted: Wanted = WANTED) -> RevokeReport:
        alone = self.alone(world)
        return carry_out(alone, choose(alone, kid), wanted)

    def test_the_standby_of_the_signing_targets_takes_over(self, world):
        old, standby = active(world), world.key(1).kid
        before = world.remembered()
        report = self.revoke(world, old[:8])
        assert report.done
        assert signs(world) == {standby}
        assert not any(step.step.kind == "repair" for step in report.results)
        assert world.remembered() == before  # nothing was kept where it could not be

    def test_the_state_catches_up_later_and_the_key_does_not_come_back(self, world):
        old, standby = active(world), world.key(1).kid
        self.revoke(world, old)
        assert active(world) == old  # so the state believes
        world.clock.advance(HOUR)
        world.apply()
        assert (active(world), signs(world)) == (standby, {standby})
        assert world.remembered().key(old).moments.revoked_at is not None
        for _ in range(3):
            world.runs(30)
            assert all(old not in kids for kids in served(world).values())

    def test_a_region_that_is_down_is_reconciled_when_it_is_back(self, world):
        old, standby = active(world), world.key(1).kid
        world.down(EU)
        report = self.revoke(world, old)
        assert {end.region: end.done for end in report.regions} == {US: True, EU: False, AP: True}
        world.up(EU)
        world.clock.advance(HOUR)
        world.apply()
        assert signs(world) == {standby}
        for name in NAMES:
            kids = world.document(name).kids()
            assert old not in kids
            assert len(kids) == len(set(kids))
        world.apply()
        assert revoke(world, kid=old).done

    def test_a_standby_that_is_young_is_not_warm(self, young):
        with pytest.raises(RevokeRefused, match="no warm standby"):
            self.revoke(young, active(young))
        assert self.revoke(young, active(young), COLD).done

    def test_a_standby_that_one_region_lacks_is_none(self, world):
        old = active(world)
        entries = [e for e in world.document(EU).keys if e.kid == old]
        world.regions[EU].documents[JWKS] = render(entries)
        with pytest.raises(RevokeRefused, match="no warm standby"):
            self.revoke(world, old)

    def test_a_region_that_joins_is_no_region_yet(self, world):
        world.join("sa-east-1")
        old = active(world)
        report = self.revoke(
            world, old, COLD
        )  # nobody behind the new region can know the standby yet
        assert old not in world.document(US).kids()
        assert {
            end.region: end.served for end in report.regions if end.region != "sa-east-1"
        } == dict.fromkeys(NAMES, False)

    def test_nothing_can_be_done_where_nothing_can_be_read(self, world):
        for name in NAMES:
            world.down(name)
        with pytest.raises(StateBehind, match="no region can be read"):
            self.alone(world)
        assert any("no region can be read" in words for words in world.reporter.warnings)

    def test_one_issuer_that_cannot_be_remade_does_not_stop_another(self, world):
        class Broken:
            def all_of(self, issuer: str) -> list[object]:
                raise KeyStoreError("the folder is gone")

        made = world.world()
        (good,) = made.issuers
        bad = replace(good, keys=Broken(), setup=replace(good.setup, name="payments"))
        both = replace(made, issuers=(bad, good))
        assert [issuer.name for issuer in remake(stateless(both)).issuers] == ["accounts"]
        assert any("the folder is gone" in words for words in world.reporter.warnings)

    def test_keys_that_nobody_serves_are_not_made_again(self, world):
        """A pair that was made and never published lies in the store under the next generation."""
        later = world.remembered().generation + 1
        world.keys.generate(named("accounts", later), Policy().algorithm, 3072)
        report = self.revoke(world, active(world))
        assert report.done
        made = [name for name in world.keys.made if int(name.partition("/")[2]) > later]
        assert len(made) == 1


def test_nothing_is_decided_on_a_state_that_cannot_catch_up(world: Regions) -> None:
    old = active(world)
    alone = remake(stateless(world.world()))
    carry_out(alone, choose(alone, old), WANTED)
    world.down(EU)
    with pytest.raises(StateBehind, match="older than its regions"):
        revoke(world, kid=old)


def test_signers_are_told_of_it(world: Regions) -> None:
    revoke(world)
    assert b'"revoked"' in world.regions[US].documents[SIGNING]
