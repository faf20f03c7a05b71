"""Who is told what goes on."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from rotator.domain.audit import Fact
from rotator.domain.notice import Notice, Topic


class Reporter(Protocol):
    """Tells a person or a log what goes on, on stderr. Never fails, never stops anything.

    `facts` is the same for programs: issuer, region, kid, step, reason_code, code. They repeat what the message says, and
    are never secret.
    """

    def progress(self, message: str, **facts: Fact) -> None:
        """Something that is being done."""
        ...

    def warn(self, message: str, **facts: Fact) -> None:
        """Something that should be looked at."""
        ...


class Notifier(Protocol):
    """One place that is told what happens: a webhook, a chat."""

    @property
    def name(self) -> str:
        """What it is called in the configuration, in messages and in what is remembered of it; nothing secret."""
        ...

    @property
    def topics(self) -> frozenset[Topic]:
        """What it wants to hear of."""
        ...

    @property
    def repeat(self) -> timedelta:
        """How long after a condition was told it is told again, while it lasts."""
        ...

    @property
    def at_once(self) -> int:
        """How many notices one message holds."""
        ...

    def send(self, notices: Sequence[Notice]) -> None:
        """Tell at most `at_once` notices, trying a few times. Raises NotifyError."""
        ...
