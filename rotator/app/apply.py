"""`apply`: plan, ask, carry out; again until nothing is due. A saved plan is carried out exactly or refused as stale."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rotator.app.catching_up import catch_up
from rotator.app.checkpoints import keep_checkpoint
from rotator.app.execute import execute, record_settled, recover
from rotator.app.gather import gather, load_state
from rotator.app.last_apply import note_apply
from rotator.app.listing import listing_of
from rotator.app.parallel import side_by_side
from rotator.app.plan import make_plan, plan_of
from rotator.app.reports import ApplyReport, StepResult
from rotator.app.run import Run
from rotator.app.world import IssuerWorld, World
from rotator.domain.inventory import Inventory, JwksRead, SigningRead, Unavailable
from rotator.domain.plan import IssuerPlan, JwksStep, Plan, SigningStep, Step
from rotator.errors import Declined, LeaseHeld, StalePlan, TargetConflict, UnsafePlan
from rotator.planning.safety import check
from rotator.ports import Lease

ROUNDS = 8
"""Rounds of one apply: publishing makes the first switch due, a switch makes the next standby due, and so on."""

_PATIENCE = timedelta(seconds=20)
_POLL = timedelta(seconds=1)

Confirm = Callable[[Plan], bool]


def apply(
    world: World,
    *,
    confirm: Confirm | None = None,
    on_plan: Callable[[Plan], None] = lambda _: None,
) -> ApplyReport:
    """Carry out what is due, and what becomes due through it.

    `confirm` is asked once, without the lease, and may take its time; None asks nobody. `on_plan` sees the plan of
    each round before it is carried out. Raises Declined, LeaseHeld, StalePlan, UnsafePlan.
    """
    asked = _ask(world, confirm) if confirm else None
    if asked and not asked.due:
        return ApplyReport(at=world.clock.now(), results=(), left=asked)
    with lease_of(world) as lease:
        begun = world.clock.now()
        results = carry_out(world, lease, asked=asked, on_plan=on_plan)
    left = make_plan(world)
    if not (left.due or any(result.error for result in results)):
        note_apply(world, begun)
    return ApplyReport(at=world.clock.now(), results=results, left=left)


def carry_out(
    world: World,
    lease: Lease,
    *,
    asked: Plan | None = None,
    on_plan: Callable[[Plan], None] = lambda _: None,
    past_failures: bool = False,
) -> tuple[StepResult, ...]:
    """Rounds under a lease that is held: plan, prove, carry out, until nothing is due any more.

    `past_failures`: a step that fails ends nothing as long as another one gets on (a revoke, design §3). `asked` is what
    the first round must still come to. Raises StalePlan, UnsafePlan, LeaseLost.
    """
    results: list[StepResult] = []
    conflicts: list[StepResult] = []
    for _ in range(ROUNDS):
        runs = prepare(world, world.issuers, lease)
        plan = plan_of(world, [run.inventory for run in runs])
        if asked and _decisions(plan) != _decisions(asked):
            raise StalePlan(
                "the plan changed while it was being read", hint="run it again: rotator apply"
            )
        asked = None
        if not plan.due:
            conflicts = []
            break
        on_plan(plan)
        done = _round(runs, plan)
        failed = [result for result in done if result.error]
        conflicts = failed if _only_conflicts(failed) else []
        results.extend(result for result in done if result not in conflicts)
        stuck = len(failed) == len(done) if past_failures else bool(failed)
        if stuck and not conflicts:
            break
    return (*results, *conflicts)


def apply_saved(world: World, plan: Plan) -> ApplyReport:
    """Carry out exactly a saved plan. Raises StalePlan when state, configuration or a region's ETag moved."""
    with lease_of(world) as lease:
        chosen = _chosen(world, plan)
        runs = _gathered(world, [issuer for issuer, _ in chosen], lease)
        changes = [
            c
            for run, (_, part) in zip(runs, chosen, strict=True)
            for c in changes_since(run.inventory, part)
        ]
        if plan.config_digest != world.config_digest:
            changes.insert(0, "the configuration")
        if changes:
            raise StalePlan(
                "the plan no longer fits", detail=f"changed since: {', '.join(changes)}"
            )
        for run in runs:
            _catch_up(run)
        results = _round(runs, plan)
    return ApplyReport(at=world.clock.now(), results=tuple(results), left=make_plan(world))


@contextmanager
def lease_of(world: World, *, urgent: bool = False) -> Iterator[Lease]:
    """The lease, given back whatever happens; `urgent` asks its holder for it (a compromise). Raises LeaseHeld."""
    held = world.state.holder()
    if held:
        when = "after its step under way" if urgent else "when its holder is gone or silent"
        world.reporter.progress(f"{held.owner} holds the lease; it is taken over {when}")
    lease = _acquired(world, urgent=urgent)
    try:
        yield lease
        keep_checkpoint(world, lease)
    finally:
        world.state.release(lease)


