"""Drift over many issuers costs a listing for each region, and a read only for what differs."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from rotator.app.apply import apply
from rotator.app.listing import SEVERAL
from rotator.app.plan import make_plan
from rotator.app.verify import verify
from rotator.domain.plan import FindingKind, Plan
from rotator.errors import TargetDenied
from tests.fakes.catalogues import MemoryAliasCatalogue, MemoryCatalogue
from tests.fakes.kms import MemoryKms, arn_of
from tests.fakes.targets import Fault
from tests.scenarios.world import ALIAS, DAY, NAMES, Fleet, Regions

US, EU, AP = NAMES
ISSUERS = ("accounts", "payments", "partners")


def settled(*issuers: str) -> Fleet:
    """Issuers whose keys sign, and whose standbys need no more looks."""
    fleet = Fleet(issuers or ISSUERS)
    assert not fleet.apply().failed
    fleet.clock.advance(DAY)
    fleet.apply()
    fleet.reads()
    return fleet


def plan(fleet: Fleet) -> Plan:
    return make_plan(fleet.world())


def steps(plan_: Plan) -> list[tuple[str, str, str]]:
    return [(p.issuer, s.kind, s.region) for p in plan_.issuers for s in p.steps]


def test_what_is_as_rotator_left_it_is_not_read():
    fleet = settled()
    assert plan(fleet).due == 0
    assert fleet.reads() == []


def test_one_listing_for_each_region_serves_all_issuers():
    fleet = settled("accounts", "payments", "partners", "audit", "legacy")
    before = [catalogue.listed for catalogue in fleet.catalogues]
    plan(fleet)
    assert [catalogue.listed for catalogue in fleet.catalogues] == [count + 1 for count in before]


def test_a_look_at_a_listing_counts_as_a_look():
    """The evidence is fresh, though nothing was read."""
    fleet = settled()
    fleet.clock.advance(DAY)
    plan(fleet)
    sighting = fleet.state.load_evidence("payments").sightings[EU]
    assert {seen.checked_at for seen in sighting.values()} == {fleet.clock.now()}
    assert fleet.reads() == []


@pytest.mark.parametrize("document", ["jwks.json", "signing.json"])
def test_only_what_differs_is_read_and_repaired(document):
    fleet = settled()
    good = fleet.regions[EU].documents[f"payments/{document}"]
    fleet.regions[EU].documents[f"payments/{document}"] = b'{"keys": []}'
    found = plan(fleet)
    assert fleet.reads() == [f"{EU}/payments/{document}"]
    assert steps(found) == [("payments", "repair", EU)]
    assert {f.kind for f in found.issuers[1].findings} == {FindingKind.DRIFT}
    assert not fleet.apply().failed
    repaired = fleet.regions[EU].documents[f"payments/{document}"]
    assert (repaired == good) is (document == "jwks.json")  # orders get a new generation


class EarlierCatalogue(MemoryCatalogue):
    """A listing from before the first documents were written, while the state is from after it."""

    def versions(self) -> Mapping[str, str]:
        return {}


def test_a_listing_that_is_older_than_the_state_ends_no_run():
    fleet = settled()
    fleet.catalogues[1] = EarlierCatalogue(fleet.regions[EU])
    assert plan(fleet).due == 0
    assert plan(fleet).blocked == 0


def test_what_is_gone_is_looked_at_before_it_is_believed():
    fleet = settled()
    del fleet.regions[AP].documents["accounts/jwks.json"]
    del fleet.regions[AP].documents["partners/signing.json"]
    found = plan(fleet)
    assert fleet.reads() == [f"{AP}/accounts/jwks.json", f"{AP}/partners/signing.json"]
    assert steps(found) == [("accounts", "repair", AP), ("partners", "repair", AP)]


def test_a_catalogue_that_fails_leaves_its_region_to_reads():
    fleet = settled()
    fleet.catalogues[1] = FailingCatalogue(fleet.regions[EU])
    assert plan(fleet).due == 0
    names = ("jwks.json", "signing.json")
    assert fleet.reads() == sorted(f"{EU}/{issuer}/{name}" for issuer in ISSUERS for name in names)


class FailingCatalogue(MemoryCatalogue):
    """ListBucket is not allowed, or nobody answers."""

    def versions(self) -> Mapping[str, str]:
        raise TargetDenied(f"{self.region.name} may not be listed")


def test_a_region_that_is_down_is_unreachable_and_not_empty():
    fleet = settled()
    fleet.regions[EU].fault = Fault.DOWN
    found = plan(fleet)
    assert found.due == 0
    assert {wait.region for part in found.issuers for wait in part.waiting if wait.blocked} == {EU}


def test_few_issuers_are_read():
    """Reading costs fewer calls than listing would."""
    fleet = settled(*ISSUERS[: SEVERAL - 1])
    plan(fleet)
    assert len(fleet.reads()) == (SEVERAL - 1) * 2 * len(NAMES)
    assert [catalogue.listed for catalogue in fleet.catalogues] == [0] * 3


def test_verify_reads_everything():
    fleet = settled()
    report = verify(fleet.world())
    assert report.gate_open
    assert len(fleet.reads()) == len(ISSUERS) * 2 * len(NAMES)


def test_without_refresh_nothing_is_asked():
    fleet = settled()
    before = [catalogue.listed for catalogue in fleet.catalogues]
    assert make_plan(fleet.world(), refresh=False).due == 0
    assert fleet.reads() == []
    assert [catalogue.listed for catalogue in fleet.catalogues] == before


def test_a_foreign_key_that_was_served_is_read_each_time():
    """Its text is not remembered, only its kid: what is not known whole is read."""
    fleet = settled()
    theirs = b'{"alg":"ES256","crv":"P-256","kid":"theirs","kty":"EC","use":"sig","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY","y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}'
    good = fleet.regions[EU].documents["payments/jwks.json"]
    fleet.regions[EU].documents["payments/jwks.json"] = good[:-2] + b"," + theirs + b"]}"
    for _ in range(2):
        fleet.apply()
        found = plan(fleet)
        assert f"{EU}/payments/jwks.json" in fleet.reads()
        assert {f.kind for f in found.issuers[1].findings} == {FindingKind.FOREIGN_KEY}


class TestAliases:
    """Three issuers are needed for a listing: here one world stands for three."""

    def world(self) -> tuple[Regions, MemoryKms, list[MemoryAliasCatalogue]]:
        kms = MemoryKms()
        world = Regions(kms=kms)
        world.apply()
        world.clock.advance(DAY)
        world.apply()
        return world, kms, [MemoryAliasCatalogue(kms, name) for name in NAMES]

    def plan(self, world: Regions, catalogues: list[MemoryAliasCatalogue]) -> Plan:
        fleet = Fleet(("payments", "partners"))
        both = (*world.world().issuers, *fleet.world().issuers)
        return make_plan(replace(world.world(), issuers=both, catalogues=tuple(catalogues)))

    def test_they_are_told_by_their_regions_list(self):
        world, _, catalogues = self.world()
        before = self.asked(world)
        assert self.plan(world, catalogues).issuers[0].steps == ()
        assert [catalogue.listed for catalogue in catalogues] == [1] * 3
        assert self.asked(world) == before

    def asked(self, world: Regions) -> list[int]:
        return [alias.asked for alias in world.aliases.values()]

    def test_one_that_moved_or_is_gone_is_asked_for(self):
        world, kms, catalogues = self.world()
        kms.aliases[EU, ALIAS] = arn_of("mrk-stranger", EU)
        del kms.aliases[AP, ALIAS]
        us, eu, ap = self.asked(world)
        plan_ = self.plan(world, catalogues).issuers[0]
        assert [(step.kind, step.region) for step in plan_.steps] == [
            ("point_alias", EU),
            ("point_alias", AP),
        ]
        assert self.asked(world) == [us, eu + 1, ap + 1]

    def test_a_region_whose_kms_is_down_is_asked_and_does_not_answer(self):
        world, kms, catalogues = self.world()
        kms.down = {EU}
        plan_ = self.plan(world, catalogues).issuers[0]
        assert [(w.kind, w.region) for w in plan_.waiting if w.blocked] == [("write_signing", EU)]


def test_a_rotation_of_many_issuers_by_listing_alone_ends_like_any_other():
    fleet = settled()
    for days in (88, 1, 33):
        fleet.clock.advance(days * DAY)
        assert not apply(fleet.world()).failed
    for issuer in ISSUERS:
        state = fleet.state.load(issuer)
        assert state
        assert [key.moments.removed_at is not None for key in state.keys] == [True, False, False]
    fleet.reads()
    assert plan(fleet).due == 0
    assert fleet.reads() == []
