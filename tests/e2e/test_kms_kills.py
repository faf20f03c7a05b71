"""`kill -9` at the AWS calls of an apply, before one is sent and after it took effect but before its answer.

A life of a place is four applies: the first keys, a switch, a disabled key, a removal with a destruction. In each life
each of the four is killed at another call, and one ordinary run later everything is as if nothing had been.

Which calls: each that changes something, before and after it, and each kind of read, before its first: to die before
any other read is to die after the change before it. Of the like scratch objects that prove conditional writes one is
enough. The state of the long test is a file, so that those calls are KMS's and the documents'; the calls of a state in
a bucket have a test of their own.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from multiprocessing import get_context
from typing import NoReturn

import pytest

from rotator.adapters.s3_state import S3State
from rotator.adapters.sqlite_state import SqliteState
from rotator.app.world import World
from rotator.aws import AwsAccess
from rotator.ports import Lease
from tests.adapters.states import DEAD
from tests.e2e.aws_hooks import HookedClients, Points, passed_on
from tests.e2e.crashing_aws import apply_at_call
from tests.e2e.failpoints import AFTER, BEFORE
from tests.e2e.kms_onlooker import Onlooker, own_account
from tests.e2e.place import REGIONS, Place
from tests.fakes.clock import FakeClock
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint

pytestmark = [pytest.mark.ministack, pytest.mark.slow]

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TWO = REGIONS[:2]
PROBE = ".conditional-write-probe"
DISABLE, DESTROY = "eu-central-1 DisableKey key#1", "eu-central-1 ScheduleKeyDeletion key#1"
Kill = tuple[str, str]
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.e2e.preloaded"])


class KilledError(BaseException):
    """No handler for errors may catch it, as none can catch SIGKILL."""


def die() -> NoReturn:
    raise KilledError


@dataclass(frozen=True)
class Moment:
    """An apply that has something to do: when, and the phases that it ends with."""

    name: str
    after: timedelta
    phases: tuple[str, ...]


LIFE = (
    Moment("the first keys", 0 * DAY, ("active", "published")),
    Moment("a switch", 91 * DAY, ("retired", "active", "published")),
    Moment("a disabled key", 9 * DAY, ("retired", "active", "published")),
    Moment("a removal", 24 * DAY, ("removed", "active", "published")),
)


class GhostState(SqliteState):
    """The state as a process uses it that does not live to give its lease back."""

    def release(self, lease: Lease) -> None:
        """Nothing: it is dead."""


@dataclass
class Scene:
    """One account; places in it one after the other, of two regions, with clients that can be told to die."""

    store: S3Endpoint
    make: Callable[..., Place]
    clients: HookedClients
    lives: int = 0

    def new_life(self, *, state: str = "sqlite") -> Life:
        self.lives += 1
        place = self.make(self.store, name=f"life-{self.lives}", passes_required=1)
        place.clients, place.clock = self.clients, FakeClock()
        for region in REGIONS[len(TWO) :]:
            del place.config["regions"][region]
        if state == "sqlite":
            place.config["state"] = {"kind": "sqlite", "path": ".rotator/state.db"}
        place.write_config()
        return Life(place, self.clients, Onlooker(place, self.store))


@dataclass
class Life:
    place: Place
    clients: HookedClients
    onlooker: Onlooker

    @property
    def clock(self) -> FakeClock:
        assert isinstance(self.place.clock, FakeClock)
        return self.place.clock

    def undisturbed(self, moment: Moment) -> Points:
        """The apply of a moment; the calls that it made."""
        self.clock.advance(moment.after)
        points = self.clients.around = Points(die)
        self.place.ok("apply", "--yes")
        self.clients.around = passed_on
        self.onlooker.is_settled(moment.phases, self.clock.now(), moment.name)
        return points

    def killed(self, moment: Moment, kill: Kill) -> None:
        """The apply of a moment, killed, and one ordinary run a minute later."""
        self.clock.advance(moment.after)
        point, when = kill
        words = f"{moment.name}, killed {when} {point}"
        self.crash(point, when)
        self.onlooker.everything_verifies(self.clock.now(), words)
        self.clock.advance(MINUTE)
        applied = self.place.run("apply", "--yes")
        assert applied.code == 0, (words, applied)
        self.onlooker.is_settled(moment.phases, self.clock.now(), words)

    def crash(self, point: str, when: str) -> None:
        points = self.clients.around = Points(die, point, when)
        self.place.wiring = self.ghost
        with pytest.raises(KilledError):
            self.place.run("apply", "--yes")
        assert point in points.passed
        self.clients.around, self.place.wiring = passed_on, None

    def ghost(self, world: World) -> World:
        """The same world as a process sees it that is gone afterwards."""
        spec, clock = self.place.config["state"], self.place.clock
        if spec["kind"] == "sqlite":
            return replace(world, state=GhostState(self.place.state_file, clock, DEAD))
        access = AwsAccess(
            spec["aws"]["region"], profile="tests", endpoint=spec["aws"]["endpoints"]["s3"]
        )
        state = S3State(self.clients, access, spec["bucket"], spec["prefix"], clock, DEAD)
        return replace(world, state=state)


@pytest.fixture
def scene(kms_place: Callable[..., Place], ministack_server: Ministack) -> Scene:
    return Scene(own_account(ministack_server.endpoint), kms_place, HookedClients())


def kills_of(points: Points, seen: set[str]) -> Iterator[Kill]:
    """Where an apply that passes these points is killed; `seen` are the kinds of call that had their turn."""
    for point in points.passed:
        name = point.partition("#")[0]
        kind = name.partition(" ")[2]
        if PROBE in name and not name.startswith(f"{TWO[1]} PutObject jwks"):
            continue
        if point in points.changes or kind not in seen:
            yield point, BEFORE
        if point in points.changes and PROBE not in name:
            yield point, AFTER
        seen.add(kind)


def test_killed_anywhere_in_a_life(scene: Scene) -> None:
    rehearsal, seen = scene.new_life(), set[str]()
    kills = [list(kills_of(rehearsal.undisturbed(moment), seen)) for moment in LIFE]
    the_calls_are_what_they_should_be(kills)
    for each in zip_longest(*kills):
        life = scene.new_life()
        last = max(n for n, kill in enumerate(each) if kill)
        for moment, kill in zip(LIFE[: last + 1], each, strict=False):
            if kill:
                life.killed(moment, kill)
            else:
                life.undisturbed(moment)


def the_calls_are_what_they_should_be(kills: Sequence[Sequence[Kill]]) -> None:
    """Guards the test itself."""
    expected = (
        {"CreateKey", "TagResource", "ReplicateKey", "CreateAlias", "UpdateAlias"},
        {"CreateKey", "TagResource", "ReplicateKey", "UpdateAlias"},
        {"DisableKey"},
        {"ScheduleKeyDeletion"},
    )
    for each, operations in zip(kills, expected, strict=True):
        for when in (BEFORE, AFTER):
            assert operations <= {point.split()[1] for point, w in each if w == when}
    for region in TWO:
        for document in ("jwks.json", "signing.json"):
            assert (f"{region} PutObject {document}#1", AFTER) in kills[0]


def test_killed_anywhere_in_the_state_of_a_team(scene: Scene) -> None:
    """The state is in a bucket too: each write of its lease, log, state and evidence while signing targets change."""
    life = scene.new_life(state="s3")
    life.undisturbed(LIFE[0])
    kills = [(point, when) for point in new_orders(life, 0).changes for when in (BEFORE, AFTER)]
    kinds = {point.split()[2].partition("#")[0] for point, _ in kills}
    assert kinds == {"lease.json", "log", "state", "evidence", "signing.json"}
    for number, kill in enumerate(kills, 1):
        new_orders(life, number, kill)
    life.place.ok("audit", "--verify")


def new_orders(life: Life, number: int, kill: Kill | None = None) -> Points:
    """Every region's signing target must say something else; the calls of that apply unless it is killed."""
    life.place.policy(refresh_token_lifetime=f"{700 + number}h")
    nothing_moves = replace(LIFE[0], after=MINUTE)
    if kill is None:
        return life.undisturbed(nothing_moves)
    life.killed(nothing_moves, kill)
    told = [json.loads(life.place.signing(name) or b"{}") for name in TWO]
    assert told[0]["generation"] == told[1]["generation"], kill
    return Points(die)


