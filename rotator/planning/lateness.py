"""Being overdue by more than 2P raises an alarm: a rotation that silently stopped is the worst failure (design T10)."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import FindingKind, Severity, Wait
from rotator.domain.times import say
from rotator.planning.draft import Draft
from rotator.planning.feasibility import switch_waves
from rotator.planning.removals import removal_of
from rotator.planning.situation import Situation, scheduled_turn
from rotator.planning.windows import begins, missed


def report_overdue(situation: Situation, draft: Draft) -> None:
    """Name every switch, removal and publication whose moment is more than 2P behind; a hold excuses, as long as it held."""
    for what, due in late(situation, draft.waiting):
        words = f"{what} has been due for {say(_whole(situation.now - due))}"
        draft.find(FindingKind.OVERDUE, Severity.ERROR, words)


def late(situation: Situation, waiting: Iterable[Wait]) -> list[tuple[str, datetime]]:
    """What is overdue and since when it has been due; `waiting` is what the plan waits for."""
    if situation.held:
        return []
    patience, free = 2 * situation.policy.run_every, _free_since(situation)
    moments = [(what, max(due, free or due)) for what, due in _moments(situation, waiting)]
    return [(what, due) for what, due in moments if due + patience < situation.now]


def _free_since(situation: Situation) -> datetime | None:
    """When the last hold was over, None where there was none: until then nothing could be done."""
    hold, released = situation.state.hold, situation.state.released_at
    ends = [moment for moment in (hold.until if hold else None, released) if moment]
    return max(ends, default=None)


def _moments(situation: Situation, waiting: Iterable[Wait]) -> list[tuple[str, datetime]]:
    state = situation.state
    begun = state.switching()
    found = []
    if begun and begun.moments.switch_started_at:
        ends = begun.moments.switch_started_at + _of_later_waves(situation)
        found.append((f"the switch to {begun.kid[:8]}", ends))
    elif state.active():
        found.extend(_next_switch(situation))
    kept = {wait.kid for wait in waiting if wait.kind == "remove" and wait.gate.value == "policy"}
    for key in state.in_documents():
        if phase(key) is Phase.STAGED:
            found.append((f"publishing {key.kid[:8]}", key.moments.staged_at))
        opens = removal_of(situation, key).opens if phase(key) is Phase.RETIRED else None
        if opens and key.kid not in kept:
            found.append((f"the removal of {key.kid[:8]}", opens))
    return found


def _next_switch(situation: Situation) -> list[tuple[str, datetime]]:
    """The turn; with windows the first opening from then on, once there was time to use it (design T12)."""
    due, schedule = scheduled_turn(situation)[0], situation.setup.schedule
    if schedule:
        due = begins(situation.setup, due)
        if not missed(schedule, due, situation.now, 2 * situation.policy.run_every):
            return []
    return [("the next switch", due)]


def _of_later_waves(situation: Situation) -> timedelta:
    """How long a switch takes by its waves alone: each later one waits for a bake, and then for a run."""
    policy = situation.policy
    return (len(switch_waves(situation.setup)) - 1) * (policy.bake + policy.run_every)


def _whole(value: timedelta) -> timedelta:
    return timedelta(seconds=int(value.total_seconds()))
