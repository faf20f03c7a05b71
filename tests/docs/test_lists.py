"""`docs/errors.md` and `docs/reasons.md` list exactly what the code has, with the exit codes and runbooks it has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from rotator.cli.run import COMMANDS
from rotator.domain.plan import Gate, Reason
from rotator.errors import all_codes

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("runbooks/*.md")],
)
_LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")


def _rows(page: str) -> list[list[str]]:
    """The cells of every table row whose first cell is a code."""
    rows = [line.strip("|").split("|") for line in (ROOT / page).read_text("utf-8").splitlines()]
    return [
        [cell.strip() for cell in row] for row in rows if len(row) == 5 and row[0].startswith(" `")
    ]


def _runbook(cell: str) -> str:
    """The file that a cell links to, seen from the top of the repository."""
    (found,) = re.findall(r"\]\(\.\./([^)]+)\)", cell)
    return str(found)


def _first(rows: Iterable[list[str]]) -> list[str]:
    return [row[0].strip("`") for row in rows]


def test_every_error_code_stands_in_the_list_once_and_nothing_else() -> None:
    assert sorted(_first(_rows("docs/errors.md"))) == sorted(all_codes())


def test_the_list_of_errors_has_the_codes_exits_and_runbooks_of_the_classes() -> None:
    codes = all_codes()
    listed = {row[0].strip("`"): (int(row[1]), _runbook(row[4])) for row in _rows("docs/errors.md")}
    assert listed == {code: (cls.exit_code, cls.runbook) for code, cls in codes.items()}


def test_every_reason_stands_in_the_list_once_and_nothing_else() -> None:
    assert _first(_rows("docs/reasons.md")) == [reason.value for reason in Reason]


def test_the_list_of_reasons_names_only_gates_that_there_are() -> None:
    named = {gate for row in _rows("docs/reasons.md") for gate in row[1].split(", ")}
    assert named == {gate.value for gate in Gate} | {"–"}


@pytest.mark.parametrize("code", sorted(all_codes()))
def test_every_runbook_that_an_error_names_is_there(code: str) -> None:
    assert (ROOT / all_codes()[code].runbook).is_file()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file(document: Path) -> None:
    text = document.read_text("utf-8")
    links = [link for link, _ in _LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_decision_stands_in_the_index() -> None:
    index = (ROOT / "docs/adr/README.md").read_text("utf-8")
    files = [path.name for path in sorted((ROOT / "docs/adr").glob("0*.md"))]
    assert [link for link, _ in _LINK.findall(index)] == files


@pytest.mark.parametrize(
    "document", sorted((ROOT / "docs/adr").glob("0*.md")), ids=lambda p: p.stem
)
def test_a_decision_has_its_four_parts(document: Path) -> None:
    text = document.read_text("utf-8")
    assert text.startswith(f"# {document.name[:4]}: ")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context",
        "Options",
        "Decision",
        "Consequences",
    ]


def test_readme_has_every_command() -> None:
    rows = re.findall(r"^\| (`.+?) \| ", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    told = {word for row in rows for word in re.findall(r"(?:^| · )`(\w+)", row)}
    assert set(COMMANDS) <= told
