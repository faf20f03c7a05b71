"""When a published key may sign (design T1, T2, T2b, §3 "First key ever"), gate by gate."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.evidence import CheckKind, Verdict
from rotator.domain.keys import Key
from rotator.domain.plan import Reason
from rotator.domain.policy import JWKS_URL
from rotator.domain.times import say
from rotator.domain.timing import (
    Delay,
    Term,
    first_key_wait,
    lead,
    staleness,
    unbounded_verifiers,
)
from rotator.planning.situation import Situation


@dataclass(frozen=True, slots=True)
class Lead:
    """A key's lead at one gate: `opens` None while the key is not seen there."""

    gate: str
    since: datetime | None
    opens: datetime | None
    delay: Delay


@dataclass(frozen=True, slots=True)
class Closed:
    """Evidence that is missing at one gate, in words."""

    gate: str
    code: Reason
    words: str


def lead_at(situation: Situation, gate: str, key: Key) -> Lead:
    """T1 at one gate: the present W and, until their copies are dead, the longer ones of before (watermarks)."""
    policy, cache = situation.policy, situation.cache(gate)
    since = situation.sighting(gate, key).visible_since
    if situation.first_key:
        failed = gate in situation.evidence.failed_before
        delay = first_key_wait(policy, cache) if failed else Delay(())
        return Lead(gate, since, since + delay.total if since else None, delay)
    present = lead(policy, staleness(policy, cache).total)
    if since is None:
        return Lead(gate, None, None, present)
    ends = [(since + present.total, since, present)]
    for mark in situation.evidence.marks.get(gate, ()):
        begin = min(since, mark.until)
        delay = Delay((Term("earlier staleness", "staleness", mark.staleness), present.terms[-1]))
        ends.append((begin + delay.total, begin, delay))
    opens, begin, delay = max(ends, key=lambda end: end[0])
    return Lead(gate, begin, opens, delay)


def leads(situation: Situation, key: Key) -> tuple[Lead, ...]:
    """The key's lead at every gate."""
    return tuple(lead_at(situation, gate, key) for gate in situation.setup.gates())


def is_warm(situation: Situation, key: Key) -> bool:
    """Whether T1 holds for the key at every gate."""
    return all(
        lead.opens is not None and lead.opens <= situation.now for lead in leads(situation, key)
    )


def closed_evidence(situation: Situation, key: Key) -> Closed | None:
    """The first thing that T2 lacks for a switch to `key`, None when the evidence of every gate passes."""
    for gate in situation.setup.gates():
        closed = _unseen(situation, gate, key)
        if closed:
            return closed
    return _unreported(situation, key) or _unbounded(situation, key)


def _unreported(situation: Situation, key: Key) -> Closed | None:
    """What verifiers and canaries say of the key themselves, where somebody looks at them."""
    for gate in situation.setup.gates():
        for check in situation.checks(gate):
            if check.kind not in _REPORTS:
                continue
            verdict = check.keys.get(key.kid, Verdict.UNKNOWN)
            # A verifier may hold the key and still not be believed: its clock, its copy of the report.
            doubtful = check.kind is CheckKind.VERIFIER and check.verdict is Verdict.UNKNOWN
            if verdict is Verdict.PASS and not doubtful:
                continue
            lacks, unseen = _REPORTS[check.kind]
            code = lacks if verdict is Verdict.FAIL else unseen
            return Closed(
                gate, code, f"{gate}: {check.detail or 'no word of the key'} ({check.target})"
            )
    return None


def _unbounded(situation: Situation, key: Key) -> Closed | None:
    """T2b: a verifier that no waiting covers has the key by its own report in every region, or by an operator's word."""
    if situation.first_key:
        return None
    for verifier in unbounded_verifiers(situation.policy):
        if situation.attested(key, verifier.name):
            continue
        for region in situation.setup.regions:
            if not _reported(situation, region.name, verifier.name):
                words = (
                    f"{verifier.name} learns a new key only at restart, and no verifier check of {region.name} speaks"
                    f" for it: rotator attest {situation.setup.name} {key.kid[:8]} --verifier {verifier.name} --reason …"
                )
                return Closed(region.name, Reason.UNBOUNDED_VERIFIER, words)
    return None


