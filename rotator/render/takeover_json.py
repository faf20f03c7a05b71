"""The document that `rotator import --json` prints."""

from typing import Any

from rotator.app.importing import Report
from rotator.domain.times import format_moment


def takeover_document(report: Report) -> dict[str, Any]:
    """`rotator.import/1`: the kid that signs on, the kids that are served on, and what each region serves now."""
    takeover, terms = report.takeover, report.terms
    regions = dict.fromkeys(takeover.serving, "same") | dict.fromkeys(takeover.empty, "nothing")
    return {
        "format": "rotator.import/1",
        "at": format_moment(report.at),
        "done": report.done,
        "issuer": report.issuer,
        "url": report.url,
        "active": {
            "kid": takeover.active.kid,
            "algorithm": takeover.active.alg.value,
            "activated_at": format_moment(terms.activated_at),
        },
        "others": [entry.kid for entry in takeover.others],
        "until": format_moment(terms.until) if terms.until else None,
        "regions": regions,
        "rewritten": list(takeover.rewritten),
        "notes": list(report.notes),
    }
