"""Tokens, holds, exports, verify and status: what each answers and refuses."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import jwt
import pytest

from rotator.app.audit import audit
from rotator.app.history import history
from rotator.app.hold import hold, release
from rotator.app.state_ops import export, import_, show, unlock
from rotator.app.status import status
from rotator.app.token import TokenWanted, key_by_prefix, make_token
from rotator.app.verify import verify, wait_until_open
from rotator.domain.evidence import Verdict
from rotator.errors import (
    NoSuchKey,
    NothingToSignWith,
    StateDamaged,
    StateError,
    TokenRefused,
    UsageError,
)
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, JWKS, SIGNING, Regions

US, EU = "us-east-1", "eu-central-1"


@pytest.fixture
def world() -> Regions:
    made = Regions()
    made.apply()
    return made


class TestToken:
    def test_says_who_when_and_how_long(self, world):
        wanted = TokenWanted(region=US, lifetime=timedelta(days=30), claims={"aud": "api"})
        token = make_token(world.world(), "accounts", wanted)
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["iss"], claims["aud"]) == ("https://auth.example.com", "api")
        assert claims["exp"] - claims["iat"] == 30 * 86400
        assert jwt.get_unverified_header(token)["kid"] == world.key(0).kid

    def test_a_canary_with_a_published_key(self, world):
        wanted = TokenWanted(region=US, kid=world.key(1).kid[:8], claims={})
        token = make_token(world.world(), "accounts", wanted)
        assert jwt.get_unverified_header(token)["kid"] == world.key(1).kid

    @pytest.mark.parametrize(
        ("wanted", "error"),
        [
            ({"region": "nowhere"}, UsageError),
            ({"kid": "zzzzzz"}, NoSuchKey),
            ({"kid": "abc"}, UsageError),
            ({"lifetime": timedelta(days=31)}, TokenRefused),
            ({"claims": {"exp": 1}}, TokenRefused),
            ({"claims": {"nbf": 9_999_999_999}}, TokenRefused),
            ({"claims": {"n": float("nan")}}, TokenRefused),
        ],
    )
    def test_refused(self, world, wanted, error):
        with pytest.raises(error):
            make_token(
                world.world(), "accounts", TokenWanted(**{"region": US, "claims": {}} | wanted)
            )

    def test_a_retired_key_signs_no_more(self, world):
        world.ages(days=91)
        wanted = TokenWanted(region=US, kid=world.key(0).kid, claims={})
        with pytest.raises(TokenRefused, match="is retired"):
            make_token(world.world(), "accounts", wanted)

    @pytest.mark.parametrize("body", [None, b"junk"])
    def test_a_region_without_a_signing_target(self, world, body):
        if body is None:
            del world.regions[US].documents[SIGNING]
        else:
            world.regions[US].documents[SIGNING] = body
        with pytest.raises(NothingToSignWith):
            world.token(US)

    def test_a_prefix_must_be_unique(self, world):
        key = world.key(0)
        other = "A" if key.kid[10] != "A" else "B"
        twin = replace(key, jwk=replace(key.jwk, kid=key.kid[:10] + other))
        assert key_by_prefix((key, twin), key.kid[:11]) == key
        with pytest.raises(UsageError, match="fits 2 keys"):
            key_by_prefix((key, twin), key.kid[:8])


class TestHold:
    @pytest.mark.parametrize(
        ("reason", "until"),
        [("  ", None), ("freeze", timedelta(hours=-1))],
        ids=["no reason", "over"],
    )
    def test_refused(self, world, reason, until):
        end = world.at() + until if until else None
        with pytest.raises(UsageError):
            hold(world.world(), "accounts", reason, owner="ann", until=end)

    def test_an_issuer_that_is_not_there(self, world):
        with pytest.raises(UsageError) as error:
            hold(world.world(), "nobody", "freeze", owner="ann")
        assert "accounts" in error.value.hint

    def test_releasing_what_is_not_held_changes_nothing(self, world):
        serial = world.remembered().serial
        assert not release(world.world(), "accounts", owner="ann")
        assert world.remembered().serial == serial


class TestExport:
    def test_goes_there_and_back_with_a_later_serial(self, world):
        backup = export(world.world())
        before = world.remembered()
        (after,) = import_(world.world(), backup)
        assert replace(after, serial=before.serial) == before
        assert after.serial == before.serial + 1
        assert show(world.world()) == [after]

    def test_into_nothing(self, world):
        backup = export(world.world())
        empty = Regions()
        (restored,) = import_(empty.world(), backup)
        assert restored.keys == world.remembered().keys

    @pytest.mark.parametrize(
        "document", [None, [], {}, {"format": "rotator.state/1", "issuers": [{}]}]
    )
    def test_what_is_none(self, world, document):
        with pytest.raises(StateDamaged):
            import_(world.world(), document)

    def test_unlock_says_who_held_the_lease(self, world):
        assert unlock(world.world()) is None
        world.state.acquire("somebody", timedelta(minutes=1))
        assert unlock(world.world()).owner == "somebody"


class TestVerify:
    def test_open(self, world):
        report = verify(world.world())
        assert (report.verdict, report.gate_open) == (Verdict.PASS, True)

    def test_before_anything_was_published(self):
        report = verify(Regions().world())
        assert (report.verdict, report.gate_open) == (Verdict.UNKNOWN, False)

    def test_a_region_that_is_down_is_unknown_and_only_it(self, world):
        world.down(EU)
        report = verify(world.world())
        assert [r.verdict for r in report.regions] == [Verdict.PASS, Verdict.UNKNOWN, Verdict.PASS]
        assert verify(world.world(), regions=(US,)).gate_open

    def test_overdue_closes_it_also_in_advance(self, world):
        report = verify(world.world(), as_of=world.at() + 93 * DAY)
        assert report.verdict is Verdict.PASS
        assert not report.gate_open
        assert "the next switch has been due" in report.overdue[0]

    def test_waits_until_it_is_open(self, world):
        document = world.regions[EU].documents.pop(JWKS)
        told = []

        def mended(report, left):
            told.append(left)
            if len(told) == 3:
                world.regions[EU].documents[JWKS] = document

        report = wait_until_open(world.world(), timedelta(minutes=5), on_report=mended)
        assert report.gate_open
        assert [round((a - b).total_seconds()) for a, b in pairwise(told)] == [
            1,
            2,
        ]

    def test_waits_no_longer_than_it_was_told(self, world):
        world.down(EU)
        start = world.clock.monotonic()
        assert not wait_until_open(world.world(), timedelta(seconds=50)).gate_open
        assert 50 <= world.clock.monotonic() - start < 52


class TestStatus:
    def test_next_steps_in_order_of_time(self, world):
        world.ages(days=95)
        (issuer,) = status(world.world()).issuers
        assert [step.kind for step in issuer.next] == ["remove", "switch"]
        assert not status(world.world()).attention

    def test_a_narrowed_look(self, world):
        (issuer,) = status(world.world(), regions=(US,)).issuers
        assert issuer.gates == (US,)
        assert set(issuer.keys[0].regions) == {US}

    def test_without_looking(self, world):
        world.down(EU)
        assert not status(world.world(), refresh=False).attention
        assert status(world.world()).attention

    def test_a_switch_that_is_due_now(self, world):
        world.ages(days=89)
        world.clock.advance(DAY)
        (issuer,) = status(world.world()).issuers
        assert issuer.next[0].kind == "switch"
        assert issuer.next[0].at == world.at()

    def test_history_keeps_what_is_gone(self, world):
        world.ages(days=125)
        phases = [key.phase for key in history(world.world()).issuers["accounts"]]
        assert phases == ["removed", "active", "published"]


class TestEvidenceThatCannotBeKept:
    def test_the_run_goes_on_and_says_so(self, world):
        class Full(MemoryState):
            def save_evidence(self, evidence, before=None):
                raise StateError("the disk is full")

        world.state.__class__ = Full
        world.set_policy(standby_keys=2)
        assert not world.apply().failed
        assert any("the disk is full" in warning for warning in world.reporter.warnings)


def test_the_log_can_be_narrowed_and_checked(world):
    report = audit(world.world(), check=True)
    assert (report.checked, report.broken_at) == (True, None)
    assert audit(world.world(), check=False, issuers=("nobody",)).records == ()
    world.signings[EU].next_writes = [Fault.DENIED]
    world.set_policy(refresh_token_lifetime=timedelta(days=1))
    world.apply()
    assert "done_failed" in {line.event for line in audit(world.world(), check=False).records}