def _acquired(world: World, *, urgent: bool) -> Lease:
    """The lease; who is in a hurry waits a little for somebody else who is: a hold is over in a moment."""
    until = world.clock.monotonic() + _PATIENCE.total_seconds()
    while True:
        try:
            return world.state.acquire(world.owner, world.lease_term, urgent=urgent)
        except LeaseHeld:
            if not urgent or world.clock.monotonic() >= until:
                raise
            world.clock.sleep(_POLL)


def prepare(world: World, issuers: Sequence[IssuerWorld], lease: Lease) -> list[Run]:
    """Each issuer's run, with whatever an earlier run left open brought to its end first."""
    runs = _gathered(world, issuers, lease)
    for run in runs:
        _catch_up(run)
    return runs


def _gathered(world: World, issuers: Sequence[IssuerWorld], lease: Lease) -> list[Run]:
    world.state.renew(lease, world.lease_term)
    listing = listing_of(world)

    def one(issuer: IssuerWorld) -> Run:
        state = load_state(world, issuer)
        return Run(world, issuer, lease, gather(world, issuer, state, listing))

    return side_by_side(one, issuers)


def _catch_up(run: Run) -> None:
    catch_up(run)
    recover(run)
    record_settled(run)


def changes_since(inventory: Inventory, plan: IssuerPlan) -> list[str]:
    """What moved since a plan was made: serial, lineage, and the documents that its steps expect."""
    state, found = inventory.state, []
    if state.lineage != plan.lineage:
        found.append(
            f"{plan.issuer}: this is the state of another history (lineage {state.lineage or 'none'})"
        )
    if state.serial != plan.serial:
        found.append(
            f"{plan.issuer}: the plan was made for serial {plan.serial}, the state is at {state.serial}"
        )
    for step in plan.steps:
        if isinstance(step, JwksStep | SigningStep) and _moved(inventory, step):
            what = "JWKS" if isinstance(step, JwksStep) else "signing target"
            found.append(f"{plan.issuer}: {step.region}'s {what} (ETag)")
    return list(dict.fromkeys(found))


def _moved(inventory: Inventory, step: JwksStep | SigningStep) -> bool:
    view = inventory.views.get(step.region)
    if view is None or (step.expected_etag or "").startswith("@"):
        return view is None
    read = view.jwks if isinstance(step, JwksStep) else view.signing
    if isinstance(read, Unavailable):  # nobody knows; the safety checker decides
        return False
    return (read.etag if isinstance(read, JwksRead | SigningRead) else None) != step.expected_etag


def _chosen(world: World, plan: Plan) -> list[tuple[IssuerWorld, IssuerPlan]]:
    worlds = {issuer.name: issuer for issuer in world.issuers}
    missing = [part.issuer for part in plan.issuers if part.issuer not in worlds and part.steps]
    if missing:
        raise StalePlan(f"issuer {missing[0]} is in the plan, not in this run")
    return [(worlds[part.issuer], part) for part in plan.issuers if part.issuer in worlds]


def _ask(world: World, confirm: Confirm) -> Plan:
    plan = make_plan(world)
    if plan.due and not confirm(plan):
        raise Declined("nothing was applied")
    return plan


def _round(runs: list[Run], plan: Plan) -> list[StepResult]:
    """Every issuer's part of a plan, each proven safe first; one issuer's trouble does not stop the next."""
    parts = {part.issuer: part for part in plan.issuers}
    results: list[StepResult] = []
    refused: list[UnsafePlan] = []
    for run in runs:
        part = parts[run.issuer.name]
        try:
            prove(run, part)
        except UnsafePlan as error:
            refused.append(error)
        else:
            results.extend(execute(run, part))
    if refused:
        raise refused[0]
    return results


def prove(run: Run, plan: IssuerPlan) -> None:
    """Raise UnsafePlan when the independent checker finds that a plan would do damage (design §5)."""
    violations = check(plan, run.inventory, run.world.clock.now())
    if violations:
        raise UnsafePlan(
            f"{plan.issuer}: the plan would do damage and was not carried out",
            detail="; ".join(f"step {v.step}: {v.invariant}: {v.words}" for v in violations),
        )


def _decisions(plan: Plan) -> list[tuple[object, ...]]:
    """What a plan decides, without the moments and ETags that move by themselves."""
    return [(part.issuer, *_decision(step)) for part in plan.issuers for step in part.steps]


def _decision(step: Step) -> tuple[object, ...]:
    names = ("kind", "kid", "ref", "region", "keys", "generation", "standby")
    return tuple(getattr(step, name, None) for name in names)


def _only_conflicts(results: list[StepResult]) -> bool:
    """Whether every failure is somebody else's write, which reading and planning again takes in."""
    return all(result.error.code == TargetConflict.code for result in results if result.error)
