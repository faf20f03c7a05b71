"""What operators decided about keys that rotator does not own, held against what is served (design I7).

A decision is about one key: the same kid with other material is another key, about which nothing was decided.
"""

from collections.abc import Iterable
from datetime import datetime

from rotator.domain.jwks import Jwks, ServedKey, own_entry
from rotator.domain.state import ForeignKey, IssuerState


def decides(decision: ForeignKey, entry: ServedKey) -> bool:
    """Whether a decision is about this very key; of kinds that rotator cannot read only the text tells."""
    if decision.thumbprint is None or entry.thumbprint is None:
        return (decision.kid, decision.text) == (entry.kid, entry.text)
    return (decision.kid, decision.thumbprint) == (entry.kid, entry.thumbprint)


def decision_on(state: IssuerState, entry: ServedKey) -> ForeignKey | None:
    """The decision about a served key, None when there is none."""
    return next((decision for decision in state.foreign if decides(decision, entry)), None)


def as_entry(decision: ForeignKey) -> ServedKey:
    """The key as it was served when it was decided about."""
    return ServedKey(decision.kid, decision.thumbprint, decision.text)


def others(state: IssuerState, document: Jwks | None) -> tuple[ServedKey, ...]:
    """The keys of a document that rotator does not own, each kid once; an adopted one goes before its namesakes."""
    own = {key.kid for key in state.keys}
    found: dict[str, ServedKey] = {}
    for entry in document.keys if document else ():
        decision = decision_on(state, entry)
        if entry.kid not in own and (entry.kid not in found or (decision and decision.adopted)):
            found[entry.kid] = entry
    return tuple(found.values())


def guests(state: IssuerState, document: Jwks | None, now: datetime) -> tuple[ServedKey, ...]:
    """What a region's document should hold behind own keys: adopted keys in order of adoption, then others as they stand.

    What is to be withdrawn stays until a step of its own takes it out; other material under an adopted kid keeps that
    kid's place meanwhile.
    """
    served = {entry.kid: entry for entry in others(state, document)}
    adopted = {}
    for decision in (decision for decision in state.foreign if decision.adopted):
        stands = served.get(decision.kid)
        if decides(decision, stands) if stands else decision.wanted_at(now):
            adopted[decision.kid] = as_entry(decision)
    return (*adopted.values(), *(e for e in served.values() if e.kid not in adopted))


def without(document: Jwks | None, kids: Iterable[str]) -> Jwks | None:
    """The document once these kids are taken out."""
    gone = set(kids)
    return document and Jwks(tuple(entry for entry in document.keys if entry.kid not in gone))


def entries_of(state: IssuerState, document: Jwks | None) -> dict[str, ServedKey]:
    """Every entry that a region's document could be written with, by kid: own keys, adopted ones, what stands there."""
    adopted = (decision for decision in state.foreign if decision.adopted)
    entries = {decision.kid: as_entry(decision) for decision in adopted}
    for entry in others(state, document):
        decision = decision_on(state, entry)
        if decision is None or not decision.adopted:
            entries[entry.kid] = entry
    return entries | {key.kid: own_entry(key.jwk) for key in state.keys}
