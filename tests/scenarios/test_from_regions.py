"""A state is made anew of the regions and the key store, and an operator sees first what is believed (design I8)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from rotator.app.from_regions import Believed, rebuild
from rotator.app.rotate import rotate
from rotator.domain.jwks import ServedKey, own_entry, render
from rotator.domain.lifecycle import Phase
from rotator.domain.policy import Policy
from rotator.errors import Declined, StateBehind, StateConflict, StateError
from tests.fakes.keys import MemoryKeys
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.strangers import KID, plant, stranger
from tests.scenarios.test_importing import Old
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

EU = "eu-central-1"


def living(days: int = 0) -> Regions:
    world = Regions()
    world.apply()
    world.ages(days=days)
    return world


def lose_state(world: Regions) -> None:
    world.state = MemoryState(world.clock)


def remade(world: Regions, *, force: bool = False) -> Believed:
    (one,) = rebuild(world.world(), force=force, confirm=None)
    return one


def documents(world: Regions) -> dict[str, dict[str, bytes]]:
    return {name: dict(region.documents) for name, region in world.regions.items()}


def revoke(world: Regions, kid: str) -> None:
    """Somebody revoked a key since: every signing target lists it, and no document holds it."""
    for region in world.regions.values():
        order = json.loads(region.documents[SIGNING])
        order |= {"generation": 50, "revoked": [kid]}
        order["standby"] = None if (order["standby"] or {}).get("kid") == kid else order["standby"]
        region.documents[SIGNING] = json.dumps(order).encode()
        keys = [k for k in json.loads(region.documents[JWKS])["keys"] if k["kid"] != kid]
        text = json.dumps({"keys": keys}, separators=(",", ":"), sort_keys=True)
        region.documents[JWKS] = text.encode()


@pytest.mark.parametrize("days", [0, 91])
def test_a_lost_state_is_made_of_the_regions(days: int):
    world = living(days)
    active, served = world.signing(EU).active.kid, world.document(EU).kids()
    before = documents(world)
    lose_state(world)
    one = remade(world)
    assert documents(world) == before
    assert one.before.serial == 0
    assert one.kids(Phase.ACTIVE) == (active,)
    assert set(one.kids(Phase.RETIRED)) == set(served) - {active}
    assert one.strangers == ()
    assert not world.apply().failed
    assert set(served) <= set(world.document(EU).kids())
    world.runs(days=100)
    assert world.phases()[-2:] == ["active", "published"]


def test_a_month_old_backup_in_which_a_key_since_revoked_still_stands_by():
    world = living()
    old = dict(world.state._states)
    standby = world.key(1).kid
    world.runs(days=30)
    revoke(world, standby)
    world.state._states = old
    one = remade(world)
    assert one.kids(Phase.REVOKED) == (standby,)
    assert one.after.generation == 50
    assert not world.apply().failed
    assert standby not in world.document(EU).kids()
    assert standby in world.signing(EU).revoked
    world.runs(days=100)
    assert standby not in world.document(EU).kids()
    assert world.signing(EU).active.kid not in (standby, one.kids(Phase.ACTIVE)[0])


def test_a_switch_under_way_is_seen_as_such():
    world = living(89)
    world.signings[EU].next_writes = [Fault.DENIED]
    world.clock.advance(DAY)
    world.apply()
    lose_state(world)
    one = remade(world)
    assert len(one.kids(Phase.ACTIVE)) == len(one.kids(Phase.PUBLISHED)) == 1
    world.runs(days=3)
    assert {world.signing(name).active.kid for name in NAMES} == set(one.kids(Phase.PUBLISHED))


def test_what_was_decided_about_foreign_keys_is_asked_anew():
    old = Old().serve()
    old.take()
    old.world.apply()
    one = remade(old.world, force=True)
    assert one.kids(Phase.ACTIVE) == (old.jwk.kid,)
    assert one.strangers == one.forgotten() == (KID,)
    assert {wait.reason_code for wait in old.world.plan().waiting if wait.kind == "switch"} == {
        "foreign_key"
    }


def test_a_foreign_key_that_came_meanwhile():
    world = living()
    plant(world, EU, stranger())
    lose_state(world)
    one = remade(world)
    assert (one.strangers, one.forgotten()) == ((KID,), ())


def test_other_material_under_a_key_of_ours_is_not_believed():
    world = living()
    active = world.signing(EU).active.kid
    real = world.document(EU).entry(active)
    others = [entry for entry in world.document(NAMES[0]).keys if entry.kid != active]
    world.regions[NAMES[0]].documents[JWKS] = render([stranger(active, 5), *others])
    lose_state(world)
    remade(world)
    assert own_entry(world.remembered().key(active).jwk) == real
    world.apply()
    assert world.document(NAMES[0]).entry(active) == real


def test_a_served_key_that_cannot_be_is_a_foreign_one():
    world = living()
    members = {"crv": "P-256", "kid": "bad", "kty": "EC", "x": "A" * 43, "y": "A" * 43}
    plant(
        world, EU, ServedKey("bad", "t", json.dumps(members, sort_keys=True, separators=(",", ":")))
    )
    lose_state(world)
    assert remade(world).strangers == ("bad",)


class TestRefused:
    def unchanged(self, world: Regions, error: type[StateError], words: str) -> str:
        before, issuers = documents(world), world.state.issuers()
        with pytest.raises(error, match=words) as refused:
            rebuild(world.world(), force=False, confirm=None)
        assert (documents(world), world.state.issuers()) == (before, issuers)
        return refused.value.hint

    def test_a_state_that_is_as_new(self):
        assert "--force" in self.unchanged(living(), StateError, "as new as its regions")

    def test_a_region_that_does_not_answer(self):
        world = living()
        lose_state(world)
        world.down(EU)
        self.unchanged(world, StateBehind, f"{EU} cannot be read")

    def test_a_signing_target_that_is_none(self):
        world = living()
        lose_state(world)
        world.regions[EU].documents[SIGNING] = b"junk"
        self.unchanged(world, StateBehind, f"{EU} cannot be read")

    def test_a_key_set_that_is_none(self):
        world = living()
        lose_state(world)
        world.regions[EU].documents[JWKS] = b"junk"
        self.unchanged(world, StateBehind, "JWKS cannot be read")

    def test_no_signing_target_anywhere(self):
        assert "rotator import" in self.unchanged(
            Regions(), StateError, "nothing to make a state of"
        )

    def test_keys_that_the_store_has_not(self):
        world = living()
        lose_state(world)
        world.keys = MemoryKeys()
        self.unchanged(world, StateBehind, "the regions sign with")


def test_by_force_the_regions_are_believed_and_no_generation_goes_back():
    world = living(10)
    before = world.remembered()
    one = remade(world, force=True)
    assert one.after.generation == before.generation
    assert (world.remembered().lineage, world.remembered().serial) == (
        before.lineage,
        before.serial + 1,
    )
    assert not world.apply().failed


class TestAsking:
    def test_shows_what_is_believed_and_takes_no_for_an_answer(self):
        world = living()
        lose_state(world)
        shown: list[Sequence[Believed]] = []

        def refuse(found: Sequence[Believed]) -> bool:
            shown.append(found)
            return False

        with pytest.raises(Declined):
            rebuild(world.world(), force=False, confirm=refuse)
        assert shown[0][0].kids(Phase.ACTIVE)
        assert world.state.issuers() == ()

    def test_what_is_shown_is_what_is_done(self):
        world = living()
        lose_state(world)
        (one,) = rebuild(world.world(), force=False, confirm=lambda _: True)
        assert world.remembered().active().kid == one.kids(Phase.ACTIVE)[0]

    def test_regions_that_change_meanwhile(self):
        world = living()
        lose_state(world)

        def slowly(_: Sequence[Believed]) -> bool:
            plant(world, EU, stranger())
            return True

        with pytest.raises(StateConflict, match="changed while"):
            rebuild(world.world(), force=False, confirm=slowly)


def test_the_log_says_what_was_done():
    world = living()
    lose_state(world)
    remade(world)
    first = next(iter(world.state.audit())).entry
    assert (first.event, first.facts) == ("rebuilt", {"from_generation": 0, "generation": 3})


def test_a_key_that_some_regions_serve_and_no_signing_target_names_is_not_made_twice():
    """Its generation is above every signing target's, and no key may be asked for under it again."""
    world = living(60)
    world.set_policy(standby_keys=2)
    for signing in world.signings.values():
        signing.next_writes = [Fault.DENIED]
    world.apply()
    made = world.key(2)
    assert made.generation > max(world.signing(name).generation for name in NAMES)
    lose_state(world)
    assert remade(world).after.generation >= made.generation
    for signing in world.signings.values():
        signing.next_writes = []
    assert not world.apply().failed
    generations = [key.generation for key in world.remembered().keys]
    assert len(set(generations)) == len(generations)
    assert world.phases()[-2:] == ["published", "published"]


@pytest.mark.parametrize("caught_up", [False, True])
def test_copies_of_before_live_on_whatever_the_state_says(caught_up: bool):
    """Edges kept copies for days until an hour ago: what is new must wait for those to be gone."""
    world = Regions(policy=Policy(edge_cache=5 * DAY, publish_lead=6 * DAY))
    world.apply()
    old = dict(world.state._states)
    world.clock.advance(90 * DAY)
    world.apply()
    world.set_policy(edge_cache=timedelta(minutes=5), publish_lead=DAY)
    world.clock.advance(timedelta(hours=1))
    world.apply()
    shortened, signs = world.at(), world.signing(EU).active.kid
    if caught_up:
        world.state._states = old
    else:
        remade(world, force=True)
    world.apply()
    rotate(world.world(), "accounts", reason="drill", owner="ann")
    while world.signing(EU).active.kid == signs:
        world.runs(days=1)
    assert world.at() - shortened > 5 * DAY
