"""Carrying out the steps of one issuer, stage by stage: intent, effects side by side, read back, result (design §6).

A crash at any point is finished by the next run: an intent is saved before the first effect of its stage, and what
took effect is found again by reading. A step that fails stops the later stages of its issuer, never its own stage;
only new keys still go to the other regions (going into an uncertain state needs no wait, design §3).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from rotator.app.gather import fold_views, keep_evidence, with_lineage
from rotator.app.journal import Outcome, begin, finish, lines, moment_lines
from rotator.app.looking import read_view, side_by_side
from rotator.app.reports import StepResult
from rotator.app.world import IssuerWorld, World
from rotator.app.writing import body_of, expected_etag, point, write
from rotator.domain.evidence import end_runs
from rotator.domain.inventory import Inventory, JwksRead, RegionView
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.keys import Key, KmsHandle, Moments
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    IssuerPlan,
    JwksStep,
    PointAlias,
    RegionStep,
    RepairJwks,
    Replicate,
    Retire,
    SigningStep,
    Step,
    WriteJwks,
)
from rotator.domain.state import Intent, IssuerState
from rotator.errors import (
    InternalError,
    KeyStoreError,
    KeyStoreUnsure,
    RotatorError,
    TargetConflict,
)
from rotator.planning.settle import settle
from rotator.ports import AuditEntry, Generated, KeyControl, KeyName, Lease


@dataclass(slots=True)
class Run:
    """One issuer's run under a lease: its inventory as of the last read, and the kids bound to refs."""

    world: World
    issuer: IssuerWorld
    lease: Lease
    inventory: Inventory
    bound: dict[str, str] = field(default_factory=dict)


def execute(run: Run, plan: IssuerPlan) -> list[StepResult]:
    """Carry out the stages in order; after a failure only what adds keys elsewhere, which nothing depends on."""
    results: list[StepResult] = []
    broken: set[str | None] = set()
    for stage in stages(plan.steps):
        steps = [_bind(step, run.bound) for step in stage]
        if broken:
            steps = [s for s in steps if _place(s) not in broken and _only_adds(run, s)]
        done = _run_stage(run, steps) if steps else []
        results.extend(done)
        broken |= {_place(result.step) for result in done if result.error}
    return results


def _only_adds(run: Run, step: Step) -> bool:
    """What a region that fails must not keep from the others: new keys, and aliases that lag behind a switch."""
    if isinstance(step, PointAlias):
        return run.inventory.views[step.region].signing_kid() == step.kid
    if isinstance(step, WriteJwks):
        document = run.inventory.views[step.region].jwks_document()
        served = set(document.kids()) if document else set[str]()
        known = {key.kid for key in run.inventory.state.keys}
        return served <= set(step.keys) <= served | known
    return isinstance(step, Generate | Replicate)


def stages(steps: Sequence[Step]) -> list[list[Step]]:
    """Consecutive steps of one kind over different regions: what may happen side by side."""
    found: list[list[Step]] = []
    for step in steps:
        last = found[-1] if found else []
        if last and type(last[0]) is type(step) and _place(step) not in map(_place, last):
            last.append(step)
        else:
            found.append([step])
    return found


def recover(run: Run) -> None:
    """Close the intents that earlier runs left open: whatever took effect is recorded, the rest forgotten.

    A key whose making stays unknown keeps its intent for the next run.
    """
    state = run.inventory.state
    for intent in (*state.unanswered, *((state.intent,) if state.intent else ())):
        outcomes = [_found(run, step, intent) for step in intent.steps]
        kept = tuple(old for old in run.inventory.state.unanswered if old.id != intent.id)
        reopened = replace(run.inventory.state, intent=intent, unanswered=kept)
        run.inventory = replace(run.inventory, state=reopened)
        _record(run, list(intent.steps), outcomes, "recovered")


def record_settled(run: Run) -> None:
    """Save the moments that the regions show and the state does not know yet."""
    now = run.world.clock.now()
    state = settle(run.inventory, now)
    if state != run.inventory.state:
        save(run, state, moment_lines(run.inventory.state, state, now))


