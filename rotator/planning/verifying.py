"""What running verifiers say of themselves → one check (design T2, T2b).

Each verifier is judged by the keys that it holds now. What it says about the age of its copy and about its clock
explains, and may take a pass away; it never makes one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from rotator.domain.clocks import Reading, signed
from rotator.domain.evidence import Check, CheckKind, Verdict, worst
from rotator.domain.jwks import MAX_BYTES, Unreadable
from rotator.domain.policy import IssuerSetup
from rotator.domain.times import say
from rotator.domain.verifier_health import (
    ReportedClock,
    VerifierIndex,
    VerifierReport,
    parse_verifier,
)
from rotator.planning.complaints import Complaint, about, in_words, some
from rotator.planning.holding import Holding
from rotator.planning.judging import Expected, seconds_of

STRANGE = 20
"""Unknown kids that are passed on; a report of junk may list thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verifier, judged; `kids` None where it did not say what it holds."""

    name: str
    complaints: tuple[Complaint, ...]
    keys: Mapping[str, Verdict] = field(default_factory=dict)
    kids: tuple[str, ...] | None = None
    foreign: tuple[str, ...] = ()
    age: timedelta | None = None
    latency: timedelta | None = None
    clock: Reading | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst of its keys and of what is said of it."""
        return worst([*self.keys.values(), *(said.verdict for said in self.complaints)])


def read_answer(
    status: int, headers: Mapping[str, str], body: bytes | None
) -> VerifierReport | VerifierIndex | Unreadable:
    """An HTTP answer as what it should be; `body` None when it was larger than the limit."""
    if status != 200:
        return Unreadable(f"answered {status}{', a redirect' if 300 <= status < 400 else ''}")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return Unreadable("came compressed, which was not asked for")
    if body is None:
        return Unreadable(f"larger than {MAX_BYTES // 1024} KiB")
    said = parse_verifier(body)
    age = seconds_of(headers.get("age"))
    if isinstance(said, VerifierReport) and age:
        return Unreadable(f"a cache answered with a report {say(age)} old: serve it with no-store")
    return said


def no_report(name: str, why: str, latency: timedelta | None = None) -> Judged:
    """A verifier of which nothing is known: something answered, but not with a report."""
    many = "gave no health document"
    return _nothing(name, Complaint(Verdict.UNKNOWN, f"{many}: {why}", many, why), latency)


def no_answer(name: str, why: str) -> Judged:
    """A verifier that did not answer."""
    many = "did not answer"
    return _nothing(name, Complaint(Verdict.UNKNOWN, f"{many}: {why}", many, why), None)


def judge_report(
    name: str,
    report: VerifierReport,
    setup: IssuerSetup,
    expected: Expected,
    answered: datetime,
    latency: timedelta,
) -> Judged:
    """A verifier's report, which came `latency` after it was asked for, at `answered`."""
    drift = setup.policy.max_clock_drift
    clock = _reading(name, report, answered, latency)
    off = tuple(_about_clock(clock, report.clock, drift))
    copies = report.copies_for(setup.url)
    if not copies:
        said = (_elsewhere(report, setup.url), *off)
        return Judged(name=name, complaints=said, latency=latency, clock=clock)
    held = Holding(copies, report.time, max(drift, report.resolution), expected)
    strange = held.strange()
    many = set(strange[STRANGE:])
    return Judged(
        name=name,
        complaints=(*held.complaints(), *off),
        keys=_believed(held.keys(), off),
        kids=tuple(kid for kid in held.kids() if kid not in many),
        foreign=strange[:STRANGE],
        age=held.age(),
        latency=latency,
        clock=clock,
    )


def _believed(keys: Mapping[str, Verdict], off: Sequence[Complaint]) -> Mapping[str, Verdict]:
    """A report of a doubtful clock makes no pass, also where the same verifier fails for another reason."""
    if all(said.verdict is not Verdict.UNKNOWN for said in off):
        return keys
    return {kid: worst([verdict, Verdict.UNKNOWN]) for kid, verdict in keys.items()}


