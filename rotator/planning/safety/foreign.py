"""The safety checker's part about keys that rotator does not own (design I7); it shares no code with the planner."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from rotator.domain.inventory import Inventory
from rotator.domain.plan import RemoveForeign, RepairJwks, WriteJwks
from rotator.domain.state import ForeignKey

Served = Mapping[str, frozenset[str] | None]
"""The kids that each region serves, None where nobody knows."""


def kept(
    served: Served, made: frozenset[str], inventory: Inventory, now: datetime
) -> Iterable[tuple[str, str, str]]:
    """I7: a key that is not rotator's is never dropped, unless an operator decided that this very key may go."""
    for region, kids in served.items():
        for kid in _not_own(kids, made, inventory):
            if _let_go(kid, region, inventory, now) is None:
                yield "I7", kid, region


def bad_withdrawal(
    step: RemoveForeign, served: Served, inventory: Inventory, now: datetime
) -> Iterable[tuple[str, str]]:
    """A withdrawal takes out one key, one that is not rotator's and that a decision lets go."""
    decision = _let_go(step.kid, step.region, inventory, now)
    if inventory.state.key(step.kid):
        yield "I3", f"{step.kid[:8]} is a key of this issuer"
    elif decision is None:
        yield "I7", f"nobody decided that {step.kid[:8]} may leave {step.region}"
    hold = inventory.state.hold
    if hold and hold.holds_at(now) and decision and decision.adopted:
        yield "I5", "a hold is in force, and the end of an adoption is what it stops"
    missing = (served.get(step.region) or frozenset()) - set(step.keys) - {step.kid}
    if missing:
        names = ", ".join(sorted(kid[:8] for kid in missing))
        yield "I3", f"{step.region} would lose {names} as well"


def bad_write(
    step: WriteJwks | RepairJwks,
    served: Served,
    made: frozenset[str],
    inventory: Inventory,
    now: datetime,
) -> Iterable[tuple[str, str]]:
    """Also a key that may go leaves by a step of its own, never along with something else."""
    for kid in sorted(_not_own(served.get(step.region), made, inventory) - set(step.keys)):
        if _let_go(kid, step.region, inventory, now):
            yield "I7", f"{kid[:8]} would leave {step.region} without a step that says so"


def _not_own(kids: Iterable[str] | None, made: frozenset[str], inventory: Inventory) -> set[str]:
    return set(kids or ()) - {key.kid for key in inventory.state.keys} - made


def _let_go(kid: str, region: str, inventory: Inventory, now: datetime) -> ForeignKey | None:
    """The decision that lets a key go that the region was seen serving: about the same material, and not wanted."""
    document = inventory.views[region].jwks_document()
    for entry in document.keys if document else ():
        for decision in inventory.state.foreign:
            same = (decision.kid, decision.thumbprint) == (entry.kid, entry.thumbprint)
            if same and entry.thumbprint is None:
                same = decision.text == entry.text
            if same and entry.kid == kid and not decision.wanted_at(now):
                return decision
    return None
