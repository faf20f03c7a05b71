"""Two appliers on two hosts share a state in S3, fifty rounds, half of them with one that sleeps past its lease.

Whoever is stopped in the middle of an apply (SIGSTOP) loses the lease to the other, and goes on later as if nothing
had been: it must notice at its next look at the lease, and what it was just about to write harms nothing (design I6).
A watcher reads all documents all the time. Nobody ever unlocks anything.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from tests.e2e.consumers import key_set
from tests.e2e.machine import TERM, Answer, Machine, Sent, SharedClock, Write, wait_for
from tests.e2e.place import REGIONS, Place
from tests.e2e.watcher import Watcher
from tests.servers.s3 import S3Endpoint

pytestmark = [pytest.mark.slow, pytest.mark.s3]

DONE, BUSY = 0, 75
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
APPLY = ("apply", "--yes", "--json")
POLICY = {"rotate_every": "10d", "refresh_token_lifetime": "5d", "signer_stop": "1h"}
LATER = (5.5 * DAY, 5.5 * DAY, 11 * DAY)
"""From one round to the next: now a removal is due, now a switch, now both, and a new standby after it."""
WRITES = {
    "jwks.json": 3,
    "signing.json": 3,
    "state": 6,
    "evidence": 5,
    "log": 15,
    "lease.json": 6,
    "pair": 1,
    "destruction": 1,
}
"""What an apply writes, and how often about. The first write of the lease is the one that takes it."""
DOCUMENTS = {"jwks.json", "signing.json"}
WAKING = MEANWHILE, AFTERWARDS, MUCH_LATER = "meanwhile", "afterwards", "much later"
"""When a sleeper goes on: as the other works, when it is done, or when days have passed and the next run as well."""
ENDS = {"accepted", "refused"}
HARMLESS = {"evidence", "pair", "destruction"}
"""What needs no lease, or is done under a name of its own: a late pair is never published, gone already is fine."""
LOST = {"E_LEASE_LOST", "E_STATE_CONFLICT"}


KILLS = (
    (timedelta(), Write("signing.json", 2)),
    (11 * DAY, Write("state", 4)),
    (5.5 * DAY, Write("log", 9)),
)
"""How much later a run is killed, and before which of its writes: the first keys, a switch, a removal."""


def error_of(answer: Answer) -> str:
    """The error's code, empty when there was none."""
    code: str = json.loads(answer.ran.out).get("error", {}).get("code", "")
    return code


