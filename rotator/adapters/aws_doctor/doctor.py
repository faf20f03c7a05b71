"""Everything that `doctor` asks AWS, as examinations that run side by side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Final

from rotator.adapters.aws_doctor.asking import Way, with_refusals
from rotator.adapters.aws_doctor.buckets import Bucket
from rotator.adapters.aws_doctor.cloudfront import edge
from rotator.adapters.aws_doctor.identity import Identities, Identity, one_account, who_asks
from rotator.adapters.aws_doctor.keys import RegionKeys
from rotator.adapters.aws_doctor.orphans import orphans
from rotator.adapters.aws_doctor.permissions import simulated
from rotator.adapters.aws_doctor.uses import BucketUse, EdgeUse, KmsUse, WrappingUse
from rotator.adapters.aws_doctor.wrapping import may_make_a_pair, wrapping_key
from rotator.aws import AwsAccess, AwsClients
from rotator.domain.diagnosis import Area, Diagnosis, Place
from rotator.domain.state import IssuerState
from rotator.ports import Clock, Examination

_CONNECT: Final = timedelta(seconds=3)
_READ: Final = timedelta(seconds=5)
_PATIENCE: Final = timedelta(seconds=30)
"""Three attempts at one call, and a little more."""

_MANY_KEYS: Final = timedelta(minutes=2)

Look = Callable[[], Iterable[Diagnosis]]


@dataclass(frozen=True)
class AwsDoctor:
    """Implements `ports.Doctor`. `drift` is how far AWS's clock may be from this host's (ε)."""

    clients: AwsClients
    clock: Clock
    drift: timedelta
    buckets: Sequence[BucketUse] = ()
    keys: Sequence[KmsUse] = ()
    wrapping: Sequence[WrappingUse] = ()
    edges: Sequence[EdgeUse] = ()

    def examinations(self, states: Mapping[str, IssuerState]) -> Sequence[Examination]:
        """Who asks, then every bucket, key, permission and distribution."""
        identities = Identities(self.clients, self.clock)
        found = [*self._who(identities)]
        found += [self._bucket(identities, bucket) for bucket in unique_buckets(self.buckets)]
        for use in self.keys:
            found += self._kms(identities, use, states.get(use.issuer))
        found += self._orphans(identities, states)
        for wrapping in self.wrapping:
            found += self._wrapping(identities, wrapping, states.get(wrapping.issuer))
        for use_ in self.edges:
            ward = self._ward(identities, use_.access, Area.EDGES, Place(use_.issuer, use_.region))
            look = partial(edge, ward.way, use_)
            found.append(ward.examination(use_.distribution, look, needed=False))
        return found

    def _who(self, identities: Identities) -> Iterator[Examination]:
        listed: list[KmsUse | WrappingUse] = [*self.keys, *self.wrapping]
        uses = {use.issuer: use.accesses for use in listed}
        accesses = [
            *(use.access for use in self.buckets),
            *(access for accesses in uses.values() for access in accesses.values()),
            *(use.access for use in self.edges),
        ]
        for access in dict.fromkeys(_brisk(access) for access in accesses):
            place = Place(region=access.region)
            look = partial(who_asks, identities, access, self.drift)
            yield Examination(Area.ACCESS, place, access.who, look, _PATIENCE)
        for issuer, regions in uses.items():
            brisk = {region: _brisk(access) for region, access in regions.items()}
            look = partial(one_account, identities, issuer, brisk)
            yield Examination(Area.ACCESS, Place(issuer), "its accounts", look, _PATIENCE)

    def _bucket(self, identities: Identities, use: BucketUse) -> Examination:
        ward = self._ward(identities, use.access, Area.BUCKETS, Place(region=use.region))
        bucket = Bucket(ward.way, use)
        return ward.examination(bucket.name, bucket.look, needed=True)

    def _kms(
        self, identities: Identities, use: KmsUse, state: IssuerState | None
    ) -> Iterator[Examination]:
        for region, access in use.accesses.items() if state else ():
            ward = self._ward(identities, access, Area.KMS, Place(use.issuer, region))
            keys = RegionKeys(ward.way, use, region, state or IssuerState(issuer=use.issuer))
            name, primary = f"the KMS keys in {region}", region == use.primary
            yield ward.examination(name, partial(keys.states, self.clock), needed=True)
            yield ward.examination(name, keys.public_halves, needed=primary)
            yield ward.examination(name, keys.signatures, needed=False)
        yield self._simulation(identities, use, state)

    def _simulation(
        self, identities: Identities, use: KmsUse, state: IssuerState | None
    ) -> Examination:
        place = Place(use.issuer, use.primary)
        ward = self._ward(identities, use.accesses[use.primary], Area.ACCESS, place)

        def look() -> Iterator[Diagnosis]:
            identity = identities.of(ward.way.access)
            if isinstance(identity, Identity):
                yield from simulated(ward.way, use, identity, state)

        return ward.examination("permissions without a dry run", look, needed=False)

    def _orphans(
        self, identities: Identities, states: Mapping[str, IssuerState]
    ) -> Iterator[Examination]:
        """Once for each access to a primary region; only among issuers whose state could be read."""
        for region, access in dict.fromkeys((u.primary, u.accesses[u.primary]) for u in self.keys):
            owners = {use.issuer for use in self.keys if use.primary == region}
            known = {name: state for name, state in states.items() if name in owners}
            ward = self._ward(identities, access, Area.KMS, Place(region=region))
            look = partial(orphans, ward.way, region, known)
            yield ward.examination("orphans", look, needed=True, patience=_MANY_KEYS)

    def _wrapping(
        self, identities: Identities, use: WrappingUse, state: IssuerState | None
    ) -> Iterator[Examination]:
        for region, access in use.accesses.items():
            ward = self._ward(identities, access, Area.KMS, Place(use.issuer, region))
            look = partial(wrapping_key, ward.way, use, region)
            yield ward.examination(use.wrapping_key, look, needed=True)
            if region == use.primary:
                known = state or IssuerState(issuer=use.issuer)
                look = partial(may_make_a_pair, ward.way, use, known)
                yield ward.examination("a new pair", look, needed=True)

    def _ward(self, identities: Identities, access: AwsAccess, area: Area, place: Place) -> "_Ward":
        return _Ward(identities, Way(self.clients, _brisk(access)), area, place)


@dataclass(frozen=True, slots=True)
class _Ward:
    """What the looks at one place by one way have in common."""

    identities: Identities
    way: Way
    area: Area
    place: Place

    def examination(
        self, what: str, look: Look, *, needed: bool, patience: timedelta = _PATIENCE
    ) -> Examination:
        """A look that is not taken without usable credentials: the line about them says it all."""

        def guarded() -> Iterator[Diagnosis]:
            if self.identities.has_way_in(self.way.access):
                yield from with_refusals(self.area, self.place, look(), needed=needed)

        return Examination(self.area, self.place, what, guarded, patience)


def unique_buckets(uses: Iterable[BucketUse]) -> list[BucketUse]:
    """One use for each bucket, access and purpose; the first key stands for all of them."""
    found: dict[tuple[object, ...], BucketUse] = {}
    for use in uses:
        key = use.purpose, use.access, use.bucket
        known = found.get(key, use)
        found[key] = replace(known, wrapped=known.wrapped or use.wrapped)
    return list(found.values())


def _brisk(access: AwsAccess) -> AwsAccess:
    """The same way in with less patience: what hangs there is what doctor is to find out."""
    return replace(
        access,
        connect_timeout=min(access.connect_timeout, _CONNECT),
        read_timeout=min(access.read_timeout, _READ),
    )
