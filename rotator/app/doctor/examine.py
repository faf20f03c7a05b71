"""The whole round: states first, since the other looks need them, then everything side by side."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial

from rotator.app.doctor.clocks import of_kernel, one_a_place
from rotator.app.doctor.documents import of_documents
from rotator.app.doctor.records import of_issuer, of_key_stores, of_lease, of_policy, of_state
from rotator.app.doctor.report import DoctorReport
from rotator.app.doctor.rounds import carried_out
from rotator.app.doctor.urls import of_urls
from rotator.app.doctor.versions import of_versions
from rotator.app.doctor.witnesses import of_witnesses
from rotator.app.world import IssuerWorld, World
from rotator.domain.diagnosis import Area, Diagnosis, Place
from rotator.domain.state import IssuerState
from rotator.ports import Examination

_AREAS = tuple(Area)


def examine(world: World, *, patience: timedelta | None = None) -> DoctorReport:
    """Look at everything; `patience` replaces how long each look may take. Raises nothing that a look raises."""
    states: dict[str, IssuerState] = {}
    found = carried_out([_first(world, i, states) for i in world.issuers], patience=patience)
    found += carried_out(list(_looks(world, states)), patience=patience)
    ordered = sorted(one_a_place(found), key=lambda d: _AREAS.index(d.area))
    return DoctorReport(at=world.clock.now(), findings=tuple(ordered))


def _first(world: World, issuer: IssuerWorld, states: dict[str, IssuerState]) -> Examination:
    def look() -> Iterator[Diagnosis]:
        state = world.state.load(issuer.name)
        states[issuer.name] = state or IssuerState(issuer=issuer.name)
        yield from of_state(issuer, state, world.clock.now())

    return Examination(Area.STATE, Place(issuer.name), "the state", look)


def _looks(world: World, states: Mapping[str, IssuerState]) -> Iterator[Examination]:
    yield Examination(Area.VERSIONS, Place(), "the installation", of_versions)
    yield Examination(Area.STATE, Place(), "the lease", partial(of_lease, world))
    yield Examination(Area.CLOCKS, Place(), "this host's clock", partial(of_kernel, world.time))
    yield Examination(Area.KEYS, Place(), "the key stores", partial(of_key_stores, world))
    for issuer in world.issuers:
        state = states.get(issuer.name)
        yield Examination(Area.POLICY, Place(issuer.name), "the policy", partial(of_policy, issuer))
        if state is not None:
            yield from of_issuer(world, issuer, state)
        yield from of_documents(world, issuer, state)
        yield from of_urls(world, issuer, state)
        yield from of_witnesses(world, issuer, state)
    for doctor in world.doctors:
        yield from doctor.examinations(states)
