"""The end of the log: the newest first, of one issuer too, and what can still be read of a damaged one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.audit_tail import LINES, audit_tail
from rotator.domain.audit import AuditEntry, AuditRecord
from rotator.errors import StateDamaged
from tests.fakes.state import MemoryState
from tests.scenarios.world import Regions


class Torn(MemoryState):
    """A log whose records before the last two are lost."""

    def newest(self) -> Iterator[AuditRecord]:
        for number, record in enumerate(super().newest()):
            if number == 2:
                raise StateDamaged("record 3 is missing")
            yield record


@pytest.fixture
def regions() -> Regions:
    return Regions()


def note(regions: Regions, state: MemoryState, *issuers: str) -> None:
    lease = state.acquire("test", timedelta(minutes=1))
    at = regions.clock.now()
    state.note(lease, [AuditEntry(at, name, f"event-{n}") for n, name in enumerate(issuers)])
    state.release(lease)


def shown(regions: Regions, state: MemoryState, *issuers: str) -> tuple[list[str], str | None]:
    tail = audit_tail(replace(regions.world(), state=state), issuers=issuers)
    return [f"{line.issuer} {line.event}" for line in tail.records], tail.trouble


def test_nothing_was_logged(regions: Regions) -> None:
    assert shown(regions, MemoryState(regions.clock)) == ([], None)


def test_newest_first(regions: Regions) -> None:
    state = MemoryState(regions.clock)
    note(regions, state, "a", "b", "a")
    assert shown(regions, state) == (["a event-2", "b event-1", "a event-0"], None)
    assert shown(regions, state, "a") == (["a event-2", "a event-0"], None)


def test_no_more_than_a_page_shows(regions: Regions) -> None:
    state = MemoryState(regions.clock)
    note(regions, state, *["a"] * (LINES + 5))
    assert len(shown(regions, state)[0]) == LINES


def test_an_issuer_nobody_did_anything_for_is_not_looked_for_for_ever(regions: Regions) -> None:
    state = MemoryState(regions.clock)
    note(regions, state, "b", *["a"] * (LINES * 50))
    assert shown(regions, state, "b") == ([], None)


def test_what_can_be_read_of_a_damaged_log(regions: Regions) -> None:
    state = Torn(regions.clock)
    note(regions, state, "a", "a", "a")
    assert shown(regions, state) == (["a event-2", "a event-1"], "record 3 is missing")
