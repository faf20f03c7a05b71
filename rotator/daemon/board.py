"""What is known of the daemon at a moment, handed from the one thread that works to those that answer."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from rotator.daemon.work import Looked
from rotator.errors import Diagnostics


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How the runs of one kind (`apply`, `verify`) went: when the last one ended, when one went well, what went wrong.

    `error` None: the last one went well. `busy`: another rotator had the lease, which is as good.
    """

    at: datetime | None = None
    succeeded_at: datetime | None = None
    error: Diagnostics | None = None
    busy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of it. `beat` is when work was last seen to go on (monotonic seconds), `doing` what is under way.

    `refused` is why the configuration that was to be read again is not in force.
    """

    started_at: datetime
    beat: float
    doing: str = ""
    runs: Mapping[str, Ran] = field(default_factory=lambda: MappingProxyType({}))
    next_apply: datetime | None = None
    refused: Diagnostics | None = None
    looked: Looked | None = None

    def ran(self, kind: str) -> Ran:
        """The runs of that kind; none yet when there were none."""
        return self.runs.get(kind, Ran())


class Board:
    """Holds the facts. One thread changes them, any may read them: what is read is whole and does not change."""

    def __init__(self, started_at: datetime, beat: float) -> None:
        """Nothing has been done yet."""
        self._facts = Facts(started_at=started_at, beat=beat)
        self._lock = threading.Lock()

    @property
    def facts(self) -> Facts:
        """Everything as it is now."""
        return self._facts

    def put(self, **changes: Any) -> None:
        """Change some of it."""
        with self._lock:
            self._facts = replace(self._facts, **changes)

    def ran(self, kind: str, **changes: Any) -> None:
        """A run of that kind has ended."""
        with self._lock:
            after = replace(self._facts.ran(kind), **changes)
            self._facts = replace(self._facts, runs={**self._facts.runs, kind: after})
