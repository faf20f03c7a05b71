"""What rotator itself knows: policy, state, lease, evidence, and what is overdue (design T7, T10)."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from rotator.app.gather import remembered
from rotator.app.world import IssuerWorld, World
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.keys import Key, LocalHandle
from rotator.domain.lifecycle import wanted
from rotator.domain.plan import FindingKind, Severity
from rotator.domain.state import IssuerState
from rotator.domain.times import format_moment, say
from rotator.planning import feasibility
from rotator.planning.planner import plan_issuer
from rotator.ports import Examination

_LINE = "rotator config check names the line"


def of_issuer(world: World, issuer: IssuerWorld, state: IssuerState) -> Iterator[Examination]:
    """What is known of an issuer whose state could be read."""
    place = Place(issuer.name)
    look = partial(_evidence, world, issuer, state)
    yield Examination(Area.EVIDENCE, place, "the evidence", look)
    local = [k for k in state.keys if isinstance(k.handle, LocalHandle) and wanted(k) and k.usable]
    for key in local:
        name = f"the private half of {key.kid[:8]}"
        yield Examination(Area.KEYS, place, name, partial(_private_half, issuer, key))


def of_policy(issuer: IssuerWorld) -> Iterator[Diagnosis]:
    """The policy's own inequalities, and what is allowed but worth knowing."""
    broken = feasibility.problems(issuer.setup)
    for inequality in broken:
        first = inequality.members[0]
        place = Place(issuer.name, inequality.region)
        why = "no step but repairs, holds and revokes runs under it"
        mend = f"change {first} or another of these numbers; {_LINE}"
        yield Diagnosis(Area.POLICY, place, Health.ERROR, str(inequality), why, mend)
    for advice in feasibility.warnings(issuer.setup):
        if advice.severity is Severity.WARNING:
            place = Place(issuer.name, advice.region)
            mend = f"change that, or leave it knowingly; {_LINE}"
            yield Diagnosis(Area.POLICY, place, Health.WARNING, advice.text, "", mend)
    if not broken:
        held = len(feasibility.inequalities(issuer.setup))
        words = f"its numbers go together ({held} inequalities hold)"
        yield Diagnosis(Area.POLICY, Place(issuer.name), Health.OK, words)


def of_state(issuer: IssuerWorld, state: IssuerState | None, now: datetime) -> Iterator[Diagnosis]:
    """That the state can be read, and whether somebody holds the issuer."""
    place = Place(issuer.name)
    if state is None:
        yield Diagnosis(Area.STATE, place, Health.OK, "nothing is remembered yet")
        return
    words = f"serial {state.serial}, generation {state.generation}"
    yield Diagnosis(Area.STATE, place, Health.OK, words)
    if state.hold and state.hold.holds_at(now):
        what = f"held by {state.hold.owner}: {state.hold.reason}"
        until = f" until {format_moment(state.hold.until)}" if state.hold.until else ""
        why = f"nothing is generated, switched or removed{until}"
        mend = f"when the reason is gone: rotator release {issuer.name}"
        yield Diagnosis(Area.STATE, place, Health.WARNING, what, why, mend)


def of_lease(world: World) -> Iterator[Diagnosis]:
    """Who holds the lease."""
    holder = world.state.holder()
    if holder is None:
        yield Diagnosis(Area.STATE, Place(), Health.OK, "nobody holds the lease")
        return
    what, why = f"{holder.owner} holds the lease", "an apply would have to wait for it"
    mend = "let it finish; if that run is dead: rotator state unlock"
    yield Diagnosis(Area.STATE, Place(), Health.WARNING, what, why, mend)


def of_key_stores(world: World) -> Iterator[Diagnosis]:
    """What the key stores say about themselves, each once."""
    for store in {id(issuer.keys): issuer.keys for issuer in world.issuers}.values():
        for warning in store.warnings():
            mend = "change how the keys are kept, or leave it knowingly"
            yield Diagnosis(Area.KEYS, Place(), Health.WARNING, warning, "", mend)


def _private_half(issuer: IssuerWorld, key: Key) -> Iterator[Diagnosis]:
    """A key that KMS keeps is asked there, region by region; a file must be there and open."""
    issuer.keys.prove(key.handle, None)
    words = f"the private half of {key.kid[:8]} can sign"
    yield Diagnosis(Area.KEYS, Place(issuer.name), Health.OK, words)


def _evidence(world: World, issuer: IssuerWorld, state: IssuerState) -> Iterator[Diagnosis]:
    """Whether anybody looked lately, and whether something should have happened long ago."""
    now, place = world.clock.now(), Place(issuer.name)
    inventory = remembered(world, issuer, state)
    looks = inventory.evidence.looks
    patience = 2 * issuer.setup.policy.run_every
    old = [
        gate
        for gate in issuer.setup.gates()
        if gate not in looks or looks[gate].at + patience < now
    ]
    if old and state.serial:
        what = f"nobody has looked at {', '.join(old)} for more than {say(patience)}"
        why = "a rotation that silently stopped is the worst failure of all (design T10)"
        mend = "see whether the schedule still runs it: rotator plan, rotator audit"
        yield Diagnosis(Area.EVIDENCE, place, Health.WARNING, what, why, mend)
    else:
        words = "nothing was published yet" if old else "every region was looked at in time"
        yield Diagnosis(Area.EVIDENCE, place, Health.OK, words)
    for finding in plan_issuer(inventory, now).findings:
        if finding.kind is FindingKind.OVERDUE:
            mend = "rotator plan says what stands in its way · runbooks/gate-stays-closed.md"
            yield Diagnosis(Area.EVIDENCE, place, Health.ERROR, finding.detail, "", mend)
