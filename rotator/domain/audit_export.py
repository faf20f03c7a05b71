"""The audit log as JSON Lines, one record a line, each of which proves its own content.

A record that a filter leaves out keeps its line with number and hashes, so that the chain goes on; what it said is
not there, and cannot be proven.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rotator.domain.audit import START, AuditEntry, AuditRecord, digest_of
from rotator.domain.codec import CodecError, decode, encode
from rotator.domain.strict_json import read_json

_LINK: Final = frozenset({"number", "previous", "digest"})
_WHOLE: Final = _LINK | {"at", "issuer", "event", "facts"}


@dataclass(frozen=True, slots=True)
class Link:
    """One record of a log as it was exported; `entry` None where a filter left its content out."""

    number: int
    previous: str
    digest: str
    entry: AuditEntry | None

    @property
    def proven(self) -> bool:
        """Whether the content is what the digest was made of; True where there is none."""
        return self.entry is None or self.digest == digest_of(
            self.number, self.previous, self.entry
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """What every line has."""

    number: int
    previous: str
    digest: str


def link_of(record: AuditRecord) -> Link:
    """A stored record as a link."""
    return Link(record.number, record.previous, record.digest, record.entry)


def narrowed(
    records: Iterable[AuditRecord], *, issuers: Collection[str] = (), since: datetime | None = None
) -> list[Link]:
    """The links from the first record at or after `since` on; other issuers' without content.

    What belongs to no issuer, such as a checkpoint, is always there.
    """
    listed = list(records)
    if since is not None:
        ends = (i for i, record in enumerate(listed) if record.entry.at >= since)
        listed = listed[next(ends, len(listed)) :]
    return [
        link_of(record) if _shown(record.entry, issuers) else _hidden(record) for record in listed
    ]


def line_of(link: Link) -> str:
    """One line of the export, without its end."""
    members: dict[str, object] = {"number": link.number}
    if link.entry is not None:
        members |= encode(link.entry)
    members |= {"previous": link.previous, "digest": link.digest}
    return json.dumps(members, separators=(",", ":"), allow_nan=False)


def read_line(text: bytes) -> Link:
    """The link of one line; raises ValueError with what is wrong with it."""
    members = read_json(text)
    if not isinstance(members, dict) or frozenset(members) not in (_LINK, _WHOLE):
        raise ValueError(
            "no exported record: number, previous and digest expected, and all else or nothing else"
        )
    chain = {name: members.pop(name) for name in _LINK}
    try:
        place = decode(_Place, chain, "record")
        entry = decode(AuditEntry, members, "record") if members else None
    except CodecError as error:
        raise ValueError(f"no exported record: {error}") from None
    return Link(place.number, place.previous, place.digest, entry)


def broken_at(links: Iterable[Link]) -> int | None:
    """The number of the first link that does not follow its predecessor or is not what its digest says; None: all are.

    The first one may be any: where it is number 1 it must stand behind nothing.
    """
    before: Link | None = None
    for link in links:
        if before is None:
            follows = link.number > 1 or link.previous == START
        else:
            follows = (link.number, link.previous) == (before.number + 1, before.digest)
        if not follows or not link.proven:
            return link.number
        before = link
    return None


def _shown(entry: AuditEntry, issuers: Collection[str]) -> bool:
    return not issuers or entry.issuer in ("", *issuers)


def _hidden(record: AuditRecord) -> Link:
    return Link(record.number, record.previous, record.digest, None)
