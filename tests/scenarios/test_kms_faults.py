"""KMS fails at the worst moments: a region goes on with the key it has, no key is made twice, the next run finishes."""

from datetime import timedelta

import jwt
import pytest

from rotator.app.apply import apply
from rotator.domain.plan import Gate, Plan, Reason
from rotator.errors import KeyStoreError, KeyStoreUnreachable, KeyStoreUnsure
from tests.fakes.kms import Answer, MemoryKms
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, JWKS, NAMES, Regions

US, EU, AP = NAMES


def due() -> tuple[Regions, MemoryKms]:
    """A world in which the switch to the second key is due now."""
    kms = MemoryKms()
    world = Regions(kms=kms)
    world.apply()
    world.clock.advance(90 * DAY)
    return world, kms


def with_kms() -> tuple[Regions, MemoryKms]:
    kms = MemoryKms()
    return Regions(kms=kms), kms


def told(world: Regions) -> dict[str, tuple[str, str | None]]:
    """By region, the kids that `signing.json` and the alias stand for."""
    return {name: (world.signing(name).active.kid, world.pointed(name)) for name in world.names}


def everything_verifies(world: Regions) -> bool:
    """Whether a token of every region that can sign verifies in every region."""
    tokens = []
    for name in world.names:
        try:
            tokens.append(world.token(name))
        except KeyStoreError:
            continue
    assert tokens
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    for name in world.names:
        keys = jwt.PyJWKSet.from_json(world.regions[name].documents[JWKS].decode())
        for token in tokens:
            key = keys[jwt.get_unverified_header(token)["kid"]]
            jwt.decode(token, key, [key.algorithm_name], options=options)  # type: ignore[arg-type]
    return True


class TestARegionsKmsIsDown:
    def test_at_the_switch_it_goes_on_with_the_old_key_and_the_run_after_finishes(self):
        world, kms = due()
        old, new = world.key(0).kid, world.key(1).kid

        def goes_down(_: Plan) -> None:
            kms.down.add(EU)

        report = apply(world.world(), on_plan=goes_down)
        failed = [(r.step.kind, r.step.region, r.error.code) for r in report.failed]
        assert failed == [("switch", EU, KeyStoreUnreachable.code)]
        assert world.phases() == ["active", "published"]
        assert told(world) == {US: (new, new), EU: (old, old), AP: (new, new)}
        assert everything_verifies(world)
        assert report.left.blocked
        world.runs(days=1)
        assert told(world)[EU] == (old, old)
        kms.down.clear()
        assert everything_verifies(world)
        assert not world.apply().failed
        assert told(world) == dict.fromkeys(NAMES, (new, new))
        assert world.phases() == ["retired", "active", "published"]
        assert everything_verifies(world)

    def test_before_the_switch_nothing_is_begun(self):
        world, kms = due()
        kms.down = {EU}
        report = world.apply()
        assert world.phases() == ["active", "published"]
        assert not report.results
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.region) == (
            Gate.EVIDENCE,
            Reason.REGION_UNREACHABLE,
            EU,
        )
        kms.down = set()
        world.apply()
        assert world.phases() == ["retired", "active", "published"]

    @pytest.mark.parametrize("fault", [Fault.DOWN, Fault.DENIED])
    def test_an_alias_that_cannot_be_moved_leaves_the_switch_unconfirmed(self, fault):
        world, _ = due()
        old, new = world.key(0).kid, world.key(1).kid
        world.aliases[EU].next_points = [fault]
        report = world.apply()
        assert [(r.step.kind, r.step.region) for r in report.failed] == [("point_alias", EU)]
        assert told(world) == {US: (new, new), EU: (new, old), AP: (new, new)}
        assert world.phases() == ["active", "published"]
        assert world.key(0).moments.retired_at is None
        assert everything_verifies(world)
        assert not world.apply().failed
        assert told(world) == dict.fromkeys(NAMES, (new, new))
        assert world.phases() == ["retired", "active", "published"]
        assert not world.plan().findings

    def test_an_alias_whose_answer_is_lost_after_it_moved_is_no_failure(self):
        world, _ = due()
        world.aliases[EU].next_points = [Fault.ANSWER_LOST]
        assert not world.apply().failed
        assert world.phases() == ["retired", "active", "published"]

    def test_an_alias_that_moves_and_is_silent_then_is_found_by_the_next_run(self):
        world, kms = due()
        new = world.key(1).kid
        world.aliases[EU].next_points = [Fault.DENIED]
        world.apply()

        def goes_down_after(_: Plan) -> None:
            handle = world.key(1).handle
            kms.aliases[EU, world.aliases[EU].name] = handle.arns[EU]
            kms.down.add(EU)

        assert apply(world.world(), on_plan=goes_down_after).failed
        kms.down.clear()
        assert not world.apply().failed
        assert told(world) == dict.fromkeys(NAMES, (new, new))
        assert world.phases() == ["retired", "active", "published"]


