"""When apply was last done with: kept where every host finds it, and only of runs that left nothing undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.adapters.memory_state import MemoryState
from rotator.app.apply import apply
from rotator.app.last_apply import last_apply, note_apply
from rotator.domain.cautious import cautious
from rotator.domain.evidence import Evidence
from rotator.errors import StateError
from tests.fakes.clock import START
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, NAMES, Fleet, Regions

LATER = START + timedelta(hours=1)


def test_nobody_ever_did():
    assert last_apply(Regions().world()) is None


def test_each_apply_counts_from_its_beginning():
    world = Regions()
    for _ in range(2):
        begun = world.clock.now()
        apply(world.world())
        assert last_apply(world.world()) == begun
        world.clock.advance(DAY)


def test_one_that_left_something_undone_does_not_count():
    world = Regions()
    apply(world.world())
    world.clock.advance(DAY)
    world.regions[NAMES[0]].documents["accounts/jwks.json"] = b'{"keys":[]}'
    world.jwks[NAMES[0]].next_writes = [Fault.DENIED]
    assert apply(world.world()).failed
    assert last_apply(world.world()) == START


def test_with_an_issuer_that_had_no_part_in_it_nobody_knows():
    fleet = Fleet(("one", "two"))
    apply(fleet.world())
    assert last_apply(fleet.world()) is not None
    grown = Fleet(("one", "two", "three"))
    grown.state = fleet.state
    assert last_apply(grown.world()) is None


def test_looking_leaves_it_alone():
    world = Regions()
    apply(world.world())
    world.clock.advance(DAY)
    world.plan()
    assert last_apply(world.world()) == START


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [(None, None, None), (START, None, START), (None, LATER, LATER), (START, LATER, LATER)],
)
def test_two_who_look_at_the_same_time(one, other, both):
    seen = [replace(Evidence(issuer="accounts"), applied_at=at) for at in (one, other)]
    assert cautious(*seen).applied_at == both


def test_a_state_that_cannot_keep_it_is_warned_of():
    class Full(MemoryState):
        def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
            raise StateError("the disk is full")

    world = Regions()
    apply(world.world())
    full = Full(world.clock)
    full._evidence = world.state._evidence
    world.state = full
    note_apply(world.world(), LATER)
    assert world.reporter.warnings == ["what was seen could not be kept: the disk is full"]
