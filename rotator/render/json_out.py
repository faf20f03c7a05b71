"""The documents that `--json` prints (contract §3): one per command, whole kids, nothing secret in any of them."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from rotator.app.doctor.report import DoctorReport
from rotator.app.reports import (
    ApplyReport,
    AuditReport,
    IssuerStatus,
    KeyStatus,
    RegionVerdict,
    StatusReport,
    VerifyReport,
)
from rotator.domain import plan_json
from rotator.domain.audit_proof import Proof
from rotator.domain.evidence import Check
from rotator.domain.plan import Plan
from rotator.domain.times import format_moment
from rotator.errors import Diagnostics

Document = dict[str, Any]


def to_text(document: Mapping[str, Any]) -> str:
    """One JSON document, ASCII, so that nothing in it can confuse a terminal or a log."""
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def plan_document(plan: Plan) -> Document:
    """`rotator.plan/1`."""
    return plan_json.dump(plan)


def error_document(error: Diagnostics) -> Document:
    """`{"error": …}`."""
    members = ("code", "message", "detail", "hint", "runbook")
    return {"error": {name: getattr(error, name) for name in members}}


def status_document(report: StatusReport) -> Document:
    """`rotator.status/1`."""
    at = report.at
    return {
        "format": "rotator.status/1",
        "at": format_moment(at),
        "issuers": [_issuer_status(issuer, at) for issuer in report.issuers],
    }


def verify_document(report: VerifyReport) -> Document:
    """`rotator.verify/1`."""
    return {
        "format": "rotator.verify/1",
        "at": format_moment(report.at),
        "verdict": report.verdict.value,
        "gate_open": report.gate_open,
        "overdue": list(report.overdue),
        "holds": [
            {"issuer": hold.issuer, "ends_at": format_moment(hold.at)} for hold in report.holds
        ],
        "looked_at": format_moment(report.looked_at or report.at),
        "host": {
            "synchronised": report.host.synchronised,
            "max_error_s": report.host.max_error.total_seconds(),
        }
        if report.host
        else None,
        "regions": [_region(region) for region in report.regions],
    }


def apply_document(report: ApplyReport) -> Document:
    """`rotator.apply/1`: what each step came to, and the plan that is left."""
    results = [
        {
            "issuer": result.issuer,
            "n": result.step.n,
            "kind": result.step.kind,
            "kid": result.kid,
            "region": getattr(result.step, "region", None),
            "done": result.error is None,
            "error": error_document(result.error)["error"] if result.error else None,
        }
        for result in report.results
    ]
    return {
        "format": "rotator.apply/1",
        "at": format_moment(report.at),
        "results": results,
        "summary": {"done": len(report.results) - len(report.failed), "failed": len(report.failed)},
        "left": plan_document(report.left),
    }


def doctor_document(report: DoctorReport) -> Document:
    """`rotator.doctor/1`: every finding, `issuer` and `region` null where it is about neither."""
    findings = [
        {
            "area": found.area.value,
            "issuer": found.place.issuer,
            "region": found.place.region,
            "verdict": found.health.value,
            "what": found.what,
            "why": found.why,
            "what_to_do": found.what_to_do,
        }
        for found in report.findings
    ]
    return {
        "format": "rotator.doctor/1",
        "at": format_moment(report.at),
        "verdict": report.health.value,
        "findings": findings,
    }


def audit_document(report: AuditReport) -> Document:
    """`rotator.audit/1`."""
    records = [
        {
            "number": record.number,
            "at": format_moment(record.at),
            "issuer": record.issuer,
            "event": record.event,
            "facts": dict(record.facts),
            "digest": record.digest,
        }
        for record in report.records
    ]
    chain = "broken" if report.broken_at is not None else "whole" if report.checked else "unchecked"
    return {
        "format": "rotator.audit/1",
        "records": records,
        "chain": chain,
        "broken_at": report.broken_at,
        "proof": _proof(report.proof) if report.proof else None,
    }


def _proof(proof: Proof) -> Document:
    return {
        "first": proof.first,
        "last": proof.last,
        "signatures_verified": proof.signatures,
        "checkpoints": proof.checkpoints,
        "covered": proof.covered,
        "checkpointed_at": _moment(proof.checkpointed_at),
        "compared": proof.compared,
        "faults": list(proof.faults),
    }


def _issuer_status(issuer: IssuerStatus, now: datetime) -> Document:
    hold = issuer.hold
    held = hold is not None and hold.holds_at(now)
    return {
        "issuer": issuer.issuer,
        "url": issuer.url,
        "algorithm": issuer.algorithm,
        "serial": issuer.serial,
        "generation": issuer.generation,
        "active": issuer.active,
        "held": held,
        "hold": {"reason": hold.reason, "owner": hold.owner, "until": _moment(hold.until)}
        if hold and held
        else None,
        "keys": [key_document(key) for key in issuer.keys],
        "next": [
            {"kind": step.kind, "kid": step.kid, "at": _moment(step.at)} for step in issuer.next
        ],
        "overdue": list(issuer.overdue),
        "revoking": list(issuer.revoking),
        "due": len(issuer.plan.steps),
        "blocked": len(issuer.blocked),
    }


def key_document(status: KeyStatus) -> Document:
    """A key as `status --json` and `history --json` print it."""
    moments = status.key.moments
    names = (
        "staged_at",
        "published_at",
        "switch_started_at",
        "activated_at",
        "retired_at",
        "removed_at",
        "revoked_at",
        "disabled_at",
        "destroyed_at",
    )
    return {
        "kid": status.key.kid,
        "algorithm": status.key.jwk.alg.value,
        "generation": status.key.generation,
        "phase": status.phase.value,
        **{name: _moment(getattr(moments, name)) for name in names},
        "remove_after": _moment(status.remove_after),
        "regions": {
            name: {
                "visible_since": _moment(seen.visible_since),
                "checked_at": _moment(seen.checked_at),
                "verdict": seen.verdict.value,
                "seen_by": seen.seen_by or None,
                "passes": seen.passes,
            }
            for name, seen in status.regions.items()
        },
    }


def _region(region: RegionVerdict) -> Document:
    return {
        "issuer": region.issuer,
        "region": region.region,
        "verdict": region.verdict.value,
        "checks": [_check(check) for check in region.checks],
    }


def _check(check: Check) -> Document:
    latency = _seconds(check.latency)
    return {
        "kind": check.kind.value,
        "target": check.target,
        "verdict": check.verdict.value,
        "detail": check.detail,
        "kids": list(check.kids),
        "age_s": _seconds(check.age),
        "max_age_s": _seconds(check.max_age),
        "latency_ms": None if latency is None else latency * 1000,
        "clock_offset_s": _seconds(check.clock_offset),
        "clock_error_s": _seconds(check.clock_error),
        "looked": check.looked,
        "expires": _moment(check.expires),
    }


def _moment(value: datetime | None) -> str | None:
    return None if value is None else format_moment(value)


def _seconds(value: timedelta | None) -> float | None:
    return None if value is None else value.total_seconds()
