"""`apply`: asking, rounds, conflicts, and saved plans."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.apply import apply, apply_saved
from rotator.app.hold import hold
from rotator.app.plan import make_plan
from rotator.domain.jwks import own_entry, render
from rotator.domain.plan import Plan, Retire
from rotator.errors import Declined, LeaseHeld, StalePlan, UnsafePlan
from tests.fakes.targets import Fault, MemoryTarget
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions

EU = "eu-central-1"


def due_switch() -> Regions:
    world = Regions()
    world.apply()
    world.ages(days=89)
    world.clock.advance(DAY)
    return world


class TestAsking:
    def test_once_and_everything_that_becomes_due_follows(self):
        world = Regions()
        asked: list[Plan] = []

        def confirm(plan: Plan) -> bool:
            asked.append(plan)
            return True

        report = apply(world.world(), confirm=confirm)
        assert len(asked) == 1
        assert {result.step.kind for result in report.results} == {
            "generate",
            "write_jwks",
            "switch",
        }

    def test_not_at_all_when_nothing_is_due(self):
        world = Regions()
        world.apply()
        report = apply(world.world(), confirm=lambda _: pytest.fail("asked"))
        assert report.results == ()

    def test_declined_changes_nothing(self):
        world = Regions()
        with pytest.raises(Declined):
            apply(world.world(), confirm=lambda _: False)
        assert world.state.load("accounts") is None
        assert not any(region.documents for region in world.regions.values())

    def test_the_lease_is_free_while_the_operator_thinks(self):
        world = Regions()

        def meanwhile(_: Plan) -> bool:
            world.apply()
            return True

        with pytest.raises(StalePlan):
            apply(world.world(), confirm=meanwhile)
        assert world.phases() == ["active", "published"]

    def test_each_round_is_told(self):
        world = Regions()
        told: list[Plan] = []
        apply(world.world(), on_plan=told.append)
        assert [plan.due for plan in told] == [5, 3]


class TestTrouble:
    def test_a_conflict_is_read_and_planned_again(self):
        world = due_switch()
        world.signings[EU].next_writes = [Fault.CONFLICT]
        report = world.apply()
        assert not report.failed
        assert world.phases() == ["retired", "active", "published"]

    def test_conflicts_without_end_are_left_to_the_next_run(self):
        world = due_switch()
        world.signings[EU].next_writes = [Fault.CONFLICT] * 50
        report = world.apply()
        assert {result.error.code for result in report.failed if result.error} == {
            "E_TARGET_CONFLICT"
        }
        assert world.phases() == ["active", "published", "published"]
        assert "switch" in {step.kind for step in world.plan().steps}

    def test_a_lost_answer_is_a_success_when_it_reads_back(self):
        world = due_switch()
        world.signings[EU].next_writes = [Fault.ANSWER_LOST]
        assert not world.apply().failed
        assert world.phases() == ["retired", "active", "published"]

    def test_a_write_that_is_overwritten_at_once_is_not_taken_for_done(self):
        world = due_switch()
        target = world.signings[EU]

        class Overwritten(MemoryTarget):
            def write(self, body: bytes, expected_etag: str | None) -> str:
                etag = super().write(body, expected_etag)
                self.region.documents[self.key] = b"theirs"
                return etag

        world.signings[EU] = Overwritten(target.region, target.key)
        world.apply()
        assert world.phases()[:2] == ["active", "published"]

    def test_a_store_that_ignores_conditions_is_refused_before_anything_is_written_there(self):
        world = Regions()
        world.regions[EU].keeps_conditions = False
        report = world.apply()
        assert {r.error.code for r in report.failed} == {"E_TARGET_UNSAFE"}
        assert world.regions[EU].documents == {}

    def test_a_held_lease(self):
        world = Regions()
        world.state.acquire("somebody", timedelta(minutes=1))
        with pytest.raises(LeaseHeld):
            world.apply()

    def test_a_foreign_key_that_vanishes_in_the_middle_of_a_run(self):
        world = Regions()
        world.apply()
        plan = make_plan(world.world())
        assert plan.due == 0
        document = world.regions[EU].documents[JWKS]
        theirs = own_entry(replace(world.key(0).jwk, kid="theirs"))
        world.regions[EU].documents[JWKS] = document[:-2] + b"," + theirs.text.encode() + b"]}"
        world.set_policy(standby_keys=2)
        assert not world.apply().failed
        assert world.document(EU).kids()[-1] == "theirs"


def held(world: Regions, plan: Plan) -> Plan:
    hold(world.world(), "accounts", "freeze", owner="ann")
    return plan


def other_document(world: Regions, plan: Plan) -> Plan:
    world.regions[EU].documents[SIGNING] += b"\n"
    return plan


def no_document(world: Regions, plan: Plan) -> Plan:
    del world.regions[EU].documents[SIGNING]
    return plan


def other_configuration(_: Regions, plan: Plan) -> Plan:
    return replace(plan, config_digest="sha256:other")


def other_lineage(_: Regions, plan: Plan) -> Plan:
    return replace(plan, issuers=(replace(plan.issuers[0], lineage="other"),))


class TestSavedPlans:
    def test_exactly_that_plan(self):
        world = Regions()
        report = apply_saved(world.world(), make_plan(world.world()))
        assert [r.step.kind for r in report.results] == [
            "generate",
            "generate",
            *["write_jwks"] * 3,
        ]
        assert world.phases() == ["published", "published"]
        assert [step.kind for step in report.left.issuers[0].steps] == ["switch"] * 3
        apply_saved(world.world(), make_plan(world.world()))
        assert world.phases() == ["active", "published"]

    def test_evidence_does_not_stale_it_but_is_looked_at_again(self):
        world = due_switch()
        plan = make_plan(world.world())
        world.clock.advance(timedelta(hours=5))
        apply_saved(world.world(), plan)
        assert world.phases() == ["retired", "active"]

    def test_evidence_that_fails_by_now_refuses_it(self):
        world = due_switch()
        plan = make_plan(world.world())
        world.down("ap-northeast-1")
        with pytest.raises(UnsafePlan) as error:
            apply_saved(world.world(), plan)
        assert "T2" in error.value.detail
        assert world.phases() == ["active", "published"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (held, "the plan was made for serial"),
            (other_document, f"{EU}'s signing target (ETag)"),
            (no_document, f"{EU}'s signing target (ETag)"),
            (other_configuration, "the configuration"),
            (other_lineage, "another history"),
        ],
    )
    def test_stale(self, change, words):
        world = due_switch()
        plan = change(world, make_plan(world.world()))
        with pytest.raises(StalePlan) as error:
            apply_saved(world.world(), plan)
        assert words in error.value.detail

    def test_an_older_document_is_named(self):
        world = Regions()
        world.apply()
        world.set_policy(standby_keys=2)
        plan = make_plan(world.world())
        world.regions[EU].documents[JWKS] = render([own_entry(world.key(0).jwk)])
        with pytest.raises(StalePlan) as error:
            apply_saved(world.world(), plan)
        assert f"{EU}'s JWKS (ETag)" in error.value.detail

    def test_an_issuer_or_a_region_that_is_not_there_any_more(self):
        world = due_switch()
        plan = make_plan(world.world())
        other = replace(plan, issuers=(replace(plan.issuers[0], issuer="payments"),))
        with pytest.raises(StalePlan):
            apply_saved(world.world(), other)
        world.names = world.names[:2]
        with pytest.raises(StalePlan) as error:
            apply_saved(world.world(), plan)
        assert "ap-northeast-1" in error.value.detail

    def test_a_plan_by_someone_else_that_would_do_damage(self):
        world = due_switch()
        plan = make_plan(world.world())
        (part,) = plan.issuers
        early = tuple(step for step in part.steps if isinstance(step, Retire))
        assert early
        with pytest.raises(UnsafePlan) as error:
            apply_saved(world.world(), replace(plan, issuers=(replace(part, steps=early),)))
        assert "I1" in error.value.detail
