"""The life of keys that KMS keeps: replicas before publication, aliases after `signing.json`, regions that come and go."""

from collections.abc import Callable
from datetime import timedelta

import jwt
import pytest

from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KmsHandle, signer_key
from rotator.domain.plan import Reason, Severity
from rotator.jose.tokens import assemble, signing_input
from tests.fakes.kms import MemoryKms, arn_of
from tests.fakes.targets import Fault
from tests.scenarios.kms_world import rotated, signs_with, steps, with_kms
from tests.scenarios.world import ALIAS, DAY, JWKS, NAMES, SIGNING, Regions

US, EU, AP = NAMES


class TestFirstRun:
    def test_it_ends_with_replicas_aliases_and_orders_everywhere(self):
        world, kms = with_kms()
        assert not world.apply().failed
        assert world.phases() == ["active", "published"]
        assert kms.states() == [{"Enabled"}] * 2
        assert [key.states.keys() for key in kms.keys.values()] == [set(NAMES)] * 2
        active = world.key(0)
        assert all(signs_with(world, active).values())
        assert isinstance(active.handle, KmsHandle)
        for name in NAMES:
            orders = world.signing(name)
            assert orders.standby
            assert orders.active.key == {
                "kind": "kms",
                "key_id": active.handle.arns[name],
                "region": name,
            }
            assert orders.standby.key == signer_key(world.key(1).handle, name)

    def test_the_second_run_does_nothing(self):
        world, _ = rotated(days=0)
        assert not world.apply().results
        assert not world.plan().findings

    def test_a_key_is_published_only_when_every_replica_is_there(self):
        world, kms = with_kms()
        kms.down = {AP}
        world.apply()
        assert world.phases() == ["staged", "staged"]
        assert [key.states.keys() for key in kms.keys.values()] == [{US, EU}] * 2
        assert all(len(world.document(name).kids()) == 2 for name in NAMES)
        assert [step for step in steps(world) if step[0] == "replicate"] == [("replicate", AP)] * 2
        kms.down = set()
        assert not world.apply().failed
        assert world.phases() == ["active", "published"]

    @pytest.mark.parametrize("algorithm", Algorithm)
    def test_a_token_of_every_region_verifies(self, algorithm):
        world, _ = with_kms(algorithm=algorithm, rsa_bits=2048)
        world.apply()
        served = {key.kid: key.jwk.alg.value for key in world.remembered().keys}
        for name in NAMES:
            header = jwt.get_unverified_header(world.token(name))
            assert header["alg"] == served[header["kid"]] == algorithm.value


class TestSwitch:
    def test_the_alias_follows_the_signing_target(self):
        world, _ = rotated(days=89)
        world.clock.advance(DAY)
        old, new = world.key(0), world.key(1)
        kinds = [kind for kind, _ in steps(world)]
        assert kinds.index("switch") < kinds.index("point_alias") < kinds.index("retire")
        assert all(signs_with(world, old).values())
        assert not world.apply().failed
        assert world.phases() == ["retired", "active", "published"]
        assert all(signs_with(world, new).values())
        assert not world.apply().results

    @pytest.mark.parametrize("reads", [1, 5, 25])
    def test_an_alias_that_shows_its_move_late_is_waited_for(self, reads):
        world, _ = rotated(days=89)
        world.aliases[AP].lag = reads
        world.clock.advance(DAY)
        assert not world.apply().failed
        assert world.phases() == ["retired", "active", "published"]
        assert sum(world.clock.slept[-reads:], timedelta()) < timedelta(seconds=15)

    def test_the_switch_is_confirmed_only_when_every_alias_reads_back(self):
        """The last region's alias shows the old key for longer than anybody waits."""
        world, _ = rotated(days=89)
        new = world.key(1)
        world.aliases[AP].lag = 45
        world.clock.advance(DAY)
        world.apply()
        told = {world.signing(name).active.kid for name in NAMES}
        assert told == {new.kid}
        entries = [record.entry for record in world.state.audit()]
        begun = max(n for n, e in enumerate(entries) if e.event == "switch_started_at")
        late = [e.facts.get("region") for e in entries if e.event == "done_failed"]
        (confirmed,) = [n for n, e in enumerate(entries) if e.event == "activated_at" and n > begun]
        refused = [n for n, e in enumerate(entries) if e.event == "done_failed"]
        assert late == [AP]
        assert begun < refused[0] < confirmed
        assert world.phases() == ["retired", "active", "published"]
        assert world.key(0).moments.retired_at == world.key(1).moments.activated_at

    @pytest.mark.parametrize("reads", [30, 31, 32, 45])
    def test_a_late_alias_is_no_drift_a_rotation_later(self, reads):
        """With 31 the move shows just after the run that made it gave up."""
        world, _ = rotated(days=89)
        world.aliases[AP].lag = reads
        world.clock.advance(DAY)
        world.apply()
        world.aliases[AP].lag = 0
        world.runs(days=80, every=20 * DAY)
        world.clock.advance(10 * DAY)
        plan = world.plan()
        assert {s.reason_code for s in plan.steps if s.kind == "point_alias"} == {
            Reason.ALIAS_OUTDATED
        }
        assert not plan.findings


