"""The alias moves between choosing the kid and signing (design T9b): no token may say one key and be signed by another."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest
from botocore.awsrequest import AWSResponse

from tests.e2e.alias_signer import AliasSigner
from tests.e2e.aws_hooks import Call, Send, passed_on
from tests.e2e.consumers import Verifiers, issued
from tests.e2e.kms_life import FIRST, SWITCH, TWO, Life, Lives
from tests.e2e.kms_onlooker import LIFETIME
from tests.e2e.place import URL

pytestmark = pytest.mark.ministack

REGION = TWO[1]


class NaiveSigner(AliasSigner):
    """Believes that the alias still leads to the key that it read about."""

    def token(self, issuer: str, now: datetime, lifetime: timedelta) -> str | None:
        body = self.read()
        active = json.loads(body or b"{}")["active"]
        unsigned = self._unsigned(active, issuer, now, lifetime)
        self.between()
        return f"{unsigned}.{self._sign(self.alias, active['alg'], unsigned)[0]}"


@pytest.fixture
def life(lives: Lives) -> Life:
    """A key that signs, and a standby whose turn has come."""
    begun = lives.begin()
    begun.lives(FIRST)
    begun.clock.advance(SWITCH.after)
    return begun


class Once:
    """Something that happens at its first call only."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self.happens: Callable[[], object] | None = happens

    def __call__(self) -> None:
        if self.happens:
            happens, self.happens = self.happens, None
            happens()


def moved_to(life: Life, arn: str) -> None:
    life.onlooker.kms[REGION].update_alias(AliasName=life.onlooker.alias, TargetKeyId=arn)


def both(life: Life) -> tuple[str, str]:
    """The ARNs in the region of the key that signs, and of the other."""
    active = life.onlooker.target(REGION)
    other = next(key.arn for key in life.onlooker.keys(REGION) if key.arn != active)
    assert active
    return active, other


def switch(life: Life) -> None:
    assert life.apply().code == 0


def accepted(life: Life, token: str | None) -> bool:
    """Whether verifiers of every region take it."""
    assert token
    verifiers = Verifiers(timedelta(seconds=30))
    verifiers.take([issued(token, REGION)])
    documents = {name: life.place.jwks(name) or b"" for name in life.onlooker.regions}
    verifiers.check_all(documents, life.clock.now())
    return not verifiers.refused


def forwards(life: Life) -> Callable[[], object]:
    """rotator switches in that very moment."""
    return partial(switch, life)


def backwards(life: Life) -> Callable[[], object]:
    """The switch is over, and somebody moves the alias back."""
    old, _ = both(life)
    switch(life)
    return partial(moved_to, life, old)


WAYS = {"forwards": forwards, "backwards": backwards}


@pytest.mark.parametrize("way", WAYS)
def test_a_signer_keeps_kid_and_key_together(life: Life, way: str) -> None:
    signer = life.onlooker.signers[REGION]
    signer.between = Once(WAYS[way](life))
    assert accepted(life, signer.token(URL, life.clock.now(), LIFETIME))
    assert signer.mismatches == (1 if way == "forwards" else 5), (
        "the alias did not move in that moment"
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_signer_that_does_not_compare_is_caught(life: Life, way: str) -> None:
    """So what the other tests see is not for want of trying."""
    careful = life.onlooker.signers[REGION]
    naive = NaiveSigner(careful.kms, careful.alias, careful.read)
    assert accepted(life, naive.token(URL, life.clock.now(), LIFETIME))
    naive.between = Once(WAYS[way](life))
    assert not accepted(life, naive.token(URL, life.clock.now(), LIFETIME))


@pytest.mark.parametrize("way", WAYS)
def test_rotators_own_tokens(life: Life, way: str) -> None:
    """`rotator token` names the key itself: the alias may move right before Sign is sent."""
    named: list[str] = []
    moves = Once(WAYS[way](life))

    def around(call: Call, send: Send) -> AWSResponse:
        if call.operation == "Sign":
            life.clients.around = passed_on
            named.append(call.what)
            moves()
        return send()

    life.clients.around = around
    assert accepted(life, life.place.token(REGION))
    assert named == ["key"]


def test_an_alias_that_never_rests(life: Life) -> None:
    """It changes before every single request of every signer, forwards and back, and no token is ever refused."""
    switch(life)
    keys, signer = both(life), life.onlooker.signers[REGION]
    for n in range(12):
        turns = iter(keys * 8 if n % 2 else keys[::-1] * 8)
        signer.between = lambda turns=turns: moved_to(life, next(turns))  # type: ignore[misc]
        assert accepted(life, signer.token(URL, life.clock.now(), LIFETIME))
        assert accepted(life, life.place.token(REGION))
    assert signer.mismatches > 0
    life.goes_on(replace(SWITCH, after=timedelta()), "the alias was somewhere")
