"""What other clocks say of this host's, and what may not happen while they disagree (design T11).

Switch, remove and destroy count time; publishing and repairs do not, and are stopped only where this host's own clock
is the one that is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from rotator.domain.clocks import Reading
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.plan import FindingKind, Gate, Reason, Severity, Wait
from rotator.domain.times import say
from rotator.planning.complaints import about, some
from rotator.planning.draft import Draft
from rotator.planning.situation import Situation

NTP = "ntp://"


@dataclass(frozen=True, slots=True)
class ClockTrouble:
    """Why nobody should count time now; `gate` is where it was seen."""

    gate: str
    code: Reason
    words: str


def judge_clock(target: str, reading: Reading, drift: timedelta) -> Check:
    """A reading as a check; the words say which way and how surely."""
    verdict = reading.verdict(drift)
    return Check(
        kind=CheckKind.CLOCK,
        target=target,
        verdict=verdict,
        detail=_words(reading, verdict, drift),
        clock_offset=reading.offset,
        clock_error=reading.error,
    )


def clock_trouble(situation: Situation) -> ClockTrouble | None:
    """The first clock that is off or cannot be known, None where those that there are agree with this host's."""
    looked = tuple(_clocks(situation))
    for verdict, code in (
        (Verdict.FAIL, Reason.CLOCK_APART),
        (Verdict.UNKNOWN, Reason.CLOCK_UNKNOWN),
    ):
        for gate, check in looked:
            if check.verdict is verdict:
                return ClockTrouble(gate, code, f"the clock of {gate}: {check.detail}")
    silent = _all_silent(situation) if not looked else None
    if silent:
        words = f"no URL answered, so nobody can say whether this host's clock is right: {silent}"
        return ClockTrouble(silent, Reason.CLOCK_UNKNOWN, words)
    return None


def own_clock_wrong(situation: Situation) -> str | None:
    """Why this host's own clock is taken for the wrong one, None where it is not.

    An NTP server says so, or most gates do (two at least) and agree with each other. Verifiers have no voice in it: their
    clocks are their own, and may be wrong where their region's is right.
    """
    looked = [(gate, c) for gate, c in _fresh(situation) if c.kind is CheckKind.CLOCK]
    by_ntp = next(
        (c for _, c in looked if c.target.startswith(NTP) and c.verdict is Verdict.FAIL), None
    )
    if by_ntp:
        server = f"NTP server {by_ntp.target.removeprefix(NTP)}"
        return f"this host's clock is wrong: {_away(by_ntp.clock_offset or timedelta())} {server}"
    offsets = {gate: c.clock_offset for gate, c in looked if c.clock_offset is not None}
    off = {gate: c.clock_offset for gate, c in looked if c.verdict is Verdict.FAIL}
    values = [offset for offset in off.values() if offset is not None]
    if len(values) < 2 or 2 * len(values) <= len(offsets):
        return None
    if max(values) - min(values) > 2 * max(situation.policy.max_clock_drift, timedelta(seconds=5)):
        return None
    return f"this host's clock is the odd one out: {_away(values[0])} that of {some(list(off))}"


def report_clocks(situation: Situation, draft: Draft) -> None:
    """Name every clock that is off, also while nothing is due."""
    for gate, check in _clocks(situation):
        if check.verdict is Verdict.FAIL:
            draft.find(FindingKind.CLOCK, Severity.ERROR, f"its clock is {check.detail}", gate)


def clock_wait(situation: Situation, kind: str, kid: str) -> Wait | None:
    """The wait of a step that counts time, while clocks disagree or are unknown."""
    trouble = clock_trouble(situation)
    if trouble is None:
        return None
    wait = Wait(kind, Gate.EVIDENCE, trouble.code, trouble.words, kid=kid, blocked=True)
    return replace(wait, region=trouble.gate)


def _clocks(situation: Situation) -> Iterator[tuple[str, Check]]:
    """Every clock that was looked at freshly: those of gates, and those that verifiers report."""
    for gate, check in _fresh(situation):
        if check.kind is CheckKind.CLOCK:
            yield gate, check
        elif check.kind is CheckKind.VERIFIER and (own := _reported(check, situation)):
            yield gate, own


def _fresh(situation: Situation) -> Iterator[tuple[str, Check]]:
    """The checks of every gate that was looked at lately."""
    for gate in situation.setup.gates():
        look = situation.evidence.looks.get(gate)
        if look and situation.now - look.at <= situation.policy.evidence_freshness:
            yield from ((gate, check) for check in look.checks)


def _reported(check: Check, situation: Situation) -> Check | None:
    """The clock that a verifier reports, where it is surely off; what is not sure is no reason to stop."""
    if check.clock_offset is None:
        return None
    reading = Reading(
        check.target,
        f"the report of {check.target}",
        check.clock_offset,
        check.clock_error or timedelta(),
    )
    judged = judge_clock(check.target, reading, situation.policy.max_clock_drift)
    return judged if judged.verdict is Verdict.FAIL else None


def _all_silent(situation: Situation) -> str | None:
    """A gate whose URL gave no answer, where none of any gate's did."""
    looks = situation.evidence.looks
    urls = [
        (gate, check)
        for gate in situation.setup.gates()
        for check in (looks[gate].checks if gate in looks else ())
        if check.kind is CheckKind.HTTP
    ]
    silent = [gate for gate, check in urls if check.verdict is Verdict.UNKNOWN]
    return silent[0] if silent and len(silent) == len(urls) else None


def _away(offset: timedelta) -> str:
    """Where this host's clock stands, of which another one is ahead by `offset`."""
    return f"{about(abs(offset))} {'behind' if offset > timedelta() else 'ahead of'}"


def _words(reading: Reading, verdict: Verdict, drift: timedelta) -> str:
    match verdict:
        case Verdict.PASS:
            return ""
        case Verdict.FAIL:
            away = about(abs(reading.offset))
            side = "ahead of" if reading.offset > timedelta() else "behind"
            return f"{away} {side} this host's, more than max_clock_drift {say(drift)} ({reading.words()})"
        case Verdict.UNKNOWN:
            return f"nobody can tell whether it is within max_clock_drift {say(drift)} ({reading.words()})"
        case _:
            assert_never(verdict)