def staged_key(run: Run, generation: int, algorithm: Algorithm, made: Generated) -> Key:
    """The record of a key that the store holds under a generation."""
    return Key(
        jwk=Jwk(thumbprint(made.public), algorithm, made.public),
        generation=generation,
        handle=made.handle,
        moments=Moments(staged_at=run.world.clock.now()),
    )


def _run_stage(run: Run, steps: list[Step]) -> list[StepResult]:
    now, state = run.world.clock.now(), run.inventory.state
    run.world.state.renew(run.lease, run.world.lease_term)
    run.inventory = replace(run.inventory, state=with_lineage(state))
    opened = begin(run.inventory.state, steps, run.issuer.setup.policy, secrets.token_hex(8), now)
    entries = [*lines(run.issuer.name, "begun", steps, now), *moment_lines(state, opened, now)]
    save(run, opened, entries)
    for step in steps:
        run.world.reporter.progress(f"{run.issuer.name}: {step.kind} {_place(step) or ''}".rstrip())
    outcomes = side_by_side(lambda step: _effect(run, step), steps)
    _record(run, steps, outcomes, "done")
    return [_result(run, step, outcome) for step, outcome in zip(steps, outcomes, strict=True)]


def _effect(run: Run, step: Step) -> Outcome:
    """One effect; its error is part of the outcome, so that its neighbours are not held up."""
    try:
        return _carry_out(run, step)
    except RotatorError as error:
        return Outcome(error=error)


def _carry_out(run: Run, step: Step) -> Outcome:
    if isinstance(step, JwksStep | SigningStep):
        return Outcome(view=_write(run, step))
    match step:
        case Generate():
            return _generated(run, step)
        case Replicate():
            region = _aws_region(run, step.region) or ""
            return Outcome(arn=_control(run).replicate(_key(run, step.kid).handle, region))
        case PointAlias():
            return Outcome(view=_pointed(run, step))
        case Retire():
            return _retired(run, step)
        case Disable():
            _control(run).disable(_key(run, step.kid).handle)
            return Outcome()
        case Destroy():
            run.issuer.keys.destroy(_key(run, step.kid).handle)
            return Outcome()
        case _:
            assert_never(step)


def _generated(run: Run, step: Generate) -> Outcome:
    intent = run.inventory.state.intent
    if intent is None:
        raise InternalError("a key is asked for without an intent")
    algorithm, bits = Algorithm(step.algorithm), run.issuer.setup.policy.rsa_bits
    made = run.issuer.keys.generate(_name(run, step, intent), algorithm, bits)
    return Outcome(key=staged_key(run, step.generation, algorithm, made))


def _name(run: Run, step: Generate, intent: Intent) -> KeyName:
    """What the key of a step is asked for under, and found again."""
    lineage = run.inventory.state.lineage
    return KeyName(run.issuer.name, step.generation, lineage, intent.id, intent.opened_at)


def _key(run: Run, kid: str) -> Key:
    key = run.inventory.state.key(kid)
    if key is None:
        raise InternalError(f"the state has no key {kid}")
    return key


def _control(run: Run) -> KeyControl:
    if run.issuer.control is None:
        raise InternalError("only KMS keys are replicated and disabled")
    return run.issuer.control


def _aws_region(run: Run, region: str) -> str | None:
    setup = run.issuer.setup.region(region)
    return setup.aws_region if setup else None


def _pointed(run: Run, step: PointAlias) -> RegionView:
    """The region once its alias points at the region's own key."""
    handle, ports = _key(run, step.kid).handle, run.issuer.regions[step.region]
    region = _aws_region(run, step.region)
    arn = handle.arn_in(region) if isinstance(handle, KmsHandle) else None
    if ports.alias is None or arn is None:
        raise InternalError(f"{step.region} has no alias to point at {step.kid}")
    run.issuer.keys.prove(handle, region)
    point(ports.alias, arn, run.world.clock)
    return read_view(ports)


def _write(run: Run, step: JwksStep | SigningStep) -> RegionView:
    ports = run.issuer.regions[step.region]
    if isinstance(step, SigningStep):
        run.issuer.keys.prove(_key(run, step.kid).handle, _aws_region(run, step.region))
    record, setup = run.inventory.state.record(step.region), run.issuer.setup.region(step.region)
    known = record.proven and setup is not None and record.jwks_location == setup.jwks_location
    if isinstance(step, JwksStep) and not known:
        ports.jwks.prove_conditional_writes()
        ports.signing.prove_conditional_writes()
    body = body_of(run.inventory, step, run.world.clock.now())
    return write(ports, step, body, expected_etag(run.inventory, step))