class TestTheAnswerOfCreateKey:
    def test_lost_after_the_effect_the_key_is_found_by_the_next_run(self):
        world, kms = with_kms()
        kms.answers = [Answer.LOST_AFTER]
        report = world.apply()
        assert [(r.step.kind, r.error.code) for r in report.failed] == [
            ("generate", KeyStoreUnsure.code)
        ]
        assert len(kms.keys) == 1
        (asked,) = world.remembered().unanswered
        (made,) = kms.keys.values()
        assert (made.name.intent, made.name.lineage) == (asked.id, world.remembered().lineage)
        assert not world.apply().failed
        assert world.phases() == ["active", "published"]
        assert len(kms.keys) == 2
        assert world.remembered().unanswered == ()
        assert "recovered" in {record.entry.event for record in world.state.audit()}

    def test_lost_before_the_effect_another_is_asked_for(self):
        world, kms = with_kms()
        kms.answers = [Answer.LOST_BEFORE]
        assert world.apply().failed
        assert len(kms.keys) == 0
        assert not world.apply().failed
        assert world.phases() == ["active", "published"]
        assert len(kms.keys) == 2
        assert [key.generation for key in world.remembered().keys] == [2, 3]

    @pytest.mark.parametrize("answer", Answer)
    def test_a_standby_is_never_made_twice_however_often_answers_are_lost(self, answer):
        world, kms = due()
        kms.answers = [answer] * 3
        for _ in range(5):
            world.apply()
        assert world.phases() == ["retired", "active", "published"]
        assert len(kms.keys) == 3
        assert {arn for key in world.remembered().keys for arn in key.handle.arns.values()} == {
            f"arn:aws:kms:{region}:111122223333:key/{ident}"
            for ident, key in kms.keys.items()
            for region in key.states
        }

    def test_while_it_cannot_be_looked_for_nothing_is_made_and_repairs_go_on(self):
        world, kms = due()
        kms.answers = [Answer.LOST_AFTER]
        world.apply()
        kms.down = {US}
        good = world.regions[EU].documents.pop(JWKS)
        for _ in range(3):
            world.apply()
        assert world.regions[EU].documents[JWKS] == good
        wait = world.wait_for("generate")
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.EVIDENCE,
            Reason.KEY_UNANSWERED,
            True,
        )
        assert len(world.remembered().unanswered) == 1
        assert len(kms.keys) == 3
        kms.down = set()
        world.apply()
        assert len(kms.keys) == 3
        assert world.remembered().unanswered == ()
        assert world.phases() == ["retired", "active", "published"]

    def test_the_primary_region_is_down(self):
        """Nothing was asked for, so nothing has to be looked for."""
        world, kms = with_kms()
        kms.down = {US}
        report = world.apply()
        assert [r.error.code for r in report.failed] == [KeyStoreUnreachable.code]
        assert (len(kms.keys), world.remembered().unanswered) == (0, ())
        kms.down = set()
        assert not world.apply().failed
        assert world.phases() == ["active", "published"]

    def test_the_primary_region_is_down_for_the_standby_alone(self):
        """The next standby is made in the primary; until then the issuer rotates no further, and signs on."""
        world, kms = due()
        world.apply()
        kms.down = {US}
        world.set_policy(standby_keys=2)
        world.runs(days=3)
        assert world.phases() == ["retired", "active", "published"]
        assert everything_verifies(world)
        kms.down = set()
        world.runs(days=1)
        assert world.phases() == ["retired", "active", "published", "published"]


def test_a_key_that_somebody_disabled_is_not_switched_to():
    world, kms = due()
    old = world.key(0).kid
    kms.disable(world.key(1).handle)
    report = world.apply()
    assert {(r.step.kind, r.error.code) for r in report.failed} == {("switch", KeyStoreError.code)}
    assert told(world) == dict.fromkeys(NAMES, (old, old))
    assert everything_verifies(world)
    kms.enable(world.key(1).handle)
    world.clock.advance(timedelta(hours=1))
    assert not world.apply().failed
    assert world.phases() == ["retired", "active", "published"]
