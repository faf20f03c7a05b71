"""Looks at one issuer's regions and URLs, all side by side; what does not answer becomes data, not an exception."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar, assert_never

from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.evidence import Check, CheckKind, Look
from rotator.domain.inventory import Absent, JwksRead, RegionView, SigningRead, Unavailable
from rotator.domain.jwks import parse
from rotator.domain.policy import JWKS_URL
from rotator.domain.signing import parse_signing
from rotator.domain.state import IssuerState
from rotator.errors import TargetError
from rotator.planning.judging import Expected, expected_at, judge_http, judge_origin, no_look
from rotator.ports import DocumentTarget, HttpAnswer, NoAnswer, Probe, Stored

A = TypeVar("A")
B = TypeVar("B")

MOST_AT_ONCE = 64
"""Threads of one fan-out; each waits on one region."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What one gate answered: both documents (None for the issuer's own URL), and each public URL."""

    view: RegionView | None
    answers: tuple[tuple[str, HttpAnswer | NoAnswer], ...]


def side_by_side(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """`work` on all items at once; results in order, the first exception raised after all have ended."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(len(items), MOST_AT_ONCE)) as pool:
        return list(pool.map(work, items))


def glance_at_all(world: World, issuer: IssuerWorld) -> dict[str, Glance]:
    """One glance at every gate: documents and URLs of all regions side by side."""
    jobs: list[tuple[str, Callable[[], object]]] = []
    for name, region in issuer.regions.items():
        jobs.extend(_jobs_of(world.probe, name, region))
    if issuer.jwks_url:
        jobs.append((JWKS_URL, _probe_job(world.probe, issuer.jwks_url)))
    results = side_by_side(lambda job: job[1](), jobs)
    found = {
        name: [r for (gate, _), r in zip(jobs, results, strict=True) if gate == name]
        for name, _ in jobs
    }
    return {name: _glance(parts) for name, parts in found.items()}


def read_view(region: RegionPorts) -> RegionView:
    """Both documents of one region, as they are now."""
    jwks, signing = side_by_side(_read, (region.jwks, region.signing))
    return _view(jwks, signing)


def look_of(
    world: World, issuer: IssuerWorld, state: IssuerState, gate: str, glance: Glance
) -> Look:
    """The checks that a glance amounts to."""
    now = world.clock.now()
    expected = expected_at(issuer.setup, state, gate, now)
    checks = [_judge(url, answer, expected) for url, answer in glance.answers]
    if glance.view is not None:
        checks.insert(0, _judge_view(issuer.regions[gate].jwks.location, glance.view, expected))
    return Look(now, tuple(checks))


def _jobs_of(
    probe: Probe, name: str, region: RegionPorts
) -> list[tuple[str, Callable[[], object]]]:
    targets = [(name, _read_job(target)) for target in (region.jwks, region.signing)]
    return [*targets, *((name, _probe_job(probe, url)) for url in region.public_urls)]


def _read_job(target: DocumentTarget) -> Callable[[], object]:
    return lambda: _read(target)


def _probe_job(probe: Probe, url: str) -> Callable[[], object]:
    return lambda: (url, probe.get(url))


def _glance(parts: list[object]) -> Glance:
    """Puts the results of one gate together again: two reads first where it is a region, then its URLs."""
    match parts:
        case [
            (Stored() | Absent() | Unavailable()) as jwks,
            (Stored() | Absent() | Unavailable()) as signing,
            *urls,
        ]:
            return Glance(_view(jwks, signing), tuple(_answer(url) for url in urls))
        case urls:
            return Glance(None, tuple(_answer(url) for url in urls))


def _answer(part: object) -> tuple[str, HttpAnswer | NoAnswer]:
    match part:
        case (str() as url, (HttpAnswer() | NoAnswer()) as answer):
            return url, answer
        case _:
            raise TypeError(part)


def _read(target: DocumentTarget) -> Stored | Absent | Unavailable:
    try:
        return target.read() or Absent()
    except TargetError as error:
        return Unavailable(
            error.code, f"{error.message} ({error.detail})" if error.detail else error.message
        )


def _view(
    jwks: Stored | Absent | Unavailable, signing: Stored | Absent | Unavailable
) -> RegionView:
    return RegionView(
        JwksRead(jwks.etag, jwks.body, parse(jwks.body)) if isinstance(jwks, Stored) else jwks,
        SigningRead(signing.etag, signing.body, parse_signing(signing.body))
        if isinstance(signing, Stored)
        else signing,
    )


def _judge_view(location: str, view: RegionView, expected: Expected) -> Check:
    match view.jwks:
        case Unavailable(_, detail):
            return no_look(CheckKind.ORIGIN, location, detail)
        case Absent():
            return judge_origin(location, None, expected)
        case JwksRead(_, _, document):
            return judge_origin(location, document, expected)
        case _:
            assert_never(view.jwks)


def _judge(url: str, answer: HttpAnswer | NoAnswer, expected: Expected) -> Check:
    match answer:
        case NoAnswer(detail):
            return no_look(CheckKind.HTTP, url, detail)
        case HttpAnswer(status, headers, body, truncated, latency):
            return judge_http(url, status, headers, None if truncated else body, expected, latency)
        case _:
            assert_never(answer)
