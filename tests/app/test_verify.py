"""`verify` for another moment, and the waiting: when it looks, how long it pauses, when it gives up."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rotator.app.hold import hold
from rotator.app.reports import HoldEnds
from rotator.app.verify import verify, wait_until_open
from rotator.domain.evidence import Verdict
from tests.scenarios.world import DAY, JWKS, Regions

US, EU = "us-east-1", "eu-central-1"
SECOND = timedelta(seconds=1)


@pytest.fixture
def world() -> Regions:
    made = Regions()
    made.apply()
    return made


class TestAsOf:
    def test_now_is_not_ahead(self, world):
        report = verify(world.world())
        assert (report.at, report.ahead) == (report.looked_at, False)

    def test_says_when_it_looked(self, world):
        then = world.at() + 5 * DAY
        report = verify(world.world(), as_of=then)
        assert (report.at, report.ahead, report.gate_open) == (then, True, True)
        assert report.looked_at == world.at()

    def test_a_certificate_that_ends_before_closes_it(self):
        world = Regions(with_urls=True)
        world.apply()
        world.clock.advance(DAY)
        world.edges[EU].expires = world.at() + 3 * DAY
        assert verify(world.world(), as_of=world.at() + 2 * DAY).gate_open
        report = verify(world.world(), as_of=world.at() + 5 * DAY)
        assert [r.verdict for r in report.regions] == [Verdict.PASS, Verdict.FAIL, Verdict.PASS]
        (wrong,) = [c for c in report.regions[1].checks if c.verdict is Verdict.FAIL]
        assert "its certificate ends 5 Jan 2026, 06:17 UTC, before 7 Jan" in wrong.detail

    def test_a_hold_that_ends_before_is_named_and_closes_nothing(self, world):
        ends = world.at() + 3 * DAY
        hold(world.world(), "accounts", "freeze", owner="ana", until=ends)
        report = verify(world.world(), as_of=world.at() + 5 * DAY)
        assert (report.holds, report.gate_open) == ((HoldEnds(issuer="accounts", at=ends),), True)
        assert verify(world.world(), as_of=world.at() + 2 * DAY).holds == ()
        assert verify(world.world()).holds == ()

    def test_what_a_hold_excuses_now_is_overdue_two_runs_after_it_has_ended(self, world):
        world.clock.advance(93 * DAY)
        hold(world.world(), "accounts", "freeze", owner="ana", until=world.at() + DAY)
        assert verify(world.world()).overdue == ()
        ends = world.at() + DAY
        assert verify(world.world(), as_of=ends + 2 * DAY).overdue == ()
        assert "the next switch" in verify(world.world(), as_of=ends + 2.1 * DAY).overdue[0]


class TestWaiting:
    def looks(self, world, deadline, slow=timedelta()):
        """When each look began, in seconds from the beginning, with looks that take `slow`."""
        start, begun = world.clock.monotonic(), []

        class Slow:
            def __init__(self, target: Any) -> None:
                self.target = target

            def __getattr__(self, name: str) -> Any:
                return getattr(self.target, name)

            def read(self):
                begun.append(world.clock.monotonic() - start)
                world.clock.advance(slow)
                return self.target.read()

        made = world.world()
        (issuer,) = made.issuers
        ports = {
            name: replace(region, jwks=Slow(region.jwks)) if name == US else region
            for name, region in issuer.regions.items()
        }
        made = replace(made, issuers=(replace(issuer, regions=ports),))
        report = wait_until_open(made, deadline)
        assert not report.gate_open
        return [round(moment) for moment in begun]

    def test_pauses_double_up_to_half_a_minute_and_the_last_look_is_at_the_deadline(self, world):
        world.down(EU)
        assert self.looks(world, timedelta(seconds=100)) == [0, 1, 3, 7, 15, 31, 61, 91, 100]

    @pytest.mark.parametrize("seconds", [0, 1, 3, 5])
    def test_a_short_wait(self, world, seconds):
        world.down(EU)
        looks = self.looks(world, seconds * SECOND)
        assert (looks[0], looks[-1]) == (0, seconds)

    def test_a_look_during_which_the_time_ran_out_is_not_the_last(self, world):
        world.down(EU)
        looks = self.looks(world, timedelta(seconds=10), slow=timedelta(seconds=6))
        assert looks == [0, 7, 13]

    def test_an_open_gate_waits_for_nothing(self, world):
        assert wait_until_open(world.world(), timedelta(minutes=5)).gate_open
        assert sum(world.clock.slept, timedelta()) < SECOND  # between samples, no more

    def test_opens_at_the_last_look(self, world):
        document = world.regions[EU].documents.pop(JWKS)
        told = []

        def mended(_report, left):
            told.append(left)
            if left <= 3 * SECOND:
                world.regions[EU].documents[JWKS] = document

        report = wait_until_open(world.world(), timedelta(seconds=10), on_report=mended)
        assert (report.verdict, [round(t.total_seconds()) for t in told]) == (
            Verdict.PASS,
            [10, 9, 7, 3],
        )
