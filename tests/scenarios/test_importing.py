"""An existing key set is taken over: nothing changes, every token goes on passing, and then it rotates like any other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from rotator.adapters.local_keys import new_private_key
from rotator.app.hold import release
from rotator.app.importing import Report, Wanted, preview, take_over
from rotator.domain.jwk import Algorithm, Jwk, RsaPublic, b64url, unb64url
from rotator.domain.jwks import Jwks, ServedKey, own_entry, render
from rotator.domain.keys import KmsHandle
from rotator.domain.plan import Reason
from rotator.domain.policy import Policy
from rotator.errors import ImportRefused, KeyStoreError, StateConflict, UsageError
from rotator.jose.private import plain
from rotator.jose.public import from_cryptography
from rotator.jose.tokens import InvalidTokenError, check
from rotator.planning.takeover import read_source
from rotator.ports import ExistingHalf, KmsArn, PlainHalf
from tests.fakes.keys import MemoryKeys, named
from tests.fakes.kms import MemoryKms
from tests.fakes.state import MemoryState
from tests.fakes.wrapped import MemoryWrapped
from tests.scenarios.strangers import stranger
from tests.scenarios.world import DAY, JWKS, NAMES, SIGNING, Regions

EU = "eu-central-1"
KID = "the.key of 2024"
ES256 = new_private_key(Algorithm.ES256, 2048)
RSA = new_private_key(Algorithm.RS256, 2048)


@dataclass
class Old:
    """What an issuer has before rotator: the active key and others, served by some regions."""

    world: Regions = field(default_factory=Regions)
    jwk: Jwk = field(
        default_factory=lambda: Jwk(KID, Algorithm.ES256, from_cryptography(ES256.public_key()))
    )
    half: ExistingHalf = field(default_factory=lambda: PlainHalf(plain(ES256)))
    others: tuple[ServedKey, ...] = (stranger(),)
    entry: ServedKey | None = None

    @property
    def entries(self) -> tuple[ServedKey, ...]:
        return (*self.others, self.entry or own_entry(self.jwk))

    def serve(self, *regions: str, entries: tuple[ServedKey, ...] | None = None) -> Old:
        for name in regions or NAMES:
            self.world.regions[name].documents[JWKS] = render(entries or self.entries)
        return self

    def wanted(self, **changes: object) -> Wanted:
        given: Mapping[str, object] = {
            "issuer": "accounts",
            "source": read_source(render(self.entries), public=False),
            "kid": self.jwk.kid,
            "half": self.half,
        }
        return Wanted(**{**given, **changes})  # type: ignore[arg-type]  # a test's own changes

    def take(self, **changes: object) -> Report:
        return take_over(self.world.world(), self.wanted(**changes))

    def release(self) -> None:
        release(self.world.world(), "accounts", owner="ops")


def material(document: Jwks) -> dict[str, str | None]:
    return {key.kid: key.thumbprint for key in document.keys}


def passes(world: Regions, token: str, region: str) -> bool:
    """Whether a verifier that has just read a region's document takes a token."""
    for key in world.document(region).keys:
        public = key.public()
        assert public
        alg = Algorithm(json.loads(key.text)["alg"])
        try:
            check(token, Jwk(key.kid, alg, public), world.at(), timedelta(seconds=30))
        except InvalidTokenError:
            continue
        return True
    return False


