"""Regions in memory: the documents are a dictionary that a test may read and tamper with."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from rotator.domain.jwks import MAX_BYTES
from rotator.errors import TargetConflict, TargetDenied, TargetUnreachable, TargetUnsafe
from rotator.ports import Clock, Stored


class Fault(Enum):
    """What can go wrong with a region or with one write."""

    DOWN = auto()  # nothing answers; nothing happens
    DENIED = auto()  # it answers 403
    CONFLICT = auto()  # somebody else was faster
    ANSWER_LOST = auto()  # the write happens, its answer never comes


@dataclass
class MemoryRegion:
    """Where documents lie by key. `fault` holds for every request until it is set to None again."""

    name: str
    clock: Clock | None = None  # the region's own; its answers are dated by it
    documents: dict[str, bytes] = field(default_factory=dict)
    fault: Fault | None = None
    keeps_conditions: bool = True
    writes: list[tuple[str, bytes]] = field(default_factory=list)  # those that took effect
    reads: list[str] = field(default_factory=list)  # documents asked for, answered or not
    versions: dict[str, datetime] = field(
        default_factory=dict
    )  # when the oldest one kept was written
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def target(
        self, key: str, *, content_type: str | None = None, cache_control: str | None = None
    ) -> MemoryTarget:
        """Return one more handle on the document `key`."""
        return MemoryTarget(self, key, content_type, cache_control)

    def etag(self, key: str) -> str | None:
        """Return the ETag of what lies there now."""
        body = self.documents.get(key)
        return None if body is None else _etag(body)

    def swap(self, key: str, body: bytes, expected_etag: str | None) -> str:
        """Compare and swap, one writer at a time."""
        with self._lock:
            if self.keeps_conditions and self.etag(key) != expected_etag:
                raise TargetConflict(f"memory://{self.name}/{key} is another document by now")
            self.documents[key] = body
            self.writes.append((key, body))
            return _etag(body)


@dataclass
class MemoryTarget:
    """One document of a region. `next_writes` are faults for the coming writes, one each."""

    region: MemoryRegion
    key: str
    content_type: str | None = None
    cache_control: str | None = None
    next_writes: list[Fault] = field(default_factory=list)

    @property
    def location(self) -> str:
        return f"memory://{self.region.name}/{self.key}"

    def read(self) -> Stored | None:
        self.region.reads.append(self.key)
        self._meet(self.region.fault)
        body = self.region.documents.get(self.key)
        if body is None:
            return None
        date = self.region.clock.now() if self.region.clock else None
        cut = body[: MAX_BYTES + 1]
        return Stored(cut, _etag(body), self.content_type, self.cache_control, date)

    def write(self, body: bytes, expected_etag: str | None) -> str:
        fault = self.next_writes.pop(0) if self.next_writes else self.region.fault
        if fault is Fault.ANSWER_LOST:
            self.region.swap(self.key, body, expected_etag)
        self._meet(fault)
        return self.region.swap(self.key, body, expected_etag)

    def prove_conditional_writes(self) -> None:
        self._meet(self.region.fault)
        if not self.region.keeps_conditions:
            raise TargetUnsafe(f"{self.location} ignores conditions")

    def oldest_version(self) -> datetime | None:
        self._meet(self.region.fault)
        return self.region.versions.get(self.key)

    def _meet(self, fault: Fault | None) -> None:
        match fault:
            case Fault.DOWN:
                raise TargetUnreachable(f"cannot reach {self.location}", detail="it is down")
            case Fault.ANSWER_LOST:
                raise TargetUnreachable(f"cannot reach {self.location}", detail="effect unknown")
            case Fault.DENIED:
                raise TargetDenied(f"cannot use {self.location}", detail="403")
            case Fault.CONFLICT:
                raise TargetConflict(f"{self.location} is another document by now")
            case None:
                pass


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()}"'
