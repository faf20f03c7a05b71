"""Rules for keys that rotator does not own (design I7).

They are named wherever they stand, served everywhere once adopted, taken out once rejected, and never dropped otherwise.
"""

import re
import shlex
from collections.abc import Iterator
from datetime import datetime

from rotator.domain.jwks import short
from rotator.domain.plan import FindingKind, Gate, Reason, RemoveForeign, Severity, Wait
from rotator.domain.state import ForeignKey
from rotator.planning.draft import Draft
from rotator.planning.feasibility import keys_limit
from rotator.planning.situation import Situation

_PLAIN = re.compile(r"[\w.~:=+/-]{6,8}", re.ASCII)


def report_foreign(situation: Situation, draft: Draft) -> None:
    """Name every key that nobody decided about, every rejected one, and every flaw, in what each gate serves."""
    for gate in situation.setup.gates():
        if gate in situation.views:
            _report_origin(situation, draft, gate)
        own = situation.foreign(gate) if gate in situation.views else ()
        known = {entry.kid for entry in own}
        for kid, target in situation.foreign_at(gate).items():
            if kid not in known:
                words = f"{target} serves {_strange(situation, kid)}: {_at_a_copy(situation, kid)}"
                draft.find(FindingKind.FOREIGN_KEY, Severity.ERROR, words, gate)


def _report_origin(situation: Situation, draft: Draft, region: str) -> None:
    for entry in situation.foreign(region):
        words = f"serves {_strange(situation, entry.kid)}: {_choice(situation, entry.kid)}"
        draft.find(FindingKind.FOREIGN_KEY, Severity.ERROR, words, region)
    for key in situation.unwanted(region):
        if not key.adopted:
            words = f"serves {short(key.kid)}, which was rejected: it is taken out"
            draft.find(FindingKind.DRIFT, Severity.ERROR, words, region)
    document = situation.views[region].jwks_document()
    for flaw in document.flaws if document else ():
        draft.find(FindingKind.DRIFT, Severity.ERROR, flaw, region)


def withdraw(situation: Situation, draft: Draft) -> None:
    """Take out what was rejected, also under a hold: that is an operator's word; and what was adopted for a time only."""
    for key, region in _leaving(situation, draft):
        code, words = Reason.KEY_REJECTED, f"{key.owner} rejected it"
        if key.adopted:
            code, words = Reason.ADOPTION_OVER, "it was adopted for a time that is over"
        wait = _not_withdrawn_yet(situation, draft, region, key, code)
        if wait:
            draft.wait(wait)
            continue
        draft.add(
            RemoveForeign(
                n=0,
                kid=key.kid,
                region=region,
                keys=tuple(kid for kid in draft.served(region) if kid != key.kid),
                expected_etag=draft.jwks_etag(region),
                reason=words,
                reason_code=code,
                not_before=situation.now,
            )
        )


def _leaving(situation: Situation, draft: Draft) -> Iterator[tuple[ForeignKey, str]]:
    """What has to leave, and where; key by key, so that it happens in all regions side by side."""
    blocked = {wait.region for wait in draft.waiting if wait.kind == "write_jwks"}
    names = [r.name for r in situation.setup.regions if r.name not in blocked]
    unwanted = {name: situation.unwanted(name) for name in names}
    for key in dict.fromkeys(key for keys in unwanted.values() for key in keys):
        yield from ((key, name) for name in names if key in unwanted[name])


def _not_withdrawn_yet(
    situation: Situation, draft: Draft, region: str, key: ForeignKey, code: Reason
) -> Wait | None:
    if key.adopted and situation.held:
        words = situation.hold_words
        return Wait("remove", Gate.HOLD, Reason.HELD, words, kid=key.kid, region=region)
    if set(draft.served(region)) <= {key.kid}:
        words = f"{region} serves nothing else yet; it goes once keys of its own stand there"
        return Wait("remove", Gate.SAFETY, code, words, kid=key.kid, region=region)
    return None


def newly_adopted(situation: Situation, draft: Draft, region: str) -> list[str]:
    """The adopted keys that rotator has not written in a region yet: a document with one somebody else put there is not ours.

    Nothing of that where a step of this plan writes the document anyway.
    """
    if region in draft.documents:
        return []
    written = situation.state.record(region).jwks_kids
    served = {entry.kid for entry in situation.guests(region)}
    undecided = {entry.kid for entry in situation.foreign(region)}
    adopted = [key.kid for key in situation.state.adopted(situation.now)]
    return [kid for kid in adopted if kid in served - undecided and kid not in written]


def with_room(
    situation: Situation, draft: Draft, region: str, keys: tuple[str, ...]
) -> tuple[str, ...]:
    """The keys of a document without adopted ones that it has no room for (design I3, T8); says which."""
    limit, served = keys_limit(situation.policy), draft.served(region)
    adopted = {key.kid for key in situation.state.adopted(situation.now)} - set(served)
    come = [kid for kid in keys if kid in adopted]
    left_out = come[max(0, len(come) - max(0, len(keys) - limit)) :]
    said = {wait.kid for wait in draft.waiting if wait.reason_code is Reason.DOCUMENT_FULL}
    for kid in (kid for kid in left_out if kid not in said):
        words = f"{region} would serve {len(keys)} keys with it, the limit is {limit}"
        code = Reason.DOCUMENT_FULL
        draft.wait(Wait("write_jwks", Gate.SAFETY, code, words, kid=kid, blocked=True))
    return tuple(kid for kid in keys if kid not in left_out)


def _strange(situation: Situation, kid: str) -> str:
    """A key in words: what it is to rotator, and where it was seen first."""
    decided = situation.state.foreign_key(kid)
    words = f"{short(kid)}, a key that rotator does not own"
    if decided:
        did = "adopted" if decided.adopted else "rejected"
        words = f"other material as {short(kid)} than was {did}"
    first = situation.evidence.foreign.get(kid)
    return words + (f", seen first in {first.gate} {_when(first.at, situation)}" if first else "")


def _when(moment: datetime, situation: Situation) -> str:
    day = "at" if moment.date() == situation.now.date() else f"on {moment:%d %b %Y},"
    return f"{day} {moment:%H:%M} UTC"


def _choice(situation: Situation, kid: str) -> str:
    typed = f"{situation.setup.name} {_typed(kid)}"
    return f"no switch until somebody decides: rotator adopt {typed} or rotator reject {typed}"


def _at_a_copy(situation: Situation, kid: str) -> str:
    """What to do about a key that a copy of the document holds."""
    origins = [e.kid for name in situation.views for e in situation.foreign(name)]
    if kid in origins:
        return _choice(situation, kid)
    return "no region's own document holds it: purge that copy, or find out who answers there"


def _typed(kid: str) -> str:
    """As much of a kid as a shell and rotator need to know which is meant."""
    start = short(kid)
    return start if _PLAIN.fullmatch(start) and kid.startswith(start) else shlex.quote(kid)
