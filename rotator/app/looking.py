"""Looks at one issuer's regions and URLs, all side by side; what does not answer becomes data, not an exception."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar, assert_never

from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.evidence import Check, CheckKind, Look
from rotator.domain.inventory import (
    Absent,
    AliasRead,
    JwksRead,
    RegionView,
    SigningRead,
    Unavailable,
)
from rotator.domain.jwks import parse
from rotator.domain.policy import JWKS_URL
from rotator.domain.signing import parse_signing
from rotator.domain.state import IssuerState
from rotator.errors import TargetDenied, TargetError, TargetMissing
from rotator.planning.judging import Expected, expected_at, judge_http, judge_origin, no_look
from rotator.ports import AliasTarget, DocumentTarget, HttpAnswer, NoAnswer, Probe, Stored

A = TypeVar("A")
B = TypeVar("B")

MOST_AT_ONCE = 64
"""Threads of one fan-out; each waits on one region."""


Reading = Stored | Absent | Unavailable
"""What reading a document came to."""

Answer = HttpAnswer | NoAnswer


@dataclass(frozen=True, slots=True)
class Glance:
    """What one gate answered: the region (None for the issuer's own URL), and each public URL."""

    view: RegionView | None
    answers: tuple[tuple[str, Answer], ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What need not be read of a region, since a listing told it already; None where it must be."""

    jwks: JwksRead | Absent | None = None
    signing: SigningRead | Absent | None = None
    alias: AliasRead | Absent | None = None


NOTHING_KNOWN = Known()


def side_by_side(work: Callable[[A], B], items: Sequence[A]) -> list[B]:
    """`work` on all items at once; results in order, the first exception raised after all have ended."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(len(items), MOST_AT_ONCE)) as pool:
        return list(pool.map(work, items))


def glance_at_all(
    world: World, issuer: IssuerWorld, known: Mapping[str, Known], *, versions: bool
) -> dict[str, Glance]:
    """One glance at every gate: documents, aliases and URLs of all regions side by side.

    `versions` asks for the oldest versions that are kept of the signing targets too.
    """
    jobs: list[_Job] = []
    for name, region in issuer.regions.items():
        jobs.extend(_reads(name, region, known.get(name, NOTHING_KNOWN), versions=versions))
        jobs.extend(_probes(world.probe, name, region.public_urls))
    if issuer.jwks_url:
        jobs.extend(_probes(world.probe, JWKS_URL, (issuer.jwks_url,)))
    results = side_by_side(lambda job: job.work(), jobs)
    found = {(job.gate, job.part): result for job, result in zip(jobs, results, strict=True)}
    return {
        gate: Glance(_view_of(gate, issuer, known, found), _answers(gate, found))
        for gate in dict.fromkeys((*issuer.regions, *(job.gate for job in jobs)))
    }


def read_view(region: RegionPorts) -> RegionView:
    """A region as it is now: both documents and the alias."""
    jobs = list(_reads("", region, NOTHING_KNOWN, versions=False))
    results = side_by_side(lambda job: job.work(), jobs)
    found = {job.part: result for job, result in zip(jobs, results, strict=True)}
    return _view(found, NOTHING_KNOWN)


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


@dataclass(frozen=True, slots=True)
class _Job:
    """One request of a glance; `part` is a part of the region's view, or a URL."""

    gate: str
    part: str
    work: Callable[[], object]


_PARTS = ("jwks", "signing", "alias", "oldest_signing")


def _reads(gate: str, region: RegionPorts, known: Known, *, versions: bool) -> Iterator[_Job]:
    if known.jwks is None:
        yield _Job(gate, "jwks", partial(_read, region.jwks))
    if known.signing is None:
        yield _Job(gate, "signing", partial(_read, region.signing))
    if region.alias and known.alias is None:
        yield _Job(gate, "alias", partial(_read_alias, region.alias))
    if versions:
        yield _Job(gate, "oldest_signing", partial(_oldest, region.signing))


def _probes(probe: Probe, gate: str, urls: Sequence[str]) -> Iterator[_Job]:
    return (_Job(gate, url, partial(probe.get, url)) for url in urls)


def _view_of(
    gate: str,
    issuer: IssuerWorld,
    known: Mapping[str, Known],
    found: Mapping[tuple[str, str], object],
) -> RegionView | None:
    if gate not in issuer.regions:
        return None
    parts = {part: found[gate, part] for part in _PARTS if (gate, part) in found}
    return _view(parts, known.get(gate, NOTHING_KNOWN))


def _view(parts: Mapping[str, object], known: Known) -> RegionView:
    jwks, signing, oldest = (parts.get(part) for part in ("jwks", "signing", "oldest_signing"))
    alias = parts.get("alias", known.alias)
    return RegionView(
        known.jwks or _as_jwks(jwks),
        known.signing or _as_signing(signing),
        alias if isinstance(alias, AliasRead | Absent | Unavailable) else None,
        oldest if isinstance(oldest, datetime) else None,
    )


def _as_jwks(read: object) -> JwksRead | Absent | Unavailable:
    match read:
        case Stored(body, etag):
            return JwksRead(etag, body, parse(body))
        case Absent() | Unavailable():
            return read
        case _:
            raise TypeError(read)


def _as_signing(read: object) -> SigningRead | Absent | Unavailable:
    match read:
        case Stored(body, etag):
            return SigningRead(etag, body, parse_signing(body))
        case Absent() | Unavailable():
            return read
        case _:
            raise TypeError(read)


def _answers(gate: str, found: Mapping[tuple[str, str], object]) -> tuple[tuple[str, Answer], ...]:
    return tuple(
        (part, answer)
        for (of, part), answer in found.items()
        if of == gate and isinstance(answer, HttpAnswer | NoAnswer)
    )


def _read(target: DocumentTarget) -> Reading:
    try:
        return target.read() or Absent()
    except TargetError as error:
        return _unavailable(error)


def _read_alias(alias: AliasTarget) -> AliasRead | Absent | Unavailable:
    try:
        arn = alias.read()
    except TargetError as error:
        return _unavailable(error)
    return AliasRead(arn) if arn else Absent()


def _oldest(target: DocumentTarget) -> datetime | None:
    try:
        return target.oldest_version()
    except TargetError:
        return None


def _unavailable(error: TargetError) -> Unavailable:
    words = f"{error.message} ({error.detail})" if error.detail else error.message
    # What is missing stays missing until somebody does something; what is down comes back by itself.
    if isinstance(error, TargetDenied | TargetMissing):
        words = f"{words}: {error.hint}"
    return Unavailable(error.code, words)


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
