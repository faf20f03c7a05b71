"""One issuer's run under a lease, and what every part of it needs: saving, its keys, its AWS regions."""

from dataclasses import dataclass, field, replace

from rotator.app.gather import with_lineage
from rotator.app.world import IssuerWorld, World
from rotator.domain.inventory import Inventory
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.keys import Key, Moments
from rotator.domain.state import IssuerState
from rotator.errors import InternalError
from rotator.ports import AuditEntry, Generated, Lease


@dataclass(slots=True)
class Run:
    """One issuer's run under a lease: its inventory as of the last read, and the kids bound to refs."""

    world: World
    issuer: IssuerWorld
    lease: Lease
    inventory: Inventory
    bound: dict[str, str] = field(default_factory=dict)


def save(run: Run, state: IssuerState, entries: list[AuditEntry]) -> None:
    """Save the state with its log lines, and go on from what was saved."""
    saved = run.world.state.save(run.lease, with_lineage(state), entries)
    run.inventory = replace(run.inventory, state=saved)


def staged_key(run: Run, generation: int, algorithm: Algorithm, made: Generated) -> Key:
    """The record of a key that the store holds under a generation."""
    return Key(
        jwk=Jwk(thumbprint(made.public), algorithm, made.public),
        generation=generation,
        handle=made.handle,
        moments=Moments(staged_at=run.world.clock.now()),
    )


def key_of(run: Run, kid: str) -> Key:
    """A key that a step names."""
    key = run.inventory.state.key(kid)
    if key is None:
        raise InternalError(f"the state has no key {kid}")
    return key


def aws_region_of(run: Run, region: str) -> str | None:
    """Where the signers of a region use KMS, None where they do not."""
    setup = run.issuer.setup.region(region)
    return setup.aws_region if setup else None
