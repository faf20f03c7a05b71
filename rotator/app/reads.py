"""A region's own documents and alias, read into a view; what does not answer becomes data, not an exception."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rotator.app.parallel import side_by_side
from rotator.app.world import RegionPorts
from rotator.domain.inventory import (
    Absent,
    AliasRead,
    JwksRead,
    RegionView,
    SigningRead,
    Unavailable,
)
from rotator.domain.jwks import parse
from rotator.domain.signing import parse_signing
from rotator.errors import TargetDenied, TargetError, TargetMissing
from rotator.ports import AliasTarget, DocumentTarget, Stored

Reading = Stored | Absent | Unavailable
"""What reading a document came to."""


@dataclass(frozen=True, slots=True)
class Known:
    """What need not be read of a region, since a listing told it already; None where it must be."""

    jwks: JwksRead | Absent | None = None
    signing: SigningRead | Absent | None = None
    alias: AliasRead | Absent | None = None


NOTHING_KNOWN = Known()


@dataclass(frozen=True, slots=True)
class Read:
    """One request that reads a part of a region's view."""

    part: str
    work: Callable[[], object]


def read_view(region: RegionPorts) -> RegionView:
    """A region as it is now: both documents and the alias."""
    reads = list(reads_of(region, NOTHING_KNOWN, versions=False))
    results = side_by_side(lambda read: read.work(), reads)
    found = {read.part: result for read, result in zip(reads, results, strict=True)}
    return view_of(found, NOTHING_KNOWN)


def reads_of(region: RegionPorts, known: Known, *, versions: bool) -> Iterator[Read]:
    """The requests that a region's view needs beyond what is `known`; `versions` asks for the oldest one kept too."""
    if known.jwks is None:
        yield Read("jwks", partial(_read, region.jwks))
    if known.signing is None:
        yield Read("signing", partial(_read, region.signing))
    if region.alias and known.alias is None:
        yield Read("alias", partial(_read_alias, region.alias))
    if versions:
        yield Read("oldest_signing", partial(_oldest, region.signing))


def view_of(parts: Mapping[str, object], known: Known) -> RegionView:
    """The view that the results of `reads_of`, by part, amount to."""
    jwks, signing, oldest = (parts.get(part) for part in ("jwks", "signing", "oldest_signing"))
    alias = parts.get("alias", known.alias)
    return RegionView(
        known.jwks or _as_jwks(jwks),
        known.signing or _as_signing(signing),
        alias if isinstance(alias, AliasRead | Absent | Unavailable) else None,
        oldest if isinstance(oldest, datetime) else None,
    )


def _as_jwks(read: object) -> JwksRead | Absent | Unavailable:
    match read:
        case Stored(body, etag, content_type, cache_control):
            return JwksRead(etag, body, parse(body), content_type, cache_control)
        case Absent() | Unavailable():
            return read
        case _:
            raise TypeError(read)


def _as_signing(read: object) -> SigningRead | Absent | Unavailable:
    match read:
        case Stored(body, etag):
            return SigningRead(etag, body, parse_signing(body))
        case Absent() | Unavailable():
            return read
        case _:
            raise TypeError(read)


def _read(target: DocumentTarget) -> Reading:
    try:
        return target.read() or Absent()
    except TargetError as error:
        return _unavailable(error)


def _read_alias(alias: AliasTarget) -> AliasRead | Absent | Unavailable:
    try:
        arn = alias.read()
    except TargetError as error:
        return _unavailable(error)
    return AliasRead(arn) if arn else Absent()


def _oldest(target: DocumentTarget) -> datetime | None:
    try:
        return target.oldest_version()
    except TargetError:
        return None


def _unavailable(error: TargetError) -> Unavailable:
    words = f"{error.message} ({error.detail})" if error.detail else error.message
    # What is missing stays missing until somebody does something; what is down comes back by itself.
    if isinstance(error, TargetDenied | TargetMissing):
        words = f"{words}: {error.hint}"
    return Unavailable(error.code, words)
