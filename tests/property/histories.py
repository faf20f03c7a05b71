"""A world whose every answer is on record; `changes` are what may happen to it between two runs of rotator.

Nothing here looks at what rotator made of the answers: `oracle` judges them again, from the record alone.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt

from rotator.app.verify import verify
from rotator.domain.checks import CanaryCheck, CheckSpec, ClockCheck, VerifierCheck
from rotator.domain.evidence import Evidence
from rotator.domain.policy import JWKS_URL, Policy, Special, Verifier
from rotator.domain.state import Attestation
from rotator.ports import HttpAnswer, NoAnswer, NtpAnswer
from tests.fakes import services
from tests.fakes.clock import FakeClock
from tests.fakes.probe import Edge, FakeProbe
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault, MemoryRegion
from tests.fakes.time_source import FakeTimeSource
from tests.scenarios.world import JWKS, NAMES, SIGNING, Regions

US, EU, AP = NAMES
GATES = (*NAMES, JWKS_URL)
NTP = "time.example.com"
STRANGER = "planted"
"""The kid of a key that rotator does not own."""
QUICK = Verifier("quick", timedelta(minutes=10), timedelta(minutes=10))
POLICY = Policy(
    rotate_every=timedelta(hours=3),
    publish_lead=timedelta(minutes=30),
    refresh_token_lifetime=timedelta(),
    signer_stop=timedelta(minutes=30),
    propagation=timedelta(seconds=10),
    verifiers=(QUICK,),
    safety_margin=timedelta(minutes=1),
    run_every=timedelta(minutes=10),
)
"""Hours instead of months; feasible with every change that a history may make."""


@dataclass(frozen=True)
class Heard:
    """One answer: when it came, in truth and by the clock of rotator's host, and under which policy it was asked for.

    Of the region's own document then, as far as anybody could read it: `ours` while it was the one that rotator wrote
    last, and whether it was `known` to hold no key of somebody else's.
    """

    target: str
    at: datetime
    host: datetime
    policy: Policy
    answer: HttpAnswer | NoAnswer | NtpAnswer
    token: str | None
    ours: bool
    known: bool


@dataclass(frozen=True)
class Repaired:
    """Rotator wrote a document where another than its last one stood."""

    gate: str
    at: datetime


class HostClock(FakeClock):
    """The clock of the host that runs rotator: `skew` ahead of the truth."""

    skew = timedelta()

    def now(self) -> datetime:
        return super().now() + self.skew

    def truth(self) -> datetime:
        """What time it is."""
        return super().now()


@dataclass(frozen=True)
class Truth:
    """The clock of everybody else."""

    host: HostClock

    def now(self) -> datetime:
        return self.host.truth()

    def monotonic(self) -> float:
        return self.host.monotonic()

    def sleep(self, duration: timedelta) -> None:
        self.host.sleep(duration)


class WitnessedProbe(FakeProbe):
    """Puts every answer on record."""

    record: Callable[[str, HttpAnswer | NoAnswer, str | None], None]

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        answer = super().get(url, address=address, token=token)
        # A look at a gate names the address; the other requests for its URL are parts of other checks.
        self.record(url if address or token else f"{url} once more", answer, token)
        return answer


class WitnessedTime(FakeTimeSource):
    """Puts every answer on record."""

    record: Callable[[str, NtpAnswer | NoAnswer, str | None], None]

    def ntp(self, server: str) -> NtpAnswer | NoAnswer:
        answer = super().ntp(server)
        self.record(server, answer, None)
        return answer


class WitnessedState(MemoryState):
    """Remembers how much was on record when evidence was kept last."""

    on_keeping: Callable[[str], None] = staticmethod(lambda text: None)
    delayed: Callable[[Evidence, Evidence | None], None] | None = None
    """Takes what somebody wants to keep, who is slow to do it."""

    _read: tuple[str, Evidence] | None = None

    def load_evidence(self, issuer: str) -> Evidence:
        # Reading the same text time and again would take half the time of a history.
        text = self._evidence.get(issuer, "")
        if self._read is None or self._read[0] != text:
            self._read = text, super().load_evidence(issuer)
        return self._read[1]

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        if self.delayed:
            self.delayed(evidence, before)
            return evidence
        saved = super().save_evidence(evidence, before)
        self.on_keeping(self._evidence[evidence.issuer])
        return saved


class WitnessedRegion(MemoryRegion):
    """A region that knows what rotator wrote last; `falls`: nothing answers after its next write."""

    written: bytes | None = None
    falls = False
    on_write: Callable[[str, str, bytes | None, bytes], None]

    def swap(self, key: str, body: bytes, expected_etag: str | None) -> str:
        before = self.documents.get(key)
        etag = super().swap(key, body, expected_etag)
        self.on_write(self.name, key, before, body)
        if key == JWKS:
            self.written = body
        if self.falls:
            self.falls, self.fault = False, Fault.DOWN
        return etag


class RegionServices:
    """What a region's own services know: a verifier that reports its keys, and an API that takes tokens."""

    def __init__(self, history: History, region: str) -> None:
        self.history, self.region = history, region
        self.verifier = services.Verifier(Truth(history.host), ())
        self.anything = False

    def learn(self) -> None:
        """Fetch the keys."""
        self.verifier.kids = self.history.kids(self.region)

    def status(self, token: str | None) -> int:
        """What the API answers to a bearer token."""
        kid = jwt.get_unverified_header(token)["kid"] if token else ""
        known = kid in self.verifier.kids and self.history.genuine(token or "")
        return 204 if self.anything or known else 401


