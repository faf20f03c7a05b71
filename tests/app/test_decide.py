"""`adopt`, `reject` and `attest`: what they record, and what they refuse in which words."""

import json
from datetime import timedelta

import pytest

from rotator.app.attest import attest
from rotator.app.decide import adopt, reject
from rotator.domain.jwks import ServedKey, own_entry, render
from rotator.domain.policy import Policy, Special, Verifier
from rotator.domain.times import format_moment
from rotator.errors import DecisionRefused, LeaseHeld, NoSuchKey, UsageError
from tests.scenarios.strangers import KID, plant, relabelled, stranger, unreadable, uproot
from tests.scenarios.world import DAY, JWKS, Regions

US, EU, AP = "us-east-1", "eu-central-1", "ap-northeast-1"
NEVER = Verifier("restarts-only", learns=Special.UNBOUNDED, drops=Special.UNBOUNDED)
BY_HAND = Verifier("by-hand", learns=Special.MANUAL, drops=Special.MANUAL)


@pytest.fixture
def world() -> Regions:
    made = Regions()
    made.apply()
    made.clock.advance(timedelta(minutes=5))
    return made


def decide(world: Regions, how: str, kid: str = KID):
    """One of the two."""
    use = {"adopt": adopt, "reject": reject}[how]
    return use(world.world(), "accounts", kid, owner="ann", reason="ticket 7")


def last_entry(world: Regions):
    return list(world.state.audit())[-1].entry


class TestBoth:
    @pytest.mark.parametrize(("how", "kept"), [("adopt", True), ("reject", False)])
    def test_the_decision_is_kept_with_the_key_as_it_stood(self, world, how, kept):
        plant(world, EU, stranger())
        plant(world, AP, relabelled(stranger()))
        decided = decide(world, how, KID[:6])
        (key,) = world.remembered().foreign
        assert decided.key == key
        assert decided.regions == (EU, AP)
        assert (key.kid, key.thumbprint, key.text) == (KID, stranger().thumbprint, stranger().text)
        assert (key.adopted, key.owner, key.reason, key.at) == (kept, "ann", "ticket 7", world.at())
        assert (last_entry(world).event, last_entry(world).facts) == (
            f"{how}ed",
            {
                "kid": KID,
                "thumbprint": stranger().thumbprint,
                "reason": "ticket 7",
                "owner": "ann",
                "until": None,
                "regions": f"{EU}, {AP}",
            },
        )
        assert world.state.holder() is None

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_nothing_is_written_to_any_region(self, world, how):
        plant(world, EU, stranger())
        before = [dict(region.documents) for region in world.regions.values()]
        decide(world, how)
        assert [dict(region.documents) for region in world.regions.values()] == before

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    @pytest.mark.parametrize(
        ("kid", "error", "words"),
        [
            ("legac", UsageError, "too short"),
            ("legacy", UsageError, "fits 2 keys"),
            ("nobody's", NoSuchKey, "no key that rotator does not own"),
        ],
    )
    def test_a_prefix_that_does_not_name_one_key(self, world, how, kid, error, words):
        plant(world, EU, stranger(), stranger("legacy-2025", 2))
        with pytest.raises(error, match=words):
            decide(world, how, kid)

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_a_short_kid_is_named_whole(self, world, how):
        plant(world, EU, stranger("k1"), stranger("k12", 2))
        assert decide(world, how, "k1").key.kid == "k1"

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_its_own_keys_are_rotators(self, world, how):
        with pytest.raises(DecisionRefused, match="is rotator's own key"):
            decide(world, how, world.key(0).kid[:8])

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_a_key_that_only_an_edge_serves(self, how):
        world = Regions(with_urls=True)
        world.apply()
        world.clock.advance(timedelta(minutes=10))
        own = [own_entry(key.jwk) for key in world.remembered().keys]
        world.edges[EU].body = render([*own, stranger()])
        world.apply()
        with pytest.raises(DecisionRefused) as refused:
            decide(world, how)
        assert refused.value.message.startswith(f"{KID[:8]} was seen at {EU}'s https://{EU}/")
        assert refused.value.hint == "purge that edge, or find out who answers in its place"

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_a_region_that_cannot_be_read_may_hold_it(self, world, how):
        plant(world, EU, stranger())
        world.down(EU)
        with pytest.raises(NoSuchKey) as refused:
            decide(world, how)
        assert refused.value.detail.endswith(f"{EU} could not be read")
        plant(world, US, stranger())
        decided = decide(world, how)
        assert (decided.regions, decided.unread) == ((US,), (EU,))

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_while_another_run_holds_the_lease(self, world, how):
        plant(world, EU, stranger())
        world.state.acquire("somebody", timedelta(minutes=1))
        with pytest.raises(LeaseHeld):
            decide(world, how)
        assert world.remembered().foreign == ()

    @pytest.mark.parametrize("how", ["adopt", "reject"])
    def test_an_issuer_that_is_not_there(self, world, how):
        with pytest.raises(UsageError, match="no issuer"):
            {"adopt": adopt, "reject": reject}[how](world.world(), "nobody", KID, owner="ann")


