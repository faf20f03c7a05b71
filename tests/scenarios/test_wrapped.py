"""Keys that KMS made and wrapped: the ciphertext lies in `signing.json` and the state, and old versions count."""

import json
from datetime import timedelta

import jwt
import pytest

from rotator.domain.codec import decode, encode
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import WrappedHandle
from rotator.domain.plan import FindingKind, Gate, Reason
from rotator.domain.state import IssuerState
from rotator.errors import KeyStoreError, KeyStoreUnreachable
from tests.fakes.state import MemoryState
from tests.fakes.wrapped import MemoryWrapped
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

US, EU, AP = NAMES


def wrapped(days: int = 0) -> Regions:
    """A world with wrapped keys, some days after its first run; its buckets keep no old versions."""
    world = Regions(wrapped=MemoryWrapped())
    expire(world)
    world.apply()
    begin = world.at()
    for day in (day for day in (90, days) if day <= days):
        world.clock.set(begin + day * DAY)
        expire(world)
        world.apply()
    return world


def expire(world: Regions) -> None:
    """Noncurrent versions of every signing target expire: what is left was written just now."""
    for region in world.regions.values():
        region.versions[SIGNING] = world.at()


def handles(world: Regions) -> list[WrappedHandle]:
    found = [key.handle for key in world.remembered().keys]
    assert all(isinstance(handle, WrappedHandle) for handle in found)
    return [handle for handle in found if isinstance(handle, WrappedHandle)]


def test_ciphertext_and_context_stand_in_the_signing_target_for_both_keys():
    world = wrapped()
    assert world.phases() == ["active", "published"]
    active, standby = handles(world)
    lineage = world.remembered().lineage
    assert active.context == {"issuer": "accounts", "generation": "1", "lineage": lineage}
    for name in NAMES:
        orders = world.signing(name)
        assert orders.active.key == {
            "kind": "kms-wrapped",
            "ciphertext": active.ciphertext,
            "context": active.context,
        }
        assert orders.standby
        assert orders.standby.key["ciphertext"] == standby.ciphertext


def test_nothing_private_is_published_or_logged():
    world = wrapped(days=125)
    secrets = [handle.ciphertext for handle in handles(world) if handle.ciphertext]
    assert secrets
    everything = repr(list(world.state.audit())) + repr(world.plan())
    served = b"".join(region.documents[JWKS] for region in world.regions.values()).decode()
    assert not [text for text in secrets if text in everything or text in served]


def test_a_rotation_with_tokens_of_every_region():
    world = wrapped(days=90)
    assert world.phases() == ["retired", "active", "published"]
    keys = jwt.PyJWKSet.from_json(world.regions[EU].documents[JWKS].decode())
    for name in NAMES:
        token = world.token(name)
        key = keys[jwt.get_unverified_header(token)["kid"]]
        assert key.key_id == world.key(1).kid
        assert jwt.decode(token, key, ["ES256"], options={"verify_exp": False, "verify_iat": False})


def test_the_wrapping_key_of_a_region_does_not_answer_at_the_switch():
    world = wrapped()
    assert world.wrapped
    world.clock.advance(90 * DAY)
    world.wrapped.down = {EU}
    report = world.apply()
    assert [(r.step.kind, r.step.region, r.error.code) for r in report.failed] == [
        ("switch", EU, KeyStoreUnreachable.code)
    ]
    assert world.signing(EU).active.kid == world.key(0).kid
    world.wrapped.down = set()
    world.apply()
    assert world.phases() == ["retired", "active", "published"]


def test_a_pair_whose_record_was_lost_is_made_again_and_leaves_nothing():
    """Nothing is kept in KMS, so what nobody recorded is nowhere."""
    world = Regions(wrapped=MemoryWrapped())
    assert world.wrapped
    world.wrapped.down = {US}
    assert world.apply().failed
    assert world.remembered().unanswered == ()
    world.wrapped.down = set()
    assert not world.apply().failed
    assert world.wrapped.made == ["accounts/2", "accounts/3"]


