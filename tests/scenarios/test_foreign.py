"""Keys that rotator does not own: never dropped silently, adopted or rejected by an operator (design I7)."""

from datetime import timedelta

import pytest

from rotator.app.decide import adopt, reject
from rotator.app.hold import hold, release
from rotator.app.plan import make_plan
from rotator.domain.jwks import ServedKey, own_entry, parse, render
from rotator.domain.plan import FindingKind, Gate, IssuerPlan, Reason, Severity
from tests.fakes.state import MemoryState
from tests.scenarios.strangers import KID, plant, relabelled, stranger, unreadable, uproot
from tests.scenarios.world import DAY, JWKS, NAMES, Regions

US, EU, AP = NAMES
HOUR = timedelta(hours=1)
TEN_DAYS = 10 * DAY


def living(days: int = 0, **settings: object) -> Regions:
    """Three regions that serve an active key and its standby."""
    world = Regions(**settings)  # type: ignore[arg-type]
    world.apply()
    world.runs(days=days, every=TEN_DAYS)
    world.clock.advance(HOUR)
    return world


def adopted(days: int = 0, until: timedelta | None = None, **settings: object) -> Regions:
    """A stranger stood in one region, and an operator adopted it; every region serves it now."""
    world = living(days, **settings)
    plant(world, EU, stranger())
    adopt(world.world(), "accounts", KID, owner="ann", until=world.at() + until if until else None)
    assert not world.apply().failed
    assert serving(world) == list(NAMES)
    return world


def serving(world: Regions, kid: str = KID) -> list[str]:
    """The regions that serve a kid."""
    return [name for name in world.names if kid in world.document(name).kids()]


def steps(plan: IssuerPlan) -> list[tuple[str, str, Reason]]:
    return [(step.kind, getattr(step, "region", ""), step.reason_code) for step in plan.steps]


def errors(plan: IssuerPlan) -> list[tuple[FindingKind, str | None, str]]:
    return [(f.kind, f.region, f.detail) for f in plan.findings if f.severity is Severity.ERROR]


def own_kids(world: Regions) -> tuple[str, ...]:
    return tuple(key.kid for key in world.remembered().in_documents())


class TestUndecided:
    def test_is_named_with_where_it_was_seen_first_and_what_to_do(self):
        world = living()
        plant(world, EU, stranger())
        world.plan()
        plant(world, US, stranger())
        world.clock.advance(DAY)
        seen = f"serves {KID[:8]}, a key that rotator does not own, seen first in {EU} on 01 Jan 2026, 07:17 UTC"
        choice = f"rotator adopt accounts {KID[:8]} or rotator reject accounts {KID[:8]}"
        words = f"{seen}: no switch until somebody decides: {choice}"
        assert errors(world.plan()) == [
            (FindingKind.FOREIGN_KEY, US, words),
            (FindingKind.FOREIGN_KEY, EU, words),
        ]
        assert world.plan().steps == ()

    def test_closes_the_switch_and_is_never_dropped(self):
        world = living()
        plant(world, EU, stranger())
        world.runs(days=100, every=TEN_DAYS)
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code, wait.region) == (Gate.SAFETY, Reason.FOREIGN_KEY, EU)
        assert serving(world) == [EU]

    @pytest.mark.parametrize(
        ("kid", "typed"),
        [
            ("abcdefghij", "abcdefgh"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's mine", "'it'\"'\"'s mine'"),
            ("key1", "key1"),
            ("schlüssel", "'schlüssel'"),
        ],
    )
    def test_the_command_to_type_is_safe_in_a_shell(self, kid, typed):
        world = living()
        plant(world, EU, stranger(kid))
        assert errors(world.plan())[0][2].endswith(f"rotator reject accounts {typed}")

    def test_at_an_edge_alone(self):
        """An edge that serves what no origin does is nothing that rotator can write."""
        world = living(with_urls=True, with_jwks_url=True)
        own = [own_entry(key.jwk) for key in world.remembered().keys]
        world.edges[EU].body = render([*own, stranger()])
        ((kind, gate, words),) = errors(world.plan())
        assert (kind, gate) == (FindingKind.FOREIGN_KEY, EU)
        assert f"https://{EU}/jwks.json serves {KID[:8]}, a key that rotator does not own" in words
        assert "no region's own document holds it: purge that copy" in words

    def test_behind_an_edge_as_well(self):
        world = living(with_urls=True, with_jwks_url=True)
        plant(world, US, stranger())
        world.edges[US].purge()
        world.edges["jwks_url"].purge()
        found = errors(world.plan())
        assert [gate for _, gate, _ in found] == [US, "jwks_url"]
        assert f"rotator adopt accounts {KID[:8]}" in found[1][2]

    def test_where_nobody_has_looked_yet_nothing_is_named(self):
        plan = make_plan(Regions().world(), refresh=False).issuers[0]
        assert errors(plan) == []


