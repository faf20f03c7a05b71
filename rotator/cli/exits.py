"""Exit codes (contract §1), and which one wins when several hold."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rotator.app.reports import ApplyReport, StepResult
from rotator.domain.plan import Plan
from rotator.errors import InternalError, all_codes

if TYPE_CHECKING:
    from rotator.app.revoke import RevokeReport

DONE = 0
FAILED = 1
DUE = 2
CLOSED = 3
STALE = 4
USAGE = 64
BUSY = 75
REFUSED = 78

PRECEDENCE = (REFUSED, BUSY, STALE, FAILED, CLOSED, DUE, DONE)


def worst(codes: Iterable[int]) -> int:
    """The code that wins."""
    found = set(codes)
    return next((code for code in PRECEDENCE if code in found), DONE)


def of_plan(plan: Plan, *, detailed: bool) -> int:
    """3 when a due step is blocked, 2 when steps are due and the caller asked to be told."""
    return worst([CLOSED * bool(plan.blocked), DUE * bool(plan.due and detailed)])


def of_apply(report: ApplyReport) -> int:
    """What the failed steps' errors amount to, and 3 when something is blocked that is still to do."""
    return worst([*of_steps(report.failed), CLOSED * bool(report.left.blocked)])


def of_revoke(report: "RevokeReport") -> int:
    """What the failed steps' errors amount to, and 3 until every region is done."""
    return worst([*of_steps(report.failed), CLOSED * (not report.done)])


def of_steps(failed: Iterable[StepResult]) -> list[int]:
    """The exit code of each failed step's error."""
    codes = all_codes()
    return [codes.get(r.error.code, InternalError).exit_code for r in failed if r.error]
