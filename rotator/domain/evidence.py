"""What the checks saw and when: three-valued, kept beside the state, folded look by look (design T1–T3).

Unknown is never pass: it neither ends nor extends a run of passes, but it blocks until a fresh pass.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from rotator.domain.notice import Notice


class Verdict(StrEnum):
    """What a check says."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"


def worst(verdicts: list[Verdict]) -> Verdict:
    """One fail fails; otherwise one unknown (or no verdict at all) is unknown."""
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts and Verdict.UNKNOWN not in verdicts else Verdict.UNKNOWN


class CheckKind(StrEnum):
    """The kinds of checks (contract §3)."""

    ORIGIN = "origin"
    HTTP = "http"
    VERIFIER = "verifier"
    CLOCK = "clock"
    CANARY = "canary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check; `keys` says for each kid whether a verifier could load it from what was seen.

    `looked` is how many answers it sums up, `clock_error` bounds `clock_offset` on both sides, `uncacheable` says why
    nobody knows how long a copy lives, `expires` is the end of the URL's certificate, and `covers` names the configured
    verifiers that a verifier check speaks for (none: all). `held` are the kids that at least one of the verifiers holds.
    """

    kind: CheckKind
    target: str
    verdict: Verdict
    detail: str = ""
    kids: tuple[str, ...] = ()
    keys: Mapping[str, Verdict] = field(default_factory=dict)
    age: timedelta | None = None
    max_age: timedelta | None = None
    stale: timedelta | None = None
    latency: timedelta | None = None
    clock_offset: timedelta | None = None
    clock_error: timedelta | None = None
    foreign: tuple[str, ...] = ()
    looked: int = 1
    uncacheable: str | None = None
    expires: datetime | None = None
    covers: tuple[str, ...] = ()
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a gate (a region, or the issuer's own URL): its checks, side by side."""

    at: datetime
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> Verdict:
        """All checks together."""
        return worst([check.verdict for check in self.checks])

    def of_key(self, kid: str) -> Verdict:
        """Whether consumers can load `kid` here: the public URLs where there are any, else the origin."""
        return worst([check.keys.get(kid, Verdict.UNKNOWN) for check in self.probes()])

    def clocks(self) -> tuple[Check, ...]:
        """The checks that say what time it is."""
        return tuple(check for check in self.checks if check.kind is CheckKind.CLOCK)

    def probes(self) -> tuple[Check, ...]:
        """The checks that decide the lead (design T1)."""
        public = tuple(c for c in self.checks if c.kind is CheckKind.HTTP)
        return public or tuple(c for c in self.checks if c.kind is CheckKind.ORIGIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One key at one gate: the present run of passes, what saw it begin, how long the signing target has named another key."""

    verdict: Verdict = Verdict.UNKNOWN
    checked_at: datetime | None = None
    visible_since: datetime | None = None
    passes: int = 0
    away_since: datetime | None = None
    seen_by: str = ""


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """Where and when a key that rotator does not own was seen first."""

    gate: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StalenessMark:
    """A staleness W that was in force at a gate until `until` (a watermark, design §4)."""

    staleness: timedelta
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything seen of one issuer. Keys of the maps are gate names; of `sightings`, gate then kid; of `foreign`, kids.

    `told` is what others were told of it (`notice.Told`), `applied_at` when the last apply began that left nothing undone.
    """

    issuer: str
    sightings: Mapping[str, Mapping[str, Sighting]] = field(default_factory=dict)
    looks: Mapping[str, Look] = field(default_factory=dict)
    marks: Mapping[str, tuple[StalenessMark, ...]] = field(default_factory=dict)
    failed_before: Mapping[str, datetime] = field(default_factory=dict)
    foreign: Mapping[str, FirstSeen] = field(default_factory=dict)
    told: Mapping[str, Mapping[str, Notice]] = field(default_factory=dict)
    applied_at: datetime | None = None

    def sighting(self, gate: str, kid: str) -> Sighting:
        """What is known of a key at a gate; an empty sighting when nothing is."""
        return self.sightings.get(gate, {}).get(kid, Sighting())


def fold_look(evidence: Evidence, gate: str, look: Look, kids: tuple[str, ...]) -> Evidence:
    """The evidence after a look at a gate, for every kid that the state knows."""
    failed = dict(evidence.failed_before)
    looks = {**evidence.looks, gate: look}
    dated = _is_dated(looks, gate)
    seen = {kid: _after(evidence.sighting(gate, kid), look, kid, dated=dated) for kid in kids}
    # Silence may have been a 404 that somebody else was answered with.
    if any(c.kind is CheckKind.HTTP and c.verdict is not Verdict.PASS for c in look.checks):
        failed[gate] = look.at
    return replace(
        evidence,
        sightings={**evidence.sightings, gate: {**evidence.sightings.get(gate, {}), **seen}},
        looks=looks,
        failed_before=failed,
        foreign=_first_seen(evidence.foreign, looks, FirstSeen(gate, look.at)),
    )


def _is_dated(looks: Mapping[str, Look], gate: str) -> bool:
    """Whether no clock contradicts the moment of the last look at a gate; one that heard no clock goes by the others'.

    A lead that begins by a clock that is behind would be over too early.
    """
    own = looks[gate].clocks() if gate in looks else ()
    others = (clock for look in looks.values() for clock in look.clocks())
    return all(clock.verdict is not Verdict.FAIL for clock in own or others)


def only_gates(evidence: Evidence, gates: Collection[str]) -> Evidence:
    """The evidence without looks at gates that left the configuration: what was seen there last is not true for ever."""
    looks = {gate: look for gate, look in evidence.looks.items() if gate in gates}
    return replace(evidence, looks=looks)


def _first_seen(
    before: Mapping[str, FirstSeen], looks: Mapping[str, Look], now: FirstSeen
) -> Mapping[str, FirstSeen]:
    """Where each key that is foreign at some gate now was seen first; one that is gone everywhere is forgotten."""
    seen = [kid for look in looks.values() for check in look.checks for kid in check.foreign]
    return {kid: before.get(kid, now) for kid in dict.fromkeys(seen)}


def begun_anew(evidence: Evidence) -> Evidence:
    """Every lead and every wait for dead tokens begins with the next look (design I8).

    What only makes them longer stays: copies made under an earlier staleness live on whatever the state says. So does
    what others were told.
    """
    return replace(evidence, sightings={}, looks={}, applied_at=None)


def end_runs(evidence: Evidence, gate: str) -> Evidence:
    """The lead starts again at a gate: a write there was not ours, or a repair (design T1)."""
    ended = {
        kid: replace(sighting, visible_since=None, passes=0, seen_by="")
        for kid, sighting in evidence.sightings.get(gate, {}).items()
    }
    return replace(evidence, sightings={**evidence.sightings, gate: ended})


def fold_signing(
    evidence: Evidence, region: str, named: Collection[str], kids: tuple[str, ...], at: datetime
) -> Evidence:
    """The evidence after a read of a region's signing target and alias, which name `named` (design T3).

    Nothing begins at a moment that a clock contradicts: a key would be removed too early.
    """
    seen, begins = {}, at if _is_dated(evidence.looks, region) else None
    for kid in kids:
        sighting = evidence.sighting(region, kid)
        since = sighting.away_since
        away = None if kid in named else min(since, at) if since and begins else since or begins
        seen[kid] = replace(sighting, away_since=away)
    return replace(
        evidence,
        sightings={**evidence.sightings, region: {**evidence.sightings.get(region, {}), **seen}},
    )


_DRIFT_MAX = timedelta(seconds=120)
"""No ε is longer (design T7); T1 counts it on top of every staleness."""


def fold_staleness(evidence: Evidence, gate: str, staleness: timedelta, at: datetime) -> Evidence:
    """Record the W in force at a gate; the one before it counts as in force until now, and dies after its own length."""
    marks = list(evidence.marks.get(gate, ()))
    if marks and gate in evidence.looks and not _is_dated(evidence.looks, gate):
        # Nobody knows when this is: the longer one counts as in force until a look that somebody can date.
        longer = max(marks[-1].staleness, staleness)
        marks[-1] = StalenessMark(longer, marks[-1].until)
        return replace(evidence, marks={**evidence.marks, gate: tuple(marks)})
    until = (
        max(at, marks[-1].until) if marks else at
    )  # a clock that went back takes nothing out of force
    if marks:
        marks[-1] = StalenessMark(marks[-1].staleness, until)
    if not marks or marks[-1].staleness != staleness:
        marks.append(StalenessMark(staleness, until))
    alive = tuple(mark for mark in marks[:-1] if mark.until + mark.staleness + _DRIFT_MAX > at)
    return replace(evidence, marks={**evidence.marks, gate: (*alive, marks[-1])})


def _after(before: Sighting, look: Look, kid: str, *, dated: bool) -> Sighting:
    verdict, at = look.of_key(kid), look.at
    seen = replace(before, verdict=verdict, checked_at=at, passes=0)
    match verdict:
        case Verdict.PASS:
            passed = replace(seen, passes=before.passes + 1)
            begun = before.visible_since and before.visible_since <= at
            if begun or not dated:
                return passed
            probes = ", ".join(check.target for check in look.probes())
            return replace(passed, visible_since=at, seen_by=probes)
        case Verdict.FAIL:
            return replace(seen, visible_since=None, seen_by="")
        case Verdict.UNKNOWN:
            return seen
        case _:
            assert_never(verdict)
