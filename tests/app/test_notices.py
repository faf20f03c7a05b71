"""What somebody hears of an issuer's life: each thing when it begins, while it lasts and when it is over."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from rotator.app.hold import hold
from rotator.app.notices import RUNBOOKS, happening, news, remembering
from rotator.app.observing import observe, observed
from rotator.app.status import status
from rotator.app.telling import tell
from rotator.app.world import World
from rotator.domain.keys import Key
from rotator.domain.notice import Course, Notice, Topic
from rotator.domain.policy import Policy
from rotator.domain.state import Revocation
from tests.fakes.notifier import RecordingNotifier
from tests.fakes.targets import Fault
from tests.scenarios.test_rules import foreign_entry
from tests.scenarios.world import DAY, JWKS, Regions
from tests.unit.test_notice import NOTICE, NOW

HOUR = timedelta(hours=1)
EU = "eu-central-1"
ALL = frozenset(Topic)


@dataclass
class Told(Regions):
    """A world with one reader, who is told after each apply."""

    reader: RecordingNotifier = field(default_factory=RecordingNotifier)

    def world(self) -> World:
        return replace(super().world(), notifiers=(self.reader,))

    def hear(self) -> list[str]:
        """What the reader hears after one more apply."""
        left = self.apply().left
        tell(self.world(), observe(self.world(), left))
        return self.reader.heard()

    def sleep(self, days: int) -> None:
        """Nobody runs anything, then somebody does: late is safe."""
        self.clock.advance(days * DAY)
        self.apply()

    def hear_of_decisions(self) -> list[str]:
        """What it hears after a command that looks at nothing."""
        tell(self.world(), observe(self.world()))
        return self.reader.heard()

    def short(self, number: int) -> str:
        return self.key(number).kid[:8]


def revoke(world: Regions, number: int, **moments: datetime) -> Key:
    """A key is revoked, as the state remembers it."""
    key, now = world.key(number), world.at()
    changed = replace(key, moments=replace(key.moments, revoked_at=now, **moments))
    keys = tuple(changed if one.kid == key.kid else one for one in world.remembered().keys)
    one = Revocation(kid=key.kid, cold=False, reason="laptop stolen", owner="ann", at=now)
    world.remember(keys=keys, revocations=(one,))
    return changed


class TestSwitch:
    def test_one_that_ends_in_its_run_is_told_once(self):
        world = Told()
        assert world.hear() == [f"happened: {world.short(0)} signs in every region"]
        assert world.hear() == []
        world.sleep(days=89)
        assert world.hear() == []
        world.clock.advance(DAY)
        assert world.hear() == [f"happened: {world.short(1)} signs in every region"]

    def test_one_that_is_held_up_is_told_when_it_begins_and_when_it_is_done(self):
        world = Told(policy=Policy(waves=(("us-east-1",), (EU, "ap-northeast-1")), bake=DAY))
        world.hear()
        world.sleep(days=89)
        world.hear()
        world.clock.advance(DAY)
        assert world.hear() == [f"begun: the switch to {world.short(1)} has begun"]
        world.clock.advance(DAY)
        assert world.hear() == [f"happened: {world.short(1)} signs in every region"]

    def test_one_that_is_given_up_is_over(self):
        world = Told()
        world.hear()
        key = world.key(1)
        begun = replace(key, moments=replace(key.moments, switch_started_at=world.at()))
        world.remember(keys=(world.key(0), begun))
        assert world.hear_of_decisions() == [f"begun: the switch to {key.kid[:8]} has begun"]
        world.remember(keys=(world.key(0), key))
        assert world.hear_of_decisions() == [f"over: over: the switch to {key.kid[:8]} has begun"]

    def test_whoever_listens_from_today_on_is_not_told_of_last_month(self):
        world = Told()
        world.apply()
        world.sleep(days=30)
        assert world.hear() == []
        world.sleep(days=61)
        assert world.hear() == [f"happened: {world.short(1)} signs in every region"]


class TestGate:
    def test_it_is_told_when_it_closes_daily_while_it_lasts_and_when_it_opens(self):
        world = Told()
        world.hear()
        world.sleep(days=89)
        world.hear()
        world.down(EU)
        world.clock.advance(DAY)
        (first,) = [words for words in world.hear() if words.startswith("begun: switch")]
        assert EU in first
        world.clock.advance(23 * HOUR)
        assert world.hear() == []
        world.clock.advance(HOUR)
        again = world.hear()
        assert first.replace("begun", "lasts") in again
        assert {words.split(":")[0] for words in again} == {"lasts"}
        world.up(EU)
        assert first.replace("begun", "over: over") in world.hear()

    def test_a_region_that_serves_something_else_is_told_before_any_step_is_due(self):
        world = Told()
        world.hear()
        world.regions[EU].documents[JWKS] = b"<html>"
        report = status(world.world())
        tell(world.world(), observed(world.world(), report))
        (told,) = world.reader.heard()
        assert told.startswith(f"begun: {EU} does not pass: origin: ")

    def test_commands_that_look_at_nothing_neither_open_nor_close_one(self):
        world = Told()
        world.hear()
        world.regions[EU].documents[JWKS] = b"<html>"
        tell(world.world(), observed(world.world(), status(world.world())))
        assert len(world.reader.heard()) == 1
        hold(world.world(), "accounts", "freeze", owner="ann")
        assert world.hear_of_decisions() == []

    def test_it_says_where_which_key_and_why(self):
        world = Told()
        world.hear()
        world.sleep(days=89)
        world.hear()
        world.regions[EU].fault = Fault.DOWN
        world.clock.advance(DAY)
        left = world.apply().left
        tell(world.world(), observe(world.world(), left))
        notices = [message[0] for message in world.reader.messages]
        wait = next(wait for wait in left.issuers[0].waiting if wait.blocked)
        told = next(n for n in notices if n.reason_code is wait.reason_code)
        assert (told.topic, told.region, told.kid) == (Topic.GATE, wait.region, wait.kid)
        assert told.runbook == "runbooks/gate-stays-closed.md"


class TestTheRest:
    def test_overdue(self):
        world = Told()
        world.hear()
        world.sleep(days=89)
        world.down(EU)
        world.runs(days=3)
        assert [w for w in world.hear() if "has been due for" in w] == []
        world.clock.advance(DAY)
        (begun,) = [w for w in world.hear() if "has been due for" in w]
        assert begun.startswith("begun: the next switch has been due for")
        world.up(EU)
        world.sleep(days=1)
        (over,) = [w for w in world.hear() if "has been due for" in w]
        assert over.startswith("over: over: the next switch has been due for")

    def test_a_foreign_key(self):
        world = Told()
        world.hear()
        body = world.regions[EU].documents[JWKS].decode()
        strange = body.replace("]}", f",{foreign_entry().text}]}}")
        world.regions[EU].documents[JWKS] = strange.encode()
        tell(world.world(), observed(world.world(), status(world.world())))
        heard = world.reader.messages
        (told,) = [n for (n,) in heard if n.topic is Topic.FOREIGN_KEY]
        assert (told.region, told.course) == (EU, Course.BEGUN)
        assert "their-ke" in told.message
        world.reader.messages.clear()
        world.regions[EU].documents[JWKS] = body.encode()
        tell(world.world(), observed(world.world(), status(world.world())))
        assert [n.topic for (n,) in world.reader.messages if n.course is Course.OVER].count(
            Topic.FOREIGN_KEY
        ) == 1

    def test_a_revoke_is_told_at_once_and_again_when_it_is_done(self):
        world = Told()
        world.hear()
        key = revoke(world, 1)
        short = key.kid[:8]
        assert world.hear_of_decisions() == [
            f"happened: {short} was revoked by ann: laptop stolen",
            f"begun: {short} is revoked and not yet withdrawn everywhere",
        ]
        world.clock.advance(2 * DAY)
        assert world.hear_of_decisions() == [
            f"lasts: {short} is revoked and not yet withdrawn everywhere"
        ]
        revoke(world, 1, removed_at=world.at())
        assert f"over: {short} is withdrawn everywhere" in world.hear_of_decisions()
        assert world.hear_of_decisions() == []


@pytest.mark.parametrize(
    ("told", "present", "heard", "left"),
    [
        ({}, (), [], set()),
        ({}, (NOTICE,), ["begun"], {"begun"}),
        ({NOTICE.about: NOTICE}, (NOTICE,), [], {"begun"}),
        ({NOTICE.about: replace(NOTICE, at=NOW - DAY)}, (NOTICE,), ["lasts"], {"lasts"}),
        ({NOTICE.about: NOTICE}, (), ["over"], set()),
        ({NOTICE.about: replace(NOTICE, course=Course.HAPPENED)}, (), [], set()),
    ],
    ids=["quiet", "begins", "told lately", "told a day ago", "ends", "an event is forgotten"],
)
def test_what_is_news(told, present, heard, left):
    found = news(told, present, ALL, DAY, NOW)
    assert [one.notice.course.value for one in found if one.notice] == heard
    assert {n.course.value for n in remembering(told, found).values()} == left


def test_a_reminder_says_since_when() -> None:
    before = replace(NOTICE, at=NOW - DAY, since=NOW - 3 * DAY)
    (one,) = news({NOTICE.about: before}, (NOTICE,), ALL, DAY, NOW)
    assert one.notice is not None
    assert (one.notice.since, one.notice.at) == (NOW - 3 * DAY, NOW)


def test_other_topics_are_neither_told_nor_forgotten() -> None:
    assert news({}, (NOTICE,), {Topic.SWITCH}, DAY, NOW) == ()
    assert news({NOTICE.about: NOTICE}, (), {Topic.SWITCH}, DAY, NOW) == ()


def test_an_event_that_happens_again_is_told_again() -> None:
    event = replace(NOTICE, course=Course.HAPPENED)
    again = replace(event, since=NOW + DAY, at=NOW + DAY)
    (one,) = news({event.about: event}, (again,), ALL, DAY, NOW)
    assert one.notice == again
    assert news({event.about: event}, (event,), ALL, DAY, NOW) == ()


def test_every_notice_has_the_runbook_of_its_topic() -> None:
    world = Told()
    world.apply()
    seen = observe(world.world())
    found = happening(seen, seen.report.issuers[0])
    assert (
        [notice.runbook for notice in found] == [RUNBOOKS[notice.topic] for notice in found] != []
    )
    assert set(RUNBOOKS) == set(Topic)


def silent(notice: Notice) -> Notice:
    return replace(notice, course=Course.HAPPENED, at=NOW, since=NOW - 2 * DAY)


def test_only_the_first_event_of_a_topic_may_be_too_old_to_tell() -> None:
    first = silent(replace(NOTICE, about="switch/done/a", topic=Topic.SWITCH))
    (one,) = news({}, (first,), ALL, DAY, NOW)
    assert (one.notice, one.remember) == (None, first)
    second = silent(replace(first, about="switch/done/b"))
    found = news({first.about: first}, (second,), ALL, DAY, NOW)
    assert [item.notice for item in found if item.about == second.about] == [second]
