"""Somebody who is told what happens, and remembers it."""

from collections.abc import Sequence
from datetime import timedelta

from rotator.domain.notice import Notice, Topic
from rotator.errors import NotifyError


class RecordingNotifier:
    """Implements `ports.Notifier`; while `deaf` it takes nothing, after `hears` messages no more."""

    def __init__(
        self,
        name: str = "ops",
        topics: frozenset[Topic] = frozenset(Topic),
        *,
        repeat: timedelta = timedelta(days=1),
        at_once: int = 1,
    ) -> None:
        self.name = name
        self.topics = topics
        self.repeat = repeat
        self.at_once = at_once
        self.messages: list[tuple[Notice, ...]] = []
        self.deaf = False
        self.hears: int | None = None

    def send(self, notices: Sequence[Notice]) -> None:
        if self.deaf or len(self.messages) == self.hears:
            raise NotifyError("the message is not taken", detail="it answers 503")
        self.messages.append(tuple(notices))

    def heard(self) -> list[str]:
        """Course and message of every notice since this was asked last."""
        found = [f"{n.course}: {n.message}" for message in self.messages for n in message]
        self.messages.clear()
        return found