class AliasMovesIn(MemoryKms):
    """Somebody moves the alias in the very moment between choosing a kid and signing."""

    def sign(self, handle, algorithm, message, aws_region=None):
        self.move(aws_region or self.primary)
        return super().sign(handle, algorithm, message, aws_region)

    def move(self, region: str) -> None:
        _, other = list(self.keys)[:2]
        self.aliases[region, ALIAS] = arn_of(other, region)


class TestKidAndKeyStayTogether:
    """Design T9b: the kid is inside what is signed."""

    def world(self) -> tuple[Regions, AliasMovesIn]:
        kms = AliasMovesIn()
        world = Regions(kms=kms)
        world.apply()
        return world, kms

    def verifies(self, world: Regions, token: str) -> bool:
        keys = jwt.PyJWKSet.from_json(world.regions[EU].documents[JWKS].decode())
        key = keys[jwt.get_unverified_header(token)["kid"]]
        try:
            jwt.decode(token, key, ["ES256"], options={"verify_exp": False, "verify_iat": False})
        except jwt.InvalidSignatureError:
            return False
        return True

    def signed_through_alias(self, world: Regions, kms: AliasMovesIn, *, compares: bool) -> str:
        orders = world.signing(EU)
        while True:
            unsigned = signing_input(Algorithm.ES256, orders.active.kid, {"sub": "x"})
            if world.pointed(EU) == orders.active.kid:
                kms.move(EU)
            signature, arn = kms.sign_through(ALIAS, EU, Algorithm.ES256, unsigned)
            if not compares:
                return assemble(unsigned, signature)
            if arn == orders.active.key["key_id"]:
                return assemble(unsigned, signature)
            handle = world.key(0).handle
            signature = MemoryKms.sign(kms, handle, Algorithm.ES256, unsigned, EU)
            return assemble(unsigned, signature)

    def test_rotators_own_tokens_name_the_key_itself(self):
        world, kms = self.world()
        token = world.token(EU)
        assert kms.aliases[EU, ALIAS] == arn_of(list(kms.keys)[1], EU)
        assert jwt.get_unverified_header(token)["kid"] == world.key(0).kid
        assert self.verifies(world, token)

    def test_a_signer_that_trusts_the_alias_makes_a_token_nobody_can_verify(self):
        world, kms = self.world()
        assert not self.verifies(world, self.signed_through_alias(world, kms, compares=False))

    def test_a_signer_that_compares_the_answers_key_does_not(self):
        world, kms = self.world()
        assert self.verifies(world, self.signed_through_alias(world, kms, compares=True))

    def test_after_a_replay_of_an_older_alias_the_next_run_points_it_back(self):
        world, kms = self.world()
        kms.move(EU)
        world.apply()
        assert all(signs_with(world, world.key(0)).values())


def moved(world: Regions, kms: MemoryKms) -> None:
    handle = world.key(1).handle
    assert isinstance(handle, KmsHandle)
    kms.aliases[EU, ALIAS] = handle.arns[EU]


def moved_to_a_stranger(world: Regions, kms: MemoryKms) -> None:
    kms.aliases[EU, ALIAS] = arn_of("mrk-not-ours", EU)


