"""What a key set must be to be taken over, what regions may serve meanwhile, and what is remembered afterwards."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.inventory import (
    Absent,
    AliasRead,
    JwksRead,
    RegionView,
    SigningRead,
    Unavailable,
)
from rotator.domain.jwk import Algorithm, Jwk, PublicKey, thumbprint
from rotator.domain.jwks import Jwks, ServedKey, Unreadable, own_entry, parse, render
from rotator.domain.keys import KmsHandle, LocalHandle
from rotator.domain.policy import IssuerSetup, Policy, RegionSetup
from rotator.domain.state import ForeignKey, Hold, Intent, IssuerState
from rotator.errors import ImportRefused
from rotator.planning.taken_over import HELD, Terms, taken_over
from rotator.planning.takeover import (
    Takeover,
    compared,
    entry_of,
    notes,
    read_source,
    require_alias,
    require_new,
    require_no_twin,
    require_room,
)
from tests.fakes.keys import MemoryKeys, named

NOW = datetime(2026, 11, 24, 6, 17, tzinfo=UTC)
KEYS = MemoryKeys()
ARN = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"


def public(number: int) -> PublicKey:
    return KEYS.generate(named("somebody", number), Algorithm.ES256, 2048).public


ACTIVE = Jwk("2024-key", Algorithm.ES256, public(1))
BESIDE = own_entry(Jwk("2023-key", Algorithm.ES256, public(2)))
SETUP = IssuerSetup(
    "accounts",
    "https://auth.example.com",
    Policy(),
    (
        RegionSetup("here", "here/jwks", "here/signing"),
        RegionSetup("there", "there/jwks", "there/signing"),
    ),
)
TERMS = Terms(activated_at=NOW - timedelta(days=3), until=None, owner="ops", now=NOW)
SOURCE = Jwks((BESIDE, own_entry(ACTIVE)))


def with_members(entry: ServedKey, **members: object) -> ServedKey:
    text = json.dumps(json.loads(entry.text) | members, sort_keys=True, separators=(",", ":"))
    (found,) = parsed(f'{{"keys":[{text}]}}'.encode()).keys
    return found


def parsed(body: bytes) -> Jwks:
    found = parse(body)
    assert isinstance(found, Jwks)
    return found


def serving(*entries: ServedKey, body: bytes | None = None) -> RegionView:
    raw = render(entries) if body is None else body
    return RegionView(JwksRead("etag", raw, parse(raw)), Absent())


EMPTY = RegionView(Absent(), Absent())


def compare(here: RegionView, there: RegionView = EMPTY, source: Jwks = SOURCE) -> Takeover:
    return compared(SETUP, {"here": here, "there": there}, ACTIVE, source)


class TestTheSource:
    def test_is_read_as_it_stands(self):
        body = json.dumps({"keys": [json.loads(BESIDE.text), json.loads(own_entry(ACTIVE).text)]})
        assert read_source(body.encode(), public=True) == SOURCE

    def test_private_members_in_a_file_are_left_out(self):
        leaking = json.loads(BESIDE.text) | {"d": "c2VjcmV0"}
        found = read_source(json.dumps({"keys": [leaking]}).encode(), public=False)
        assert found == Jwks((BESIDE,))

    def test_private_members_that_everybody_can_read_are_a_leak(self):
        leaking = json.loads(BESIDE.text) | {"d": "c2VjcmV0"}
        with pytest.raises(ImportRefused, match="everybody can read") as refused:
            read_source(json.dumps({"keys": [leaking]}).encode(), public=True)
        assert "2023-key" in refused.value.detail
        assert "c2VjcmV0" not in str(refused.value.diagnostics())

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<html>", "not JSON"),
            (b'{"keys":{}}', 'no "keys" list'),
            (b'{"keys":[{"kty":"EC"}]}', "no usable kid"),
            (render([BESIDE, BESIDE]), "more than once"),
            (render([ServedKey("k", None, '{"kid":"k","kty":"RSA"}')]), "cannot be read"),
        ],
    )
    def test_a_flaw_refuses_it(self, body: bytes, words: str):
        with pytest.raises(ImportRefused) as refused:
            read_source(body, public=False)
        assert words in refused.value.detail

    @pytest.mark.parametrize("kid", ["2024-key", "2024-k"])
    def test_has_the_key_that_signs(self, kid: str):
        assert entry_of(SOURCE, kid) == own_entry(ACTIVE)

    @pytest.mark.parametrize(
        ("kid", "source", "words"),
        [
            ("2025-key", SOURCE, "no key"),
            ("2024", SOURCE, "no key"),
            (
                "2024-k",
                Jwks((BESIDE, own_entry(ACTIVE), own_entry(replace(ACTIVE, kid="2024-kex")))),
                "2 keys",
            ),
            ("2024-key", Jwks(()), "no key"),
        ],
    )
    def test_has_not_the_key_that_is_named(self, kid: str, source: Jwks, words: str):
        with pytest.raises(ImportRefused, match=words):
            entry_of(source, kid)

    def test_a_whole_kid_goes_before_a_longer_one_that_begins_like_it(self):
        longer = own_entry(replace(ACTIVE, kid="2024-key-2"))
        assert entry_of(Jwks((longer, own_entry(ACTIVE))), "2024-key") == own_entry(ACTIVE)


class TestTheRegions:
    def test_serve_the_set_or_nothing(self):
        found = compare(serving(own_entry(ACTIVE), BESIDE))
        assert (found.serving, found.empty, found.rewritten) == (("here",), ("there",), ())
        assert found.others == (BESIDE,)

    @pytest.mark.parametrize(
        "view",
        [
            serving(BESIDE, own_entry(ACTIVE)),
            serving(with_members(own_entry(ACTIVE), x5c=["MIIB"]), BESIDE),
            serving(body=render([own_entry(ACTIVE), BESIDE]) + b"\n"),
        ],
        ids=["order", "members", "white space"],
    )
    def test_may_write_it_differently(self, view: RegionView):
        assert compare(view).rewritten == ("here",)

    @pytest.mark.parametrize(
        ("view", "words"),
        [
            (serving(own_entry(ACTIVE)), "it lacks 2023-key"),
            (
                serving(own_entry(ACTIVE), BESIDE, own_entry(replace(ACTIVE, kid="more"))),
                "also serves more",
            ),
            (
                serving(own_entry(Jwk("2024-key", Algorithm.ES256, public(3))), BESIDE),
                "another key as 2024-key",
            ),
            (
                serving(own_entry(ACTIVE), with_members(BESIDE, x5c=["MIIB"])),
                "2023-key with other members",
            ),
            (serving(own_entry(ACTIVE), BESIDE, BESIDE), "more than once"),
        ],
        ids=["less", "more", "other material", "other members", "twice"],
    )
    def test_serve_something_else(self, view: RegionView, words: str):
        with pytest.raises(ImportRefused, match="here serves another set") as refused:
            compare(view)
        assert words in refused.value.detail

    @pytest.mark.parametrize(
        "jwks", [Unavailable("E_TARGET", "down"), JwksRead("e", b"?", Unreadable("not JSON"))]
    )
    def test_that_cannot_be_read(self, jwks: Unavailable | JwksRead):
        with pytest.raises(ImportRefused, match="here's JWKS cannot be read"):
            compare(RegionView(jwks, Absent()))

    @pytest.mark.parametrize(
        "signing", [Unavailable("E_TARGET", "down"), SigningRead("e", b"?", Unreadable("no"))]
    )
    def test_whose_signers_are_told_something_already(self, signing: Unavailable | SigningRead):
        with pytest.raises(ImportRefused, match="here has a signing target") as refused:
            compare(RegionView(Absent(), signing))
        assert "--from-regions" in refused.value.hint

    @pytest.mark.parametrize("pointed", [None, ARN, ARN.replace("us-east-1", "eu-central-1")])
    def test_an_alias_is_free_or_points_at_the_key(self, pointed: str | None):
        alias = AliasRead(pointed) if pointed else Absent()
        views = {name: replace(EMPTY, alias=alias) for name in ("here", "there")}
        require_alias(SETUP, views, KmsHandle("us-east-1", {"us-east-1": ARN}))

    @pytest.mark.parametrize(
        "handle", [LocalHandle("x"), KmsHandle("us-east-1", {"us-east-1": ARN})]
    )
    def test_an_alias_of_another_key(self, handle: LocalHandle | KmsHandle):
        views = {name: replace(EMPTY, alias=AliasRead(ARN + "23")) for name in ("here", "there")}
        with pytest.raises(ImportRefused, match="points at another key"):
            require_alias(SETUP, views, handle)


class TestWhatIsInTheWay:
    def test_keys_of_its_own(self):
        fresh = IssuerState(issuer="accounts")
        require_new(fresh)
        key = state().keys
        intent = Intent(id="i", opened_at=NOW, steps=())
        for changed in (
            replace(fresh, keys=key),
            replace(fresh, intent=intent),
            replace(fresh, unanswered=(intent,)),
        ):
            with pytest.raises(ImportRefused, match="keys of rotator's own"):
                require_new(changed)

    def test_more_keys_than_fit(self):
        def many(count: int) -> Takeover:
            others = tuple(replace(BESIDE, kid=f"k{n}") for n in range(count))
            return Takeover(active=ACTIVE, others=others)

        require_room(SETUP, many(7))
        with pytest.raises(ImportRefused, match="no room"):
            require_room(SETUP, many(8))

    def test_the_active_key_under_another_kid(self):
        twin = own_entry(replace(ACTIVE, kid="twin"))
        plan = Takeover(active=ACTIVE, others=(BESIDE, twin))
        require_no_twin(plan, NOW + timedelta(days=1))
        require_no_twin(replace(plan, others=(BESIDE,)), None)
        with pytest.raises(ImportRefused, match="twin is the active key"):
            require_no_twin(plan, None)


class TestNotes:
    def told(self, *entries: ServedKey, active: Jwk = ACTIVE) -> str:
        others = tuple(entry for entry in entries if entry.kid != active.kid)
        return "\n".join(notes(Takeover(active=active, others=others), Jwks(entries), Policy()))

    def test_nothing_to_say(self):
        assert self.told(own_entry(ACTIVE), BESIDE) == ""

    @pytest.mark.parametrize(
        ("entries", "words"),
        [
            ((BESIDE, own_entry(ACTIVE)), "the active key comes first in the documents"),
            (
                (with_members(own_entry(ACTIVE), x5c=["MIIB"], x5t="x"),),
                "loses what rotator does not write: x5c, x5t; a verifier",
            ),
            ((with_members(own_entry(ACTIVE), ext=True),), "does not write: ext"),
            ((with_members(own_entry(ACTIVE), use="tls"),), "active key's entry gains: use"),
            ((own_entry(ACTIVE), with_members(BESIDE, use="enc")), "2023-key is for encryption"),
            (
                (own_entry(ACTIVE), with_members(BESIDE, key_ops=["wrapKey"])),
                "2023-key is for encryption",
            ),
        ],
    )
    def test_something_to_say(self, entries: tuple[ServedKey, ...], words: str):
        assert words in self.told(*entries)

    @pytest.mark.parametrize("members", [{"key_ops": ["verify"]}, {"key_ops": "encrypt"}])
    def test_other_operations_are_none_of_encryption(self, members: dict[str, object]):
        assert self.told(own_entry(ACTIVE), with_members(BESIDE, **members)) == ""

    def test_another_algorithm_than_the_policys(self):
        active = Jwk("r", Algorithm.EDDSA, ACTIVE.key)
        assert "goes on signing EdDSA; its successors sign ES256" in self.told(
            own_entry(active), active=active
        )


def state(before: IssuerState | None = None, until: datetime | None = None) -> IssuerState:
    views = {"here": serving(BESIDE, own_entry(ACTIVE)), "there": EMPTY}
    plan = compared(SETUP, views, ACTIVE, SOURCE)
    known = before or IssuerState(issuer="accounts", generation=4)
    return taken_over(known, SETUP, views, plan, LocalHandle("5.pem"), replace(TERMS, until=until))


class TestTheStateAfter:
    def test_one_key_signs(self):
        (key,) = state().keys
        assert (key.jwk, key.generation, key.handle) == (ACTIVE, 5, LocalHandle("5.pem"))
        assert set(key.moments.recorded().values()) == {TERMS.activated_at}
        assert state().active() == key
        assert (key.max_token_lifetime, key.max_signer_stop) == (
            timedelta(days=30),
            timedelta(days=1),
        )

    def test_the_others_are_adopted(self):
        end = NOW + timedelta(days=30)
        (other,) = state(until=end).foreign
        assert (other.kid, other.text, other.adopted, other.until) == (
            "2023-key",
            BESIDE.text,
            True,
            end,
        )
        assert other.thumbprint == thumbprint(public(2))

    def test_an_earlier_decision_about_the_same_kid_is_replaced(self):
        def rejected(kid: str) -> ForeignKey:
            return ForeignKey(
                kid=kid, thumbprint="t", text="{}", adopted=False, reason="", owner="ops", at=NOW
            )

        before = IssuerState(issuer="accounts", foreign=(rejected("2023-key"), rejected("another")))
        found = [(key.kid, key.adopted) for key in state(before).foreign]
        assert found == [("another", False), ("2023-key", True)]

    def test_a_region_that_serves_the_set_counts_as_rotators(self):
        record = state().record("here")
        assert (record.jwks_etag, record.jwks_kids) == ("etag", ("2023-key", "2024-key"))
        assert (record.signing_kid, record.signing_etag, record.proven) == ("2024-key", None, False)

    def test_a_region_that_serves_nothing_joins_later(self):
        assert "there" not in state().regions

    def test_it_is_held_until_somebody_releases_it(self):
        hold = state().hold
        assert hold
        assert (hold.reason, hold.until) == (HELD, None)
        earlier = Hold(reason="freeze", owner="boss", since=NOW)
        assert state(IssuerState(issuer="accounts", hold=earlier)).hold == earlier

    @pytest.mark.parametrize("hours", [-1, 1])
    def test_a_hold_that_ends_by_itself_does_not_do(self, hours: int):
        """The first plan is to show that nothing changes, however late somebody looks at it."""
        passing = Hold(reason="a", owner="b", since=NOW, until=NOW + timedelta(hours=hours))
        hold = state(IssuerState(issuer="accounts", hold=passing)).hold
        assert hold
        assert (hold.reason, hold.until) == (HELD, None)

    def test_every_signing_target_gets_its_generation(self):
        assert (state().generation, state().signing_generation) == (5, 5)
