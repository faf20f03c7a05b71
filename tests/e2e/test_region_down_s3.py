"""One region of three is broken, on a real S3 server behind a proxy for each region (design §1, T1, T10).

Everything is due at once: a removal, a switch and a new standby. Whatever the broken region does, the plan names it,
nothing is switched or removed, and the others get the new key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from rotator.adapters.s3_target import S3Target
from rotator.app.world import IssuerWorld, World
from rotator.ports import DocumentTarget
from tests.e2e.consumers import key_set
from tests.e2e.place import REGIONS, Place, moment
from tests.fakes.clock import START, FakeClock
from tests.servers.faulty import Answer, Fault, FaultyProxy, Garbage, Hang, Refuse, Request, Reset
from tests.servers.s3 import S3Endpoint

pytestmark = [pytest.mark.s3, pytest.mark.slow]

CLOSED = 3
DAY = timedelta(days=1)
BROKEN = "eu-central-1"
OTHERS = tuple(name for name in REGIONS if name != BROKEN)
Older = Callable[[bytes], Fault]


@dataclass(frozen=True)
class Trouble:
    """What the region does, to which requests, what the plan says of it, and whether its leads start again (T1)."""

    fault: Fault | Older
    says: str
    when: Callable[[Request], bool] = lambda _: True
    ends_leads: bool = False


def is_jwks_read(request: Request) -> bool:
    return request.method == "GET" and request.target.endswith("accounts/jwks.json")


def served(body: bytes) -> Answer:
    headers = {"ETag": '"0123456789abcdef0123456789abcdef"', "Content-Type": "application/json"}
    return Answer(200, body, headers)


TROUBLES = {
    "refuses": Trouble(Refuse(), "cannot read"),
    "resets": Trouble(Reset(), "cannot read"),
    "hangs": Trouble(Hang(), "cannot read"),
    "answers 500": Trouble(Answer.s3_error(500, "InternalError"), "500"),
    "answers 503": Trouble(Answer.s3_error(503, "SlowDown"), "503"),
    "answers 403": Trouble(Answer.s3_error(403, "AccessDenied"), "AccessDenied"),
    "speaks no HTTP": Trouble(Garbage(), "cannot read"),
    "serves HTML": Trouble(served(b"<html>busy</html>"), "no key set", is_jwks_read, True),
    "serves an empty set": Trouble(served(b'{"keys":[]}'), "lacks", is_jwks_read, True),
    "serves an older document": Trouble(served, "lacks", is_jwks_read, True),
}


@dataclass
class Hurried:
    """The same targets with less patience, so that a region that hangs costs a test half a second a try."""

    patience: timedelta = timedelta(seconds=0.5)

    def __call__(self, world: World) -> World:
        return replace(world, issuers=tuple(map(self._issuer, world.issuers)))

    def _issuer(self, issuer: IssuerWorld) -> IssuerWorld:
        regions = {
            name: replace(ports, jwks=self._target(ports.jwks), signing=self._target(ports.signing))
            for name, ports in issuer.regions.items()
        }
        return replace(issuer, regions=regions)

    def _target(self, target: DocumentTarget) -> DocumentTarget:
        assert isinstance(target, S3Target)
        return replace(target, access=replace(target.access, read_timeout=self.patience))


@dataclass
class Scene:
    """Three regions, the middle one behind a proxy that can be told to break it."""

    place: Place
    proxy: FaultyProxy
    clock: FakeClock
    first_document: bytes


@pytest.fixture
def scene(
    s3_place: Callable[..., Place],
    seaweedfs_endpoint: S3Endpoint,
    faulty_proxy: Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]],
) -> Scene:
    """On day 0 the first keys, on day 91 a switch, now day 185: months late, with a second standby wanted."""
    proxies = {name: faulty_proxy(seaweedfs_endpoint) for name in REGIONS}
    place = s3_place(seaweedfs_endpoint, tuple(endpoint for _, endpoint in proxies.values()))
    clock = FakeClock(START)
    place.clock = clock
    place.ok("apply", "--yes")
    first = place.jwks(BROKEN)
    assert first is not None
    clock.advance(91 * DAY)
    place.ok("apply", "--yes")
    assert place.phases() == ["retired", "active", "published"]
    clock.advance(94 * DAY)
    place.policy(standby_keys=2)
    place.wiring = Hurried()
    return Scene(place, proxies[BROKEN][0], clock, first)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_region_is_down(scene: Scene, trouble: str) -> None:
    place, what = scene.place, TROUBLES[trouble]
    fault = what.fault(scene.first_document) if callable(what.fault) else what.fault
    before = {name: place.signing(name) for name in REGIONS}
    with scene.proxy.failing(fault, what.when):
        plan = place.run("plan", "--json")
        assert plan.code == CLOSED
        names_the_region(json.loads(plan.out), what.says)
        applied = place.run("apply", "--yes")
        assert applied.code == CLOSED, applied
        assert BROKEN in applied.out + applied.err
        new = others_have_the_new_key(place)
    assert {name: place.signing(name) for name in REGIONS} == before, "something was switched"
    assert place.phases() == ["retired", "active", "published", "staged"]
    its_lead_starts_when_it_is_back(scene, new)
    switched = ["removed", "retired", "active", "published", "published"]
    not_yet = ["removed", "active", "published", "published"]
    assert place.phases() == (not_yet if what.ends_leads else switched)
    scene.clock.advance(2 * DAY)
    place.ok("apply", "--yes")
    assert place.phases() == switched


def names_the_region(plan: dict[str, list[dict[str, list[dict[str, str]]]]], says: str) -> None:
    """The plan says which region, and why; no switch and no removal is among its steps."""
    (issuer,) = plan["issuers"]
    told = [*issuer["waiting"], *issuer["findings"]]
    words = [str(each.get("reason") or each.get("detail")) for each in told]
    about = [text for each, text in zip(told, words, strict=True) if each["region"] == BROKEN]
    assert any(says in text for text in about), words
    steps = {step["kind"] for step in issuer["steps"]}
    assert not steps & {"switch", "remove", "destroy", "retire"}, steps
    assert {"generate", "write_jwks"} <= steps


def others_have_the_new_key(place: Place) -> str:
    """The kid of the new standby, which every other region serves."""
    new: str = place.history()[-1]["kid"]
    for name in OTHERS:
        assert new in key_set(place.jwks(name) or b"")
    return new


def its_lead_starts_when_it_is_back(scene: Scene, new: str) -> None:
    """Two days later it answers again: the next run goes on, and the new key's lead there begins with that run."""
    place, clock = scene.place, scene.clock
    clock.advance(2 * DAY)
    back = clock.now()
    applied = place.run("apply", "--yes")
    assert applied.code == 0, applied
    assert new in key_set(place.jwks(BROKEN) or b"")
    (issuer,) = place.json("status")["issuers"]
    (key,) = [key for key in issuer["keys"] if key["kid"] == new]
    seen = {name: moment(region["visible_since"]) for name, region in key["regions"].items()}
    assert back <= seen[BROKEN] <= clock.now()
    assert all(seen[name] < back - DAY for name in OTHERS)
