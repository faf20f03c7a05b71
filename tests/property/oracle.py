"""Whether a switch may happen, worked out from what was answered and when (design T1, T2, T2b, T11, I7).

It shares nothing with rotator but the names of its configuration: no evidence, no timing, no parser, no planner.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

import jwt

from rotator.domain.checks import CanaryCheck, ClockCheck, VerifierCheck
from rotator.domain.policy import Policy, Special
from rotator.ports import HttpAnswer, NtpAnswer
from tests.property.histories import GATES, Heard, History, Repaired
from tests.scenarios.world import NAMES

SAMPLES = 2
"""Answers of one look at a URL."""
ZERO = timedelta()
_SECOND = timedelta(seconds=1)
_RESTART = {Special.UNBOUNDED, Special.MANUAL}
_STALE = ("stale-while-revalidate", "stale-if-error")
_MATERIAL = ("kty", "crv", "x", "y")


@dataclass(frozen=True)
class Looked:
    """One look at a gate. `ours`: nobody else had written the region's own document."""

    answers: tuple[Heard, ...]

    @property
    def at(self) -> datetime:
        return self.answers[-1].at

    @property
    def ours(self) -> bool:
        return all(heard.ours for heard in self.answers)

    def caches(self, policy: Policy) -> tuple[timedelta, timedelta]:
        """How long copies are fresh, and then stale: what is configured, or what these answers say."""
        said = [_directives(heard) for heard in self.answers]
        fresh = [told.get(name, ZERO) for told in said for name in ("max-age", "s-maxage")]
        stale = [told.get(name, ZERO) for told in said for name in _STALE]
        return max(policy.edge_cache, *fresh), max(ZERO, *stale)

    def staleness(self, policy: Policy) -> timedelta:
        """W."""
        edge, stale = self.caches(policy)
        times = {verifier.learns for verifier in policy.verifiers} - _RESTART
        slowest = max((_learns(time, edge) for time in times), default=ZERO)
        if not policy.verifiers:
            slowest = timedelta(hours=2)
        return policy.propagation + edge + slowest + stale + policy.safety_margin


@dataclass(frozen=True)
class Run:
    """What is known of a key at a gate after all looks: the run of passes, and whether the last look passed."""

    since: datetime | None = None
    passes: int = 0
    passed: bool = False


def complaints(history: History, kid: str) -> list[str]:
    """Why a switch to the key must not happen now; each begins with the rule."""
    return list(_Case(history, kid).against())


