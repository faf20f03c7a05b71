"""What people read, at a fixed width: read the snapshots as a reviewer would."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from rotator.app.history import Story
from rotator.app.reports import AuditLine, AuditReport, HistoryReport
from rotator.domain.audit import Fact
from rotator.domain.audit_proof import Proof
from rotator.domain.state import Revocation
from rotator.errors import StalePlan
from rotator.render.text.apply import apply_text
from rotator.render.text.audit import audit_text
from rotator.render.text.error import error_text
from rotator.render.text.history import history_text, story_text
from rotator.render.text.plan import plan_text
from rotator.render.text.screen import grid, say, to_string
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


def test_a_table_that_needs_more_columns_than_there_are_makes_no_sentence_wider() -> None:
    table = grid([["accounts/12", "eu-central-1", "x" * 30]], by=4)
    rows = to_string([table, say("word " * 20)], width=40).splitlines()
    assert rows[0].split() == ["accounts/12", "eu-central-1", "x" * 24]
    assert max(map(len, rows[2:])) <= 40


def test_a_table_that_just_fits_is_not_taken_for_one_that_does_not() -> None:
    table = grid([["a" * 10, "b" * 24]], by=4)
    assert table.needed == len(to_string([table]).rstrip()) == 40


def test_a_status_whose_axis_fits_has_no_line_that_is_wider_than_the_terminal() -> None:
    text = to_string(status_text(scenarios.STATUSES["steady"](), BERLIN, 80), width=80)
    assert max(map(len, text.splitlines())) <= 80


def test_a_revoke_that_is_unfinished_comes_before_everything_else() -> None:
    report = scenarios.STATUSES["held"]()
    (issuer,) = report.issuers
    late = replace(issuer, revoking=("7hPqA0veXYZ",), overdue=("the removal is late",))
    text = to_string(status_text(replace(report, issuers=(late,)), BERLIN), width=WIDTH)
    assert text.startswith("accounts   revoked, and not withdrawn everywhere yet: 7hPqA0ve")
    assert (issuer.attention, late.attention) == (False, True)


def test_a_reason_of_ten_thousand_letters_does_not_fill_the_screen() -> None:
    report = scenarios.STATUSES["held"]()
    (issuer,) = report.issuers
    assert issuer.hold
    held = replace(issuer, hold=replace(issuer.hold, reason="x" * 10_000, until=None))
    text = to_string(status_text(replace(report, issuers=(held,)), BERLIN), width=WIDTH)
    assert len(text) < 2500
    assert f"held: {'x' * 79}…\n" in text
    assert "by ana@host until it is released:" in text
    assert "Next: switch" not in text


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
    faults = ("the chain breaks at record 2",) if broken_at else ()
    proof = Proof(first=1, last=2, broken_at=broken_at, faults=faults) if checked else None
    report = AuditReport(records=records, checked=checked, broken_at=broken_at, proof=proof)
    matches(f"audit-{name}", to_string(audit_text(report, scenarios.NOW, BERLIN), width=WIDTH))


def test_audit_with_checkpoints_and_what_was_kept() -> None:
    facts: dict[str, Fact] = {"upto": 41, "key": "k-1", "jws": "a.b.c"}
    record = AuditLine(
        number=42, at=scenarios.NOW, issuer="", event="checkpoint", facts=facts, digest="cc"
    )
    proof = Proof(
        first=40,
        last=45,
        broken_at=None,
        signatures=True,
        checkpoints=3,
        covered=41,
        checkpointed_at=scenarios.NOW - timedelta(hours=5),
        compared=7,
        faults=("record 46 was there and is gone: the log ends with record 45",),
    )
    report = AuditReport(records=(record,), checked=True, proof=proof)
    matches("audit-proof", to_string(audit_text(report, scenarios.NOW, BERLIN), width=WIDTH))


def test_the_story_of_a_key() -> None:
    def said(number: int, event: str, **facts: Fact) -> AuditLine:
        return AuditLine(
            number=number, at=scenarios.NOW, issuer="accounts", event=event, facts=facts, digest=""
        )

    step = {
        "kid": scenarios.GONE,
        "step": "switch",
        "region": "us-east-1",
        "reason_code": "first_key",
    }
    events = (
        said(3, "staged_at", kid=scenarios.GONE, moment="2026-08-26T06:17:00Z"),
        said(4, "begun", **step),
        said(5, "done_failed", **step, error="E_TARGET", detail="a\u202eb"),
        said(6, "recovered", **step),
        said(9, "revoked_at", kid=scenarios.GONE),
    )
    revocation = Revocation(
        kid=scenarios.GONE, cold=True, reason="laptop stolen", owner="ann", at=scenarios.NOW
    )
    story = Story("accounts", scenarios.key_status(scenarios.gone_key()), revocation, events)
    matches("story", to_string(story_text(story, scenarios.NOW, BERLIN), width=WIDTH))
    silent = replace(story, revocation=None, events=())
    assert "it began anew since" in to_string(story_text(silent, scenarios.NOW, BERLIN))


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