class TestAdopted:
    def test_every_region_serves_it_behind_own_keys_in_the_same_bytes(self):
        world = living()
        plant(world, EU, stranger("zz-second", 2), stranger())
        adopt(world.world(), "accounts", KID, owner="ann")
        adopt(world.world(), "accounts", "zz-second", owner="ann")
        plan = world.plan()
        assert [kind for kind, _, _ in steps(plan)] == ["repair", "write_jwks", "write_jwks"]
        assert plan.steps[1].reason == f"{KID[:8]}, zz-secon was adopted"
        assert errors(plan) == []
        assert not world.apply().failed
        expected = (*own_kids(world), KID, "zz-second")
        assert {world.document(name).kids() for name in NAMES} == {expected}
        assert len({region.documents[JWKS] for region in world.regions.values()}) == 1
        assert world.plan().steps == ()

    def test_a_document_that_is_right_already_is_taken_in_and_its_lead_runs(self):
        """Until rotator has written it, every look takes it for somebody else's and ends the runs there."""
        world = living()
        plant(world, EU, stranger())
        adopt(world.world(), "accounts", KID, owner="ann")
        assert (("write_jwks", EU, Reason.KEY_ADOPTED)) in steps(world.plan())
        before = world.regions[EU].documents[JWKS]
        world.apply()
        assert world.regions[EU].documents[JWKS] == before
        world.runs(days=100, every=TEN_DAYS)
        assert world.phases() == ["retired", "active", "published"]
        assert {world.document(name).kids() for name in NAMES} == {(*own_kids(world), KID)}

    def test_it_stays_through_a_whole_rotation(self):
        world = adopted()
        world.runs(days=130, every=TEN_DAYS)
        assert world.phases() == ["removed", "active", "published"]
        assert {world.document(name).kids() for name in NAMES} == {(*own_kids(world), KID)}

    def test_a_region_that_joins_serves_it_too(self):
        world = adopted()
        world.join("sa-east-1")
        world.apply()
        assert world.document("sa-east-1").kids() == (*own_kids(world), KID)

    def test_taken_out_by_somebody_it_is_put_back(self):
        world = adopted()
        uproot(world, AP, KID)
        plan = world.plan()
        assert steps(plan) == [("repair", AP, Reason.KEY_ADOPTED)]
        assert (
            plan.steps[0].reason
            == f"it lacks {KID[:8]}, which was adopted: someone else wrote there"
        )
        assert not world.apply().failed
        assert serving(world) == list(NAMES)

    @pytest.mark.parametrize("body", [None, b"{}", b'{"keys":[]}'])
    def test_a_document_that_is_lost_comes_back_whole(self, body):
        world = adopted()
        good = world.regions[AP].documents.pop(JWKS)
        if body is not None:
            world.regions[AP].documents[JWKS] = body
        assert steps(world.plan()) == [("repair", AP, Reason.DOCUMENT_CHANGED)]
        world.apply()
        assert world.regions[AP].documents[JWKS] == good

    def test_relabelled_by_somebody_it_gets_its_text_back(self):
        world = adopted()
        good = world.regions[AP].documents[JWKS]
        uproot(world, AP, KID)
        plant(world, AP, relabelled(stranger()))
        assert steps(world.plan()) == [("repair", AP, Reason.DOCUMENT_CHANGED)]
        world.apply()
        assert world.regions[AP].documents[JWKS] == good

    def test_beside_a_namesake_the_adopted_key_is_the_one_that_stays(self):
        world = adopted()
        good = world.regions[AP].documents[JWKS]
        uproot(world, AP, KID)
        plant(world, AP, stranger(number=2), stranger())
        assert "stands there more than once" in str(errors(world.plan()))
        world.apply()
        assert world.regions[AP].documents[JWKS] == good

    def test_of_a_kind_that_rotator_cannot_read(self):
        world = living()
        plant(world, EU, unreadable(KID))
        adopt(world.world(), "accounts", KID, owner="ann")
        world.apply()
        assert serving(world) == list(NAMES)
        assert errors(world.plan()) == []
        uproot(world, AP, KID)
        plant(world, AP, unreadable(KID, "another"))
        assert f"serves other material as {KID[:8]} than was adopted" in errors(world.plan())[0][2]

    def test_without_looking_it_is_known(self):
        world = adopted()
        plan = make_plan(world.world(), refresh=False).issuers[0]
        assert (plan.steps, errors(plan)) == ((), [])

    def test_a_look_of_before_the_decision_does_not_count(self):
        world = living(with_urls=True)
        plant(world, EU, stranger())
        world.edges[EU].purge()
        world.runs(days=1)
        assert len(errors(world.plan())) == 1
        adopt(world.world(), "accounts", KID, owner="ann")
        assert errors(make_plan(world.world(), refresh=False).issuers[0]) == []

    def test_what_a_lost_state_knew_is_foreign_again_and_stays_served(self):
        world = adopted()
        world.runs(days=100, every=TEN_DAYS)
        world.state = MemoryState(world.clock)
        assert not world.apply().failed
        assert {kind for kind, _, _ in errors(world.plan())} == {FindingKind.FOREIGN_KEY}
        assert serving(world) == list(NAMES)

    def test_a_restored_backup_brings_no_adoption_back(self):
        """What was rejected since may be an attacker's."""
        world = adopted()
        backup = dict(world.state._states)
        reject(world.world(), "accounts", KID, owner="ann")
        world.apply()
        assert serving(world) == []
        world.state._states = backup
        world.apply()
        assert serving(world) == []
        assert world.remembered().foreign == ()

    def test_without_room_it_waits_and_own_keys_go_on(self):
        world = living()
        plant(world, EU, stranger())
        adopt(world.world(), "accounts", KID, owner="ann")
        world.set_policy(history_max=2)
        plan = world.plan()
        (wait,) = [w for w in plan.waiting if w.kid == KID and w.region is None]
        assert (wait.gate, wait.reason_code, wait.blocked) == (
            Gate.SAFETY,
            Reason.DOCUMENT_FULL,
            True,
        )
        assert serving(world) == [EU]

    def test_it_takes_the_room_of_a_new_key(self):
        world = adopted()
        world.set_policy(standby_keys=2, history_max=3)
        (wait,) = [w for w in world.plan().waiting if w.kind == "generate"]
        assert wait.reason_code is Reason.DOCUMENT_FULL

    def test_with_it_the_first_key_is_no_first_key(self):
        """Caches hold documents of before, without ours: the first switch is led like any other."""
        world = Regions()
        plant(world, EU, stranger())
        world.apply()
        adopt(world.world(), "accounts", KID, owner="ann")
        world.apply()
        assert world.phases() == ["published", "published"]
        assert world.wait_for("switch").reason_code is Reason.LEAD_RUNNING
        world.runs(days=2)
        assert world.phases() == ["active", "published"]