class TestTheFirstPlan:
    def test_shows_that_nothing_changes(self):
        old = Old().serve()
        before = {name: dict(region.documents) for name, region in old.world.regions.items()}
        report = old.take()
        assert (report.done, report.takeover.serving) == (True, NAMES)
        assert {name: dict(r.documents) for name, r in old.world.regions.items()} == before
        served = set(material(old.world.document(EU)))
        steps = old.world.plan().steps
        assert {step.kind for step in steps} == {"write_jwks", "write_signing"}
        assert all(set(step.keys) == served for step in steps if step.kind == "write_jwks")
        assert {step.reason_code for step in steps} == {Reason.KEY_TAKEN_OVER}
        assert [f.kind for f in old.world.plan().findings] == ["policy"]
        assert old.world.wait_for("generate").reason_code is Reason.HELD

    def test_has_nothing_to_write_where_the_document_is_rotators_own_bytes(self):
        old = Old()
        old.serve(entries=(own_entry(old.jwk), *old.others))
        report = old.take()
        assert report.takeover.rewritten == ()
        assert {step.kind for step in old.world.plan().steps} == {"write_signing"}

    def test_carried_out_leaves_the_same_keys_and_tells_the_signers(self):
        old = Old().serve()
        before = material(old.world.document(EU))
        old.take()
        assert not old.world.apply().failed
        for name in NAMES:
            assert material(old.world.document(name)) == before
            assert old.world.document(name).kids() == (KID, *(key.kid for key in old.others))
            assert old.world.signing(name).active.kid == KID
        assert old.world.plan().steps == ()

    def test_serves_the_others_to_the_member(self):
        odd = ServedKey("odd", None, '{"kid":"odd","kty":"AKP","pub":"AAAA","x5c":["MIIB"]}')
        old = Old(others=(odd, stranger())).serve()
        old.take()
        old.world.apply()
        assert old.world.document(EU).keys[1:] == (odd, stranger())

    @pytest.mark.parametrize("wait", [timedelta(), timedelta(hours=2), DAY, 2 * DAY, 40 * DAY])
    def test_may_be_carried_out_whenever_somebody_comes_to_it(self, wait: timedelta):
        old = Old(Regions(policy=Policy(signer_stop=timedelta(hours=1)))).serve()
        old.take()
        old.world.plan()
        old.world.clock.advance(wait)
        assert not old.world.apply().failed
        assert {old.world.signing(name).active.kid for name in NAMES} == {KID}

    def test_finds_nothing_foreign(self):
        old = Old().serve()
        old.take()
        old.world.apply()
        assert [f.kind for f in old.world.plan().findings if f.kind != "policy"] == []


def test_no_token_is_rejected_from_before_the_takeover_until_long_after():
    old = Old().serve()
    world = old.world
    old.take()
    world.apply()
    tokens = [world.token(EU)]
    old.release()
    for _ in range(100):
        world.clock.advance(DAY)
        world.apply()
        tokens.append(world.token(EU))
        assert all(passes(world, tokens[-1], name) for name in NAMES)
    assert world.phases()[:2] == ["retired", "active"]
    assert KID in world.document(EU).kids()
    world.runs(days=32)
    assert world.phases()[0] == "removed"
    assert world.key(0).moments.destroyed_at
    assert world.keys.destroyed == ["accounts/1"]
    assert stranger() in world.document(EU).keys


def test_a_key_that_is_long_in_use_rotates_as_soon_as_its_successor_is_led():
    old = Old().serve()
    old.take(activated_at=old.world.at() - timedelta(days=400))
    old.release()
    old.world.apply()
    old.world.runs(days=1)
    assert old.world.phases()[0] == "active"
    old.world.runs(days=1)
    assert old.world.phases()[:2] == ["retired", "active"]


def test_the_others_leave_when_their_time_is_over():
    old = Old().serve()
    old.take(until=old.world.at() + timedelta(days=20))
    old.release()
    old.world.runs(days=19)
    assert stranger() in old.world.document(EU).keys
    old.world.runs(days=2)
    assert stranger() not in old.world.document(EU).keys


def test_a_region_that_serves_nothing_gets_the_set_first_and_signs_once_it_is_led():
    old = Old().serve(EU)
    old.take()
    old.world.apply()
    whole = {KID, *(key.kid for key in old.others)}
    assert [set(old.world.document(name).kids()) for name in NAMES] == [whole, whole, whole]
    assert [name for name in NAMES if SIGNING in old.world.regions[name].documents] == [EU]
    old.world.runs(days=2)
    assert {old.world.signing(name).active.kid for name in NAMES} == {KID}