def _reported(situation: Situation, region: str, verifier: str) -> bool:
    """Whether a verifier check of the region speaks for that kind of verifier; what it says was asked before."""
    checks = (c for c in situation.checks(region) if c.kind is CheckKind.VERIFIER)
    return any(not check.covers or verifier in check.covers for check in checks)


def _unseen(situation: Situation, gate: str, key: Key) -> Closed | None:
    """T2 for the key itself and for every key that may have live tokens."""
    policy = situation.policy
    for wanted in (key, *situation.live_keys()):
        seen = situation.sighting(gate, wanted)
        name = wanted.kid[:8]
        if seen.verdict is Verdict.FAIL:
            code = Reason.NOT_SEEN if wanted is key else Reason.KEYS_MISSING
            return Closed(
                gate, code, f"{gate} does not serve {name}{seen_instead(situation, gate)}"
            )
        age = situation.now - seen.checked_at if seen.checked_at else None
        if seen.verdict is Verdict.UNKNOWN or age is None or age > policy.evidence_freshness:
            limit = say(policy.evidence_freshness)
            words = f"{gate} was not seen serving {name} within {limit}"
            return Closed(gate, Reason.NOT_FRESH, f"{words}{seen_instead(situation, gate)}")
    passes = situation.sighting(gate, key).passes
    if passes < policy.passes_required:
        words = f"{gate} passed {passes} of {policy.passes_required} probes in a row"
        return Closed(gate, Reason.TOO_FEW_PASSES, words)
    return None


def seen_instead(situation: Situation, gate: str) -> str:
    """What the last look at a gate complained of, as the end of a sentence; empty where nothing did.

    That an origin could not be read is said by a wait of its own.
    """
    silent = (CheckKind.ORIGIN, Verdict.UNKNOWN)
    checks = [
        c
        for c in situation.checks(gate)
        if c.kind in _SERVES and c.detail and (c.kind, c.verdict) != silent
    ]
    return f": {checks[-1].detail} ({checks[-1].target})" if checks else ""


def unfit_document(situation: Situation) -> Closed | None:
    """The first gate whose document holds what it should not: foreign keys (design I7) or flaws."""
    found = (_unfit(situation, gate) for gate in situation.setup.gates())
    return next((closed for closed in found if closed), None)


_SERVES = (CheckKind.HTTP, CheckKind.ORIGIN)
"""The checks that look at a document."""

_REPORTS = {
    CheckKind.VERIFIER: (Reason.VERIFIER_LACKS, Reason.VERIFIER_UNSEEN),
    CheckKind.CANARY: (Reason.CANARY_REFUSED, Reason.CANARY_UNSEEN),
}
"""The checks in which somebody else says whether he has the key: what a fail and what silence is called."""


def _unfit(situation: Situation, gate: str) -> Closed | None:
    foreign = list(situation.foreign_at(gate))
    if gate != JWKS_URL:
        foreign += [entry.kid for entry in situation.foreign(gate)]
        document = situation.views[gate].jwks_document()
        if document and document.flaws:
            return Closed(gate, Reason.FLAWED_DOCUMENT, f"{gate}: {document.flaws[0]}")
    if foreign:
        words = f"{gate} serves {foreign[0][:8]}, a key that rotator does not own"
        return Closed(gate, Reason.FOREIGN_KEY, words)
    return None


def grace(situation: Situation, gate: str) -> timedelta:
    """How long a gate may go on serving its copy from before a write: D_prop + C_edge."""
    return situation.policy.propagation + situation.cache(gate).max_age


def successor_notice(situation: Situation) -> timedelta:
    """max(publish_lead, W) + 2P at the slowest gate: how long before its turn a successor is made (contract §1)."""
    policy = situation.policy
    slowest = max(
        staleness(policy, situation.cache(gate)).total for gate in situation.setup.gates()
    )
    return max(policy.publish_lead, slowest) + 2 * policy.run_every