@dataclass
class Life:
    """One place and its three hosts: two that apply at the same time, and a third that looks after them."""

    place: Place
    watcher: Watcher
    dice: random.Random
    clock: SharedClock
    left: Machine
    right: Machine
    third: Machine
    count: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)

    def begin(self, machine: Machine, stop: Write | None = None) -> None:
        machine.start(*APPLY, stop=stop)

    def race(self) -> None:
        """Both apply at once: one works, the other is turned away or has its turn afterwards."""
        both = [self.left, self.right]
        self.dice.shuffle(both)
        self.begin(both[0])
        time.sleep(self.dice.uniform(0, 0.3))
        self.begin(both[1])
        answers = [machine.answer() for machine in both]
        codes = {answer.ran.code for answer in answers}
        errors = {error_of(answer) for answer in answers}
        assert codes <= {DONE, BUSY}, answers
        # Both lose only where the one that worked was silent for a term: the machine stalled.
        assert DONE in codes or errors == LOST, answers
        self.count.update(errors - {""})

    def one_sleeps(self) -> None:
        """One is stopped while it holds the lease, the other takes over, and the first goes on then or after that."""
        sleeper, other = self.dice.sample([self.left, self.right], 2)
        self.stop(sleeper)
        asleep = sleeper.stopped and self.holds(sleeper)
        begun = time.monotonic()
        self.begin(other)
        when = self.dice.choice(WAKING) if asleep else AFTERWARDS
        if when == MEANWHILE:
            wait_for(lambda: self.holds(other) or other.answered)
            time.sleep(self.dice.uniform(0, 0.6))
        else:
            wait_for(lambda: other.answered)
        if when == MUCH_LATER:
            self.agree("while one sleeps")
            self.clock.advance(self.dice.choice(LATER))
            self.ok(*APPLY)
        woken = sleeper.go_on()
        theirs, its = other.answer(), sleeper.answer()
        late = [sent for sent in its.sent if sent.at >= woken]
        self.count[when if asleep else "missed"] += 1
        if theirs.ran.code != DONE:  # the late write of a state that it had read already
            assert when == MEANWHILE, theirs
            assert [s for s in late if s.accepted and s.what == "state"], (theirs, its)
            assert error_of(theirs) == "E_STATE_CONFLICT", theirs
        if asleep:
            taken = next(sent.at for sent in theirs.sent if sent.what == "lease.json")
            assert taken - begun >= TERM.total_seconds(), theirs
            self.woke_up(its, late, meanwhile=when == MEANWHILE)

    def stop(self, sleeper: Machine) -> None:
        """Stop it at some moment, or at the point of writing something; returns also when it was too quick for that."""
        if self.dice.random() < 0.4:
            self.begin(sleeper)
            wait_for(lambda: sleeper.answered or self.holds(sleeper))
            time.sleep(self.dice.uniform(0, 0.8))
            sleeper.pause()
            time.sleep(0.2)  # what is on the wire arrives
        else:
            what = self.dice.choice(list(WRITES))
            number = self.dice.randint(2 if what == "lease.json" else 1, WRITES[what])
            self.begin(sleeper, Write(what, number))
            wait_for(lambda: sleeper.answered or sleeper.stopped)

    def holds(self, machine: Machine) -> bool:
        claim = self.watcher.lease()
        return claim is not None and claim["owner"] == machine.host

    def woke_up(self, its: Answer, late: list[Sent], *, meanwhile: bool) -> None:
        """It stopped at its next look at the lease: all it still wrote was under way before."""
        self.late.update(f"{s.what} {'accepted' if s.accepted else 'refused'}" for s in late)
        documents = [sent.what for sent in late if sent.what in DOCUMENTS]
        assert len(documents) <= len(REGIONS), its
        assert len(set(documents)) <= 1, its
        accepted = Counter(sent.what for sent in late if sent.accepted)
        assert not accepted["lease.json"], its
        assert meanwhile or accepted.keys() <= HARMLESS, its
        self.count[error_of(its) or "had done all"] += 1
        if its.ran.code == BUSY:
            assert error_of(its) in LOST, its
        else:  # all that was left to do was to give the lease back
            assert its.ran.code == DONE, its
            assert {sent.what for sent in late} <= {"lease.json", *HARMLESS}, its

    def agree(self, when: str) -> None:
        """One ordinary run later everything agrees."""
        for words in (APPLY, ("verify",), ("plan", "--detailed-exitcode")):
            self.ok(*words)
        assert self.watcher.lease() is None, when
        (body,) = {self.place.jwks(name) for name in REGIONS}
        orders = [json.loads(self.place.signing(name) or b"") for name in REGIONS]
        assert len({(order["active"]["kid"], order["generation"]) for order in orders}) == 1, when
        keys = self.history()
        active = [key["kid"] for key in keys if key["phase"] == "active"]
        assert active == [orders[0]["active"]["kid"]], when
        served = [key for key in keys if key["phase"] != "removed"]
        assert list(key_set(body or b"")) == [key["kid"] for key in served], when
        known = {str(key["generation"]) for key in keys}
        kept = self.place.pems().keys() & known
        assert kept == {str(key["generation"]) for key in served}, when
        assert self.watcher.wrong == [], when

    def nothing_was_lost(self) -> None:
        """The log is whole and has every moment of every key; no key that was ever served is forgotten."""
        self.ok("audit", "--verify")
        log = json.loads(self.ok("audit", "--json"))["records"]
        logged = {(record["event"], record["facts"].get("kid")) for record in log}
        keys = self.history()
        moments = {(n, key["kid"]) for key in keys for n in key if n.endswith("_at") and key[n]}
        assert moments <= logged
        assert self.watcher.kids <= {key["kid"] for key in keys}

    def ok(self, *words: str) -> str:
        """A command of the third host that must succeed; its stdout."""
        ran = self.third.run(*words)
        assert ran.code == DONE, (words, ran)
        return ran.out

    def history(self) -> list[dict[str, Any]]:
        (issuer,) = json.loads(self.ok("history", "--json"))["issuers"]
        keys: list[dict[str, Any]] = issuer["keys"]
        return keys


