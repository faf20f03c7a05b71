"""A region's KMS cannot be reached: its signers go on as they were, nothing is rejected, the run after finishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.e2e.kms_life import DAY, FIRST, SWITCH, Life, Lives, Moment
from tests.e2e.place import REGIONS
from tests.servers.faulty import Answer, Fault, FaultyProxy, Refuse, Request, Reset
from tests.servers.s3 import S3Endpoint

pytestmark = [pytest.mark.ministack, pytest.mark.slow]

PRIMARY, BROKEN, OTHER = REGIONS
CLOSED = 3
HOUR = timedelta(hours=1)


@dataclass
class Scene:
    """Three regions with a first key; rotator reaches the KMS of two of them through proxies, signers do not."""

    life: Life
    proxies: dict[str, FaultyProxy]

    def kids(self) -> dict[str, str]:
        """What each region's signers sign with now."""
        return {token.origin: token.kid for token in self.life.onlooker.sign(self.life.clock.now())}

    def active(self) -> str:
        (kid,) = (key["kid"] for key in self.life.place.history() if key["phase"] == "active")
        return str(kid)


@pytest.fixture
def scene(
    lives: Lives, faulty_proxy: Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
) -> Scene:
    proxies = {name: faulty_proxy(lives.store)[0] for name in (PRIMARY, BROKEN)}
    life = lives.begin(
        state="s3", regions=REGIONS, kms={name: proxy.url for name, proxy in proxies.items()}
    )
    life.lives(FIRST)
    return Scene(life, proxies)


@dataclass
class FromTheFirst:
    """Picks every request from the first of an operation on."""

    operation: str
    begun: bool = False

    def __call__(self, request: Request) -> bool:
        target = request.headers.get("x-amz-target", "")
        self.begun = self.begun or target.endswith(f".{self.operation}")
        return self.begun


UNWELL = Answer(500, b'{"__type":"KMSInternalException","message":"unwell"}')
MIDWAY = "gone in the middle of it"
DOWN: dict[str, tuple[Fault, Callable[[Request], bool]]] = {
    "closed": (Refuse(), lambda _: True),
    "answering 500": (UNWELL, lambda _: True),
    MIDWAY: (Reset(), FromTheFirst("UpdateAlias")),
}


@pytest.mark.parametrize("how", DOWN)
def test_down_during_a_switch(scene: Scene, how: str) -> None:
    life, old, (fault, when) = scene.life, scene.active(), DOWN[how]
    led_to = life.onlooker.target(BROKEN)
    life.clock.advance(SWITCH.after)
    assert set(scene.kids().values()) == {old}
    with scene.proxies[BROKEN].failing(fault, when):
        for _ in range(2):
            stops_at(life, BROKEN, how)
            assert life.onlooker.target(BROKEN) == led_to
            if how != MIDWAY:  # nobody switches before everybody can
                assert set(scene.kids().values()) == {old}
            life.clock.advance(HOUR)
        assert life.place.run("verify").code == 0
    life.goes_on(SWITCH, f"{how} is over")
    assert set(scene.kids().values()) == {scene.active()} != {old}


def test_the_primary_down_when_a_standby_is_due(scene: Scene) -> None:
    life, before = scene.life, {region: scene.life.onlooker.keys(region) for region in REGIONS}
    due = a_second_standby(life)
    with scene.proxies[PRIMARY].failing(Refuse()):
        for _ in range(2):
            stops_at(life, PRIMARY, "down")
            life.clock.advance(HOUR)
    assert {region: life.onlooker.keys(region) for region in REGIONS} == before
    life.goes_on(due, "the primary is back")


def test_the_primary_gone_in_the_middle_of_making_a_key(scene: Scene) -> None:
    """The key exists, and nobody can be asked for it: it is not made again, neither meanwhile nor afterwards."""
    life, before = scene.life, len(scene.life.onlooker.keys(PRIMARY))
    due = a_second_standby(life)
    with scene.proxies[PRIMARY].failing(Reset(), FromTheFirst("TagResource")):
        for _ in range(2):
            stops_at(life, PRIMARY, "gone")
            assert len(life.onlooker.keys(PRIMARY)) == before + 1
            life.clock.advance(HOUR)
    life.goes_on(due, "the primary is back")


def a_second_standby(life: Life) -> Moment:
    """The operator wants one; the moment at which it is made."""
    life.clock.advance(DAY)
    life.place.policy(standby_keys=2)
    return Moment("a second standby", HOUR, (*FIRST.phases, "published"))


def stops_at(life: Life, region: str, when: str) -> None:
    """An apply stops before that region, says so, and every token verifies."""
    ran = life.apply()
    assert ran.code == CLOSED, (when, ran)
    assert "kms:" in ran.out
    assert f"in {region}" in ran.out
    life.onlooker.everything_verifies(life.clock.now(), when)