class TestAdoptedForATime:
    def test_it_leaves_when_the_time_is_over(self):
        world = adopted(until=DAY)
        world.clock.advance(DAY)
        assert steps(world.plan()) == [("remove", name, Reason.ADOPTION_OVER) for name in NAMES]
        assert errors(world.plan()) == []
        assert not world.apply().failed
        assert serving(world) == []
        assert world.plan().steps == ()

    def test_a_hold_keeps_it(self):
        world = adopted(until=DAY)
        hold(world.world(), "accounts", "freeze", owner="ann")
        world.clock.advance(DAY)
        world.apply()
        waits = [w for w in world.plan().waiting if w.kid == KID]
        assert {(w.kind, w.gate, w.blocked) for w in waits} == {("remove", Gate.HOLD, False)}
        assert serving(world) == list(NAMES)
        release(world.world(), "accounts", owner="ann")
        world.apply()
        assert serving(world) == []

    def test_the_order_does_not_change_while_it_is_kept(self):
        world = adopted(until=DAY)
        plant(world, EU, stranger("zz-second", 2))
        adopt(world.world(), "accounts", "zz-second", owner="ann")
        world.apply()
        hold(world.world(), "accounts", "freeze", owner="ann")
        world.clock.advance(DAY)
        assert world.plan().steps == ()