def test_a_set_that_no_region_serves_yet():
    old = Old()
    report = old.take()
    assert (report.takeover.serving, report.takeover.empty) == ((), NAMES)
    old.world.apply()
    old.world.runs(days=2)
    assert {old.world.signing(name).active.kid for name in NAMES} == {KID}
    old.release()
    old.world.runs(days=95)
    assert old.world.phases()[:2] == ["retired", "active"]


def test_certificates_and_other_labels_leave_the_active_entry_and_it_says_so():
    entry = own_entry(Old().jwk)
    text = entry.text.replace('"use":"sig"', '"use":"sig","x5c":["MIIB"]')
    old = Old(entry=ServedKey(entry.kid, entry.thumbprint, text)).serve()
    assert any("x5c" in note for note in old.take().notes)
    old.world.apply()
    assert own_entry(old.jwk) in old.world.document(EU).keys


def test_numbers_with_a_leading_zero_stay_as_they_are_served():
    public = from_cryptography(RSA.public_key())
    assert isinstance(public, RsaPublic)
    padded = RsaPublic(b64url(b"\0" + unb64url(public.n)), public.e)
    old = Old(jwk=Jwk("r", Algorithm.RS256, padded), half=PlainHalf(plain(RSA))).serve()
    old.take()
    old.world.apply()
    (entry,) = [key for key in old.world.document(EU).keys if key.kid == "r"]
    assert json.loads(entry.text)["n"] == padded.n
    old.world.state = MemoryState(old.world.clock)
    assert not old.world.apply().failed
    assert old.world.key(0).jwk == old.jwk


class TestLabels:
    def unlabelled(self, policy: Policy) -> Old:
        old = Old(Regions(policy=policy))
        members = {
            k: v for k, v in json.loads(own_entry(old.jwk).text).items() if k not in ("alg", "use")
        }
        entry = own_entry(old.jwk)
        old.entry = ServedKey(
            KID, entry.thumbprint, json.dumps(members, sort_keys=True, separators=(",", ":"))
        )
        return old.serve()

    def test_a_set_without_labels_gets_the_policys(self):
        old = self.unlabelled(Policy())
        report = old.take()
        assert report.takeover.active.alg is Algorithm.ES256
        assert "the active key's entry gains: alg, use" in report.notes

    def test_and_is_refused_where_that_does_not_fit(self):
        old = self.unlabelled(Policy(algorithm=Algorithm.RS256))
        with pytest.raises(ImportRefused, match="does not say which algorithm") as refused:
            old.take()
        assert "policy.algorithm" in refused.value.hint

    def test_the_key_keeps_its_own_where_the_policy_says_another(self):
        old = Old(Regions(policy=Policy(algorithm=Algorithm.EDDSA))).serve()
        old.take()
        old.release()
        old.world.runs(days=2)
        assert [key.jwk.alg for key in old.world.remembered().keys] == [
            Algorithm.ES256,
            Algorithm.EDDSA,
        ]
        assert old.world.signing(EU).active.alg == "ES256"


