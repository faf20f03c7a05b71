"""When apply was last done with, by whoever ran it: kept beside the evidence, so that nobody does a turn twice."""

from dataclasses import replace
from datetime import datetime

from rotator.app.gather import keep_evidence
from rotator.app.parallel import side_by_side
from rotator.app.world import IssuerWorld, World


def note_apply(world: World, begun: datetime) -> None:
    """Keep that an apply which began at that moment left nothing undone; a state that cannot keep it is warned of."""

    def note(issuer: IssuerWorld) -> None:
        seen = world.state.load_evidence(issuer.name)
        if seen.looks:  # else the folder is fresh, or every look was in vain
            keep_evidence(world, replace(seen, applied_at=begun), seen)

    side_by_side(note, world.issuers)


def last_apply(world: World) -> datetime | None:
    """When the last apply began that every issuer had part in, None when one never had. Raises StateError."""
    evidences = side_by_side(lambda one: world.state.load_evidence(one.name), world.issuers)
    moments = [evidence.applied_at for evidence in evidences]
    return None if None in moments else min((at for at in moments if at), default=None)
