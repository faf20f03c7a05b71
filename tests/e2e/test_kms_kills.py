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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from multiprocessing import get_context

import pytest

from rotator.adapters.s3_state import S3State
from rotator.adapters.sqlite_state import SqliteState
from rotator.app.world import World
from rotator.aws import AwsAccess
from rotator.ports import Lease
from tests.adapters.states import DEAD
from tests.e2e.aws_hooks import Points
from tests.e2e.crashing_aws import apply_at_call
from tests.e2e.failpoints import AFTER, BEFORE, KilledError, die
from tests.e2e.kms_life import FIRST, LIFE, SOON, TWO, Life, Lives, Moment
from tests.e2e.place import REGIONS, Place

pytestmark = [pytest.mark.ministack, pytest.mark.slow]

PROBE = ".conditional-write-probe"
QUIET = replace(FIRST, after=SOON)
"""An apply that moves no key."""
Kill = tuple[str, str]
SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["tests.e2e.preloaded"])


class GhostState(SqliteState):
    """The state as a process uses it that does not live to give its lease back."""

    def release(self, lease: Lease) -> None:
        """Nothing: it is dead."""


@dataclass
class Killed:
    """The process of one run of a life, which dies at a call."""

    life: Life

    def at(self, moment: Moment, kill: Kill) -> None:
        """The apply of a moment, killed, and one ordinary run a minute later."""
        place, clock = self.life.place, self.life.clock
        clock.advance(moment.after)
        point, when = kill
        points = Points(die, point, when)
        place.wiring = self.ghost
        with pytest.raises(KilledError):
            self.life.apply(points)
        assert point in points.passed
        place.wiring = None
        self.life.goes_on(moment, f"{moment.name}, killed {when} {point}")

    def ghost(self, world: World) -> World:
        """The same world as a process sees it that is gone afterwards."""
        spec, clock = self.life.place.config["state"], self.life.clock
        if spec["kind"] == "sqlite":
            return replace(world, state=GhostState(self.life.place.state_file, clock, DEAD))
        access = AwsAccess(
            spec["aws"]["region"], profile="tests", endpoint=spec["aws"]["endpoints"]["s3"]
        )
        state = S3State(self.life.clients, access, spec["bucket"], spec["prefix"], clock, DEAD)
        return replace(world, state=state)


def points_of(life: Life, moment: Moment) -> Points:
    """The calls of an undisturbed apply."""
    points = Points(die)
    life.clock.advance(moment.after)
    assert life.apply(points).code == 0
    life.onlooker.is_settled(moment.phases, life.clock.now(), moment.name)
    return points


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


def test_killed_anywhere_in_a_life(lives: Lives) -> None:
    rehearsal, seen = lives.begin(), set[str]()
    kills = [list(kills_of(points_of(rehearsal, moment), seen)) for moment in LIFE]
    the_calls_are_what_they_should_be(kills)
    for each in zip_longest(*kills):
        life = lives.begin()
        last = max(n for n, kill in enumerate(each) if kill)
        for moment, kill in zip(LIFE[: last + 1], each, strict=False):
            if kill:
                Killed(life).at(moment, kill)
            else:
                life.lives(moment)


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


def test_killed_anywhere_in_the_state_of_a_team(lives: Lives) -> None:
    """The state is in a bucket too: each write of its lease, log, state and evidence while signing targets change."""
    life = lives.begin(state="s3")
    life.lives(FIRST)
    new_orders(life, 0)
    points = points_of(life, QUIET)
    kinds = {point.split()[2].partition("#")[0] for point in points.changes}
    assert kinds == {"lease.json", "log", "state", "evidence", "signing.json"}
    kills = [(point, when) for point in points.changes for when in (BEFORE, AFTER)]
    for number, kill in enumerate(kills, 1):
        new_orders(life, number)
        Killed(life).at(QUIET, kill)
        told = [json.loads(life.place.signing(name) or b"{}") for name in TWO]
        assert len({orders["generation"] for orders in told}) == 1, kill
        assert told[0]["max_token_lifetime_s"] == (700 + number) * 3600, kill
    life.place.ok("audit", "--verify")


def new_orders(life: Life, number: int) -> None:
    """Every region's signing target must say something else."""
    life.place.policy(refresh_token_lifetime=f"{700 + number}h")


# ------------------------------------------------------------------------------------ whole processes

ENDINGS = "eu-central-1 DisableKey key#1", "eu-central-1 ScheduleKeyDeletion key#1"
PROCESS_KILLS: Sequence[Sequence[str]] = (
    ("us-east-1 CreateKey keys#2", "us-east-1 CreateKey keys#1"),
    ("us-east-1 TagResource key#1", "eu-central-1 UpdateAlias alias#1", *ENDINGS),
    ("us-east-1 ReplicateKey key#3", "us-east-1 ReplicateKey key#1"),
    ("ap-northeast-1 CreateAlias alias#1",),
)
"""The calls after which the processes of one life die, apply by apply."""


def test_whole_processes_killed(lives: Lives) -> None:
    """SIGKILL by its own hand after each kind of KMS call that changes something, three regions, state in a bucket."""
    for points in PROCESS_KILLS:
        life = lives.begin(state="s3", regions=REGIONS)
        for moment, point in zip(LIFE, points, strict=False):
            life.clock.advance(moment.after)
            kill_a_process(life.place, life.clock.now(), point)
            life.goes_on(moment, f"process killed after {point}")


def kill_a_process(place: Place, now: datetime, point: str) -> None:
    """An apply in a process of its own, forked from a server that has read the modules already."""
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    process = SERVER.Process(target=apply_at_call, args=(place.folder, now, environ, point, AFTER))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL, (point, process.exitcode)
