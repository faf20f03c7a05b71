"""What is told to others when something happens, and what is remembered of having told it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rotator.domain.plan import Reason


class Topic(StrEnum):
    """What a notice is about."""

    SWITCH = "switch"
    GATE = "gate"
    OVERDUE = "overdue"
    FOREIGN_KEY = "foreign_key"
    REVOKE = "revoke"


class Course(StrEnum):
    """How it stands: a condition begins, lasts and is over; an event has happened."""

    BEGUN = "begun"
    LASTS = "lasts"
    OVER = "over"
    HAPPENED = "happened"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message to one reader; `about` names the condition or event within its issuer, `since` is when it began."""

    about: str
    topic: Topic
    course: Course
    issuer: str
    at: datetime
    since: datetime
    message: str
    runbook: str
    region: str | None = None
    kid: str | None = None
    reason_code: Reason | None = None

    @property
    def id(self) -> str:
        """The same for the same notice however often it is sent, so that a reader can drop the second."""
        moment = self.at if self.course is Course.LASTS else self.since
        told = f"{self.issuer}\n{self.about}\n{self.course.value}\n{moment.isoformat()}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]


Told = Mapping[str, Mapping[str, Notice]]
"""What was told last: by the name of who was told, then by what it was about."""


def told_by_both(one: Told, other: Told) -> Told:
    """What either of two remembers, the later of what both do: telling twice is better than never."""
    found: dict[str, dict[str, Notice]] = {}
    for told in (one, other):
        for name, notices in told.items():
            mine = found.setdefault(name, {})
            for about, notice in notices.items():
                if about not in mine or mine[about].at < notice.at:
                    mine[about] = notice
    return found
