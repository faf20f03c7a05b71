"""`verify`: the propagation gate, looked at from outside (design T1, T2, T10)."""

from collections.abc import Callable
from datetime import datetime, timedelta

from rotator.app.plan import inventories_of, plan_of
from rotator.app.reports import RegionVerdict, VerifyReport
from rotator.app.world import World
from rotator.domain.inventory import Inventory
from rotator.domain.plan import FindingKind

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


def verify(
    world: World, *, regions: tuple[str, ...] = (), as_of: datetime | None = None
) -> VerifyReport:
    """One look at every gate of every issuer; `regions` narrows what is looked at, never what is overdue."""
    inventories = inventories_of(world, thorough=True)
    plan = plan_of(world, inventories, at=as_of)
    found = [verdict for inventory in inventories for verdict in _verdicts(inventory)]
    overdue = [
        f"{part.issuer}: {finding.detail}"
        for part in plan.issuers
        for finding in part.findings
        if finding.kind is FindingKind.OVERDUE
    ]
    return VerifyReport(
        at=as_of or world.clock.now(),
        regions=tuple(v for v in found if not regions or v.region in regions),
        overdue=tuple(overdue),
    )


def wait_until_open(
    world: World,
    deadline: timedelta,
    *,
    regions: tuple[str, ...] = (),
    as_of: datetime | None = None,
    on_report: Callable[[VerifyReport, timedelta], None] = lambda _report, _left: None,
) -> VerifyReport:
    """Look again, with growing pauses, until the gate is open or `deadline` has passed; the last report.

    `on_report` is told each closed report and how much time is left.
    """
    end = world.clock.monotonic() + deadline.total_seconds()
    pause = FIRST_PAUSE
    while True:
        report = verify(world, regions=regions, as_of=as_of)
        left = timedelta(seconds=end - world.clock.monotonic())
        if report.gate_open or left <= timedelta():
            return report
        on_report(report, left)
        world.clock.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)


def _verdicts(inventory: Inventory) -> list[RegionVerdict]:
    looks = inventory.evidence.looks
    return [
        RegionVerdict(issuer=inventory.setup.name, region=gate, checks=looks[gate].checks)
        for gate in inventory.setup.gates()
        if gate in looks
    ]
