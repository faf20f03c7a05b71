"""Several answers of one URL into one check: the worst counts, and the words name which address gave it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.domain.evidence import Check, Verdict, worst
from rotator.planning.complaints import about

_NAMED = 3
"""Addresses that a sentence names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What one address answered, judged."""

    address: str
    check: Check


def summed_up(answers: Sequence[Answered]) -> Check:
    """All answers of one URL (one at least) as one check; a key passes where every answer held it."""
    checks = [answer.check for answer in answers]
    first = checks[0]
    kids = [check.kids for check in checks if check.keys]
    common = [kid for kid in kids[0] if all(kid in other for other in kids)] if kids else []
    expected = dict.fromkeys(kid for check in checks for kid in check.keys)
    return replace(
        first,
        verdict=worst([check.verdict for check in checks]),
        detail=_words(answers),
        kids=tuple(common),
        keys={k: worst([c.keys.get(k, Verdict.UNKNOWN) for c in checks]) for k in expected},
        foreign=tuple(dict.fromkeys(kid for check in checks for kid in check.foreign)),
        age=_longest(check.age for check in checks),
        max_age=_longest(check.max_age for check in checks),
        stale=_longest(check.stale for check in checks),
        latency=_longest(check.latency for check in checks),
        uncacheable=next((c.uncacheable for c in checks if c.uncacheable), None),
        expires=_soonest(check.expires for check in checks),
        looked=len(checks),
    )


def _words(answers: Sequence[Answered]) -> str:
    """What is wrong, each complaint with the addresses it came from unless all said the same."""
    said: dict[str, list[Answered]] = {}
    for answer in answers:
        said.setdefault(answer.check.detail, []).append(answer)
    if len(said) == 1:
        return _aged(answers)
    total = len({answer.address for answer in answers})
    return "; ".join(
        f"{_who([each.address for each in alike], total, len(answers))} {_aged(alike)}"
        for detail, alike in said.items()
        if detail
    )


def _aged(alike: Sequence[Answered]) -> str:
    """What several answers are blamed for alike; that it came out of a cache explains most of it."""
    check, oldest = alike[0].check, _longest(each.check.age for each in alike)
    return (
        f"{check.detail} (a copy {about(oldest)} old)" if check.detail and oldest else check.detail
    )


def _who(addresses: Sequence[str], total: int, answers: int) -> str:
    """`1 of 4 addresses (203.0.113.9)`, or of several answers that one address gave."""
    if total == 1:
        return f"{len(addresses)} of {answers} answers:"
    named = list(dict.fromkeys(addresses))
    more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
    return f"{len(named)} of {total} addresses ({', '.join(named[:_NAMED])}{more}):"


def _longest(values: Iterable[timedelta | None]) -> timedelta | None:
    return max((value for value in values if value is not None), default=None)


def _soonest(values: Iterable[datetime | None]) -> datetime | None:
    return min((value for value in values if value is not None), default=None)
