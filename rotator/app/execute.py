"""Carrying out the steps of one issuer, stage by stage: intent, effects side by side, read back, result (design §6).

A crash at any point is finished by the next run: an intent is saved before the first effect of its stage, and what
took effect is found again by reading. A step that fails stops the later stages of its issuer, never its own stage;
only new keys still go to the other regions (going into an uncertain state needs no wait, design §3).
"""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from rotator.app.effects import effect_of, found_of
from rotator.app.gather import fold_views, keep_evidence, with_lineage
from rotator.app.journal import Outcome, begin, finish, gate_lines, lines, moment_lines
from rotator.app.parallel import side_by_side
from rotator.app.reports import StepResult
from rotator.app.run import Run, save
from rotator.domain.evidence import end_runs
from rotator.domain.plan import (
    Disable,
    Generate,
    IssuerPlan,
    JwksStep,
    PointAlias,
    RegionStep,
    RepairJwks,
    Replicate,
    Step,
    WriteJwks,
)
from rotator.errors import IllegalTransition, KeyStoreUnsure, TargetConflict
from rotator.planning.emergency import ends_revoked
from rotator.planning.settle import settle


def execute(run: Run, plan: IssuerPlan) -> list[StepResult]:
    """Carry out the stages in order; after a failure only what adds keys elsewhere, which nothing depends on.

    And what a revocation needs: a region that fails does not hold the others up.
    """
    results: list[StepResult] = []
    failed, broken = False, set[str | None]()
    for stage in stages(plan.steps):
        steps = [_bind(step, run.bound) for step in stage]
        if failed:
            steps = [s for s in steps if _goes_on(run, s, broken)]
        done = _run_stage(run, steps) if steps else []
        results.extend(done)
        failures = [result.step for result in done if result.error]
        failed = failed or bool(failures)
        broken |= {_place(step) for step in failures if not isinstance(step, Disable)}
    return results


def _goes_on(run: Run, step: Step, broken: set[str | None]) -> bool:
    """What a failure elsewhere does not stop: new keys, and whatever takes a revoked key out of use (design §3)."""
    if _place(step) in broken and not isinstance(step, Disable):
        return False
    return _only_adds(run, step) or ends_revoked(run.inventory, step)


def _only_adds(run: Run, step: Step) -> bool:
    """What a region that fails must not keep from the others: new keys, and aliases that lag behind a switch."""
    if isinstance(step, PointAlias):
        return run.inventory.views[step.region].signing_kid() == step.kid
    if isinstance(step, WriteJwks):
        document = run.inventory.views[step.region].jwks_document()
        served = set(document.kids()) if document else set[str]()
        state = run.inventory.state
        known = {key.kid for key in state.keys} | {key.kid for key in state.foreign}
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
    for intent in (*((state.intent,) if state.intent else ()), *state.unanswered):
        outcomes = [found_of(run, step, intent) for step in intent.steps]
        for outcome in outcomes:
            if isinstance(outcome.error, KeyStoreUnsure):
                words = f"{outcome.error.message}: {outcome.error.detail}"
                code, name = outcome.error.code, run.issuer.name
                run.world.reporter.warn(f"{name}: {words}", issuer=name, code=code)
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


def _run_stage(run: Run, steps: list[Step]) -> list[StepResult]:
    now, state = run.world.clock.now(), run.inventory.state
    run.world.state.renew(run.lease, run.world.lease_term)
    run.inventory = replace(run.inventory, state=with_lineage(state))
    try:
        opened = begin(
            run.inventory.state, steps, run.issuer.setup.policy, secrets.token_hex(8), now
        )
    except IllegalTransition as error:
        # A write that was under way in another run may land late and finish its switch (design I6).
        moved = TargetConflict("another run's late write has moved on", detail=error.message)
        return [_result(run, step, Outcome(error=moved)) for step in steps]
    entries = [
        *gate_lines(run.inventory, steps, now),
        *lines(run.issuer.name, "begun", steps, now),
        *moment_lines(state, opened, now),
    ]
    save(run, opened, entries)
    for step in steps:
        _tell(run, step)
    outcomes = side_by_side(lambda step: effect_of(run, step), steps)
    _record(run, steps, outcomes, "done")
    return [_result(run, step, outcome) for step, outcome in zip(steps, outcomes, strict=True)]


def _record(run: Run, steps: list[Step], outcomes: list[Outcome], event: str) -> None:
    """Save results and settled moments in one transaction, and keep what the read-backs show as evidence."""
    now, before = run.world.clock.now(), run.inventory.state
    after = finish(before, run.issuer.setup, steps, outcomes, now)
    pairs = list(zip(steps, outcomes, strict=True))
    views = {s.region: o.view for s, o in pairs if o.view and isinstance(s, RegionStep)}
    evidence = run.inventory.evidence
    for step in steps:
        if isinstance(step, RepairJwks):  # one that failed may have taken effect all the same
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


def _tell(run: Run, step: Step) -> None:
    """Say what is being done, to people and to the log."""
    run.world.reporter.progress(
        f"{run.issuer.name}: {step.kind} {_place(step) or ''}".rstrip(),
        issuer=run.issuer.name,
        step=step.kind,
        region=_place(step),
        kid=getattr(step, "kid", None),
        reason_code=step.reason_code.value,
    )


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
