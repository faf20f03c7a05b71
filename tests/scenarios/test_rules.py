"""One scenario for each rule and gate that the life of a key seldom meets."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.app.hold import hold, release
from rotator.app.plan import inventories_of
from rotator.domain.evidence import Evidence
from rotator.domain.inventory import RegionView, Unavailable
from rotator.domain.jwk import Algorithm, Jwk
from rotator.domain.jwks import own_entry, render
from rotator.domain.plan import FindingKind, Gate, Reason
from rotator.domain.policy import Policy, Special, Verifier
from rotator.domain.state import IssuerState
from rotator.planning.planner import plan_issuer
from tests.fakes.keys import MemoryKeys, named
from tests.fakes.targets import Fault, MemoryRegion
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

HOUR = timedelta(hours=1)
EU = "eu-central-1"


def foreign_entry():
    public = MemoryKeys().generate(named("other", 1), Algorithm.ES256, 2048).public
    return own_entry(Jwk("their-key-of-old", Algorithm.ES256, public))


def rotated(days: int = 95, **policy: Any) -> Regions:
    """A world in which one rotation has happened."""
    world = Regions(policy=Policy(**policy))
    world.apply()
    world.ages(days=days)
    return world


def _overdue(world: Regions) -> list[str]:
    return [f.detail for f in world.plan().findings if f.kind is FindingKind.OVERDUE]


class TestHold:
    def held(self, world: Regions, until=None) -> None:
        hold(world.world(), "accounts", "release freeze", owner="ann", until=until)

    @pytest.mark.parametrize(
        ("days", "kind"), [(90, "switch"), (122, "remove")], ids=["switch", "remove"]
    )
    def test_it_stops_the_timers_and_is_no_alarm(self, days, kind):
        world = Regions()
        world.apply()
        world.ages(days=days - 1)
        self.held(world)
        world.clock.advance(30 * DAY)
        phases = world.phases()
        report = world.apply()
        assert world.phases() == phases
        wait = next(w for w in report.left.issuers[0].waiting if w.kind == kind)
        assert (wait.gate, wait.reason_code) == (Gate.HOLD, Reason.HELD)
        assert "ann: release freeze" in wait.reason
        assert not report.left.blocked
        assert [f.detail for f in report.left.issuers[0].findings] == [
            "held by ann: release freeze"
        ]

    @pytest.mark.parametrize("ends", ["released", "by itself"])
    def test_what_it_kept_waiting_is_late_only_from_its_end_on(self, ends):
        world = Regions()
        world.apply()
        world.ages(days=89)
        until = world.clock.now() + 60 * DAY if ends == "by itself" else None
        self.held(world, until)
        world.clock.advance(60 * DAY)
        if ends == "released":
            assert release(world.world(), "accounts", owner="ann")
        world.clock.advance(2 * DAY)
        assert _overdue(world) == []
        world.clock.advance(HOUR)
        assert _overdue(world) == ["the next switch has been due for 2 d 1 h"]

    def test_nothing_is_generated(self):
        world = Regions()
        self.held(world)
        assert world.plan().waiting[0].kind == "generate"
        assert world.plan().steps == ()

    def test_nothing_is_destroyed_and_repairs_go_on(self):
        world = Regions()
        world.apply()
        world.ages(days=123)
        state = world.remembered()
        lease = world.state.acquire("test", HOUR)
        undestroyed = replace(
            state.keys[0], moments=replace(state.keys[0].moments, destroyed_at=None)
        )
        world.state.save(lease, state.with_key(undestroyed), [])
        world.state.release(lease)
        self.held(world)
        del world.regions[EU].documents[JWKS]
        report = world.apply()
        assert [r.step.kind for r in report.results] == ["repair"]
        assert "destroy" in {w.kind for w in report.left.issuers[0].waiting}

    def test_it_ends_by_itself_or_by_release(self):
        world = Regions()
        world.apply()
        self.held(world, until=world.at() + DAY)
        world.ages(days=90)
        assert world.phases() == ["retired", "active", "published"]
        self.held(world)
        release(world.world(), "accounts", owner="ann")
        assert world.remembered().hold is None


class TestWithoutStandby:
    def test_the_successor_is_made_in_time_for_its_lead(self):
        world = Regions(policy=Policy(standby_keys=0))
        world.apply()
        wait = next(w for w in world.plan().waiting if w.kind == "generate")
        assert wait.until == world.key(0).moments.activated_at + 90 * DAY - DAY - 2 * DAY
        world.ages(days=86)
        assert world.phases() == ["active"]
        world.runs(days=1)
        assert world.phases() == ["active", "published"]
        world.runs(days=3)
        assert world.phases() == ["retired", "active"]


class TestNewAlgorithm:
    def test_a_standby_of_the_new_kind_is_made_and_the_old_one_leaves_once_it_is_warm(self):
        world = Regions()
        world.apply()
        world.set_policy(algorithm=Algorithm.EDDSA)
        world.runs(days=1)
        assert [
            (p, k.jwk.alg) for p, k in zip(world.phases(), world.remembered().keys, strict=True)
        ] == [
            ("active", Algorithm.ES256),
            ("published", Algorithm.ES256),
            ("published", Algorithm.EDDSA),
        ]
        world.runs(days=2)
        assert world.phases() == ["active", "removed", "published"]
        world.runs(days=90)
        assert world.key(2).moments.activated_at

    def test_not_while_a_signing_target_cannot_be_read(self):
        world = Regions()
        world.apply()
        world.set_policy(algorithm=Algorithm.EDDSA)
        world.runs(days=1)
        world.down(EU)
        world.runs(days=2)
        assert world.phases() == ["active", "published", "published"]


class TestHistory:
    def test_a_larger_history_keeps_retired_keys_longer(self):
        world = Regions(policy=Policy(history=5))
        world.apply()
        world.runs(days=3 * 90 + 40, every=10 * DAY)
        assert world.phases() == ["retired", "retired", "retired", "active", "published"]
        wait = next(w for w in world.plan().waiting if w.kind == "remove")
        assert wait.gate is Gate.POLICY
        world.runs(days=60)
        assert world.phases() == ["removed", "retired", "retired", "retired", "active", "published"]

    def test_a_document_that_is_full_gets_no_more_keys(self):
        world = Regions(policy=Policy(history_max=3))
        world.apply()
        for number in range(2):
            made = MemoryKeys().generate(named("other", number), Algorithm.ES256, 2048).public
            theirs = own_entry(Jwk(f"theirs-{number}", Algorithm.ES256, made))
            document = world.regions[EU].documents[JWKS]
            world.regions[EU].documents[JWKS] = document[:-2] + b"," + theirs.text.encode() + b"]}"
        world.set_policy(algorithm=Algorithm.EDDSA)
        wait = next(w for w in world.plan().waiting if w.kind == "generate")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.SAFETY,
            Reason.DOCUMENT_FULL,
            True,
        )


class TestLeaving:
    def test_a_removal_that_one_region_misses_is_finished_by_the_next_run(self):
        world = rotated(days=121)
        world.jwks[EU].next_writes = [Fault.DENIED]
        world.clock.advance(DAY)
        report = world.apply()
        assert [r.step.region for r in report.failed] == [EU]
        assert world.phases()[0] == "retired"
        assert {s.reason_code for s in world.plan().steps if s.kind == "remove"} == {
            Reason.REMOVAL_UNFINISHED
        }
        world.apply()
        assert world.phases()[0] == "removed"
        assert len({world.signing(name).generation for name in NAMES}) == 1


class TestJoining:
    def join(self, world: Regions, name: str = "sa-east-1") -> None:
        region = MemoryRegion(name)
        world.names = (*world.names, name)
        world.regions[name] = region
        world.jwks[name], world.signings[name] = region.target(JWKS), region.target(SIGNING)
        world.edges[name] = world._edge(name)

    def test_it_serves_first_and_signs_once_its_verifiers_know_the_key(self):
        world = Regions()
        world.apply()
        world.runs(days=10)
        self.join(world)
        world.apply()
        assert len(world.document("sa-east-1").kids()) == 2
        assert SIGNING not in world.regions["sa-east-1"].documents
        wait = world.wait_for("write_signing")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.TIME,
            Reason.REGION_JOINED,
            False,
        )
        world.until(wait)
        world.apply()
        assert world.signing("sa-east-1").active.kid == world.key(0).kid

    def test_it_does_not_hold_up_keys_that_never_signed_there(self):
        world = rotated(days=100)
        opens = world.wait_for("remove").until
        self.join(world)
        world.apply()
        assert world.wait_for("remove").until == opens
        world.runs(days=2)
        assert SIGNING in world.regions["sa-east-1"].documents
        assert world.wait_for("remove").until == opens
        world.runs(days=20)
        assert world.phases()[0] == "removed"

    def test_a_region_that_left_stops_switch_and_removal(self):
        world = Regions()
        world.apply()
        world.names = NAMES[:2]
        world.ages(days=95)
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.region) == (
            Gate.SAFETY,
            Reason.REGION_LEFT,
            NAMES[2],
        )

    def test_a_retired_key_stays_while_a_region_that_left_may_sign_with_it(self):
        world = rotated()
        world.names = NAMES[:2]
        world.runs(days=60)
        wait = next(w for w in world.plan().waiting if w.kind == "remove")
        assert world.phases()[0] == "retired"
        assert (wait.reason_code, wait.blocked) == (Reason.REGION_UNREACHABLE, True)


class TestEvidence:
    def forget(self, world: Regions) -> None:
        world.state.save_evidence(Evidence(issuer="accounts"))

    def test_lost_evidence_starts_every_lead_and_every_wait_again(self):
        world = rotated(days=89)
        self.forget(world)
        world.runs(days=1)
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code) == (Gate.TIME, Reason.LEAD_RUNNING)

    def test_unread_signing_target_after_evidence_was_lost(self):
        world = rotated()
        self.forget(world)
        world.down(EU)
        wait = next(w for w in world.plan().waiting if w.kind == "remove")
        assert (wait.reason_code, wait.region, wait.blocked) == (Reason.NOT_FRESH, EU, False)

    @pytest.mark.parametrize("learns", [Special.UNBOUNDED, Special.MANUAL])
    def test_a_verifier_that_learns_only_at_restart_closes_the_switch(self, learns):
        world = Regions(policy=Policy(verifiers=(Verifier("until-restart", learns, learns),)))
        world.apply()
        assert world.phases() == ["active", "published"]
        world.ages(days=90)
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.EVIDENCE,
            Reason.UNBOUNDED_VERIFIER,
            True,
        )

    def test_an_edge_that_serves_an_old_copy_closes_the_switch_and_is_named(self):
        world = Regions(with_urls=True)
        world.apply()
        world.clock.advance(timedelta(minutes=6))
        world.apply()
        world.clock.advance(timedelta(minutes=7))
        world.apply()
        assert world.phases() == ["active", "published"]
        world.ages(days=89)
        world.edges[EU].body = render([own_entry(world.key(0).jwk)])
        world.clock.advance(DAY)
        assert world.apply().left.blocked
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.region) == (Gate.EVIDENCE, Reason.NOT_SEEN, EU)
        assert "opens 24 h 5 s after it does" in wait.reason

    def test_the_issuers_own_url_gates_like_a_region(self):
        world = Regions(with_jwks_url=True)
        world.apply()
        world.runs(days=2)
        world.ages(days=89)
        assert world.phases() == ["active", "published"]
        own = [own_entry(key.jwk) for key in world.remembered().keys]
        world.edges["jwks_url"].body = render([*own, foreign_entry()])
        world.clock.advance(DAY)
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.region) == (Reason.FOREIGN_KEY, "jwks_url")
        world.edges["jwks_url"].body = None
        world.runs(days=1)
        assert world.phases() == ["retired", "active", "published"]

    def test_an_edge_that_does_not_answer_closes_the_switch(self):
        world = self.signing_through_urls()
        world.edges[EU].down = "refused"
        world.clock.advance(DAY)
        world.apply()
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.region) == (Gate.EVIDENCE, Reason.NOT_FRESH, EU)

    def test_an_edge_that_lacks_the_active_key_closes_the_switch(self):
        world = self.signing_through_urls()
        world.edges[EU].body = render([own_entry(world.key(1).jwk)])
        world.clock.advance(DAY)
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.region) == (Reason.KEYS_MISSING, EU)

    def test_an_edge_that_serves_a_foreign_key_closes_the_switch(self):
        world = self.signing_through_urls()
        own = [own_entry(key.jwk) for key in world.remembered().keys]
        world.edges[EU].body = render([*own, foreign_entry()])
        world.clock.advance(DAY)
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.region) == (Reason.FOREIGN_KEY, EU)

    @pytest.mark.parametrize("age", [None, timedelta(minutes=10)])
    def test_caching_headers_that_surprise_are_found(self, age):
        world = Regions(with_urls=True, edge_age=age)
        world.apply()
        world.clock.advance(timedelta(minutes=11))
        (finding, *_) = world.plan().findings
        assert finding.kind is FindingKind.CACHING

    def test_an_origin_that_cannot_be_read_closes_the_switch_though_its_edge_answers(self):
        world = self.signing_through_urls()
        world.down(EU)
        world.clock.advance(DAY)
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.region) == (Reason.REGION_UNREACHABLE, EU)

    def test_a_document_with_flaws_closes_the_switch_and_is_repaired(self):
        world = Regions(policy=Policy(passes_required=1))
        world.signings[EU].next_writes = [Fault.DENIED]
        world.signings["us-east-1"].next_writes = [Fault.DENIED]
        world.signings["ap-northeast-1"].next_writes = [Fault.DENIED]
        world.apply()
        assert world.phases() == ["published", "published"]
        document = world.regions[EU].documents[JWKS]
        world.regions[EU].documents[JWKS] = document[:-2] + b',{"kty":"EC"}]}'
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.region) == (Reason.FLAWED_DOCUMENT, EU)
        assert not world.apply().failed
        assert world.phases() == ["active", "published"]

    def test_too_few_passes_in_a_row(self):
        world = Regions()
        world.apply()
        world.ages(days=89)
        world.clock.advance(DAY)
        (inventory,) = inventories_of(world.world())
        seen = inventory.evidence.sightings[EU]
        once = {kid: replace(sighting, passes=1) for kid, sighting in seen.items()}
        evidence = replace(inventory.evidence, sightings={**inventory.evidence.sightings, EU: once})
        plan = plan_issuer(replace(inventory, evidence=evidence), world.at())
        (wait,) = [w for w in plan.waiting if w.kind == "switch"]
        assert (wait.reason_code, wait.region) == (Reason.TOO_FEW_PASSES, EU)

    def test_a_signing_target_alone_that_does_not_answer_closes_the_switch(self):
        world = Regions()
        world.apply()
        world.ages(days=89)
        world.clock.advance(DAY)
        (inventory,) = inventories_of(world.world())
        view = RegionView(inventory.views[EU].jwks, Unavailable("E_TARGET_UNREACHABLE", "down"))
        plan = plan_issuer(replace(inventory, views={**inventory.views, EU: view}), world.at())
        assert {(w.kind, w.reason_code, w.region) for w in plan.waiting} >= {
            ("switch", Reason.REGION_UNREACHABLE, EU),
            ("write_signing", Reason.REGION_UNREACHABLE, EU),
        }

    def test_a_signing_target_that_somebody_else_wrote_is_not_overwritten(self):
        world = Regions()
        world.regions[EU].documents[SIGNING] = b"theirs"
        world.apply()
        assert world.regions[EU].documents[SIGNING] == b"theirs"
        wait = world.wait_for("write_signing")
        assert (wait.reason_code, wait.region, wait.blocked) == (Reason.DOCUMENT_NOT_OURS, EU, True)

    def signing_through_urls(self) -> Regions:
        world = Regions(with_urls=True)
        world.apply()
        world.runs(days=2)
        world.ages(days=89)
        assert world.phases() == ["active", "published"]
        return world


class TestWatermarks:
    def test_a_longer_staleness_of_before_counts_until_its_copies_are_dead(self):
        """Copies from before the key was seen may live for as long as the verifiers of then kept them."""
        world = Regions(policy=Policy(verifiers=(Verifier("slow", 5 * DAY, 5 * DAY),)))
        world.apply()
        world.runs(days=89)
        del world.regions[EU].documents[JWKS]
        world.apply()
        seen = world.at()
        world.clock.advance(HOUR)
        world.set_policy(verifiers=(Verifier("fast", HOUR, HOUR),))
        world.apply()
        world.clock.advance(DAY)
        wait = world.wait_for("switch")
        assert (wait.reason_code, wait.region) == (Reason.LEAD_RUNNING, EU)
        assert "earlier staleness" in wait.reason
        old = 5 * DAY + timedelta(minutes=6) + HOUR
        assert timedelta() <= wait.until - (seen + old) < timedelta(seconds=7)
        world.until(wait)
        world.apply()
        assert world.phases() == ["retired", "active", "published"]

    def test_a_shorter_token_lifetime_does_not_shorten_what_was_signed(self):
        world = rotated()
        world.set_policy(refresh_token_lifetime=timedelta())
        world.apply()
        wait = next(
            w for w in world.plan().waiting if w.kind == "remove" and w.kid == world.key(0).kid
        )
        assert wait.numbers["token_lifetime_s"] == (30 * DAY).total_seconds()

    def test_a_changed_policy_is_told_to_the_signers(self):
        world = Regions()
        world.apply()
        world.set_policy(refresh_token_lifetime=60 * DAY)
        world.apply()
        assert {world.signing(name).max_token_lifetime for name in NAMES} == {60 * DAY}
        assert world.key(0).max_token_lifetime == 60 * DAY


class TestLateness:
    def test_a_rotation_that_stopped_is_an_alarm(self):
        world = Regions()
        world.apply()
        world.down(EU)
        world.ages(days=93)
        assert [f.detail for f in world.plan().findings if f.kind is FindingKind.OVERDUE] == [
            "the next switch has been due for 3 d"
        ]

    def test_a_switch_that_is_not_finished_and_a_key_that_is_not_published(self):
        world = Regions()
        world.apply()
        world.ages(days=89)
        world.clock.advance(DAY)
        world.signings[EU].next_writes = [Fault.DENIED] * 9
        world.apply()
        world.down(EU)
        world.set_policy(standby_keys=3)
        world.runs(days=4)
        alarms = [f.detail for f in world.plan().findings if f.kind is FindingKind.OVERDUE]
        assert any("the switch to" in alarm for alarm in alarms)
        assert any("publishing" in alarm for alarm in alarms)

    def test_a_removal_that_is_not_done(self):
        world = rotated(days=120)
        world.down(EU)
        world.runs(days=10)
        alarms = [f.detail for f in world.plan().findings if f.kind is FindingKind.OVERDUE]
        assert any("the removal of" in alarm for alarm in alarms)

    def test_a_late_rotator_simply_goes_on(self):
        world = Regions()
        world.apply()
        world.clock.advance(200 * DAY)
        world.apply()
        assert world.phases() == ["retired", "active", "published"]


def test_a_policy_that_became_infeasible_closes_the_switch():
    world = Regions()
    world.apply()
    world.ages(days=90 - 1)
    world.set_policy(leeway=timedelta(minutes=5))
    world.clock.advance(DAY)
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code, wait.blocked) == (
        Gate.POLICY,
        Reason.POLICY_INFEASIBLE,
        True,
    )


def test_no_key_that_can_be_promoted():
    world = Regions()
    world.apply()
    world.set_policy(standby_keys=0, algorithm=Algorithm.EDDSA)
    wait = world.wait_for("switch")
    assert (wait.kid, wait.reason_code) == (None, Reason.NOT_ITS_TURN)
    world.clock.advance(90 * DAY)
    wait = world.wait_for("switch")
    assert (wait.kid, wait.gate, wait.reason_code) == (None, Gate.TIME, Reason.LEAD_NOT_BEGUN)
    hold(world.world(), "accounts", "freeze", owner="ann")
    wait = world.wait_for("switch")
    assert (wait.gate, wait.reason_code, wait.blocked) == (Gate.SAFETY, Reason.NO_CANDIDATE, False)


def test_an_empty_state_knows_nothing():
    state = IssuerState(issuer="accounts")
    assert (state.active(), state.switching(), state.key("x"), state.in_documents()) == (
        None,
        None,
        None,
        (),
    )
