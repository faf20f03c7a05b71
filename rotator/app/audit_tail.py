"""The end of the log, for a page: read from its end, so that it costs what is shown and not what there is."""

from itertools import islice

from rotator.app.reports import AuditLine, AuditTail
from rotator.app.world import World
from rotator.domain.audit import AuditRecord
from rotator.errors import StateDamaged

LINES = 20
"""How many entries a page shows."""
_DEPTH = 50
"""How far back the entries of some issuers are looked for, in multiples of how many are wanted."""


def audit_tail(world: World, *, most: int = LINES, issuers: tuple[str, ...] = ()) -> AuditTail:
    """The newest entries, newest first, of some issuers or of all. A log that is damaged is said, not raised."""
    lines: list[AuditLine] = []
    try:
        records = islice(world.state.newest(), None if not issuers else most * _DEPTH)
        wanted = (record for record in records if not issuers or record.entry.issuer in issuers)
        lines += map(_line, islice(wanted, most))
    except StateDamaged as error:
        return AuditTail(tuple(lines), error.message)
    return AuditTail(tuple(lines))


def _line(record: AuditRecord) -> AuditLine:
    entry = record.entry
    return AuditLine(
        number=record.number,
        at=entry.at,
        issuer=entry.issuer,
        event=entry.event,
        facts=entry.facts,
        digest=record.digest,
    )
