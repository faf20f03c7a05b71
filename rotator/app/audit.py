"""`audit`: the hash-chained log of every decision and effect, shown, exported and proven."""

from collections.abc import Sequence
from datetime import datetime

from rotator.app.reports import AuditLine, AuditReport
from rotator.app.world import World
from rotator.domain.audit_export import Link, link_of, narrowed
from rotator.domain.audit_proof import Held, Proof, Verifies, prove
from rotator.domain.checkpoints import EVENT
from rotator.domain.jwk import OkpPublic
from rotator.errors import KeyStoreError


def audit(world: World, *, check: bool, issuers: tuple[str, ...] = ()) -> AuditReport:
    """The log, oldest first; `check` proves all of it. `issuers` narrows what is shown. Raises StateDamaged."""
    links = stored(world)
    proof = proven(links, own_key(world), entire=True) if check else None
    return report(links, proof, issuers=issuers)


def report(
    links: Sequence[Link],
    proof: Proof | None,
    *,
    issuers: tuple[str, ...] = (),
    since: datetime | None = None,
) -> AuditReport:
    """What is shown of links: those with content that the filters let through."""
    entries = [(link, link.entry) for link in links if link.entry]
    shown = [
        AuditLine(
            number=link.number,
            at=entry.at,
            issuer=entry.issuer,
            event=entry.event,
            facts=entry.facts,
            digest=link.digest,
        )
        for link, entry in entries
        if (not issuers or entry.issuer in issuers) and (since is None or entry.at >= since)
    ]
    broken = proof.broken_at if proof else None
    return AuditReport(
        records=tuple(shown), checked=proof is not None, broken_at=broken, proof=proof
    )


def stored(world: World) -> list[Link]:
    """The whole log as the state keeps it. Raises StateDamaged."""
    return [link_of(record) for record in world.state.audit()]


def exported(
    world: World, *, issuers: tuple[str, ...] = (), since: datetime | None = None
) -> list[Link]:
    """The log for an export; what the filters leave out keeps its place in the chain."""
    return narrowed(world.state.audit(), issuers=issuers, since=since)


def checkpoints_in(links: Sequence[Link]) -> list[str]:
    """The checkpoints in a log, oldest first, in compact form."""
    entries = [link.entry for link in links if link.entry and link.entry.event == EVENT]
    return [str(entry.facts.get("jws", "")) for entry in entries]


def proven(
    links: Sequence[Link],
    key: OkpPublic | None,
    held: Sequence[Held] | None = None,
    *,
    required: bool = False,
    entire: bool = False,
) -> Proof:
    """What can be shown of a log. `key`: whose checkpoints count, None verifies no signature; `required`: one must be there.

    `entire`: it is the state's own, which begins with record 1.
    """
    return prove(links, _verifier(key), held, required=required, entire=entire)


def own_key(world: World) -> OkpPublic | None:
    """The public half of the configured checkpoint key; None, with a warning where it cannot be read."""
    if world.checkpoints is None:
        return None
    try:
        return world.checkpoints.notary.public()
    except KeyStoreError as error:
        world.reporter.warn(f"signatures are not verified: {error.message}: {error.detail}")
        return None


def _verifier(key: OkpPublic | None) -> Verifies | None:
    """Verifies with a key; None without one."""
    if key is None:
        return None
    from rotator.jose.notary import signed_by

    return lambda signed: signed_by(key, signed)
