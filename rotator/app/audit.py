"""`audit`: the hash-chained log of every decision and effect."""

from rotator.app.reports import AuditLine, AuditReport
from rotator.app.world import World
from rotator.domain.audit import verify_chain


def audit(world: World, *, check: bool, issuers: tuple[str, ...] = ()) -> AuditReport:
    """The log, oldest first; `check` recomputes the chain over all of it. `issuers` narrows what is shown."""
    records = list(world.state.audit())
    shown = [record for record in records if not issuers or record.entry.issuer in issuers]
    return AuditReport(
        records=tuple(
            AuditLine(
                number=record.number,
                at=record.entry.at,
                issuer=record.entry.issuer,
                event=record.entry.event,
                facts=record.entry.facts,
                digest=record.digest,
            )
            for record in shown
        ),
        checked=check,
        broken_at=verify_chain(records) if check else None,
    )
