"""The life of a key is one table: every edge that it lists leads where it says, no other changes anything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from rotator.domain.jwk import Algorithm, Jwk, OkpPublic
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.lifecycle import (
    IN_JWKS,
    TRANSITIONS,
    Event,
    Phase,
    advance,
    phase,
    reactivated,
    wanted,
)
from rotator.errors import IllegalTransition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
LIFE = ("published_at", "activated_at", "retired_at", "removed_at")
REACHED = {
    Phase.STAGED: {},
    Phase.PUBLISHED: dict.fromkeys(LIFE[:1], NOW),
    Phase.ACTIVE: dict.fromkeys(LIFE[:2], NOW),
    Phase.RETIRED: dict.fromkeys(LIFE[:3], NOW),
    Phase.REMOVED: dict.fromkeys(LIFE[:4], NOW),
    Phase.REVOKED: {"revoked_at": NOW},
}


def key_in(where: Phase) -> Key:
    return Key(
        jwk=Jwk("kid", Algorithm.EDDSA, OkpPublic("Ed25519", "x")),
        generation=1,
        handle=LocalHandle("x.pem"),
        moments=Moments(staged_at=NOW, **REACHED[where]),
    )


@pytest.mark.parametrize("where", Phase)
def test_the_phase_follows_from_the_moments(where):
    assert phase(key_in(where)) is where


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("where", Phase)
def test_every_edge(where, event):
    key = key_in(where)
    if (where, event) == (Phase.PUBLISHED, Event.RETIRE):
        key = advance(key, Event.START_SWITCH, NOW)
    after = TRANSITIONS.get((where, event))
    if after is None:
        with pytest.raises(IllegalTransition) as error:
            advance(key, event, LATER)
        assert where in error.value.message
    else:
        moved = advance(key, event, LATER)
        assert phase(moved) is after
        assert getattr(moved.moments, event.value) == LATER


def test_a_published_key_retires_only_when_a_switch_to_it_is_given_up():
    with pytest.raises(IllegalTransition, match="a published key cannot take retire"):
        advance(key_in(Phase.PUBLISHED), Event.RETIRE, LATER)


@pytest.mark.parametrize("where", Phase)
@pytest.mark.parametrize("over", [{}, {"disabled_at": NOW}, {"destroyed_at": NOW}], ids=str)
def test_only_a_retired_key_that_can_still_sign_comes_back(where, over):
    key = key_in(where)
    key = replace(key, moments=replace(key.moments, **over))
    if where is Phase.RETIRED and not over:
        back = reactivated(key, LATER)
        assert phase(back) is Phase.PUBLISHED
        assert back.ever_signed
        assert phase(advance(back, Event.ACTIVATE, LATER)) is Phase.ACTIVE
        assert back.moments.published_at == key.moments.published_at
    else:
        with pytest.raises(IllegalTransition, match="cannot become active again"):
            reactivated(key, LATER)


def test_a_moment_is_recorded_once():
    key = advance(key_in(Phase.RETIRED), Event.START_REMOVAL, NOW)
    assert advance(key, Event.START_REMOVAL, LATER) == key


@pytest.mark.parametrize("where", Phase)
def test_what_belongs_in_documents(where):
    key = key_in(where)
    leaving = replace(key, moments=replace(key.moments, removal_started_at=NOW))
    assert wanted(key) is (where in IN_JWKS)
    assert not wanted(leaving)


def test_the_moments_come_in_the_order_of_the_life():
    for before, after in pairwise(LIFE):
        assert list(Moments.__slots__).index(before) < list(Moments.__slots__).index(after)
