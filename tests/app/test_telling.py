"""Telling never fails a run and never holds it up for long; what could not be told is told by the next run."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.observing import observe
from rotator.app.telling import Delivery, tell
from rotator.app.world import World
from rotator.domain.evidence import Evidence
from rotator.domain.notice import Notice, Topic
from rotator.errors import StateUnreachable
from tests.app.test_notices import revoke
from tests.fakes.notifier import RecordingNotifier
from tests.fakes.state import MemoryState
from tests.scenarios.world import Regions


@pytest.fixture
def regions() -> Regions:
    made = Regions()
    made.apply()
    return made


def told(regions: Regions, *readers: RecordingNotifier) -> tuple[Delivery, ...]:
    """What comes of telling these readers now."""
    world = replace(regions.world(), notifiers=readers)
    return tell(world, observe(world))


def warnings(regions: Regions) -> list[str]:
    found = [*regions.reporter.warnings]
    regions.reporter.warnings.clear()
    return found


def revoked(regions: Regions) -> None:
    """Two more things to tell: a key is revoked, and is not withdrawn yet."""
    revoke(regions, 1)


def test_each_reader_is_told_once(regions: Regions) -> None:
    ops, chat = RecordingNotifier("ops"), RecordingNotifier("chat")
    assert told(regions, ops, chat) == (Delivery("ops", 1, 0), Delivery("chat", 1, 0))
    assert (
        ops.heard() == chat.heard() == [f"happened: {regions.key(0).kid[:8]} signs in every region"]
    )
    assert told(regions, ops, chat) == (Delivery("ops", 0, 0), Delivery("chat", 0, 0))
    assert (ops.messages, chat.messages, warnings(regions)) == ([], [], [])


def test_one_who_hears_nothing_keeps_nobody_else_from_hearing(regions: Regions) -> None:
    deaf, ops = RecordingNotifier("deaf"), RecordingNotifier("ops")
    deaf.deaf = True
    assert told(regions, deaf, ops) == (
        Delivery("deaf", 0, 1, "the message is not taken: it answers 503"),
        Delivery("ops", 1, 0),
    )
    why = "the next run tries again: the message is not taken: it answers 503"
    assert warnings(regions) == [f"deaf could not be told 1 of its notices; {why}"]
    assert regions.reporter.facts[-1] == {"code": "E_NOTIFY", "target": "deaf"}
    deaf.deaf = False
    assert told(regions, deaf, ops) == (Delivery("deaf", 1, 0), Delivery("ops", 0, 0))


class Broken(RecordingNotifier):
    """One at whom rotator itself fails, in words that nobody should read."""

    def send(self, notices: Sequence[Notice]) -> None:
        raise ZeroDivisionError("https://hooks.example.com/very-secret")


def test_a_bug_keeps_nobody_from_hearing_and_gives_nothing_away(
    regions: Regions, capsys: pytest.CaptureFixture[str]
) -> None:
    why = "rotator itself fails at it (ZeroDivisionError)"
    assert told(regions, Broken("broken"), RecordingNotifier("ops")) == (
        Delivery("broken", 0, 1, why),
        Delivery("ops", 1, 0),
    )
    assert [text.endswith(why) for text in warnings(regions)] == [True]
    assert "very-secret" not in capsys.readouterr().err


def test_what_was_told_before_it_went_deaf_is_not_told_again(regions: Regions) -> None:
    revoked(regions)
    ops = RecordingNotifier()
    ops.hears = 1
    (delivery,) = told(regions, ops)
    assert (delivery.told, delivery.failed) == (1, 2)
    first = ops.heard()
    ops.hears = None
    assert told(regions, ops) == (Delivery("ops", 2, 0),)
    assert len({*first, *ops.heard()}) == 3


@pytest.mark.parametrize(("at_once", "messages"), [(1, [1, 1, 1]), (2, [2, 1]), (20, [3])])
def test_a_message_holds_as_many_notices_as_the_reader_takes(
    regions: Regions, at_once: int, messages: list[int]
) -> None:
    revoked(regions)
    ops = RecordingNotifier(at_once=at_once)
    told(regions, ops)
    assert [len(message) for message in ops.messages] == messages


def test_a_reader_hears_of_its_topics_only(regions: Regions) -> None:
    revoked(regions)
    ops = RecordingNotifier(topics=frozenset({Topic.REVOKE}))
    told(regions, ops)
    assert {notice.topic for (notice,) in ops.messages} == {Topic.REVOKE}


def test_one_who_was_renamed_is_somebody_new(regions: Regions) -> None:
    told(regions, RecordingNotifier("old"))
    assert told(regions, RecordingNotifier("new")) == (Delivery("new", 1, 0),)
    assert set(regions.state.load_evidence("accounts").told) == {"new"}


class Slow(RecordingNotifier):
    """Takes a message when it is let."""

    def __init__(self) -> None:
        super().__init__("slow")
        self.let = threading.Event()
        self.over = threading.Event()

    def send(self, notices: Sequence[Notice]) -> None:
        self.thread = threading.current_thread()
        self.let.wait(60)
        super().send(notices)
        self.over.set()


def test_a_slow_reader_is_not_waited_for(regions: Regions) -> None:
    slow = Slow()
    world = replace(regions.world(), notifiers=(slow,))
    assert tell(world, observe(world), patience=timedelta()) == (
        Delivery("slow", 0, 1, "it took too long"),
    )
    assert "it took too long" in warnings(regions)[0]
    slow.let.set()
    assert slow.over.wait(60)


def test_a_slow_reader_gets_no_more_once_nobody_waits(regions: Regions) -> None:
    """Nobody would remember it, and the next run tells it anyway."""
    revoked(regions)
    slow = Slow()
    world = replace(regions.world(), notifiers=(slow,))
    (delivery,) = tell(world, observe(world), patience=timedelta())
    assert (delivery.told, delivery.failed) == (0, 3)
    slow.let.set()
    slow.thread.join(60)
    assert len(slow.messages) == 1


def test_a_fresh_folder_is_left_as_it_is() -> None:
    fresh = Regions()
    ops = RecordingNotifier()
    assert told(fresh, ops) == (Delivery("ops", 0, 0),)
    assert fresh.state.load_evidence("accounts") == Evidence(issuer="accounts")


def test_without_readers_nothing_is_kept(regions: Regions) -> None:
    before = regions.state.load_evidence("accounts")
    assert told(regions) == ()
    assert regions.state.load_evidence("accounts") == before


class Full(MemoryState):
    """A store that keeps no evidence any more."""

    def save_evidence(self, evidence: Evidence, before: Evidence | None = None) -> Evidence:
        raise StateUnreachable("the disk is full")


def test_what_cannot_be_remembered_is_a_warning(regions: Regions) -> None:
    ops, full = RecordingNotifier(), Full(regions.clock)
    lease = full.acquire("somebody", timedelta(minutes=1))
    full.save(lease, replace(regions.remembered(), serial=0), [])
    world = replace(regions.world(), notifiers=(ops,), state=full)
    assert tell(world, observe(world)) == ()
    assert warnings(regions) == [
        "what others were told could not be read or kept: the disk is full"
    ]
    assert len(ops.messages) == 1


def test_a_look_that_was_kept_meanwhile_is_not_lost(regions: Regions) -> None:
    class Meanwhile(RecordingNotifier):
        def send(self, notices: Sequence[Notice]) -> None:
            super().send(notices)
            regions.clock.advance(timedelta(hours=1))
            regions.plan()

    told(regions, Meanwhile())
    evidence = regions.state.load_evidence("accounts")
    assert {look.at for look in evidence.looks.values()} == {regions.at()}
    assert len(evidence.told["ops"]) == 1


def test_an_observation_has_the_plan_that_the_run_ended_with(regions: Regions) -> None:
    regions.down("eu-central-1")
    left = regions.apply().left
    world: World = regions.world()
    with_it, without = observe(world, left), observe(world)
    assert with_it.looked == {"accounts"}
    assert not without.looked
    assert with_it.report.issuers[0].plan == left.issuers[0]
    assert without.report.issuers[0].plan != left.issuers[0]


def test_an_issuer_that_the_plan_leaves_out_was_not_looked_at(regions: Regions) -> None:
    left = replace(regions.apply().left, issuers=())
    seen = observe(regions.world(), left)
    assert [one.issuer for one in seen.report.issuers] == ["accounts"]
    assert not seen.looked