# ------------------------------------------------------------------------------------ whole processes

PROCESS_KILLS: Sequence[Sequence[str]] = (
    ("us-east-1 CreateKey keys#2", "us-east-1 CreateKey keys#1"),
    ("us-east-1 TagResource key#1", "eu-central-1 UpdateAlias alias#1", DISABLE, DESTROY),
    ("us-east-1 ReplicateKey key#3", "us-east-1 ReplicateKey key#1"),
    ("ap-northeast-1 CreateAlias alias#1",),
)
"""The calls after which the processes of one life die, apply by apply."""


def test_whole_processes_killed(
    kms_place: Callable[..., Place], ministack_server: Ministack
) -> None:
    """SIGKILL by its own hand after each kind of KMS call that changes something, three regions, state in a bucket."""
    for number, points in enumerate(PROCESS_KILLS):
        store = own_account(ministack_server.endpoint)
        place = kms_place(store, name=f"process-{number}")
        life = Life(place, HookedClients(), Onlooker(place, store))
        place.clients = life.clients
        for moment, point in zip(LIFE, points, strict=False):
            life.clock.advance(moment.after)
            kill_a_process(place, life.clock.now(), point)
            life.onlooker.everything_verifies(life.clock.now(), point)
            life.clock.advance(MINUTE)
            place.ok("apply", "--yes")
            life.onlooker.is_settled(
                moment.phases, life.clock.now(), f"process killed after {point}"
            )


def kill_a_process(place: Place, now: datetime, point: str) -> None:
    """An apply in a process of its own, forked from a server that has read the modules already."""
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = SERVER.Process(target=apply_at_call, args=(place.folder, now, environ, point, AFTER))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (point, process.exitcode)
