"""Rules that look at what each region serves: say how it may be cached, put back what drifted (design I3, I7, I8)."""

from rotator.domain.evidence import CheckKind, Verdict
from rotator.domain.inventory import Absent, JwksRead, Unavailable
from rotator.domain.jwks import Jwks, Unreadable, own_entry, render, short
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import FindingKind, Gate, Reason, RepairJwks, Severity, Wait, WriteJwks
from rotator.domain.times import say
from rotator.planning.draft import Draft
from rotator.planning.emergency import kept_there, nobody_signs
from rotator.planning.situation import Situation, being_removed, in_order

_FORM = "it is written differently: order, labels or white space"
"""The same keys, in other bytes than rotator's."""


def report_hold(situation: Situation, draft: Draft) -> None:
    """Say that an operator holds the issuer, also while nothing is due (design I5)."""
    if situation.held:
        draft.find(FindingKind.POLICY, Severity.INFO, situation.hold_words)


def report_caching(situation: Situation, draft: Draft) -> None:
    """Say where a public URL's Cache-Control is absent, or longer than the policy expects."""
    expected = situation.policy.edge_cache
    for gate, look in situation.evidence.looks.items():
        for check in look.checks:
            if check.kind is not CheckKind.HTTP or check.verdict is not Verdict.PASS:
                continue
            if check.uncacheable:
                words = f"{check.target}'s Cache-Control cannot be counted on: {check.uncacheable}"
                draft.find(FindingKind.CACHING, Severity.WARNING, words, gate)
            elif check.max_age and check.max_age > expected:
                words = f"{check.target} sends max-age {say(check.max_age)}, edge_cache is {say(expected)}: the longer counts"
                draft.find(FindingKind.CACHING, Severity.WARNING, words, gate)


def repair(situation: Situation, draft: Draft) -> None:
    """Put back documents that are not what they should be, and say which regions could not be read."""
    for region in situation.setup.regions:
        read = situation.views[region.name].jwks
        if isinstance(read, Unavailable):
            draft.wait(
                Wait(
                    "write_jwks",
                    Gate.EVIDENCE,
                    Reason.REGION_UNREACHABLE,
                    f"{region.name} could not be read: {read.detail}",
                    region=region.name,
                    blocked=True,
                )
            )
            continue
        drift = drift_of(situation, region.name, read)
        if drift is None:
            continue
        if not situation.state.record(region.name).jwks_kids:
            words = f"{region.name} holds a document that rotator did not write: {drift}"
            draft.wait(
                Wait(
                    "write_jwks",
                    Gate.EVIDENCE,
                    Reason.DOCUMENT_NOT_OURS,
                    words,
                    region=region.name,
                    blocked=True,
                )
            )
            continue
        if drift == _FORM and situation.state.record(region.name).untouched:
            draft.add(_in_own_form(situation, draft, region.name))
            continue
        draft.find(FindingKind.DRIFT, Severity.WARNING, drift, region.name)
        draft.add(
            RepairJwks(
                n=0,
                region=region.name,
                keys=_whole(situation, draft, region.name),
                expected_etag=draft.jwks_etag(region.name),
                reason=drift,
                reason_code=_code(situation, region.name),
                not_before=situation.now,
            )
        )


def _in_own_form(situation: Situation, draft: Draft, region: str) -> WriteJwks:
    """A document that was taken over says the same in somebody else's form: nobody did anything wrong."""
    return WriteJwks(
        n=0,
        region=region,
        keys=situation.document_kids(region),
        expected_etag=draft.jwks_etag(region),
        reason="taken over: the same keys in rotator's own form",
        reason_code=Reason.KEY_TAKEN_OVER,
        not_before=situation.now,
    )


def _whole(situation: Situation, draft: Draft, region: str) -> tuple[str, ...]:
    """What a region's document should list; a revoked key stays until the step that takes it out."""
    kept, wanted = kept_there(situation, draft, region), situation.document_kids(region)
    own = in_order((*situation.state.in_documents(), *kept))
    listed = [key.kid for key in own]
    return (*listed, *(kid for kid in wanted if kid not in listed))


def drift_of(situation: Situation, region: str, read: JwksRead | Absent) -> str | None:
    """What is wrong with a region's document, in words; None when it is as rotator left it."""
    known = situation.state.record(region).jwks_kids
    if isinstance(read, Absent):
        return "the document is gone" if known else None
    if isinstance(read.document, Unreadable):
        return f"the document is no key set: {read.document.reason}"
    if known or read.document.flaws:
        return _difference(situation, region, read.document, read.body)
    return None


def _difference(situation: Situation, region: str, document: Jwks, body: bytes) -> str | None:
    published = [k for k in situation.state.in_documents() if _was_written(situation, region, k)]
    lacking = [key.kid[:8] for key in published if not document.holds(key.jwk)]
    if lacking:
        return f"it lacks {', '.join(lacking)}: someone else wrote there"
    if document.flaws:
        return document.flaws[0]
    gone = {key.kid for key in situation.state.keys if phase(key) is Phase.REMOVED}
    back = [kid[:8] for kid in document.kids() if kid in gone]
    if back:
        return f"it serves {', '.join(back)} again, which was removed"
    dropped = _dropped(situation, region)
    if dropped:
        return f"it lacks {', '.join(map(short, dropped))}, which was adopted: someone else wrote there"
    revoked = (key for key in situation.state.keys if phase(key) is Phase.REVOKED)
    leaving = (*being_removed(situation.state), *revoked)
    held = [k for k in (*situation.state.in_documents(), *leaving) if document.holds(k.jwk)]
    guests = [entry for entry in situation.guests(region) if document.entry(entry.kid)]
    if body != render([*(own_entry(key.jwk) for key in in_order(held)), *guests]):
        return _FORM
    return None


def _was_written(situation: Situation, region: str, key: Key) -> bool:
    """Whether a region served the key: every published one, but for a successor that did not wait for all regions."""
    written = key.kid in situation.state.record(region).jwks_kids
    hurried = nobody_signs(situation.state) and key == situation.state.switching()
    return phase(key) is not Phase.STAGED and (written or not hurried)


def _dropped(situation: Situation, region: str) -> list[str]:
    """The adopted keys that rotator wrote in a region and that its document lacks by now."""
    document, written = situation.views[region].jwks_document(), situation.state.record(region)
    served = document.kids() if document else ()
    adopted = situation.state.adopted(situation.now)
    return [k.kid for k in adopted if k.kid in written.jwks_kids and k.kid not in served]


def _code(situation: Situation, region: str) -> Reason:
    """What a repair is for: an adopted key where nothing else is wrong with the own ones."""
    document = situation.views[region].jwks_document()
    own = [key for key in situation.state.in_documents() if phase(key) is not Phase.STAGED]
    sound = document and not document.flaws and all(document.holds(key.jwk) for key in own)
    return Reason.KEY_ADOPTED if sound and _dropped(situation, region) else Reason.DOCUMENT_CHANGED