class TestAdopt:
    def test_until_a_moment_that_can_be_moved(self, world):
        plant(world, EU, stranger(), stranger("zz-second", 2))
        decide(world, "adopt")
        decide(world, "adopt", "zz-second")
        end = world.at() + DAY
        adopt(world.world(), "accounts", KID, owner="bob", until=end)
        first, second = world.remembered().foreign
        assert (first.kid, first.until, first.owner) == (KID, end, "bob")
        assert second.kid == "zz-second"
        assert last_entry(world).facts["until"] == format_moment(end)

    def test_until_the_past(self, world):
        with pytest.raises(UsageError, match="is in the past"):
            adopt(world.world(), "accounts", KID, owner="ann", until=world.at())

    def test_what_was_rejected_comes_back_everywhere(self, world):
        plant(world, EU, stranger())
        decide(world, "reject")
        world.apply()
        assert decide(world, "adopt").regions == ()
        world.apply()
        assert KID in world.document(AP).kids()

    def test_other_material_takes_the_place_of_what_was_adopted_and_is_gone(self, world):
        plant(world, EU, stranger())
        decide(world, "adopt")
        uproot(world, EU, KID)
        plant(world, EU, stranger(number=2))
        decide(world, "adopt")
        assert [key.text for key in world.remembered().foreign] == [stranger(number=2).text]

    def test_regions_that_serve_different_keys(self, world):
        plant(world, EU, stranger())
        plant(world, AP, stranger(number=2))
        with pytest.raises(DecisionRefused, match=f"{EU}, {AP} serve different keys as {KID[:8]}"):
            decide(world, "adopt")

    def test_a_key_that_leaked(self, world):
        plant(world, EU, stranger())
        documents = world.regions[EU].documents
        leaked = json.loads(documents[JWKS])
        leaked["keys"][-1]["d"] = "c2VjcmV0"
        documents[JWKS] = json.dumps(leaked).encode()
        with pytest.raises(DecisionRefused, match="has flaws"):
            decide(world, "adopt")

    def test_its_own_key_under_another_name(self, world):
        text = own_entry(world.key(0).jwk).text.replace(world.key(0).kid, KID)
        plant(world, EU, ServedKey(KID, None, text))
        with pytest.raises(DecisionRefused, match=f"own {world.key(0).kid[:8]} under another name"):
            decide(world, "adopt")

    def test_no_room_for_it(self, world):
        world.set_policy(history_max=4)
        plant(world, EU, stranger(), stranger("zz-second", 2))
        with pytest.raises(DecisionRefused) as refused:
            decide(world, "adopt")
        words = f"{EU}'s document has no room for it: 3 own keys (T8) and 2 foreign ones, the limit is 4"
        assert refused.value.message == words
        assert world.remembered().foreign == ()

    def test_a_smaller_limit_does_not_stop_a_change_of_its_end(self, world):
        plant(world, EU, stranger())
        decide(world, "adopt")
        world.set_policy(history_max=3)
        end = world.at() + DAY
        assert adopt(world.world(), "accounts", KID, owner="ann", until=end).key.until == end

    def test_a_document_that_would_be_too_large(self, world):
        plant(world, EU, unreadable("huge-one", "x" * 150_000))
        plant(world, US, unreadable("huge-two", "x" * 110_000))
        with pytest.raises(DecisionRefused, match=f"{US}'s document would become larger than 256"):
            decide(world, "adopt", "huge-one")