class _Case:
    """One key in one moment of a history."""

    def __init__(self, history: History, kid: str) -> None:
        self.history, self.kid = history, kid
        self.policy, self.now = history.policy, history.truth()
        self.answers: dict[str, list[Heard]] = defaultdict(list)
        self.seen: dict[str, list[Looked | Repaired]] = defaultdict(list)
        for entry in history.record:
            if isinstance(entry, Repaired):
                self.seen[entry.gate].append(entry)
            else:
                self._hear(entry)
        self.looks = {g: [x for x in self.seen[g] if isinstance(x, Looked)] for g in GATES}

    def _hear(self, heard: Heard) -> None:
        answers = self.answers[heard.target]
        answers.append(heard)
        gate = _GATES.get(heard.target)
        if gate and len(answers) % SAMPLES == 0:
            self.seen[gate].append(Looked(tuple(answers[-SAMPLES:])))

    def against(self) -> Iterator[str]:
        for gate in GATES:
            yield from self._lead(gate)
            yield from self._freshness(gate)
            if self._strangers(gate) or (gate in NAMES and not self._known(gate)):
                yield f"I7 {gate} may serve a foreign key"
            yield from self._dates(gate)
        for spec in (spec for specs in self.history.checks.values() for spec in specs):
            match spec:
                case VerifierCheck(urls):
                    yield from self._reported(urls[0])
                case CanaryCheck(url) if not self._accepted(url):
                    yield f"T2 {url} does not accept its canary"
                case ClockCheck(ntp=server):
                    yield from self._time_server(server or "")
                case _:
                    pass
        yield from self._restarts()

    def _lead(self, gate: str) -> Iterator[str]:
        """T1, with every staleness that was in force while copies of it may live."""
        looks, since = self.looks[gate], self._run(gate, self.kid).since
        if since is None:
            yield f"T1 {gate} was not seen serving it"
            return
        drift, last = self.policy.max_clock_drift, looks[-1]
        opens = [since + max(self.policy.publish_lead, last.staleness(self.policy)) + drift]
        if self._first():
            failed = any(self._loads(h, self.kid) is not True for x in looks for h in x.answers)
            wait = self.policy.propagation + last.caches(self.policy)[0] + drift
            opens = [since + wait if failed else since]
        else:
            ends = [*(look.at for look in looks[1:]), self.now]
            for look, until in zip(looks, ends, strict=True):
                opens.append(min(since, until) + look.staleness(look.answers[0].policy) + drift)
        if self.now < max(opens):
            ago = self.now - since
            yield f"T1 {gate}: its lead ends in {max(opens) - self.now}, it was seen {ago} ago"

    def _freshness(self, gate: str) -> Iterator[str]:
        """T2: fresh passes in a row for the key, and one for every other that is needed."""
        looks, limit = self.looks[gate], self.policy.evidence_freshness
        if not looks or self.now - looks[-1].at > limit:
            yield f"T2 {gate} was not looked at within {limit}"
            return
        run = self._run(gate, self.kid)
        if not run.passed or run.passes < self.policy.passes_required:
            yield f"T2 {gate} passed {run.passes} times in a row"
        for other in self._live():
            if not self._run(gate, other).passed:
                yield f"T2 {gate} was not seen serving {other[:8]}, whose tokens live"

    def _live(self) -> set[str]:
        """The keys that sign somewhere, or whose tokens are surely alive."""
        policy = self.policy
        lives = policy.signer_stop + policy.access_token_lifetime + policy.leeway
        found = set()
        for log in self.history.signed.values():
            found |= {kid for _, kid in log[-1:]}
            found |= {kid for (_, kid), (away, _) in pairwise(log) if away + lives > self.now}
        return found

    def _strangers(self, gate: str) -> bool:
        """I7: whether somebody else's key stands in what was served last."""
        heard = (h for look in self.looks[gate][-1:] for h in look.answers)
        found = [entry for h in heard if _whole(h) for entry in _entries(_body(h))]
        return any(entry.get("kid") not in self.history.material for entry in found)

    def _known(self, region: str) -> bool:
        """Whether the region's own document was read last with no key of somebody else's."""
        return any(heard.known for look in self.looks[region][-1:] for heard in look.answers)

    def _first(self) -> bool:
        """Whether nothing of the issuer can be cached: no key was ever active, and every origin says that all is ours."""
        return not self.history.was_active and all(map(self._known, NAMES))

    def _run(self, gate: str, kid: str) -> Run:
        """The present run: ended by a fail, a foreign write and a repair; silence only interrupts the count."""
        run = Run()
        for seen in self.seen[gate]:
            if isinstance(seen, Repaired):
                run = Run(passed=run.passed)
                continue
            run = run if seen.ours else Run()
            loaded = [self._loads(heard, kid) for heard in seen.answers]
            if False in loaded:
                run = Run()
            elif None in loaded:
                run = Run(run.since)
            else:
                run = Run(run.since or seen.at, run.passes + 1, passed=True)
        return run

    def _loads(self, heard: Heard, kid: str) -> bool | None:
        """Whether the key can be loaded from an answer; None where there was no complete one."""
        answer = heard.answer
        if not isinstance(answer, HttpAnswer) or answer.status >= 500 or answer.status == 429:
            return None
        found = [entry for entry in _entries(answer.body) if entry.get("kid") == kid]
        own = self.history.material.get(kid, {})
        same = [[e.get(n) for n in _MATERIAL] for e in found] == [[own.get(n) for n in _MATERIAL]]
        return answer.status == 200 and same

    def _reported(self, url: str) -> Iterator[str]:
        """T2, T11: the verifier said last that it has the key, and can be believed; its clock is not surely off."""
        report = _report(self.answers[url])
        issuers: list[dict[str, Any]] = report.get("issuers", [])
        free = (report.get("clock") or {}).get("synchronised") is False
        if free or not any(self.kid in issuer["kids"] for issuer in issuers):
            yield f"T2 {url} does not say that it has the key"
        if "time" in report:
            apart = abs(datetime.fromisoformat(report["time"]) - self.answers[url][-1].host)
            if apart - _SECOND > self.policy.max_clock_drift:
                yield f"T11 {url} has another time"

    def _accepted(self, url: str) -> bool:
        """T2: whether the endpoint took the key's last canary, and refused the forged one beside it."""
        asked = [heard for heard in self.answers[url] if heard.token]
        statuses: dict[bool, set[int]] = {True: set(), False: set()}
        for heard in (heard for heard in asked if heard.at == asked[-1].at):
            token = heard.token or ""
            if jwt.get_unverified_header(token)["kid"] == self.kid:
                status = heard.answer.status if isinstance(heard.answer, HttpAnswer) else 0
                statuses[self.history.genuine(token)].add(status)
        return (statuses[True], statuses[False]) == ({204}, {401})

    def _restarts(self) -> Iterator[str]:
        """T2b: a verifier that learns at restart reports in every region, or somebody gave his word."""
        checks = self.history.checks
        watched = {
            g for g, specs in checks.items() if any(isinstance(s, VerifierCheck) for s in specs)
        }
        for verifier in self.policy.verifiers:
            told = (self.kid, verifier.name) in self.history.attested
            if verifier.learns in _RESTART and not (told or watched >= set(NAMES) or self._first()):
                yield f"T2b nobody knows whether {verifier.name} has it"

    def _dates(self, gate: str) -> Iterator[str]:
        """T11: no Date of the last look is surely off; a cache may have kept an old one."""
        drift = self.policy.max_clock_drift
        for heard in (h for look in self.looks[gate][-1:] for h in look.answers):
            if not isinstance(heard.answer, HttpAnswer):
                continue
            least = parsedate_to_datetime(heard.answer.headers["date"]) - heard.host
            age = timedelta(seconds=int(heard.answer.headers.get("age", 0)))
            most = least + _SECOND + (age + _SECOND if age else ZERO) + heard.answer.latency
            if least > drift or most < -drift:
                yield f"T11 {gate} has another time"

    def _time_server(self, server: str) -> Iterator[str]:
        """T11: a clock that was asked for is surely right."""
        last = self.answers[server][-1:]
        limit = max(self.policy.max_clock_drift, timedelta(seconds=5))
        told = [h.answer.time - h.host for h in last if isinstance(h.answer, NtpAnswer)]
        if not told or abs(told[0]) > limit:
            yield f"T11 {server} does not confirm the time"


_GATES = {f"https://{gate}/jwks.json": gate for gate in GATES}


def _report(heard: list[Heard]) -> dict[str, Any]:
    """What a verifier said last, nothing where that was no report."""
    return json.loads(_body(heard[-1])) if heard and _whole(heard[-1]) else {}


def _whole(heard: Heard) -> bool:
    return isinstance(heard.answer, HttpAnswer) and heard.answer.status == 200


def _body(heard: Heard) -> bytes:
    return heard.answer.body if isinstance(heard.answer, HttpAnswer) else b""


@lru_cache(500)
def _entries(body: bytes) -> list[dict[str, str]]:
    try:
        return list(json.loads(body)["keys"])
    except ValueError:
        return []


def _directives(heard: Heard) -> dict[str, timedelta]:
    answer = heard.answer
    if not isinstance(answer, HttpAnswer) or answer.status >= 500:
        return {}
    found = re.findall(r"([a-z-]+)=(\d+)", answer.headers.get("cache-control", ""))
    return {name: timedelta(seconds=int(seconds)) for name, seconds in found}


def _learns(value: timedelta | Special, edge: timedelta) -> timedelta:
    if isinstance(value, timedelta):
        return value
    return edge if value is Special.HEADER else timedelta(hours=2)
