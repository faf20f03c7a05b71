"""A crontab line as triggers of APScheduler, with the meaning that crontab(5) gives it.

APScheduler 3 counts weekdays from Monday and wants both the day of the month and the day of the week to fit; in a crontab
0 and 7 are Sunday, and where neither of the two fields begins with a star, either is enough.
"""

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_FIELDS: Final = ("minute", "hour", "day", "month", "day_of_week")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART: Final = re.compile(r"(\*|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/([0-9]+))?", re.ASCII)
_INSTANT: Final = timedelta(microseconds=1)


class CronTime:
    """The moments of one crontab line in a time zone; raises ValueError for one that has no meaning or no moment."""

    def __init__(self, line: str, zone: ZoneInfo) -> None:
        """`line` has five fields."""
        self.line = line
        self._triggers = tuple(_trigger(fields, zone) for fields in _readings(line))

    def after(self, moment: datetime) -> datetime | None:
        """The first of its moments later than `moment`, None when there is none any more.

        A wall clock that skips an hour makes it an hour later, one that repeats an hour makes it twice (apply may).
        """
        later = moment + _INSTANT
        found = [trigger.get_next_fire_time(None, later) for trigger in self._triggers]
        return min((at for at in found if at is not None), default=None)


def _readings(line: str) -> list[dict[str, str]]:
    """The line as fields of a trigger; twice where either of its days is enough."""
    texts = line.lower().split()
    if len(texts) != len(_FIELDS):
        raise ValueError(f"five fields expected, not {len(texts)}: minute hour day month weekday")
    for name, text in zip(_FIELDS, texts, strict=True):
        if not all(_PART.fullmatch(part) for part in text.split(",")):
            raise ValueError(f"{text!r} is no {name.replace('_', ' ')} of a crontab")
    fields = dict(zip(_FIELDS, texts, strict=True))
    fields["day_of_week"] = _weekdays(texts[-1])
    if texts[2].startswith("*") or texts[-1].startswith("*"):
        return [fields]
    return [{**fields, "day_of_week": "*"}, {**fields, "day": "*"}]


def _trigger(fields: dict[str, str], zone: ZoneInfo) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger(**fields, timezone=zone)


def _weekdays(text: str) -> str:
    """The days by name, which every version of APScheduler takes to mean the same."""
    days = sorted({day % 7 for part in text.split(",") for day in _days_of(part)})
    return "*" if len(days) == len(_DAYS) else ",".join(_DAYS[day] for day in days)


def _days_of(part: str) -> range:
    """The days of `1-5`, `mon`, `*/2`: from 0 to 7, both of which are Sunday."""
    days, _, step = part.partition("/")
    first, _, last = ("0", "", "6") if days == "*" else days.partition("-")
    begin = _day(first)
    end = _day(last) if last else (6 if step else begin)
    if end == 0 and last:  # mon-sun
        end = 7
    if begin > end or step == "0":
        raise ValueError(f"{part!r} is no range of weekdays")
    return range(begin, end + 1, int(step or 1))


def _day(text: str) -> int:
    if text in _DAYS:
        return _DAYS.index(text)
    if text.isdigit() and int(text) <= len(_DAYS):
        return int(text)
    raise ValueError(f"{text!r} is no weekday: sun to sat, or 0 to 7")
