"""Writes that take effect though nobody sees it: the region answers no more just after them, or the run dies."""

from datetime import timedelta

from rotator.app.apply import apply
from rotator.domain.lifecycle import Phase
from rotator.domain.plan import Reason
from rotator.domain.policy import Policy
from tests.fakes.targets import Fault, MemoryRegion
from tests.scenarios.test_crash_points import crash
from tests.scenarios.world import DAY, JWKS, Regions

EU = "eu-central-1"
POLICY = Policy(rotate_every=10 * DAY, refresh_token_lifetime=2 * DAY, passes_required=1)


class Falling(MemoryRegion):
    """A region that goes down just after its next write, once."""

    falls = True

    def swap(self, key: str, body: bytes, expected_etag: str | None) -> str:
        etag = super().swap(key, body, expected_etag)
        if self.falls:
            self.falls, self.fault = False, Fault.DOWN
        return etag


def falling(world: Regions) -> None:
    """The region's next write is its last for now."""
    old = world.regions[EU]
    region = world.regions[EU] = Falling(EU, documents=old.documents)
    for target in (world.jwks[EU], world.signings[EU]):
        target.region = region


def living(*, with_urls: bool = False) -> Regions:
    world = Regions(POLICY, with_urls=with_urls)
    world.apply()
    world.runs(days=3)
    return world


def served_from_a_cache(world: Regions) -> None:
    """The region's edge goes on with the copy it has, so that no look at it fails."""
    edge = world.edges[EU]
    edge.body, edge.status = world.regions[EU].documents[JWKS], 200


def visible(world: Regions) -> timedelta | None:
    """For how long the standby has been seen in the region."""
    seen = world.state.load_evidence("accounts").sighting(EU, world.key(1).kid)
    return world.at() - seen.visible_since if seen.visible_since else None


def test_a_document_written_unseen_does_not_count_as_somebody_elses_for_ever():
    """Every look would end the lead there, and nothing would ever be due that wrote the document once more."""
    world = living()
    world.set_policy(standby_keys=2)
    falling(world)
    world.apply()
    assert len(world.document(EU).kids()) == 3
    world.up(EU)
    for seen_for in (timedelta(), timedelta(minutes=10)):
        world.clock.advance(timedelta(minutes=10))
        assert not world.apply().failed
        assert visible(world) == seen_for
    world.runs(days=8)
    assert world.phases()[:2] == [Phase.RETIRED, Phase.ACTIVE]


def test_a_repair_restarts_the_lead_also_when_nobody_saw_it():
    world = living(with_urls=True)
    served_from_a_cache(world)
    before = world.regions[EU].documents.pop(JWKS)
    falling(world)
    world.apply()
    assert world.regions[EU].documents[JWKS] == before
    world.up(EU)
    world.clock.advance(timedelta(minutes=10))
    world.apply()
    assert visible(world) == timedelta(minutes=10)


def test_after_a_repair_that_died_no_plan_counts_the_old_lead():
    world = living(with_urls=True)
    served_from_a_cache(world)
    del world.regions[EU].documents[JWKS]
    crash(world, f"{EU} jwks write#1", "after")
    world.state.break_lease()
    world.clock.advance(timedelta(minutes=10))
    world.plan()
    assert visible(world) == timedelta()
    apply(world.world())
    world.clock.advance(timedelta(minutes=10))
    world.apply()
    assert visible(world) == timedelta(minutes=10)


def test_a_private_half_is_not_destroyed_while_a_region_may_serve_the_key_again():
    world = living()
    world.runs(days=7)
    world.until(world.wait_for("remove"))
    crash(world, "keys destroy#1", "before")
    world.state.break_lease()
    world.down(EU)
    wait = world.wait_for("destroy")
    assert (wait.reason_code, wait.region) == (Reason.REGION_UNREACHABLE, EU)
    world.apply()
    assert world.keys.destroyed == []
    world.up(EU)
    world.apply()
    assert world.keys.destroyed == ["accounts/1"]
