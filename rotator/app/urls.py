"""One look at a public URL: every address that its name has, over fresh connections, as often as its check says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from rotator.app.addresses import passed_over
from rotator.app.parallel import side_by_side
from rotator.domain.checks import HttpCheck
from rotator.domain.clocks import Reading, dated, parse_date
from rotator.domain.evidence import Check, CheckKind
from rotator.planning.answers import Answered, summed_up
from rotator.planning.judging import Expected, judge_http, no_look, seconds_of
from rotator.ports import Clock, HttpAnswer, NoAnswer, Probe


@dataclass(frozen=True, slots=True)
class UrlLook:
    """What a look at a URL came to, and what its answers say of the time."""

    check: Check
    readings: tuple[Reading, ...] = ()


def look_at_url(probe: Probe, clock: Clock, spec: HttpCheck, expected: Expected) -> UrlLook:
    """All addresses of the URL, each asked at least once and all together `samples` times, side by side."""
    found = spec.resolve or probe.addresses(spec.url)
    if isinstance(found, NoAnswer):
        return UrlLook(no_look(CheckKind.HTTP, spec.url, found.detail))
    asked = found * max(1, -(-spec.samples // len(found)))
    answers = side_by_side(lambda address: _ask(probe, clock, spec.url, address), asked)
    answered = any(isinstance(asked.answer, HttpAnswer) for asked in answers)
    counted = [a for a in answers if not _passed_over(spec.url, a, others=answered)]
    judged = [Answered(a.address, _judge(spec.url, a, expected)) for a in counted]
    readings = (_reading(spec.url, a) for a in counted)
    return UrlLook(summed_up(judged), tuple(r for r in readings if r))


@dataclass(frozen=True, slots=True)
class _Answer:
    """What an address answered, when, and after how long: a busy host notices an answer late."""

    address: str
    answer: HttpAnswer | NoAnswer
    at: datetime
    took: timedelta


def _ask(probe: Probe, clock: Clock, url: str, address: str) -> _Answer:
    began = clock.now()
    answer = probe.get(url, address=address)
    ended = clock.now()
    return _Answer(address, answer, ended, ended - began)


def _passed_over(url: str, asked: _Answer, *, others: bool) -> bool:
    silence = asked.answer if isinstance(asked.answer, NoAnswer) else None
    return passed_over(url, asked.address, silence, others=others)


def _judge(url: str, asked: _Answer, expected: Expected) -> Check:
    match asked.answer:
        case NoAnswer(detail):
            return no_look(CheckKind.HTTP, url, detail)
        case HttpAnswer(status, headers, body, truncated, latency, expires):
            whole = None if truncated else body
            return judge_http(url, status, headers, whole, expected, latency, expires)
        case _ as never:
            assert_never(never)


def _reading(url: str, asked: _Answer) -> Reading | None:
    if isinstance(asked.answer, NoAnswer):
        return None
    return reading_of(url, asked.answer.headers, asked.at, max(asked.took, asked.answer.latency))


def reading_of(
    target: str, headers: Mapping[str, str], answered: datetime, latency: timedelta
) -> Reading | None:
    """What an answer's headers say of the time, None where they say nothing."""
    date = parse_date(headers.get("date"))
    return dated(target, date, seconds_of(headers.get("age")), answered, latency) if date else None