def deleted(world: Regions, kms: MemoryKms) -> None:
    del kms.aliases[EU, ALIAS]


class TestAliasDrift:
    @pytest.mark.parametrize(
        ("tamper", "words"),
        [(moved, "moved it"), (moved_to_a_stranger, "moved it"), (deleted, "deleted it")],
    )
    def test_it_is_shown_and_put_back(
        self, tamper: Callable[[Regions, MemoryKms], None], words: str
    ):
        world, kms = rotated(days=3)
        tamper(world, kms)
        plan = world.plan()
        assert [(s.kind, s.region, s.reason_code) for s in plan.steps] == [
            ("point_alias", EU, Reason.ALIAS_CHANGED)
        ]
        (finding,) = plan.findings
        assert (finding.severity, finding.region) == (Severity.ERROR, EU)
        assert f"{ALIAS}: somebody else {words}" == finding.detail
        assert not world.apply().failed
        assert all(signs_with(world, world.key(0)).values())
        assert not world.plan().findings

    def test_an_alias_of_another_owner_is_left_alone_and_named(self):
        world, kms = with_kms()
        theirs = kms.aliases[EU, ALIAS] = arn_of("mrk-theirs", EU)
        world.apply()
        assert kms.aliases[EU, ALIAS] == theirs
        assert world.phases() == ["published", "published"]
        wait = world.wait_for("write_signing")
        assert (wait.reason_code, wait.region, wait.blocked) == (
            Reason.DOCUMENT_NOT_OURS,
            EU,
            True,
        )
        assert "rotator did not make" in wait.reason
        del kms.aliases[EU, ALIAS]
        world.apply()
        assert world.phases() == ["active", "published"]


class TestRegionsComeAndGo:
    def test_a_joining_region_gets_its_replica_first_and_alias_and_orders_last(self):
        world, kms = rotated(days=10)
        world.join("sa-east-1")
        kinds = [kind for kind, region in steps(world) if region == "sa-east-1"]
        assert kinds == ["replicate", "replicate", "write_jwks"]
        assert not world.apply().failed
        assert len(world.document("sa-east-1").kids()) == 2
        assert SIGNING not in world.regions["sa-east-1"].documents
        assert ("sa-east-1", ALIAS) not in kms.aliases
        world.until(world.wait_for("write_signing"))
        assert [kind for kind, _ in steps(world)] == ["write_signing", "point_alias"]
        assert not world.apply().failed
        assert all(signs_with(world, world.key(0)).values())
        assert not world.plan().findings

    def test_a_joining_region_whose_kms_is_silent_is_told_nothing(self):
        world, kms = rotated(days=10)
        world.join("sa-east-1")
        kms.down = {"sa-east-1"}
        world.apply()
        world.runs(days=2)
        assert SIGNING not in world.regions["sa-east-1"].documents
        kms.down = set()
        world.apply()
        world.until(world.wait_for("write_signing"))
        world.apply()
        assert all(signs_with(world, world.key(0)).values())

    def test_a_region_that_left_keeps_the_keys_that_it_may_sign_with(self):
        """Nobody looks at it any more, so nothing of the old key may end."""
        world, kms = rotated(days=95)
        world.names = (US, EU)
        world.runs(days=60, every=20 * DAY)
        assert world.phases() == ["retired", "active", "published"]
        assert kms.states() == [{"Enabled"}, {"Enabled"}, {"Enabled"}]
        waits = {w.kind: w.reason_code for w in world.plan().waiting}
        assert waits["disable"] is waits["remove"] is Reason.REGION_UNREACHABLE
        assert waits["switch"] is Reason.REGION_LEFT


def test_a_signing_target_that_is_refused_leaves_the_alias_where_it_is():
    world, _ = rotated(days=89)
    old, new = world.key(0), world.key(1)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.clock.advance(DAY)
    report = world.apply()
    assert [(r.step.kind, r.step.region) for r in report.failed] == [("switch", EU)]
    assert [world.pointed(name) for name in NAMES] == [new.kid, old.kid, new.kid]
    assert world.phases() == ["active", "published"]
    world.apply()
    assert world.phases() == ["retired", "active", "published"]