class History(Regions):
    """A world with its record: what was answered and repaired, and beside it what was signed with, attested and switched.

    `judge` is asked about each switch in the moment in which it is written.
    """

    def __init__(self, checks: str = "plain") -> None:
        self.kind = checks
        self.host = HostClock()
        self.record: list[Heard | Repaired] = []
        self.kept: list[tuple[str, tuple[Heard | Repaired, ...]]] = []
        self.material: dict[str, dict[str, Any]] = {}
        self.signed: dict[str, list[tuple[datetime, str]]] = {name: [] for name in NAMES}
        self.attested: set[tuple[str, str]] = set()
        self.switches: list[tuple[str, str]] = []
        self.judge: Callable[[str], list[str]] = lambda kid: []
        self.skewed = self.died = self.was_active = False
        self.slow: tuple[Evidence, Evidence | None, list[Heard | Repaired]] | None = None
        self._lock = threading.Lock()
        super().__init__(POLICY, with_urls=True, with_jwks_url=True, clock=self.host)
        truth = Truth(self.host)
        self.probe, self.time = WitnessedProbe(truth), WitnessedTime(truth)
        self.probe.record = self.time.record = self._heard
        self.state = self.store = WitnessedState(self.host)
        self.store.on_keeping = lambda text: self.kept.append((text, tuple(self.record)))
        self.time.serve(NTP)
        self.services = {name: RegionServices(self, name) for name in NAMES}
        for name, service in self.services.items():
            self.edges[f"verifier.{name}"] = Edge(service.verifier.report, max_age=None)
            self.edges[f"api.{name}"] = Edge(lambda: b"", max_age=None, judge=service.status)
        self.checks = CHECKS[checks]

    def copied(self) -> History:
        """The same world once more."""
        there = History(self.kind)
        there.clock.set(self.clock.now())
        for name in ("_states", "_evidence", "_log", "_fence"):
            setattr(there.state, name, copy(getattr(self.state, name)))
        for name in ("_keys", "made", "destroyed"):
            setattr(there.keys, name, copy(getattr(self.keys, name)))
        for name in ("record", "kept", "material"):
            setattr(there, name, copy(getattr(self, name)))
        there.signed = {name: list(log) for name, log in self.signed.items()}
        there.was_active = self.was_active
        for name, region in self.regions.items():
            there.regions[name].documents.update(region.documents)
            there.regions[name].written = region.documents.get(JWKS)  # type: ignore[attr-defined]
        there.learn()
        return there

    def learn(self) -> None:
        """Everybody fetches the keys."""
        for service in self.services.values():
            service.learn()

    def truth(self) -> datetime:
        """What time it is."""
        return self.host.truth()

    def kids(self, region: str) -> tuple[str, ...]:
        """The kids of the region's own document, read by nobody's parser but this one's."""
        body = self.regions[region].documents.get(JWKS, b'{"keys":[]}')
        return tuple(key["kid"] for key in json.loads(body)["keys"])

    def genuine(self, token: str) -> bool:
        """Whether the key that a token names signed it."""
        header = jwt.get_unverified_header(token)
        key = jwt.PyJWK(self.material[header["kid"]])
        try:
            jwt.decode(token, key, options={"verify_exp": False, "verify_aud": False})
        except jwt.InvalidSignatureError:
            return False
        return True

    def forget(self, back: int | None = None) -> None:
        """The evidence file of `back` looks ago, or none: what was on record after it never was."""
        older = back is not None and back < len(self.kept)
        text, record = self.kept[-back - 1] if older else ("", ())
        self.record = list(record)
        self.state._evidence = {"accounts": text} if text else {}
        self.kept.append((text, record))

    def die(self) -> None:
        """A run died."""
        self.died = True
        self.state.break_lease()
        self.drop_what_was_not_kept()

    def drop_what_was_not_kept(self) -> None:
        """What a run heard and did not keep is on record for that run alone: looking at a fresh folder leaves nothing."""
        length = len(self.kept[-1][1]) if self.kept else 0
        # What was repaired stays repaired, and the intent to do it is on record with rotator too.
        self.record[length:] = [e for e in self.record[length:] if isinstance(e, Repaired)]

    def look_slowly(self) -> None:
        """Somebody looks at everything; what he saw is kept later."""
        length, taken = len(self.record), list[tuple[Evidence, Evidence | None]]()
        self.store.delayed = lambda evidence, before: taken.append((evidence, before))
        verify(self.world())
        self.store.delayed = None
        heard, self.record[length:] = self.record[length:], []
        self.slow = (*taken[-1], heard) if taken else None

    def keep_at_last(self) -> None:
        """What was seen slowly is kept, after whatever others kept meanwhile."""
        if self.slow:
            evidence, before, heard = self.slow
            self.slow = None
            self.record = sorted([*self.record, *heard], key=lambda entry: entry.at)
            self.state.save_evidence(evidence, before)
            self.kept = self.kept[-1:]

    def attest(self) -> None:
        """An operator gives his word for all keys that there are, and the verifiers that nobody can look at."""
        if not self.state.issuers():
            return
        words = [(key.kid, verifier.name) for key in self.remembered().keys for verifier in FOREVER]
        at = self.host.now()
        given = tuple(
            Attestation(kid=kid, verifier=name, reason="seen", owner="me", at=at)
            for kid, name in words
        )
        self.remember(attestations=given)
        self.attested.update(words)

    def sound(self) -> bool:
        """Whether every region's own document is what rotator wrote last, and can be read."""
        return all(
            region.fault is None and region.documents.get(JWKS) == self.written(name)
            for name, region in self.regions.items()
        )

    def written(self, region: str) -> bytes | None:
        """What rotator wrote last in a region."""
        found = self.regions[region]
        assert isinstance(found, WitnessedRegion)
        return found.written

    def _heard(
        self, target: str, answer: HttpAnswer | NoAnswer | NtpAnswer, token: str | None
    ) -> None:
        gate = next((g for g in NAMES if target == f"https://{g}/jwks.json"), None)
        readable = gate is not None and self.regions[gate].fault is None
        origin = self.regions[gate].documents.get(JWKS) if gate and readable else None
        ours = origin in (None, self.written(gate)) or not self._recorded(gate) if gate else True
        known = readable and STRANGER not in (self.kids(gate) if gate else ())
        with self._lock:
            times = self.truth(), self.host.now()
            self.record.append(Heard(target, *times, self.policy, answer, token, ours, known))

    def _recorded(self, region: str) -> bool:
        """Whether rotator knows that it ever wrote the region's document: otherwise nobody can have changed it."""
        state = self.state.load("accounts")
        return bool(state and state.record(region).jwks_kids)

    def _written(self, region: str, key: str, before: bytes | None, body: bytes) -> None:
        with self._lock:  # regions are written side by side
            self._take_note(region, key, before, json.loads(body))

    def _take_note(
        self, region: str, key: str, before: bytes | None, document: dict[str, Any]
    ) -> None:
        if key == JWKS:
            own = [entry for entry in document["keys"] if entry["kid"] != STRANGER]
            self.material |= {entry["kid"]: entry for entry in own}
            if before != self.written(region):
                self.record.append(Repaired(region, self.truth()))
            return
        kid = document["active"]["kid"]
        if before is None or json.loads(before)["active"]["kid"] != kid:
            self.switches.append((region, kid))
            complaints = self.judge(kid)
            assert not complaints, f"{region} was switched to {kid[:8]}: {complaints}"
        self.signed[region].append((self.truth(), kid))
        named = [log[-1][1] for log in self.signed.values() if log]
        self.was_active |= len(named) == len(NAMES) and len(set(named)) == 1

    def _add(self, name: str) -> None:
        super()._add(name)
        region = self.regions[name] = WitnessedRegion(name)
        region.on_write = self._written
        self.jwks[name], self.signings[name] = region.target(JWKS), region.target(SIGNING)


_VERIFIER = {name: VerifierCheck((f"https://verifier.{name}/jwks.json",)) for name in NAMES}
_WATCHED: dict[str, tuple[CheckSpec, ...]] = {
    US: (ClockCheck(ntp=NTP),),
    EU: (_VERIFIER[EU],),
    AP: (CanaryCheck(f"https://api.{AP}/jwks.json"),),
}
CHECKS: dict[str, dict[str, tuple[CheckSpec, ...]]] = {
    "plain": {},
    "watched": _WATCHED,
    "covered": {name: (*_WATCHED[name], _VERIFIER[name]) for name in (US, AP)} | {EU: _WATCHED[EU]},
}
"""Which checks there are beside the URLs: none, one of each kind, or a verifier check in every region."""

FOREVER = (
    Verifier("old-gateway", Special.UNBOUNDED, Special.UNBOUNDED),
    Verifier("by-hand", Special.MANUAL, Special.MANUAL),
)
"""Verifiers that learn a key at restart only (design T2b)."""
