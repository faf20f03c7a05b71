"""`rotator.revoke/1`: what a revoke means, what it did, what is left; whole kids, nothing secret."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rotator.app.danger import Danger, Successor
from rotator.app.reports import StepResult
from rotator.app.revoke import RegionEnd, RevokeReport
from rotator.domain.plan import Step
from rotator.domain.times import format_moment
from rotator.planning.exposure import Exposure, Restart
from rotator.render.json_out import Document, error_document


def danger_document(danger: Danger) -> Document:
    """What it would mean; nothing was done (`--dry-run`)."""
    steps = [{**_step(step), "done": False, "error": None} for step in danger.plan.steps]
    return {**_danger(danger), "dry_run": True, "done": False, "regions": [], "steps": steps}


def report_document(report: RevokeReport) -> Document:
    """What was done, and what the danger is now."""
    return {
        **_danger(report.after),
        "dry_run": False,
        "done": report.done,
        "regions": [_end(end) for end in report.regions],
        "steps": [_result(result) for result in report.results],
    }


def restarts_document(issuer: str, kids: Sequence[str], found: Sequence[Restart]) -> Document:
    """`rotator.restarts/1`: what has to be restarted (`--restart-list`)."""
    return {
        "format": "rotator.restarts/1",
        "issuer": issuer,
        "keys": list(kids),
        "restart": [_restart(one) for one in found],
    }


def _danger(danger: Danger) -> Document:
    hold = danger.hold
    return {
        "format": "rotator.revoke/1",
        "at": format_moment(danger.at),
        "issuer": danger.issuer,
        "url": danger.url,
        "keys": [key.kid for key in danger.keys],
        "known": list(danger.known),
        "needed": danger.needed,
        "ready": danger.ready,
        "successor": _successor(danger.successor),
        "next_standby": _successor(danger.next_standby),
        "logged_out": {
            "access_until": _moment(danger.logged_out.access),
            "refresh_until": _moment(danger.logged_out.refresh),
        },
        "exposure": [_exposure(one) for one in danger.exposed],
        "rejected": [_exposure(one) for one in danger.rejected],
        "cut_off": [
            {"region": one.region, "until": _moment(one.until), "ordered": one.ordered}
            for one in danger.cut_off
        ],
        "restart": [_restart(one) for one in danger.restarts],
        "hold": {"reason": hold.reason, "owner": hold.owner, "until": _moment(hold.until)}
        if hold
        else None,
        "unread": list(danger.unread),
        "edges": list(danger.edges),
    }


def _successor(successor: Successor | None) -> Document | None:
    if successor is None:
        return None
    return {
        "kid": successor.key.kid,
        "warm": successor.warm,
        "signs_in": list(successor.signs_in),
        "seen_at": _moment(successor.seen_at),
        "ready_at": _moment(successor.ready_at),
    }


def _exposure(one: Exposure) -> Document:
    return {
        "region": one.gate,
        "verifier": one.verifier,
        "until": _moment(one.until),
        "endless": one.endless.value if one.endless else None,
        "assumed": one.assumed,
        "numbers": dict(one.delay.numbers()),
    }


def _restart(one: Restart) -> Document:
    return {
        "verifier": one.verifier,
        "why": one.endless.value,
        "region": one.gate,
        "target": one.target,
    }


def _end(end: RegionEnd) -> Document:
    return {
        "region": end.region,
        "done": end.done,
        "unread": end.unread,
        "signs_with": end.signs_with,
        "served": end.served,
        "left_at": _moment(end.left_at),
        "purged": end.purged,
    }


def _result(result: StepResult) -> dict[str, Any]:
    error = error_document(result.error)["error"] if result.error else None
    known = {**_step(result.step), "kid": result.kid}
    return {**known, "done": result.error is None, "error": error}


def _step(step: Step) -> dict[str, Any]:
    return {
        "n": step.n,
        "kind": step.kind,
        "kid": getattr(step, "kid", None),
        "region": getattr(step, "region", None),
    }


def _moment(moment: datetime | None) -> str | None:
    return format_moment(moment) if moment else None
