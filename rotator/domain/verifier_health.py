"""What a running verifier says of itself (contract §3), and indexes that list many of them.

Reading is total and bounded: a body is a report, an index, or `Unreadable` with a reason that never quotes it.
Members that rotator does not know are ignored.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from rotator.domain.jwks import MAX_BYTES, Unreadable
from rotator.domain.strict_json import read_json
from rotator.domain.times import parse_moment

FORMAT = "rotator.verifier/1"
INDEX_FORMAT = "rotator.verifiers/1"
MAX_INDEXED = 1000
"""URLs that an index may list."""
MAX_KIDS = 5000
"""Kids that a report may list, those of all issuers together."""

_MAX_KID = 512
_MAX_URL = 2048
_MAX_WORDS = 200
_CENTURIES = 10**10
_FINENESS = re.compile(r".{0,16}(:\d\d)?(?:\.(\d+))?", re.ASCII)
_URL = re.compile(r"https?://[A-Za-z0-9._~\[\]:-]+([/?][!-~]*)?", re.ASCII)
"""Without a user name, which readers of URLs understand differently."""


class CopyState(StrEnum):
    """What a verifier says of its copy of a key set: within its lifetime, past it, or none."""

    FRESH = "fresh"
    STALE = "stale"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class HeldCopy:
    """The keys that a verifier has for one issuer now; `fetched_at` None where it does not say."""

    url: str
    kids: tuple[str, ...]
    state: CopyState
    fetched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReportedClock:
    """A verifier's clock by its own account: `offset` from `source`; None for what it does not say."""

    synchronised: bool | None = None
    source: str = ""
    offset: timedelta | None = None


@dataclass(frozen=True, slots=True)
class VerifierReport:
    """One verifier at one moment: `time` on its clock, written to within `resolution`."""

    time: datetime
    resolution: timedelta
    copies: tuple[HeldCopy, ...]
    clock: ReportedClock = ReportedClock()

    def copies_for(self, issuer_url: str) -> tuple[HeldCopy, ...]:
        """The copies that it checks an issuer's tokens with; more than one where it checks in several places."""
        return tuple(copy for copy in self.copies if copy.url == issuer_url)


@dataclass(frozen=True, slots=True)
class VerifierIndex:
    """The URLs of many verifiers' reports, each once; at least one."""

    urls: tuple[str, ...]


def parse_verifier(body: bytes) -> VerifierReport | VerifierIndex | Unreadable:
    """Read what the URL of a verifier check answered."""
    if len(body) > MAX_BYTES:
        return Unreadable(f"larger than {MAX_BYTES // 1024} KiB")
    try:
        members = read_json(body)
    except ValueError:
        return Unreadable("not JSON")
    written = members.get("format") if isinstance(members, dict) else None
    try:
        if written == FORMAT:
            return _report(members)
        return _index(members) if written == INDEX_FORMAT else Unreadable(f"not of format {FORMAT}")
    except ValueError as error:
        return Unreadable(str(error))


def _report(members: Any) -> VerifierReport:
    written = members.get("time")
    copies = tuple(
        _copy(_object(entry, f"issuers[{i}]"), f"issuers[{i}]")
        for i, entry in enumerate(_list(members, "issuers", ""))
    )
    if sum(len(copy.kids) for copy in copies) > MAX_KIDS:
        raise ValueError(f"more than {MAX_KIDS} kids")
    clock = members.get("clock")
    return VerifierReport(
        _moment(written, "time"),
        _resolution(written),
        copies,
        ReportedClock() if clock is None else _clock(_object(clock, "clock")),
    )


def _copy(members: Mapping[str, object], where: str) -> HeldCopy:
    state, fetched_at = members.get("state"), members.get("fetched_at")
    if not isinstance(state, str) or state not in tuple(CopyState):
        raise ValueError(f"{where}.state: none of {', '.join(CopyState)}")
    kids = (
        _text(kid, f"{where}.kids[{i}]", _MAX_KID)
        for i, kid in enumerate(_list(members, "kids", where))
    )
    return HeldCopy(
        _text(members.get("url"), f"{where}.url", _MAX_URL),
        tuple(dict.fromkeys(kids)),
        CopyState(state),
        None if fetched_at is None else _moment(fetched_at, f"{where}.fetched_at"),
    )


def _clock(members: Mapping[str, object]) -> ReportedClock:
    synchronised, offset = members.get("synchronised"), members.get("offset_s")
    source = members.get("source")
    if not isinstance(synchronised, bool | None):
        raise ValueError("clock.synchronised: neither true nor false")  # noqa: TRY004 - one kind of error for all
    return ReportedClock(
        synchronised,
        "" if source is None else _text(source, "clock.source", _MAX_WORDS),
        None if offset is None else _seconds(offset, "clock.offset_s"),
    )


def _index(members: Any) -> VerifierIndex:
    urls = _list(members, "verifiers", "")
    if not 0 < len(urls) <= MAX_INDEXED:
        raise ValueError(f"verifiers: lists {len(urls)} URLs, not 1 to {MAX_INDEXED}")
    for i, url in enumerate(urls):
        text = _text(url, f"verifiers[{i}]", _MAX_URL)
        if not _URL.fullmatch(text):
            raise ValueError(f"verifiers[{i}]: no http: or https: URL")
    return VerifierIndex(tuple(dict.fromkeys(urls)))


def _moment(value: object, where: str) -> datetime:
    try:
        moment = parse_moment(_text(value, where, _MAX_WORDS))
    except ValueError:
        raise ValueError(f"{where}: no RFC 3339 time") from None
    return moment


def _resolution(written: str) -> timedelta:
    """How finely a moment was written: to the minute, the second, or a fraction of it."""
    seconds, fraction = _FINENESS.match(written).groups("")  # type: ignore[union-attr]  # any text fits
    return timedelta(seconds=10.0 ** -len(fraction)) if seconds else timedelta(minutes=1)


def _seconds(value: object, where: str) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _CENTURIES:
        raise ValueError(f"{where}: no number of seconds")
    return timedelta(seconds=float(value))


def _text(value: object, where: str, longest: int) -> str:
    if not isinstance(value, str) or not value or len(value) > longest or not value.isprintable():
        raise ValueError(f"{where}: no text of 1 to {longest} printable characters")
    return value


def _list(members: Mapping[str, object], name: str, where: str) -> list[Any]:
    value = members.get(name)
    if not isinstance(value, list):
        raise ValueError(f"{where}.{name}: no list".lstrip("."))  # noqa: TRY004
    return value


def _object(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: no object")  # noqa: TRY004
    return value
