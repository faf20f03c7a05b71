"""What the daemon does with a run that is over: it counts, shows and tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.world import World
from rotator.daemon.observer import Observer
from tests.daemon.control import Daemon
from tests.daemon.test_metrics import Figures, figures
from tests.fakes.notifier import RecordingNotifier
from tests.scenarios.world import DAY, NAMES, Regions

HOUR = timedelta(hours=1)


class Watched(Daemon):
    """A daemon with a reader, whose metrics can be scraped."""

    def __init__(self, regions: Regions) -> None:
        self.regions = regions
        self.reader = RecordingNotifier()
        self.observer = Observer()
        super().__init__(self.told, regions.clock, on_done=self.observer)

    def told(self) -> World:
        return replace(self.regions.world(), notifiers=(self.reader,))

    def scraped(self) -> dict[str, Figures]:
        return dict(figures(self.observer.metrics.text(self.clock.now())))


@pytest.fixture
def daemon() -> Watched:
    made = Watched(Regions())
    made.steps(2)
    return made


def test_an_apply_and_the_look_behind_it(daemon: Watched) -> None:
    found = daemon.scraped()
    assert {labels[0] for labels in found["rotator_last_success_timestamp_seconds"]} == {
        "apply",
        "verify",
    }
    assert {labels[2] for labels in found["rotator_key_phase"]} == {"active", "published"}
    assert found["rotator_notices_total"] == {("ops", "told"): 1, ("ops", "failed"): 0}


def test_what_happens_later_is_told_once(daemon: Watched) -> None:
    daemon.reader.heard()
    daemon.regions.down(NAMES[1])
    daemon.until(2 * HOUR)
    assert daemon.reader.heard() == []  # a region that is silent stops no step that is due
    daemon.clock.advance(90 * DAY)
    daemon.until(7 * HOUR)
    heard = daemon.reader.heard()
    assert len(heard) == len(set(heard)) > 0
    assert all(NAMES[1] in words or "due" in words for words in heard)


def test_a_restart_repeats_nothing(daemon: Watched) -> None:
    again = Watched(daemon.regions)
    again.steps(2)
    assert again.reader.heard() == []
    assert again.scraped()["rotator_notices_total"] == {("ops", "told"): 0, ("ops", "failed"): 0}


def test_errors_are_counted_and_giving_way_is_none(daemon: Watched) -> None:
    daemon.regions.down(NAMES[1])
    daemon.clock.advance(89 * DAY)
    daemon.until(HOUR)
    daemon.regions.state.acquire("another", timedelta(minutes=3))
    daemon.clock.advance(DAY)
    daemon.until(HOUR)
    assert "E_LEASE_HELD" not in str(daemon.scraped()["rotator_errors_total"])
    assert daemon.scraped()["rotator_lease_holder_info"] == {("another",): 1}
