"""Runs sign checkpoints of the log when one is due, and never fail because they cannot."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from rotator.app.apply import apply
from rotator.app.audit import audit, own_key, proven, stored
from rotator.app.checkpoints import MOST_RECORDS
from rotator.app.hold import hold
from rotator.app.world import Checkpoints, World
from rotator.domain.checkpoints import EVENT
from rotator.domain.jwk import unb64url
from rotator.errors import StateDamaged, UsageError
from rotator.ports import AuditEntry, AuditRecord
from tests.fakes.notary import MemoryNotary
from tests.fakes.state import MemoryState
from tests.scenarios.world import DAY, Regions


class Story:
    """Three regions whose runs sign checkpoints."""

    def __init__(self) -> None:
        self.regions = Regions()
        self.notary = MemoryNotary()

    def world(self) -> World:
        return replace(self.regions.world(), checkpoints=Checkpoints(self.notary))

    def apply(self, days: int = 0) -> None:
        self.regions.clock.advance(days * DAY)
        apply(self.world())

    def numbers(self) -> list[int]:
        """Which records hold checkpoints."""
        return [r.number for r in self.world().state.audit() if r.entry.event == EVENT]


@pytest.fixture
def story() -> Story:
    made = Story()
    made.apply()
    return made


def test_the_first_run_signs_the_end_of_its_log(story: Story) -> None:
    (record,) = [r for r in story.world().state.audit() if r.entry.event == EVENT]
    assert record.entry.facts["upto"] == record.number - 1
    assert story.notary.copies == [record.entry.facts["jws"]]


def test_any_jose_library_verifies_one(story: Story) -> None:
    (jws,) = story.notary.copies
    key = ed25519.Ed25519PublicKey.from_public_bytes(unb64url(story.notary.public().x))
    payload = jwt.decode(jws, key, algorithms=["EdDSA"])
    assert payload["digest"] == stored(story.world())[payload["number"] - 1].digest


def test_the_next_is_due_after_its_time_and_not_before(story: Story) -> None:
    first = story.numbers()
    story.apply()
    assert story.numbers() == first
    story.apply(days=1)
    assert len(story.numbers()) == 2


def test_it_moves_no_serial_so_that_saved_plans_stay_good(story: Story) -> None:
    before = story.regions.remembered()
    story.apply(days=1)
    assert len(story.numbers()) == 2
    assert story.regions.remembered() == before


def test_many_records_make_one_due_too(story: Story) -> None:
    state = story.world().state
    lease = state.acquire("somebody", timedelta(minutes=1))
    now = story.regions.clock.now()
    state.note(lease, [AuditEntry(now, "accounts", "said")] * (MOST_RECORDS - 2))
    state.release(lease)
    story.apply()
    assert len(story.numbers()) == 1
    hold(story.world(), "accounts", "freeze", owner="ann")
    hold(story.world(), "accounts", "freeze", owner="ann")
    assert len(story.numbers()) == 2


def test_every_command_that_writes_keeps_them_up(story: Story) -> None:
    story.regions.clock.advance(DAY)
    hold(story.world(), "accounts", "freeze", owner="ann")
    numbers = story.numbers()
    assert numbers[-1] == len(stored(story.world()))


def test_a_run_goes_on_without_its_key_and_says_so() -> None:
    story = Story()
    story.notary.broken = True
    story.apply()
    assert story.regions.remembered().active() is not None
    assert story.numbers() == []
    assert "the audit log's checkpoint: " in story.regions.reporter.warnings[-1]


def test_a_log_without_its_end_is_not_signed() -> None:
    class Cut(MemoryState):
        def newest(self) -> Iterator[AuditRecord]:
            raise StateDamaged("the end of the audit log is missing")

    story = Story()
    story.regions.state.__class__ = Cut
    story.apply()
    assert (story.numbers(), story.notary.copies) == ([], [])
    assert "the end of the audit log is missing" in story.regions.reporter.warnings[-1]


def test_an_empty_log_needs_none() -> None:
    story = Story()
    with pytest.raises(UsageError):
        hold(story.world(), "nobody", "freeze", owner="ann")
    world = story.world()
    world.state.release(world.state.acquire("me", timedelta(minutes=1)))
    assert story.numbers() == []


def test_the_log_is_proven_with_the_configured_key(story: Story) -> None:
    story.apply(days=1)
    report = audit(story.world(), check=True)
    assert report.proof is not None
    assert (report.proof.checkpoints, report.proof.signatures, report.proof.faults) == (2, True, ())
    stranger = MemoryNotary(seed=b"\x08" * 32).public()
    faults = proven(stored(story.world()), stranger, required=True).faults
    assert len(faults) == 2
    assert "is not signed by this key" in faults[0]


def test_a_key_that_cannot_be_read_leaves_signatures_unverified(story: Story) -> None:
    story.notary.broken = True
    assert own_key(story.world()) is None
    report = audit(story.world(), check=True)
    assert report.proof is not None
    assert (report.proof.checkpoints, report.proof.signatures) == (1, False)
    assert "signatures are not verified" in story.regions.reporter.warnings[-1]
