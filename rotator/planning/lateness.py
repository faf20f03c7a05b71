"""Being overdue by more than 2P raises an alarm: a rotation that silently stopped is the worst failure (design T10)."""

from datetime import datetime, timedelta

from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import FindingKind, Severity
from rotator.domain.times import say
from rotator.planning.draft import Draft
from rotator.planning.feasibility import switch_waves
from rotator.planning.removals import removal_of
from rotator.planning.situation import Situation, turn_of


def report_overdue(situation: Situation, draft: Draft) -> None:
    """Name every switch, removal and publication whose moment is more than 2P behind; a hold excuses."""
    if situation.held:
        return
    patience = 2 * situation.policy.run_every
    for what, due in _moments(situation, draft):
        if due + patience < situation.now:
            words = f"{what} has been due for {say(_whole(situation.now - due))}"
            draft.find(FindingKind.OVERDUE, Severity.ERROR, words)


def _moments(situation: Situation, draft: Draft) -> list[tuple[str, datetime]]:
    state = situation.state
    begun = state.switching()
    found = []
    if begun and begun.moments.switch_started_at:
        ends = begun.moments.switch_started_at + _of_later_waves(situation)
        found.append((f"the switch to {begun.kid[:8]}", ends))
    elif state.active():
        found.append(("the next switch", turn_of(situation)[0]))
    kept = {
        wait.kid for wait in draft.waiting if wait.kind == "remove" and wait.gate.value == "policy"
    }
    for key in state.in_documents():
        if phase(key) is Phase.STAGED:
            found.append((f"publishing {key.kid[:8]}", key.moments.staged_at))
        opens = removal_of(situation, key).opens if phase(key) is Phase.RETIRED else None
        if opens and key.kid not in kept:
            found.append((f"the removal of {key.kid[:8]}", opens))
    return found


def _of_later_waves(situation: Situation) -> timedelta:
    """How long a switch takes by its waves alone: each later one waits for a bake, and then for a run."""
    policy = situation.policy
    return (len(switch_waves(situation.setup)) - 1) * (policy.bake + policy.run_every)


def _whole(value: timedelta) -> timedelta:
    return timedelta(seconds=int(value.total_seconds()))
