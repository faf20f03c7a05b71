"""Cheap refresh: one listing tells of a thousand documents whether they are as rotator left them; only the rest is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from rotator.app.parallel import side_by_side
from rotator.app.reads import Known
from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.inventory import Absent, AliasRead, JwksRead, RegionView, SigningRead
from rotator.domain.jwks import Jwks, ServedKey, own_entry, render
from rotator.domain.signing import parse_signing
from rotator.domain.state import IssuerState, RegionRecord
from rotator.errors import TargetError
from rotator.planning.decisions import as_entry
from rotator.ports import Catalogue

L = TypeVar("L", JwksRead | Absent, SigningRead | Absent, AliasRead | Absent)

SEVERAL = 3
"""From so many issuers on, listing costs fewer calls than reading."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What catalogues told; a catalogue that could not be read is not in it, so its documents are read one by one."""

    told: tuple[tuple[Catalogue, Mapping[str, str]], ...] = ()

    def version(self, location: str) -> str | Absent | None:
        """The ETag or ARN at a location, Absent where nothing is, None where nobody told."""
        for catalogue, versions in self.told:
            if catalogue.covers(location):
                return versions.get(location, Absent())
        return None


NO_LISTING = Listing()


def listing_of(world: World) -> Listing:
    """The catalogues of a run, all side by side; none where reading is as cheap."""
    if len(world.issuers) < SEVERAL:
        return NO_LISTING
    told = side_by_side(_versions, world.catalogues)
    return Listing(
        tuple((c, v) for c, v in zip(world.catalogues, told, strict=True) if v is not None)
    )


def known_regions(issuer: IssuerWorld, state: IssuerState, listing: Listing) -> Mapping[str, Known]:
    """What need not be read of each region of an issuer."""
    if not listing.told:
        return {}
    return {
        name: _known(state, state.record(name), ports, listing)
        for name, ports in issuer.regions.items()
    }


def as_left(state: IssuerState, record: RegionRecord, *, has_alias: bool) -> RegionView:
    """A region as rotator last left it; of foreign keys that nobody decided about only the kids are remembered."""
    alias = _left_alias(record) if has_alias else None
    return RegionView(_left_jwks(state, record), _left_signing(record), alias)


def _left_jwks(state: IssuerState, record: RegionRecord) -> JwksRead | Absent:
    if record.jwks_etag is None:
        return Absent()
    keys = ((kid, state.key(kid)) for kid in record.jwks_kids)
    entries = tuple(own_entry(key.jwk) if key else _foreign(state, kid) for kid, key in keys)
    return JwksRead(record.jwks_etag, render(entries), Jwks(entries))


def _foreign(state: IssuerState, kid: str) -> ServedKey:
    decision = state.foreign_key(kid)
    return as_entry(decision) if decision else ServedKey(kid, None, "{}")


def _left_signing(record: RegionRecord) -> SigningRead | Absent:
    if record.signing_etag is None or record.signing_body is None:
        return Absent()
    body = record.signing_body.encode()
    return SigningRead(record.signing_etag, body, parse_signing(body))


def _left_alias(record: RegionRecord) -> AliasRead | Absent:
    return AliasRead(record.alias_arn) if record.alias_arn else Absent()


def _versions(catalogue: Catalogue) -> Mapping[str, str] | None:
    try:
        return catalogue.versions()
    except TargetError:
        return None


def _known(state: IssuerState, record: RegionRecord, ports: RegionPorts, listing: Listing) -> Known:
    """What the listing shows to be as it was left. Anything else is read: the listing may be older than the state."""
    own = all(state.key(kid) for kid in record.jwks_kids)
    jwks = listing.version(ports.jwks.location) if own else None
    signing = listing.version(ports.signing.location)
    alias = listing.version(ports.alias.location) if ports.alias else None
    return Known(
        _if_same(_left_jwks(state, record), jwks),
        _if_same(_left_signing(record), signing),
        _if_same(_left_alias(record), alias),
    )


def _if_same(left: L, version: str | Absent | None) -> L | None:
    match left:
        case JwksRead(was) | SigningRead(was) | AliasRead(was):
            return left if version == was else None
        case _:
            return left if isinstance(version, Absent) else None