class TestOldVersions:
    """Whoever can read an old version of `signing.json` has the ciphertext still."""

    def removed(self) -> Regions:
        world = wrapped(days=90)
        world.until(next(w for w in world.plan().waiting if w.kind == "remove"))
        world.apply()
        assert world.phases() == ["removed", "active", "published"]
        return world

    def test_a_removed_key_is_destroyed_only_when_they_are_gone_everywhere(self):
        world = self.removed()
        wait = world.wait_for("destroy")
        assert (wait.gate, wait.reason_code, wait.region, wait.blocked) == (
            Gate.EVIDENCE,
            Reason.OLD_VERSIONS,
            US,
            False,
        )
        assert handles(world)[0].ciphertext
        expire(world)
        retired = world.key(0).moments.retired_at
        assert retired
        world.regions[AP].versions[SIGNING] = retired
        world.runs(days=1)
        assert world.wait_for("destroy").region == AP
        assert world.key(0).moments.destroyed_at is None
        world.regions[AP].versions[SIGNING] = retired + timedelta(seconds=6)
        world.runs(days=1)
        assert world.key(0).moments.destroyed_at == world.at()
        assert [bool(handle.ciphertext) for handle in handles(world)] == [False, True, True]
        assert handles(world)[0].context["generation"] == "1"
        assert not world.apply().results

    def test_orders_that_somebody_put_back_count_from_when_they_were_seen_gone(self):
        """The version that names the old key again is younger than its retirement."""
        world = wrapped(days=90)
        former = world.key(0)
        orders = json.loads(world.regions[EU].documents[SIGNING])
        orders["active"] = {"kid": former.kid, "alg": "ES256", "key": orders["active"]["key"]}
        world.clock.advance(10 * DAY)
        world.regions[EU].documents[SIGNING] = json.dumps(orders).encode()
        world.regions[EU].versions[SIGNING] = put_back = world.at()
        world.apply()
        world.clock.advance(40 * DAY)
        for name in (US, AP):
            world.regions[name].versions[SIGNING] = world.at()
        world.apply()
        assert world.phases()[0] == "removed"
        assert put_back > world.key(0).moments.retired_at
        assert world.wait_for("destroy").region == EU

    def test_a_standby_that_never_signed_leaves_its_ciphertext_too(self):
        world = wrapped()
        world.set_policy(algorithm=Algorithm.EDDSA)
        world.runs(days=3)
        assert world.phases() == ["active", "removed", "published"]
        assert world.wait_for("destroy").reason_code is Reason.OLD_VERSIONS
        world.clock.advance(DAY)
        expire(world)
        world.apply()
        assert not handles(world)[1].ciphertext

    def test_a_region_that_cannot_say_keeps_it(self):
        world = self.removed()
        expire(world)
        world.regions[EU].versions.clear()
        world.runs(days=1)
        assert world.wait_for("destroy").region == EU
        world.down(EU)
        world.runs(days=1)
        assert world.key(0).moments.destroyed_at is None
        world.up(EU)
        expire(world)
        world.runs(days=1)
        assert world.key(0).moments.destroyed_at

    def test_a_region_that_never_had_orders_has_no_old_ones(self):
        world = self.removed()
        expire(world)
        world.join("sa-east-1")
        world.apply()
        assert SIGNING not in world.regions["sa-east-1"].documents
        assert world.key(0).moments.destroyed_at

    def test_the_state_is_loaded_without_the_ciphertext(self):
        world = self.removed()
        expire(world)
        world.runs(days=1)
        state = world.remembered()
        text = json.dumps(encode(state))
        assert decode(IssuerState, json.loads(text)) == state
        assert world.phases() == ["removed", "active", "published"]
        world.runs(days=60, every=30 * DAY)
        assert world.phases() == ["removed", "retired", "active", "published"]

    def test_versions_are_asked_for_only_while_a_removed_key_waits(self):
        """Asking costs a listing for each region."""
        world = wrapped(days=95)
        for region in world.regions.values():
            region.versions.clear()
        assert not world.apply().results
        world = self.removed()
        expire(world)
        world.runs(days=1)
        moments = world.key(0).moments
        for region in world.regions.values():
            region.versions.clear()
        world.runs(days=1)
        assert world.key(0).moments == moments


class TestALostState:
    def lose(self, world: Regions) -> None:
        world.state = MemoryState(world.clock)

    @pytest.mark.parametrize("days", [1, 30])
    def test_active_and_standby_are_found_in_the_regions_alone(self, days):
        world = wrapped(days)
        before = handles(world)
        kids = [key.kid for key in world.remembered().keys]
        self.lose(world)
        assert not world.apply().failed
        assert [key.kid for key in world.remembered().keys][:2] == kids
        assert handles(world)[:2] == before
        assert world.signing(EU).active.kid == kids[0]
        assert not world.plan().findings
        for _ in range(3):
            world.clock.advance(45 * DAY)
            expire(world)
            world.apply()
        assert "active" in world.phases()
        assert world.token(EU)

    def test_a_retired_key_is_foreign_then_and_stays_served(self):
        """Nothing but its public half is left: it goes on verifying, and an operator must say whose it is."""
        world = wrapped(days=91)
        old = world.key(0).kid
        self.lose(world)
        assert not world.apply().failed
        assert old in world.document(EU).kids()
        found = {f.kind for f in world.plan().findings}
        assert found == {FindingKind.FOREIGN_KEY}
        assert world.wait_for("switch").reason_code is Reason.FOREIGN_KEY

    @pytest.mark.parametrize(
        "damage",
        [
            {"context": {}},
            {"context": {"generation": "one"}},
            {"ciphertext": None},
            {"kind": "local"},
        ],
    )
    def test_orders_that_do_not_tell_of_a_wrapped_key_are_not_believed(self, damage):
        world = wrapped(days=1)
        for region in world.regions.values():
            members = json.loads(region.documents[SIGNING])
            members["active"]["key"] |= damage
            members["active"]["key"] = {
                k: v for k, v in members["active"]["key"].items() if v is not None
            }
            region.documents[SIGNING] = json.dumps(members).encode()
        before = {name: region.documents[SIGNING] for name, region in world.regions.items()}
        self.lose(world)
        world.apply()
        assert any("the regions sign with" in words for words in world.reporter.warnings)
        assert {n: region.documents[SIGNING] for n, region in world.regions.items()} == before


def test_a_ciphertext_opens_only_under_its_own_context():
    world = wrapped()
    assert world.wrapped
    handle = handles(world)[0]
    stranger = WrappedHandle(handle.ciphertext, {**handle.context, "issuer": "payments"})
    with pytest.raises(KeyStoreError, match="InvalidCiphertext"):
        world.wrapped.prove(stranger, EU)