class TestReject:
    def test_an_adopted_key_is_a_later_generation(self, world):
        plant(world, EU, stranger())
        decide(world, "adopt")
        before = world.remembered().generation
        decide(world, "reject")
        after = world.remembered()
        assert [key.adopted for key in after.foreign] == [False]
        assert after.generation == after.signing_generation == before + 1

    def test_twice_changes_nothing(self, world):
        plant(world, EU, stranger())
        decide(world, "reject")
        serial = world.remembered().serial
        decide(world, "reject")
        assert world.remembered().serial == serial

    def test_every_key_that_stands_under_the_kid(self, world):
        plant(world, EU, stranger())
        plant(world, AP, stranger(number=2))
        decide(world, "reject")
        assert len(world.remembered().foreign) == 2
        world.apply()
        assert KID not in (*world.document(EU).kids(), *world.document(AP).kids())


class TestAttest:
    @pytest.fixture
    def world(self) -> Regions:
        made = Regions(policy=Policy(verifiers=(NEVER, BY_HAND, Verifier("quick", DAY, DAY))))
        made.apply()
        return made

    def attest(self, world: Regions, **given: str):
        said = {"prefix": world.key(1).kid[:8], "verifier": "by-hand", "reason": "restarted"}
        return attest(world.world(), "accounts", owner="ann", **{**said, **given})

    def test_the_word_is_kept_and_another_one_replaces_it(self, world):
        self.attest(world)
        self.attest(world, verifier="restarts-only")
        given = self.attest(world, reason="restarted again")
        others, latest = world.remembered().attestations
        assert latest == given
        assert (given.kid, given.verifier, given.owner) == (world.key(1).kid, "by-hand", "ann")
        assert (given.reason, given.at) == ("restarted again", world.at())
        assert others.verifier == "restarts-only"
        assert last_entry(world).event == "attested"
        assert last_entry(world).facts["verifier"] == "by-hand"

    @pytest.mark.parametrize(
        ("given", "error", "words"),
        [
            ({"verifier": "quick"}, UsageError, "no verifier 'quick' that learns keys at restart"),
            ({"verifier": "unheard-of"}, UsageError, "no verifier 'unheard-of'"),
            ({"reason": " "}, UsageError, "needs a reason"),
            ({"prefix": "nobody's"}, NoSuchKey, "no key begins with"),
            ({"prefix": "short"}, UsageError, "too short"),
        ],
    )
    def test_refused(self, world, given, error, words):
        with pytest.raises(error, match=words):
            self.attest(world, **given)
        assert world.remembered().attestations == ()

    def test_says_which_verifiers_need_it(self, world):
        with pytest.raises(UsageError) as refused:
            self.attest(world, verifier="quick")
        assert refused.value.hint == "those that need it: restarts-only, by-hand"
        world.set_policy(verifiers=())
        with pytest.raises(UsageError) as refused:
            self.attest(world)
        assert refused.value.hint == "those that need it: none"

    def test_a_key_that_is_not_served_everywhere_yet(self):
        world = Regions(policy=Policy(verifiers=(BY_HAND,)))
        world.down(EU)
        world.apply()
        with pytest.raises(DecisionRefused, match="is not published yet"):
            self.attest(world)

    def test_a_key_that_was_removed(self, world):
        world.set_policy(verifiers=())
        world.runs(days=130, every=10 * DAY)
        assert world.phases()[0] == "removed"
        world.set_policy(verifiers=(BY_HAND,))
        with pytest.raises(DecisionRefused, match="is withdrawn"):
            self.attest(world, prefix=world.key(0).kid)
