"""Ports with counting failpoints: every call has a name that is the same in every run, and one of them is fatal.

A name is `what#n`, n counted per `what` (`us-east-1 jwks write#2`), so that threads working regions side by side do
not change it. What happens at the fatal point is up to the caller: a real SIGKILL, or an exception.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn, TypeVar

from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.evidence import Evidence
from rotator.domain.jwk import Algorithm, PublicKey
from rotator.domain.keys import KeyHandle
from rotator.domain.state import IssuerState
from rotator.ports import (
    AliasTarget,
    AuditEntry,
    AuditRecord,
    DocumentTarget,
    ExistingHalf,
    Generated,
    Held,
    KeyControl,
    KeyName,
    KeyStore,
    Lease,
    StateStore,
    Stored,
)

T = TypeVar("T")

BEFORE, AFTER = "before", "after"


class KilledError(BaseException):
    """No handler for errors may catch it, as none can catch SIGKILL."""


def die() -> NoReturn:
    """Die, as far as the code that runs can tell."""
    raise KilledError


@dataclass
class Failpoints:
    """Counts calls; calls `die` before or after the one that is fatal (None: none), and at every later one.

    With `reads` False only calls that change something are points. `passed` lists the points in order, `changes`
    those that change something.
    """

    die: Callable[[], NoReturn]
    fatal: str | None = None
    when: str = BEFORE
    reads: bool = False
    passed: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _dead: bool = False

    def change(self, what: str, call: Callable[[], T]) -> T:
        """A call that changes something outside."""
        point = self._next(what)
        self.changes.append(point)
        self._die_if(point, BEFORE)
        result = call()
        self._die_if(point, AFTER)
        return result

    def look(self, what: str, call: Callable[[], T]) -> T:
        """A call that only reads: dying after it is dying before the next."""
        if self.reads:
            self._die_if(self._next(what), BEFORE)
        return call()

    def wrap(self, world: World) -> World:
        """The same world with failpoints around its state, its key stores and its targets."""
        issuers = tuple(map(self._pointed, world.issuers))
        return replace(world, state=PointedState(world.state, self), issuers=issuers)

    def _pointed(self, issuer: IssuerWorld) -> IssuerWorld:
        regions = {
            name: RegionPorts(
                PointedTarget(ports.jwks, self, f"{name} jwks"),
                PointedTarget(ports.signing, self, f"{name} signing"),
                ports.checks,
                PointedAlias(ports.alias, self, f"{name} alias") if ports.alias else None,
            )
            for name, ports in issuer.regions.items()
        }
        control = PointedControl(issuer.control, self) if issuer.control else None
        return replace(
            issuer, keys=PointedKeys(issuer.keys, self), regions=regions, control=control
        )

    def _next(self, what: str) -> str:
        with self._lock:
            self._counts[what] += 1
            point = f"{what}#{self._counts[what]}"
            self.passed.append(point)
        return point

    def _die_if(self, point: str, when: str) -> None:
        if self._dead or (point, when) == (self.fatal, self.when):
            self._dead = True
            self.die()


@dataclass(frozen=True)
class PointedTarget:
    """Implements `ports.DocumentTarget`."""

    inner: DocumentTarget
    points: Failpoints
    name: str

    @property
    def location(self) -> str:
        return self.inner.location

    def read(self) -> Stored | None:
        return self.points.look(f"{self.name} read", self.inner.read)

    def write(self, body: bytes, expected_etag: str | None) -> str:
        return self.points.change(
            f"{self.name} write", lambda: self.inner.write(body, expected_etag)
        )

    def oldest_version(self) -> datetime | None:
        return self.points.look(f"{self.name} versions", self.inner.oldest_version)

    def prove_conditional_writes(self) -> None:
        self.points.change(f"{self.name} prove", self.inner.prove_conditional_writes)


@dataclass(frozen=True)
class PointedAlias:
    """Implements `ports.AliasTarget`."""

    inner: AliasTarget
    points: Failpoints
    name: str

    @property
    def location(self) -> str:
        return self.inner.location

    def read(self) -> str | None:
        return self.points.look(f"{self.name} read", self.inner.read)

    def point(self, arn: str) -> None:
        self.points.change(f"{self.name} point", lambda: self.inner.point(arn))


@dataclass(frozen=True)
class PointedControl:
    """Implements `ports.KeyControl`."""

    inner: KeyControl
    points: Failpoints

    def replicate(self, handle: KeyHandle, aws_region: str) -> str:
        return self.points.change(
            f"{aws_region} replicate", lambda: self.inner.replicate(handle, aws_region)
        )

    def disable(self, handle: KeyHandle) -> None:
        self.points.change("keys disable", lambda: self.inner.disable(handle))

    def enable(self, handle: KeyHandle) -> None:
        self.points.change("keys enable", lambda: self.inner.enable(handle))


@dataclass(frozen=True)
class PointedKeys:
    """Implements `ports.KeyStore`."""

    inner: KeyStore
    points: Failpoints

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        def call() -> Generated:
            return self.inner.generate(name, algorithm, rsa_bits)

        return self.points.change("keys generate", call)

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        return self.points.change("keys take", lambda: self.inner.take(name, half, public))

    def find(self, name: KeyName) -> Generated | None:
        return self.points.look("keys find", lambda: self.inner.find(name))

    def all_of(self, issuer: str) -> Sequence[Held]:
        return self.points.look("keys all", lambda: self.inner.all_of(issuer))

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        where = f"{aws_region} keys" if aws_region else "keys"
        self.points.look(f"{where} prove", lambda: self.inner.prove(handle, aws_region))

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        return self.inner.sign(handle, algorithm, message, aws_region)

    def destroy(self, handle: KeyHandle) -> None:
        self.points.change("keys destroy", lambda: self.inner.destroy(handle))

    def warnings(self) -> tuple[str, ...]:
        return self.inner.warnings()


@dataclass(frozen=True)
class PointedState:
    """Implements `ports.StateStore`."""

    inner: StateStore
    points: Failpoints

    def load(self, issuer: str) -> IssuerState | None:
        return self.points.look("state load", lambda: self.inner.load(issuer))

    def save(self, lease: Lease, state: IssuerState, entries: Sequence[AuditEntry]) -> IssuerState:
        return self.points.change("state save", lambda: self.inner.save(lease, state, entries))

    def issuers(self) -> tuple[str, ...]:
        return self.inner.issuers()

    def load_evidence(self, issuer: str) -> Evidence:
        return self.points.look("evidence load", lambda: self.inner.load_evidence(issuer))

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        return self.points.change(
            "evidence save", lambda: self.inner.save_evidence(evidence, before)
        )

    def audit(self) -> Iterable[AuditRecord]:
        return self.inner.audit()

    def newest(self) -> Iterator[AuditRecord]:
        return self.inner.newest()

    def note(self, lease: Lease, entries: Sequence[AuditEntry]) -> None:
        self.points.change("log note", lambda: self.inner.note(lease, entries))

    def acquire(self, owner: str, term: timedelta, *, urgent: bool = False) -> Lease:
        return self.points.change(
            "lease acquire", lambda: self.inner.acquire(owner, term, urgent=urgent)
        )

    def renew(self, lease: Lease, term: timedelta) -> None:
        self.points.look("lease renew", lambda: self.inner.renew(lease, term))

    def release(self, lease: Lease) -> None:
        self.points.change("lease release", lambda: self.inner.release(lease))

    def holder(self) -> Lease | None:
        return self.inner.holder()

    def break_lease(self) -> Lease | None:
        return self.inner.break_lease()
