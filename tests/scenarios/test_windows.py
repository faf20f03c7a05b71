"""Windows: only the beginning of a switch waits for one (design T12)."""

from datetime import UTC, datetime, timedelta

import pytest

from rotator.app.rotate import rotate
from rotator.domain.plan import FindingKind, Gate, Reason
from rotator.domain.policy import Policy
from rotator.domain.windows import Schedule, parse_blackout, parse_window
from rotator.planning.feasibility import problems, warnings
from tests.fakes.targets import Fault
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
HOUR = timedelta(hours=1)


def schedule(*windows: str, blackout: tuple[str, ...] = ()) -> Schedule:
    return Schedule(
        UTC, "UTC", tuple(map(parse_window, windows)), tuple(map(parse_blackout, blackout))
    )


def due(hours: Schedule, policy: Policy | None = None) -> Regions:
    """The switch is due now, Wednesday 1 April 2026, 06:17."""
    world = Regions(policy=policy or Policy())
    world.apply()
    world.schedule = hours
    world.clock.advance(90 * DAY)
    assert f"{world.at():%a %d %b %H:%M}" == "Wed 01 Apr 06:17"
    return world


def alarms(world: Regions) -> list[str]:
    return [f.detail for f in world.plan().findings if f.kind is FindingKind.OVERDUE]


def test_a_switch_waits_for_its_window() -> None:
    world = due(schedule("Mon-Fri 09:00-16:00", blackout=("2026-04-01",)))
    world.apply()
    wait = world.wait_for("switch")
    opens = datetime(2026, 4, 2, 9, tzinfo=UTC)
    assert (wait.gate, wait.reason_code, wait.until, wait.blocked) == (
        Gate.TIME,
        Reason.WINDOW_CLOSED,
        opens,
        False,
    )
    world.clock.set(opens - timedelta(seconds=1))
    assert not world.apply().results
    world.clock.set(opens)
    world.apply()
    assert world.phases() == ["retired", "active", "published"]


def test_what_is_shown_first_is_the_turn_then_the_lead_then_the_window() -> None:
    world = Regions()
    world.apply()
    world.schedule = schedule("Sat 03:00-04:00")
    wait = world.wait_for("switch")
    opens = datetime(2026, 4, 4, 3, tzinfo=UTC)  # the first window after the turn, a Wednesday
    assert (wait.reason_code, wait.until) == (Reason.NOT_ITS_TURN, opens)
    rotate(world.world(), "accounts", reason="drill", owner="ann")
    assert world.wait_for("switch").reason_code is Reason.LEAD_RUNNING
    world.clock.advance(DAY + HOUR)
    wait = world.wait_for("switch")
    assert (wait.reason_code, wait.until) == (
        Reason.WINDOW_CLOSED,
        datetime(2026, 1, 3, 3, tzinfo=UTC),
    )
    assert wait.reason.startswith("asked for by ann: drill; it still waits: outside the windows")


def test_a_switch_that_was_begun_is_finished_outside_of_it() -> None:
    world = due(schedule("Wed 06:00-07:00"))
    world.signings[EU].next_writes = [Fault.DENIED]
    assert world.apply().failed
    world.clock.advance(2 * HOUR)
    assert not world.apply().failed
    assert {world.signing(name).active.kid for name in NAMES} == {world.key(1).kid}


def test_publishing_repairs_and_removals_need_none() -> None:
    world = due(schedule())
    world.apply()
    world.schedule = schedule(blackout=("2026-04-01/2026-12-31",))
    world.down(EU)
    world.regions[US].documents.clear()
    world.set_policy(standby_keys=2)
    world.apply()
    world.up(EU)
    world.runs(days=33)
    assert world.phases() == ["removed", "active", "published", "published"]
    assert len(world.document(US).kids()) == 3


def test_the_first_key_of_all_needs_none() -> None:
    world = Regions(schedule=schedule(blackout=("2026-01-01/2026-02-01",)))
    world.apply()
    assert world.phases() == ["active", "published"]


@pytest.mark.parametrize(
    ("hours", "alarm"),
    [
        # From the first opening on, 2P (two days) and a whole window of it.
        (schedule(), datetime(2026, 4, 3, 6, 17, tzinfo=UTC)),
        (schedule("Mon-Fri 09:00-16:00"), datetime(2026, 4, 3, 9, tzinfo=UTC)),
        (schedule("Sat 10:00-12:00"), datetime(2026, 4, 11, 10, tzinfo=UTC)),
        (schedule(blackout=("2026-03-31/2026-04-20",)), datetime(2026, 4, 23, tzinfo=UTC)),
    ],
    ids=["always", "office hours", "once a week", "a long blackout"],
)
def test_the_alarm_leaves_out_the_time_in_which_nothing_could_be_done(
    hours: Schedule, alarm: datetime
) -> None:
    world = due(hours)
    world.down(EU)
    world.clock.set(alarm)
    assert alarms(world) == []
    world.clock.advance(HOUR)
    assert [words.partition(" has been due for ")[0] for words in alarms(world)] == [
        "the next switch"
    ]


def test_waves_that_follow_need_no_window() -> None:
    waves = Policy(waves=((EU,), (US, AP)), bake=timedelta(minutes=30))
    world = due(schedule("Wed 06:00-06:30"), waves)
    world.apply()
    assert world.signing(US).active.kid == world.key(0).kid
    world.clock.advance(HOUR)
    world.apply()
    assert world.signing(US).active.kid == world.key(1).kid


class TestFeasible:
    @pytest.mark.parametrize(
        ("hours", "every", "words"),
        [
            (schedule("Sat 03:00-04:00"), 7 * DAY, ""),
            (
                schedule("Sat 03:00-04:00"),
                6 * DAY,
                "the schedule is closed for 6 d 23 h at a stretch ≥ rotate_every 6 d:",
            ),
            (
                schedule(blackout=("2026-01-01/9999-12-31",)),
                90 * DAY,
                "the windows of the schedule never open again (design T12)",
            ),
        ],
    )
    def test_an_opening_in_every_interval(
        self, hours: Schedule, every: timedelta, words: str
    ) -> None:
        world = Regions(policy=Policy(rotate_every=every, history_max=100), schedule=hours)
        found = ", ".join(map(str, problems(world.world().issuers[0].setup)))
        assert found.startswith(words)
        assert bool(found) is bool(words)

    @pytest.mark.parametrize(("hours", "warned"), [("09:00-16:00", True), ("00:00-24:00", False)])
    def test_a_run_that_may_miss_every_window(self, hours: str, warned: bool) -> None:
        world = Regions(schedule=schedule(hours))
        found = [
            a.text for a in warnings(world.world().issuers[0].setup) if "schedule" in a.members
        ]
        assert bool(found) is warned
        assert all("no window is longer than 7 h, run_every is 24 h" in text for text in found)

    def test_a_schedule_that_never_opens_closes_the_gate_with_its_reason(self) -> None:
        world = due(schedule(blackout=("2026-01-01/9999-12-31",)))
        wait = world.wait_for("switch")
        assert (wait.gate, wait.reason_code) == (Gate.POLICY, Reason.POLICY_INFEASIBLE)
        world.clock.advance(30 * DAY)
        assert alarms(world) == []