BeginLife = Callable[[int], AbstractContextManager[Life]]


@pytest.fixture
def begin_life(s3_place: Callable[..., Place], seaweedfs_endpoint: S3Endpoint) -> BeginLife:
    """Begin a life: a place with its state in the first region's bucket, three hosts, and the watcher."""

    @contextmanager
    def begin(seed: int) -> Iterator[Life]:
        place = s3_place(seaweedfs_endpoint, name=f"life-{seed}", **POLICY)
        first = place.buckets[REGIONS[0]]
        aws = place.config["regions"][REGIONS[0]]["aws"]
        where = {"kind": "s3", "bucket": first.name, "prefix": f"{first.folder}/state"}
        place.config["state"] = {**where, "aws": aws}
        clock = SharedClock.new()
        left, right = Machine(place, clock, "left", SECOND), Machine(place, clock, "right", -SECOND)
        third = Machine(place, clock, "third")
        with Watcher(place, clock.now) as watcher:
            life = Life(place, watcher, random.Random(seed), clock, left, right, third)
            try:
                yield life
            finally:
                for machine in (life.left, life.right, life.third):
                    machine.kill()

    return begin


def live(life: Life, rounds: int) -> None:
    """Round after round, in turn a race and one where one of them sleeps."""
    for number in range(rounds):
        if number % 2:
            life.one_sleeps()
        else:
            life.race()
        life.agree(f"after round {number}")
        life.clock.advance(life.dice.choice(LATER))
    life.nothing_was_lost()


def test_fifty_rounds(begin_life: BeginLife) -> None:
    """Two lives side by side, since most of the time is spent waiting for a term to pass."""
    with begin_life(1) as one, begin_life(2) as other:
        both = one, other
        with ThreadPoolExecutor(len(both)) as pool:
            list(pool.map(lambda life: live(life, 25), both))
    count, late = one.count + other.count, one.late + other.late
    assert min(count[when] for when in WAKING) >= 3, count
    assert count["E_LEASE_LOST"] >= 10, count
    assert count["E_LEASE_HELD"] >= 1, count
    assert sum(late[f"{what} {end}"] for what in DOCUMENTS for end in ENDS) >= 3, late
    assert min(life.watcher.looks for life in both) > 300


def test_a_switch_that_lands_late(begin_life: BeginLife) -> None:
    """The other run has planned that switch once more when the sleeper's own takes effect in every region."""
    with begin_life(3) as life:
        life.agree("after the first keys")
        life.clock.advance(11 * DAY)
        life.begin(life.left, Write("signing.json", 1))
        wait_for(lambda: life.left.stopped)
        life.begin(life.right, Write("jwks.json", 1))
        wait_for(lambda: life.right.stopped)
        woken = life.left.go_on()
        its = life.left.answer()
        late = [sent for sent in its.sent if sent.at >= woken]
        life.woke_up(its, late, meanwhile=True)
        assert life.late["signing.json accepted"] >= 1, its
        life.right.go_on()
        theirs = life.right.answer()
        assert theirs.ran.code == DONE, theirs
        life.agree("after the late switch")
        life.nothing_was_lost()


def test_killed_on_another_host(begin_life: BeginLife) -> None:
    """`kill -9` leaves the lease with nobody; the next run waits for one term and goes on by itself."""
    with begin_life(4) as life:
        for later, stop in KILLS:
            life.clock.advance(later)
            life.begin(life.left, stop)
            wait_for(lambda: life.left.stopped)
            life.left.kill()
            assert life.holds(life.left)
            begun = time.monotonic()
            applied = life.ok(*APPLY)
            assert time.monotonic() - begun >= TERM.total_seconds(), stop
            assert json.loads(applied)["results"], stop
            life.agree(f"after a kill before {stop}")
            life.left = life.left.again()
        life.nothing_was_lost()
