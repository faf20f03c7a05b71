"""Looks at one issuer's regions and URLs, all checks of all of them side by side, and judges each where it is made.

Nothing larger than a verdict leaves a check, so that memory does not grow with the number of regions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import assert_never

from rotator.app.canary import look_with_canary
from rotator.app.clock_looks import clock_of_answers, look_at_clock
from rotator.app.parallel import side_by_side
from rotator.app.reads import NOTHING_KNOWN, Known, reads_of, view_of
from rotator.app.urls import UrlLook, look_at_url
from rotator.app.verifiers import look_at_verifiers
from rotator.app.world import IssuerWorld, World
from rotator.domain.checks import (
    CanaryCheck,
    CheckSpec,
    ClockCheck,
    HttpCheck,
    VerifierCheck,
)
from rotator.domain.clocks import Reading
from rotator.domain.evidence import Check, CheckKind, Look, Verdict
from rotator.domain.inventory import Absent, JwksRead, RegionView, Unavailable
from rotator.domain.plan import JwksStep, RepairJwks
from rotator.domain.policy import JWKS_URL
from rotator.domain.state import IssuerState
from rotator.planning.judging import Expected, expected_at, judge_origin, no_look, odd_headers


@dataclass(frozen=True, slots=True)
class Glance:
    """What one gate answered: the region (None for the issuer's own URL), and its checks."""

    view: RegionView | None
    look: Look


@dataclass(frozen=True, slots=True)
class _Job:
    """One request or check of a glance; `part` is a part of the region's view, or the number of a check."""

    gate: str
    part: str
    work: Callable[[], object]


def glance_at_all(
    world: World,
    issuer: IssuerWorld,
    state: IssuerState,
    known: Mapping[str, Known],
    *,
    versions: bool,
) -> dict[str, Glance]:
    """One glance at every gate: documents, aliases and checks of all regions side by side.

    `versions` asks for the oldest versions that are kept of the signing targets too.
    """
    now = world.clock.now()
    gates = (*issuer.regions, *((JWKS_URL,) if issuer.jwks_url else ()))
    expected = {gate: expected_at(issuer.setup, state, gate, now) for gate in gates}
    jobs = [
        job
        for gate in gates
        for job in _jobs(world, issuer, state, gate, expected[gate], known, versions=versions)
    ]
    results = side_by_side(lambda job: job.work(), jobs)
    found: dict[str, dict[str, object]] = {gate: {} for gate in gates}
    for job, result in zip(jobs, results, strict=True):
        found[job.gate][job.part] = result
    return {
        gate: _glance(world, issuer, state, gate, found[gate], expected[gate], known)
        for gate in gates
    }


def _jobs(
    world: World,
    issuer: IssuerWorld,
    state: IssuerState,
    gate: str,
    expected: Expected,
    known: Mapping[str, Known],
    *,
    versions: bool,
) -> Iterator[_Job]:
    if gate == JWKS_URL:
        own = HttpCheck(issuer.jwks_url or "")
        yield _Job(gate, "0", partial(look_at_url, world.probe, world.clock, own, expected))
        return
    ports = issuer.regions[gate]
    for read in reads_of(ports, known.get(gate, NOTHING_KNOWN), versions=versions):
        yield _Job(gate, read.part, read.work)
    for number, spec in enumerate(ports.checks):
        work = _work(world, issuer, state, gate, spec, expected)
        yield _Job(gate, str(number), work)


def _work(
    world: World,
    issuer: IssuerWorld,
    state: IssuerState,
    region: str,
    spec: CheckSpec,
    expected: Expected,
) -> Callable[[], object]:
    """What a check does; it takes as long as it takes, next to all others."""
    match spec:
        case HttpCheck():
            return partial(look_at_url, world.probe, world.clock, spec, expected)
        case VerifierCheck():
            return partial(
                look_at_verifiers, world.probe, world.clock, spec, issuer.setup, expected
            )
        case ClockCheck():
            return partial(look_at_clock, world, issuer, region, spec)
        case CanaryCheck():
            urls = issuer.regions[region].public_urls
            return partial(look_with_canary, world, issuer, state, region, spec, urls)
        case _:
            assert_never(spec)


def _glance(
    world: World,
    issuer: IssuerWorld,
    state: IssuerState,
    gate: str,
    found: Mapping[str, object],
    expected: Expected,
    known: Mapping[str, Known],
) -> Glance:
    checks, readings = _checks([result for part, result in found.items() if part.isdecimal()])
    dates = clock_of_answers(readings, issuer.setup.policy.max_clock_drift)
    view = None
    if gate != JWKS_URL:
        view = view_of(found, known.get(gate, NOTHING_KNOWN))
        checks.insert(0, _origin(issuer, state, gate, view, expected))
    # A clock that was asked for itself says more than a Date that came along, but for a wrong one.
    asked = any(check.kind is CheckKind.CLOCK for check in checks)
    if dates and (dates.verdict is Verdict.FAIL or not asked):
        checks.append(dates)
    return Glance(view, Look(world.clock.now(), tuple(checks)))


def _checks(results: Sequence[object]) -> tuple[list[Check], list[Reading]]:
    checks: list[Check] = []
    readings: list[Reading] = []
    for result in results:
        match result:
            case UrlLook(check, dates):
                checks.append(check)
                readings.extend(dates)
            case Check():
                checks.append(result)
            case tuple():
                checks.extend(check for check in result if isinstance(check, Check))
            case _:
                raise TypeError(result)
    return checks, readings


def _origin(
    issuer: IssuerWorld, state: IssuerState, region: str, view: RegionView, expected: Expected
) -> Check:
    location = issuer.regions[region].jwks.location
    match view.jwks:
        case Unavailable(_, detail):
            return no_look(CheckKind.ORIGIN, location, detail)
        case Absent():
            return judge_origin(location, None, expected)
        case JwksRead(_, _, document):
            setup = issuer.setup.region(region)
            odd = odd_headers(view.jwks, setup) if setup else ()
            strange = () if is_ours(state, region, view) else ("somebody else wrote it",)
            return judge_origin(location, document, expected, (*strange, *odd))
        case _:
            assert_never(view.jwks)


def is_ours(state: IssuerState, region: str, view: RegionView) -> bool:
    """Whether the region's document is the one that was written last, or one that an open intent was writing."""
    record = state.record(region)
    if (
        not isinstance(view.jwks, JwksRead)
        or not record.jwks_kids
        or view.jwks.etag == record.jwks_etag
    ):
        return True
    document = view.jwks_document()
    steps = state.intent.steps if state.intent else ()
    intended = [s.keys for s in steps if isinstance(s, JwksStep) and s.region == region]
    return document is not None and document.kids() in intended


def is_under_repair(state: IssuerState, region: str) -> bool:
    """Whether a run that died was putting the region's document back; nobody recorded yet whether it did."""
    steps = state.intent.steps if state.intent else ()
    return any(isinstance(step, RepairJwks) and step.region == region for step in steps)
