"""What people read, at a fixed width: read the snapshots as a reviewer would."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from rotator.app.reports import AuditLine, AuditReport, HistoryReport
from rotator.errors import StalePlan
from rotator.render.text.apply import apply_text
from rotator.render.text.error import error_text
from rotator.render.text.history import audit_text, history_text
from rotator.render.text.plan import plan_text
from rotator.render.text.screen import to_string
from rotator.render.text.status import status_text
from rotator.render.text.verify import verify_text
from tests.render import scenarios
from tests.render.snapshots import matches

BERLIN = ZoneInfo("Europe/Berlin")
WIDTH = 100


@pytest.mark.parametrize("name", scenarios.PLANS)
def test_plan(name: str) -> None:
    text = to_string(plan_text(scenarios.PLANS[name](), scenarios.HEADINGS, BERLIN), width=WIDTH)
    matches(f"plan-{name}", text)


@pytest.mark.parametrize("name", scenarios.STATUSES)
def test_status(name: str) -> None:
    matches(
        f"status-{name}", to_string(status_text(scenarios.STATUSES[name](), BERLIN), width=WIDTH)
    )


@pytest.mark.parametrize("name", scenarios.VERIFIES)
def test_verify(name: str) -> None:
    matches(f"verify-{name}", to_string(verify_text(scenarios.VERIFIES[name]()), width=WIDTH))


def test_verify_while_waiting() -> None:
    text = to_string(verify_text(scenarios.verify_closed(), timedelta(minutes=8, seconds=40)))
    assert text.splitlines()[-1].endswith("Waiting, 8 m 40 s left …")


def test_apply() -> None:
    matches("apply-failed", to_string(apply_text(scenarios.applied(), BERLIN), width=WIDTH))
    matches(
        "apply-nothing", to_string(apply_text(scenarios.applied_nothing(), BERLIN), width=WIDTH)
    )


def test_history() -> None:
    keys = (scenarios.key_status(scenarios.gone_key()), scenarios.key_status(scenarios.old_key()))
    report = HistoryReport(at=scenarios.NOW, issuers={"accounts": keys, "payments": ()})
    matches("history", to_string(history_text(report), width=WIDTH))


@pytest.mark.parametrize(
    ("name", "checked", "broken_at"),
    [("unchecked", False, None), ("whole", True, None), ("broken", True, 2)],
)
def test_audit(name: str, checked: bool, broken_at: int | None) -> None:
    records = (
        AuditLine(
            number=1,
            at=scenarios.NOW,
            issuer="accounts",
            event="generate",
            facts={"kid": "a\nb", "n": 1},
            digest="aa",
        ),
        AuditLine(
            number=2, at=scenarios.NOW, issuer="accounts", event="switch", facts={}, digest="bb"
        ),
    )
    report = AuditReport(records=records, checked=checked, broken_at=broken_at)
    matches(f"audit-{name}", to_string(audit_text(report), width=WIDTH))


def test_error() -> None:
    error = StalePlan(
        "this plan was made for serial 41; the state is at 43",
        detail="changed since: eu-central-1's JWKS (ETag)\nkey 7hPqA0ve retired",
    )
    matches("error", to_string(error_text(error.diagnostics())))


def test_nothing_from_outside_reaches_the_terminal_as_it_came() -> None:
    text = to_string(plan_text(scenarios.foreign(), {}, None), width=WIDTH, colour=False)
    assert not {"\u202e", "\x1b"} & set(text)
    assert "[bold]not markup[/bold]" in text


def test_piped_text_has_one_line_a_fact() -> None:
    piped = to_string(plan_text(scenarios.steady(), scenarios.HEADINGS, None))
    fact = next(row for row in piped.splitlines() if "remove 7hPqA0ve" in row)
    assert "24 h signers + 30 d tokens" in fact
    assert "1 h margin" in fact
    assert "\x1b" not in piped


def test_colour_only_when_asked_for() -> None:
    blocks = plan_text(scenarios.region_stale(), {}, None)
    assert "\x1b[" in to_string(blocks, width=WIDTH, colour=True)


def test_a_key_set_that_was_just_made_has_no_history_to_draw() -> None:
    young = scenarios.key(scenarios.OLD, 1, staged_at=scenarios.NOW, published_at=scenarios.NOW)
    report = scenarios.issuer_status(scenarios.steady(), scenarios.key_status(young))
    assert "┆" not in to_string(status_text(report, None))


@pytest.mark.parametrize("width", [1, 20, 60, 80])
def test_no_width_cuts_a_region_or_a_kid_off(width: int) -> None:
    text = to_string(status_text(scenarios.status_stale(), None), width=width)
    head, *rows = [row for row in text.splitlines() if row.startswith("  key") or "active" in row]
    assert head.split() == ["key", "phase", "since", *scenarios.REGIONS]
    assert scenarios.OLD[:8] in rows[0]