class TestRefused:
    def unchanged(
        self, old: Old, words: str, error: type[Exception] = ImportRefused, **changes: object
    ) -> str:
        with pytest.raises(error, match=words) as refused:
            old.take(**changes)
        assert old.world.state.issuers() == ()
        assert list(old.world.keys.all_of("accounts")) == []
        return str(getattr(refused.value, "detail", "")) + str(getattr(refused.value, "hint", ""))

    def test_the_private_key_of_another_kid_says_which(self):
        neighbour = own_entry(
            Jwk("neighbour", Algorithm.RS256, from_cryptography(RSA.public_key()))
        )
        old = Old(others=(neighbour,), half=PlainHalf(plain(RSA))).serve()
        said = self.unchanged(old, f"not that of {KID}")
        assert "it belongs to neighbour" in said
        assert "--active neighbour" in said

    def test_the_private_key_of_no_kid(self):
        members = {"crv": "P-256", "kid": "bad", "kty": "EC", "x": "A" * 43, "y": "A" * 43}
        impossible = ServedKey(
            "bad", "t", json.dumps(members, sort_keys=True, separators=(",", ":"))
        )
        old = Old(others=(stranger(), impossible), half=PlainHalf(plain(RSA))).serve()
        assert "no key of the set; its thumbprint is" in self.unchanged(old, "not that of")

    def test_a_region_that_is_down(self):
        old = Old().serve()
        old.world.down(EU)
        self.unchanged(old, f"{EU} has a signing target already, or it cannot be read")

    def test_a_region_that_serves_one_key_more(self):
        old = Old().serve()
        old.serve(EU, entries=(*old.entries, stranger("intruder", 2)))
        assert "it also serves intruder" in self.unchanged(old, f"{EU} serves another set")

    def test_a_key_for_encryption(self):
        old = Old()
        text = own_entry(old.jwk).text.replace('"use":"sig"', '"use":"enc"')
        old.entry = ServedKey(KID, own_entry(old.jwk).thumbprint, text)
        self.unchanged(old.serve(), "it is for encryption")

    def test_a_kind_that_rotator_cannot_read(self):
        old = Old(entry=ServedKey(KID, None, json.dumps({"kid": KID, "kty": "AKP"}))).serve()
        self.unchanged(old, "of a kind that rotator cannot use")

    @pytest.mark.parametrize("label", ["RSA-OAEP", "RS256", "none", 5])
    def test_a_label_that_does_not_fit(self, label: object):
        old = Old()
        text = own_entry(old.jwk).text.replace('"alg":"ES256"', f'"alg":{json.dumps(label)}')
        old.entry = ServedKey(KID, own_entry(old.jwk).thumbprint, text)
        self.unchanged(old.serve(), "is labelled")

    def test_an_rsa_key_that_is_too_short(self):
        members = {
            "alg": "RS256",
            "e": "AQAB",
            "kid": KID,
            "kty": "RSA",
            "n": "w" + "A" * 170,
            "use": "sig",
        }
        old = Old(
            entry=ServedKey(KID, "t", json.dumps(members, sort_keys=True, separators=(",", ":")))
        )
        old.others = ()
        self.unchanged(old.serve(), "must not sign")

    def test_a_point_that_is_on_no_curve(self):
        members = {
            "alg": "ES256",
            "crv": "P-256",
            "kid": KID,
            "kty": "EC",
            "use": "sig",
            "x": "A" * 43,
            "y": "A" * 43,
        }
        old = Old(
            entry=ServedKey(KID, "t", json.dumps(members, sort_keys=True, separators=(",", ":")))
        )
        self.unchanged(old.serve(), "no key that can be")

    def test_times_that_cannot_be(self):
        old, later = Old().serve(), timedelta(seconds=1)
        self.unchanged(old, "in the future", UsageError, activated_at=old.world.at() + later)
        self.unchanged(old, "in the past", UsageError, until=old.world.at())

    def test_an_issuer_that_has_keys(self):
        old = Old()
        old.world.apply()
        with pytest.raises(ImportRefused, match="has keys of rotator's own"):
            old.take()

    def test_regions_that_changed_while_somebody_was_asked(self):
        old = Old().serve(EU)
        agreed = preview(old.world.world(), old.wanted())
        old.serve("us-east-1")
        with pytest.raises(ImportRefused, match="changed while"):
            take_over(old.world.world(), old.wanted(), agreed)
        agreed = preview(old.world.world(), old.wanted())
        assert take_over(old.world.world(), old.wanted(), agreed).done


class Lying(MemoryKeys):
    """A store that signs with something else than it took."""

    def sign(self, handle, algorithm, message, aws_region=None):
        return b"x" * 64


def test_a_store_whose_signatures_do_not_verify():
    old = Old(Regions(keys=Lying())).serve()
    with pytest.raises(KeyStoreError, match="does not verify"):
        old.take()
    assert old.world.state.issuers() == ()


class Killed(MemoryState):
    """A state that cannot be saved the first time."""

    killed = False

    def save(self, lease, state, entries):
        if not self.killed:
            self.killed = True
            raise StateConflict("killed here")
        return super().save(lease, state, entries)


