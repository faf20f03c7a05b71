"""What the daemon says of its runs in the log: every apply, and of the looks only what is different from the one before."""

from datetime import datetime

from rotator.app.reports import ApplyReport
from rotator.daemon.work import Done, Looked
from rotator.domain.evidence import Verdict
from rotator.domain.times import format_moment
from rotator.errors import Diagnostics
from rotator.ports import Reporter


class Diary:
    """Remembers what it said last of each kind of run."""

    def __init__(self, reporter: Reporter) -> None:
        """Nothing was said yet."""
        self._reporter = reporter
        self._said: dict[str, str] = {}

    def tell(self, done: Done, next_apply: datetime) -> None:
        """Say how a run went, and after an apply when the next one is."""
        if done.error:
            words = _failed(done.kind, done.error)
            if done.busy:
                self._reporter.progress(words, run=done.run, code=done.error.code)
            else:
                self._reporter.warn(words, run=done.run, code=done.error.code)
        elif done.applied:
            words = _applied(done.applied)
            self._reporter.progress(f"{words}; next {format_moment(next_apply)}", run=done.run)
        elif done.looked:
            words = _looked(done.looked)
            if words != self._said.get(done.kind):
                self._reporter.progress(words, run=done.run)
        else:
            words = "apply: another rotator has had this turn"
            self._reporter.progress(f"{words}; next {format_moment(next_apply)}", run=done.run)
        self._said[done.kind] = words


def _failed(kind: str, error: Diagnostics) -> str:
    detail = f": {error.detail}" if error.detail else ""
    return f"{kind}: {error.message}{detail}"


def _applied(report: ApplyReport) -> str:
    done, failed = len(report.results) - len(report.failed), len(report.failed)
    words = f"apply: {done} done" if report.results else "apply: nothing was due"
    failures = "".join(f"; {r.issuer}: {r.error.message}" for r in report.failed[:3] if r.error)
    blocked = report.left.blocked
    return (
        words
        + (f", {failed} failed{failures}" if failed else "")
        + (f", {blocked} blocked" if blocked else "")
    )


def _looked(looked: Looked) -> str:
    """The gates that do not pass, and what is overdue; the same words as long as nothing changes."""
    closed = [
        f"{region.issuer} in {region.region} ({region.verdict})"
        for region in looked.verify.regions
        if region.verdict is not Verdict.PASS
    ]
    found = [*closed, *looked.verify.overdue]
    return f"verify: {'; '.join(found)}" if found else "verify: every region passes"