def _retired(run: Run, step: Retire) -> Outcome:
    """The stage before has settled the switch; here it must show."""
    key = run.inventory.state.key(step.kid)
    if key and phase(key) is Phase.RETIRED:
        return Outcome()
    return Outcome(
        error=TargetConflict(f"not every region confirms that {step.kid[:8]} is switched away")
    )


def _record(run: Run, steps: list[Step], outcomes: list[Outcome], event: str) -> None:
    """Save results and settled moments in one transaction, and keep what the read-backs show as evidence."""
    now, before = run.world.clock.now(), run.inventory.state
    after = finish(before, run.issuer.setup, steps, outcomes, now)
    pairs = list(zip(steps, outcomes, strict=True))
    views = {s.region: o.view for s, o in pairs if o.view and isinstance(s, RegionStep)}
    evidence = run.inventory.evidence
    for step in steps:
        if isinstance(step, RepairJwks) and step.region in views:
            evidence = end_runs(evidence, step.region)
    evidence = fold_views(run.world, after, evidence, views)
    evidence = keep_evidence(run.world, evidence, run.inventory.evidence)
    run.inventory = replace(
        run.inventory, state=after, evidence=evidence, views={**run.inventory.views, **views}
    )
    settled = settle(run.inventory, now)
    errors = [outcome.error for outcome in outcomes]
    entries = [
        *lines(run.issuer.name, event, steps, now, errors),
        *moment_lines(before, settled, now),
    ]
    save(run, settled, entries)
    for step, outcome in pairs:
        if isinstance(step, Generate) and outcome.key:
            run.bound[step.ref] = outcome.key.kid


def _found(run: Run, step: Step, intent: Intent) -> Outcome:
    """What an interrupted step left behind; an error where nothing did."""
    if isinstance(step, Generate):
        try:
            made = run.issuer.keys.find(_name(run, step, intent))
        except KeyStoreError as error:
            unsure = KeyStoreUnsure(f"{step.ref} cannot be looked for", detail=error.message)
            return Outcome(error=unsure)
        if made:
            return Outcome(key=staged_key(run, step.generation, Algorithm(step.algorithm), made))
    elif isinstance(step, JwksStep):
        view = run.inventory.views.get(step.region)
        if view and isinstance(view.jwks, JwksRead) and _is_body(run, step, view.jwks.body):
            return Outcome(view=view)
    elif isinstance(step, SigningStep):
        view = run.inventory.views.get(step.region)
        document = view.signing_document() if view else None
        if document and (document.generation, document.active.kid) == (step.generation, step.kid):
            return Outcome(view=view)
    elif isinstance(step, PointAlias):
        view = run.inventory.views.get(step.region)
        if view and view.signs_only_with(_key(run, step.kid)):
            return Outcome(view=view)
    return Outcome(error=TargetConflict("interrupted before it took effect"))


def _is_body(run: Run, step: JwksStep, body: bytes) -> bool:
    try:
        return body_of(run.inventory, step, run.world.clock.now()) == body
    except TargetConflict:
        return False


def save(run: Run, state: IssuerState, entries: list[AuditEntry]) -> None:
    """Save the state with its log lines, and go on from what was saved."""
    saved = run.world.state.save(run.lease, with_lineage(state), entries)
    run.inventory = replace(run.inventory, state=saved)


def _result(run: Run, step: Step, outcome: Outcome) -> StepResult:
    kid = outcome.key.kid if outcome.key else getattr(step, "kid", None)
    error = outcome.error.diagnostics() if outcome.error else None
    return StepResult(issuer=run.issuer.name, step=step, kid=kid, error=error)


def _bind(step: Step, bound: dict[str, str]) -> Step:
    """The step with the kids of keys that exist by now in place of their refs."""
    if isinstance(step, JwksStep):
        return replace(step, keys=tuple(bound.get(kid, kid) for kid in step.keys))
    return step


def _place(step: Step) -> str | None:
    """The region a step works in, None when it works in none."""
    return step.region if isinstance(step, RegionStep) else None