def test_a_run_that_was_killed_between_key_and_state_is_simply_repeated():
    old = Old().serve()
    old.world.state = Killed(old.world.clock)
    with pytest.raises(StateConflict):
        old.take()
    assert len(list(old.world.keys.all_of("accounts"))) == 1
    assert old.take().done
    assert old.world.key(0).kid == KID
    assert len(list(old.world.keys.all_of("accounts"))) == 1


def test_another_key_under_the_name_is_not_touched():
    old = Old().serve()
    made = old.world.keys.generate(named("accounts", 1), Algorithm.ES256, 2048)
    with pytest.raises(KeyStoreError, match="another key already"):
        old.take()
    assert [held.handle for held in old.world.keys.all_of("accounts")] == [made.handle]


class TestKms:
    def old(self) -> Old:
        kms = MemoryKms()
        arn = kms.made_by_hand(Algorithm.ES256)
        (key,) = kms.keys.values()
        jwk = Jwk(KID, Algorithm.ES256, from_cryptography(key.private.public_key()))
        return Old(Regions(kms=kms), jwk, KmsArn(arn)).serve()

    def test_a_key_in_kms_is_replicated_and_signs_on(self):
        old = self.old()
        old.take()
        handle = old.world.key(0).handle
        assert isinstance(handle, KmsHandle)
        assert list(handle.arns) == ["us-east-1"]
        assert not old.world.apply().failed
        assert {old.world.pointed(name) for name in NAMES} == {KID}
        assert {old.world.signing(name).active.kid for name in NAMES} == {KID}
        old.release()
        old.world.runs(days=92)
        assert old.world.phases()[:2] == ["retired", "active"]

    def test_another_key_than_the_one_that_is_served(self):
        old = self.old()
        other = old.world.kms.made_by_hand(Algorithm.ES256)
        with pytest.raises(KeyStoreError, match="another key"):
            old.take(half=KmsArn(other))
        assert old.world.state.issuers() == ()

    def test_an_alias_that_points_elsewhere(self):
        old = self.old()
        old.world.aliases[EU].point("arn:aws:kms:eu-central-1:111122223333:key/other")
        with pytest.raises(ImportRefused, match="points at another key"):
            old.take()

    def test_a_lost_state_finds_the_key_by_its_material(self):
        old = self.old()
        old.take()
        old.world.apply()
        old.world.state = MemoryState(old.world.clock)
        assert not old.world.apply().failed
        assert old.world.key(0).kid == KID
        assert old.world.signing(EU).active.kid == KID


class TestWrapped:
    def test_a_key_in_a_file_is_wrapped_and_found_again(self):
        old = Old(Regions(wrapped=MemoryWrapped())).serve()
        old.take()
        assert not old.world.apply().failed
        assert old.world.signing(EU).active.key["kind"] == "kms-wrapped"
        old.world.state = MemoryState(old.world.clock)
        assert not old.world.apply().failed
        assert (old.world.key(0).kid, old.world.key(0).jwk) == (KID, old.jwk)

    def test_other_material_under_its_kid_is_not_believed(self):
        old = Old(Regions(wrapped=MemoryWrapped())).serve()
        old.take()
        old.world.apply()
        old.world.state = MemoryState(old.world.clock)
        old.serve(entries=(stranger(KID, 7),))
        old.world.apply()
        assert any("the regions sign with" in warning for warning in old.world.reporter.warnings)


def test_a_lost_state_knows_the_key_that_was_taken_over():
    old = Old().serve()
    old.take()
    old.release()
    old.world.ages(days=91)
    assert old.world.phases()[:2] == ["retired", "active"]
    before = old.world.document(EU)
    old.world.state = MemoryState(old.world.clock)
    assert not old.world.apply().failed
    assert old.world.key(0).kid == KID
    assert set(before.kids()) <= set(old.world.document(EU).kids())


def test_the_memory_of_moments_is_what_the_operator_said():
    old = Old().serve()
    since: datetime = old.world.at() - timedelta(days=9)
    old.take(activated_at=since)
    assert set(old.world.key(0).moments.recorded().values()) == {since}
    first = next(iter(old.world.state.audit()))
    assert (first.entry.event, first.entry.facts["kid"]) == ("taken_over", KID)
