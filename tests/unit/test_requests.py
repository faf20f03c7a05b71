"""What may be asked of the planner: the key before, an early switch, and why not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.jwk import Algorithm, EcPublic, Jwk
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.state import Asked, IssuerState, Request
from rotator.errors import RequestRefused
from rotator.planning.requests import (
    asked_by,
    is_way_back,
    rollback_target,
    rolled_back,
    rolling_back,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=300)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def key(name: str, generation: int, **moments: datetime) -> Key:
    jwk = Jwk(name * 8, Algorithm.ES256, EcPublic("P-256", "x" * 43, "y" * 43))
    return Key(
        jwk=jwk,
        generation=generation,
        handle=LocalHandle(f"{name}.pem"),
        moments=Moments(staged_at=day(generation), **moments),
    )


def signed(
    name: str, generation: int, since: int, until: int | None = None, **more: datetime
) -> Key:
    """A key that was active from one day, to another or still."""
    ended = {} if until is None else {"retired_at": day(until)}
    begun = {"published_at": day(0), "switch_started_at": day(since), "activated_at": day(since)}
    return key(name, generation, **begun, **ended, **more)


STANDBY = key("s", 9, published_at=day(200))
ACTIVE = signed("c", 3, 180)
PREVIOUS = signed("b", 2, 90, 180)
OLDER = signed("a", 1, 0, 90)
BEGUN = key("n", 4, published_at=day(200), switch_started_at=day(299))


def state(*keys: Key, request: Request | None = None) -> IssuerState:
    return IssuerState(issuer="accounts", keys=keys, request=request)


def phases(made: IssuerState) -> str:
    return " ".join(f"{one.kid[0]}:{phase(one)}" for one in made.keys)


class TestTheKeyBefore:
    @pytest.mark.parametrize(
        ("keys", "name"),
        [
            ((PREVIOUS, ACTIVE, STANDBY), "b"),
            ((OLDER, PREVIOUS, ACTIVE), "b"),
            ((signed("a", 1, 0, 250), PREVIOUS, ACTIVE), "a"),  # what counts is who signed last
            ((PREVIOUS, ACTIVE, BEGUN), "c"),  # the switch is given up
            ((ACTIVE, BEGUN), "c"),
            # a switch that was given up made nobody active
            ((PREVIOUS, ACTIVE, replace(BEGUN, moments=replace(BEGUN.moments, retired_at=day(299)))), "b"),
            ((signed("b", 2, 90, 180, disabled_at=day(190)), ACTIVE), "b"),
        ],
    )  # fmt: skip
    def test_is(self, keys: tuple[Key, ...], name: str) -> None:
        assert rollback_target(state(*keys)).kid[0] == name

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ((), "no key of accounts is active"),
            ((STANDBY,), "no key of accounts is active"),
            ((key("n", 4, published_at=day(1), switch_started_at=day(2)),), "no key of accounts is active"),
            ((ACTIVE, STANDBY), "cccccccc is the first key of accounts"),
            ((signed("b", 2, 90, 180, revoked_at=day(181)), ACTIVE), "it was revoked 2026-07-01"),
            ((OLDER, signed("b", 2, 90, revoked_at=day(180)), ACTIVE), "it was revoked 2026-06-30"),
            ((signed("b", 2, 90, 180, removal_started_at=day(212)), ACTIVE), "it left the documents 2026-08-01"),
            ((signed("b", 2, 90, 180, removal_started_at=day(212), removed_at=day(213)), ACTIVE), "it left the documents 2026-08-02"),
            ((signed("b", 2, 90, 180, removed_at=day(213), destroyed_at=day(214)), ACTIVE), "its private half was destroyed 2026-08-03"),
        ],
    )  # fmt: skip
    def test_is_none(self, keys: tuple[Key, ...], words: str) -> None:
        made = state(*keys)
        with pytest.raises(RequestRefused) as refused:
            rolled_back(made, reason="bad", owner="ann", now=NOW)
        assert words in f"{refused.value.message}; {refused.value.detail}"
        assert refused.value.hint

    def test_one_that_never_retired_is_not_gone_back_to(self) -> None:
        odd = signed("b", 2, 90)
        with pytest.raises(RequestRefused, match="cannot become active again"):
            rollback_target(state(ACTIVE, replace(odd, moments=replace(odd.moments, published_at=None, revoked_at=day(1)))))  # fmt: skip


class TestTheWayBack:
    def test_after_a_switch(self) -> None:
        disabled = replace(PREVIOUS, moments=replace(PREVIOUS.moments, disabled_at=day(190)))
        made = rolled_back(
            state(OLDER, disabled, ACTIVE, STANDBY), reason="bad", owner="ann", now=NOW
        )
        assert phases(made) == "a:retired b:published c:active s:published"
        assert made.switching() == made.key(PREVIOUS.kid)
        assert made.keys[1].usable
        assert made.keys[1].moments.switch_started_at == NOW
        assert made.request == Request(
            asked=Asked.ROLLBACK, reason="bad", owner="ann", at=NOW, kid=PREVIOUS.kid
        )
        assert rolling_back(made)
        assert [is_way_back(made, one.kid) for one in made.keys] == [False, True, False, False]

    def test_in_the_middle_of_a_switch(self) -> None:
        made = rolled_back(state(PREVIOUS, ACTIVE, BEGUN), reason="bad", owner="ann", now=NOW)
        assert phases(made) == "b:retired c:active n:retired"
        assert made.switching() is None
        assert made.keys[2].moments.retired_at == NOW
        assert made.keys[1].moments.activated_at == NOW  # its turn counts anew
        assert made.request
        assert made.request.kid == ACTIVE.kid

    def test_an_early_switch_is_no_longer_asked_for(self) -> None:
        asked = Request(asked=Asked.ROTATE, reason="soon", owner="bob", at=NOW)
        before = state(PREVIOUS, ACTIVE, STANDBY, request=asked)
        assert not rolling_back(before)
        assert not is_way_back(before, ACTIVE.kid)
        made = rolled_back(before, reason="bad", owner="ann", now=NOW)
        assert made.request
        assert asked_by(made.request) == "asked for by ann: bad"

    def test_there_and_back_is_no_standby(self) -> None:
        made = rolled_back(state(PREVIOUS, ACTIVE), reason="bad", owner="ann", now=NOW)
        assert [one.ever_signed for one in made.keys] == [True, True]
        assert Phase.PUBLISHED is phase(made.keys[0])
