"""Runbooks: every code leads to one that speaks of it, every one says what to do and whom it logs out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotator.domain.plan import Reason
from rotator.errors import all_codes
from rotator.render.text.plan import runbook_of
from tests.docs.pages import ROOT

RUNBOOKS = sorted(path for path in (ROOT / "runbooks").glob("*.md") if path.name != "README.md")
GATES = (ROOT / "runbooks/gate-stays-closed.md").read_text("utf-8")
_WAITS = (ROOT / "docs/reasons.md").read_text("utf-8").partition("## Why a step waits")[2]
WAITING = re.findall(r"^\| `(\w+)` \|.*\]\(\.\./(\S+)\) \|$", _WAITS, re.MULTILINE)


def test_the_index_has_every_runbook() -> None:
    index = (ROOT / "runbooks/README.md").read_text("utf-8")
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    assert linked == {path.name for path in RUNBOOKS}


def test_every_reason_to_wait_has_a_section() -> None:
    headings = " ".join(re.findall(r"^### (.+)$", GATES, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", headings))
    assert len(WAITING) > 30
    assert [reason for reason, _ in WAITING if reason not in named] == []
    assert named <= {reason.value for reason in Reason}


@pytest.mark.parametrize(("reason", "runbook"), WAITING)
def test_the_plan_names_the_page_that_the_list_names(reason: str, runbook: str) -> None:
    """Those that only time opens are never blocked, and then no page is named."""
    planned = "runbooks/planned-rotation.md"
    assert runbook in (runbook_of(Reason(reason)), planned)


def test_every_page_that_a_reason_names_is_there() -> None:
    assert [name for name in Reason if not (ROOT / runbook_of(name)).is_file()] == []


@pytest.mark.parametrize("code", sorted(all_codes()))
def test_the_runbook_of_an_error_speaks_of_it(code: str) -> None:
    page = ROOT / all_codes()[code].runbook
    assert page in RUNBOOKS or page.parent != ROOT / "runbooks"
    assert page not in RUNBOOKS or code in page.read_text("utf-8")


@pytest.mark.parametrize("page", RUNBOOKS, ids=lambda path: path.stem)
def test_a_runbook_says_when_what_and_whether_somebody_is_logged_out(page: Path) -> None:
    text = page.read_text("utf-8")
    if page.stem != "drill-calendar":
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings[0] == "When to read this"
        assert "How to know it is over" in headings
    assert re.search(r"logged out|log in again|[Nn]o token is refused|refused", text)