class TestRejected:
    def test_it_is_taken_out_also_under_a_hold(self):
        world = living()
        plant(world, EU, stranger())
        hold(world.world(), "accounts", "freeze", owner="ann")
        reject(world.world(), "accounts", KID, owner="ann")
        plan = world.plan()
        assert steps(plan) == [("remove", EU, Reason.KEY_REJECTED)]
        assert plan.steps[0].reason == "ann rejected it"
        assert not world.apply().failed
        assert {world.document(name).kids() for name in NAMES} == {own_kids(world)}

    def test_whenever_it_comes_back(self):
        world = living()
        plant(world, EU, stranger())
        reject(world.world(), "accounts", KID, owner="ann")
        world.apply()
        plant(world, AP, stranger())
        plan = world.plan()
        assert errors(plan) == [
            (FindingKind.DRIFT, AP, f"serves {KID[:8]}, which was rejected: it is taken out")
        ]
        world.apply()
        assert serving(world) == []

    def test_several_at_once(self):
        world = living()
        for name in NAMES:
            plant(world, name, stranger(), stranger("zz-second", 2))
        for kid in (KID, "zz-second"):
            reject(world.world(), "accounts", kid, owner="ann")
        world.apply()
        assert {world.document(name).kids() for name in NAMES} == {own_kids(world)}

    def test_beside_a_repair(self):
        world = living()
        plant(world, EU, stranger())
        reject(world.world(), "accounts", KID, owner="ann")
        uproot(world, EU, world.key(0).kid)
        assert [s[2] for s in steps(world.plan())] == [
            Reason.DOCUMENT_CHANGED,
            Reason.KEY_REJECTED,
        ]
        assert not world.apply().failed
        assert world.document(EU).kids() == own_kids(world)

    def test_beside_a_removal_of_an_own_key(self):
        world = living(days=120)
        plant(world, EU, stranger())
        reject(world.world(), "accounts", KID, owner="ann")
        world.clock.advance(5 * DAY)
        assert [kid for s in world.plan().steps if (kid := getattr(s, "kid", None))][:4] == [
            KID,
            *[world.key(0).kid] * 3,
        ]
        world.apply()
        assert world.phases()[0] == "removed"
        assert {world.document(name).kids() for name in NAMES} == {own_kids(world)}

    def test_no_document_becomes_empty(self):
        world = living()
        plant(world, EU, stranger())
        reject(world.world(), "accounts", KID, owner="ann")
        world.join("sa-east-1")
        plant(world, "sa-east-1", stranger())
        (wait,) = [w for w in world.plan().waiting if w.kid == KID]
        assert (wait.kind, wait.region) == ("remove", "sa-east-1")
        world.apply()
        assert world.document("sa-east-1").kids() == own_kids(world)
        bodies = [parse(body) for key, body in world.regions["sa-east-1"].writes if key == JWKS]
        assert all(document.keys for document in bodies)

    def test_in_a_region_that_is_down_once_it_answers(self):
        world = living()
        plant(world, EU, stranger())
        plant(world, AP, stranger())
        world.down(AP)
        reject(world.world(), "accounts", KID, owner="ann")
        world.apply()
        world.up(AP)
        assert serving(world) == [AP]
        world.apply()
        assert serving(world) == []

    def test_in_a_document_that_is_not_ours_it_waits_with_the_rest(self):
        world = living()
        plant(world, EU, stranger())
        reject(world.world(), "accounts", KID, owner="ann")
        world.join("sa-east-1")
        plant(world, "sa-east-1", stranger(), stranger("zz-second", 2), stranger("zz-second", 3))
        world.apply()
        assert serving(world) == ["sa-east-1"]
        assert world.wait_for("write_jwks").reason_code is Reason.DOCUMENT_NOT_OURS

    def test_once_adopted_it_leaves_everywhere_and_every_signer_is_told_a_later_generation(self):
        world = adopted()
        generation = world.signing(US).generation
        reject(world.world(), "accounts", KID, owner="ann")
        world.apply()
        assert serving(world) == []
        assert {world.signing(name).generation for name in NAMES} == {generation + 1}


class TestOtherMaterial:
    def planted(self) -> tuple[Regions, ServedKey]:
        """The adopted kid stands in one region with another key behind it."""
        world, other = adopted(), stranger(number=2)
        uproot(world, EU, KID)
        plant(world, EU, other)
        return world, other

    def test_is_another_key_and_is_kept(self):
        world, other = self.planted()
        (_, region, words), *_ = errors(world.plan())
        assert region == EU
        assert words.startswith(f"serves other material as {KID[:8]} than was adopted, seen first")
        assert world.plan().steps == ()
        world.apply()
        assert world.document(EU).entry(KID) == other

    def test_rejected_it_makes_room_for_the_adopted_one(self):
        world, _ = self.planted()
        assert reject(world.world(), "accounts", KID, owner="ann").stays
        assert steps(world.plan()) == [
            ("remove", EU, Reason.KEY_REJECTED),
            ("write_jwks", EU, Reason.KEY_ADOPTED),
        ]
        assert not world.apply().failed
        assert {world.document(name).entry(KID) for name in NAMES} == {stranger()}
        assert errors(world.plan()) == []

    def test_rejected_again_the_adopted_one_goes_as_well(self):
        world, _ = self.planted()
        reject(world.world(), "accounts", KID, owner="ann")
        world.apply()
        assert not reject(world.world(), "accounts", KID, owner="ann").stays
        world.apply()
        assert serving(world) == []

    def test_of_a_rejected_kid_is_foreign_again(self):
        world = living()
        plant(world, EU, stranger())
        reject(world.world(), "accounts", KID, owner="ann")
        world.apply()
        plant(world, EU, stranger(number=2))
        assert "than was rejected" in errors(world.plan())[0][2]
        world.apply()
        assert serving(world) == [EU]
