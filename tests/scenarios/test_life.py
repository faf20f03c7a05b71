"""The life of keys, run by run."""

from datetime import timedelta

from tests.scenarios.world import DAY, NAMES, Regions


def test_first_run_ends_with_one_active_and_one_published_key():
    world = Regions()
    report = world.apply()
    assert not report.failed
    assert world.phases() == ["active", "published"]
    assert {world.signing(name).active.kid for name in NAMES} == {world.key(0).kid}
    assert {world.document(name).kids() for name in NAMES} == {(world.key(0).kid, world.key(1).kid)}


def test_second_run_has_nothing_to_do():
    world = Regions()
    world.apply()
    written = [len(region.writes) for region in world.regions.values()]
    assert not world.apply().results
    assert [len(region.writes) for region in world.regions.values()] == written


def test_a_rotation():
    world = Regions()
    world.apply()
    world.runs(days=89)
    assert world.phases() == ["active", "published"]
    world.runs(days=1)
    assert world.phases() == ["retired", "active", "published"]
    world.runs(days=31)
    assert world.phases() == ["retired", "active", "published"]
    world.runs(days=2)
    assert world.phases() == ["removed", "active", "published"]
    assert world.key(0).moments.destroyed_at
    assert (
        timedelta(days=31, hours=1)
        < world.key(0).moments.removed_at - world.key(0).moments.retired_at
    )
    assert DAY