def summed_up(
    target: str, judged: Sequence[Judged], expected: Expected, covers: tuple[str, ...]
) -> Check:
    """All verifiers behind one URL as one check; a key passes where every one of them holds it."""
    kids = [one.kids for one in judged if one.kids is not None]
    common = [kid for kid in kids[0] if all(kid in other for other in kids)] if kids else []
    clock = max((one.clock for one in judged if one.clock), key=_surely_off, default=None)
    said = [(one.name, complaint) for one in judged for complaint in one.complaints]
    return Check(
        kind=CheckKind.VERIFIER,
        target=target,
        verdict=worst([one.verdict for one in judged]),
        detail=in_words(said, len(judged)) or _nothing_expected(expected),
        kids=tuple(common),
        keys={
            key.kid: worst([one.keys.get(key.kid, Verdict.UNKNOWN) for one in judged])
            for key in expected.keys
        },
        foreign=tuple(dict.fromkeys(kid for one in judged for kid in one.foreign))[:STRANGE],
        age=_longest(one.age for one in judged),
        latency=_longest(one.latency for one in judged),
        clock_offset=clock.offset if clock else None,
        clock_error=clock.error if clock else None,
        looked=len(judged),
        covers=covers,
        held=tuple(dict.fromkeys(kid for some_kids in kids for kid in some_kids)),
    )


def _nothing(name: str, said: Complaint, latency: timedelta | None) -> Judged:
    return Judged(name=name, complaints=(said,), latency=latency)


def _nothing_expected(expected: Expected) -> str:
    return "" if expected.keys else "nothing was published yet"


def _elsewhere(report: VerifierReport, url: str) -> Complaint:
    """The issuer is not in the report: often a slash too many."""
    others = list(dict.fromkeys(copy.url for copy in report.copies))
    note = f"it checks those of {some(others)}" if others else "it names no issuer"
    what = f"check tokens of {url}"
    return Complaint(Verdict.UNKNOWN, f"does not {what} ({note})", f"do not {what}", note)


def _reading(name: str, report: VerifierReport, answered: datetime, latency: timedelta) -> Reading:
    """It wrote `time` some time between the question and the answer, and cut off what its resolution cannot say."""
    error = (latency + report.resolution) / 2
    written = report.time + report.resolution / 2
    return Reading(name, "its own report", written - (answered - latency / 2), error)


def _about_clock(clock: Reading, own: ReportedClock, drift: timedelta) -> Iterator[Complaint]:
    account = f"{signed(own.offset)} by its own account" if own.offset is not None else ""
    yield from _apart(clock, own, account, drift)
    if own.synchronised is False:
        note = ", ".join(part for part in (own.source, account) if part)
        one = f"its clock is not synchronised{f' ({note})' if note else ''}"
        yield Complaint(Verdict.UNKNOWN, one, "have a clock that is not synchronised", note)


def _apart(
    clock: Reading, own: ReportedClock, account: str, drift: timedelta
) -> Iterator[Complaint]:
    """What was measured decides; what the verifier says of its own clock can only contradict it."""
    measured = f"{signed(clock.offset)} ± {clock.error.total_seconds():.2f} s"
    match clock.verdict(drift):
        case Verdict.FAIL:
            ahead = clock.offset > timedelta()
            far = f"{about(abs(clock.offset))} {'ahead' if ahead else 'behind'}"
            old = "" if ahead else ", or its report is an old one"
            one = f"its clock is {far}{old}{f' ({account})' if account else ''}"
            many = f"have a clock that is off by more than {say(drift)}"
            yield Complaint(Verdict.FAIL, one, many, far)
        case Verdict.UNKNOWN:
            what = f"be off by more than {say(drift)}"
            one = f"its clock may {what} ({measured})"
            yield Complaint(Verdict.UNKNOWN, one, f"have a clock that may {what}", measured)
        case Verdict.PASS:
            if own.offset is not None and abs(own.offset) > drift:
                one = f"says that its clock is off ({account}), which by this host's clock it is not ({measured})"
                many = "say that their clocks are off, which by this host's clock they are not"
                yield Complaint(Verdict.UNKNOWN, one, many, signed(own.offset))
        case _ as never:
            assert_never(never)


def _surely_off(clock: Reading) -> timedelta:
    return abs(clock.offset) - clock.error


def _longest(values: Iterable[timedelta | None]) -> timedelta | None:
    return max((value for value in values if value is not None), default=None)
