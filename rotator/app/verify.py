"""`verify`: the propagation gate, looked at from outside (design T1, T2, T10)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from rotator.app.plan import inventories_of, plan_of
from rotator.app.reports import HoldEnds, RegionVerdict, VerifyReport
from rotator.app.world import World
from rotator.domain.inventory import Inventory
from rotator.domain.plan import FindingKind, Plan
from rotator.planning.ahead import checks_then, hold_ending

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


def verify(
    world: World, *, regions: tuple[str, ...] = (), as_of: datetime | None = None
) -> VerifyReport:
    """One look at every gate of every issuer; `regions` narrows what is looked at, never what is overdue.

    With `as_of` judged as if it were then, and nothing had been done until then.
    """
    return judged(world, inventories_of(world, thorough=True), regions=regions, as_of=as_of)


def judged(
    world: World,
    inventories: list[Inventory],
    *,
    regions: tuple[str, ...] = (),
    as_of: datetime | None = None,
) -> VerifyReport:
    """What a look that was just taken comes to."""
    plan = plan_of(world, inventories, at=as_of)
    now = world.clock.now()
    found = [verdict for inventory in inventories for verdict in _verdicts(inventory, as_of)]
    return VerifyReport(
        at=as_of or now,
        looked_at=now,
        regions=tuple(v for v in found if not regions or v.region in regions),
        overdue=_overdue(plan),
        holds=_ending_holds(inventories, now, as_of),
        host=world.time.kernel(),
        plan=None if as_of else plan,
    )


def wait_until_open(
    world: World,
    deadline: timedelta,
    *,
    regions: tuple[str, ...] = (),
    as_of: datetime | None = None,
    on_report: Callable[[VerifyReport, timedelta], None] = lambda _report, _left: None,
) -> VerifyReport:
    """Look again, with pauses that double, until the gate is open or `deadline` has passed; the last report.

    The last look begins when the time is up, not before. `on_report` is told each closed report and how much time is left.
    """
    end = world.clock.monotonic() + deadline.total_seconds()
    pause = FIRST_PAUSE
    while True:
        begun = world.clock.monotonic()
        report = verify(world, regions=regions, as_of=as_of)
        if report.gate_open or begun >= end:
            return report
        left = max(timedelta(), timedelta(seconds=end - world.clock.monotonic()))
        on_report(report, left)
        world.clock.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)


def _verdicts(inventory: Inventory, as_of: datetime | None) -> list[RegionVerdict]:
    looks = inventory.evidence.looks
    return [
        RegionVerdict(
            issuer=inventory.setup.name,
            region=gate,
            checks=checks_then(looks[gate].checks, as_of) if as_of else looks[gate].checks,
        )
        for gate in inventory.setup.gates()
        if gate in looks
    ]


def _overdue(plan: Plan) -> tuple[str, ...]:
    return tuple(
        f"{part.issuer}: {finding.detail}"
        for part in plan.issuers
        for finding in part.findings
        if finding.kind is FindingKind.OVERDUE
    )


def _ending_holds(
    inventories: list[Inventory], now: datetime, as_of: datetime | None
) -> tuple[HoldEnds, ...]:
    if as_of is None:
        return ()
    ends = [(i.setup.name, hold_ending(i.state.hold, now, as_of)) for i in inventories]
    return tuple(HoldEnds(issuer=issuer, at=at) for issuer, at in ends if at is not None)
