"""Looks at other clocks (design T11): the `Date` of a URL or of a region's own document, and NTP servers."""

from collections.abc import Sequence
from datetime import timedelta

from rotator.app.urls import reading_of
from rotator.app.world import IssuerWorld, World
from rotator.domain.checks import ClockCheck
from rotator.domain.clocks import Reading, dated
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.errors import TargetError
from rotator.planning.clocks import judge_clock
from rotator.planning.judging import no_look
from rotator.ports import NoAnswer


def look_at_clock(
    world: World, issuer: IssuerWorld, region: str, spec: ClockCheck
) -> tuple[Check, ...]:
    """One check for each clock that the configuration names; one that cannot be read is unknown, not right.

    Where it names none, the clock of the region's public URL is looked at, or else of its own document's store.
    """
    looks: list[tuple[str, Reading | str]] = []
    ports = issuer.regions[region]
    url = spec.url or next(iter(() if spec.ntp else ports.public_urls), None)
    if url:
        looks.append((url, _by_url(world, url)))
    if spec.ntp:
        looks.append((f"ntp://{spec.ntp}", _by_ntp(world, spec.ntp)))
    if not looks:
        looks.append((ports.jwks.location, _by_document(world, issuer, region)))
    drift = issuer.setup.policy.max_clock_drift
    return tuple(
        no_look(CheckKind.CLOCK, target, read)
        if isinstance(read, str)
        else judge_clock(target, read, drift)
        for target, read in looks
    )


def clock_of_answers(readings: Sequence[Reading], drift: timedelta) -> Check | None:
    """What the `Date` of a gate's public URLs says; None where none came, or none is fine enough to tell."""
    checks = [judge_clock(reading.target, reading, drift) for reading in readings]
    told = [check for check in checks if check.verdict is not Verdict.UNKNOWN]
    return min(told, key=lambda check: check.verdict is Verdict.PASS, default=None)


def _by_url(world: World, url: str) -> Reading | str:
    began = world.clock.now()
    answer = world.probe.get(url)
    ended = world.clock.now()
    if isinstance(answer, NoAnswer):
        return answer.detail
    found = reading_of(url, answer.headers, ended, max(answer.latency, ended - began))
    return found or "its answer carries no Date"


def _by_ntp(world: World, server: str) -> Reading | str:
    answer = world.time.ntp(server)
    if isinstance(answer, NoAnswer):
        return answer.detail
    return Reading(server, f"NTP server {server}", answer.time - world.clock.now(), answer.error)


def _by_document(world: World, issuer: IssuerWorld, region: str) -> Reading | str:
    target, asked = issuer.regions[region].jwks, world.clock.now()
    try:
        stored = target.read()
    except TargetError as error:
        return error.message
    if stored is None or stored.server_date is None:
        return "nothing here says what time it is: give the check a url or an ntp server"
    answered = world.clock.now()
    return dated(target.location, stored.server_date, None, answered, answered - asked)
