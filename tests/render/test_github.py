"""What GitHub Actions is shown: read back with the runner's own rules for commands, and with a Markdown parser."""

import json
import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from rotator.app.reports import HoldEnds, RegionVerdict, VerifyReport
from rotator.domain.evidence import CheckKind, Verdict
from rotator.render import json_out
from rotator.render.github import (
    MOST_ANNOTATIONS,
    SUMMARY_LIMIT,
    annotations,
    summary,
)
from rotator.render.text.screen import to_string
from rotator.render.text.verify import verify_text
from rotator.render.words import defused, defused_json
from tests.render import scenarios
from tests.render.snapshots import matches

HOSTILE = (
    "::error::owned",
    "a\n::error::owned",
    "a\r\n::set-env name=PATH::/tmp",
    "100%0A::error::owned",
    "%25 %3A",
    "##[error]owned",
    "x ##[add-mask]secret",
    "| a | b |\n| --- | --- |",
    "<script>alert(1)</script><img src=x onerror=y>",
    "</code></td></table><h1>gate open</h1>",
    "[click](https://evil.example) ![x](https://evil.example/x.png) <https://evil.example>",
    "` tick ``` ticks `` and ````",
    "`",
    "# heading\n\n- list",
    "@octocat #1 :rocket: https://evil.example",
    "\x1b[31mred\u202e\u2028\x85end\ud800",
    "&lt;b&gt; &#60;b&#62;",
    "\\` \\",
    "   ",
)


def closed(detail: str = "", target: str = "https://x/jwks.json", verdict: Verdict = Verdict.FAIL):
    """A report of one region with one check of that outcome."""
    check = replace(scenarios.check(CheckKind.HTTP, "x", verdict, detail), target=target)
    region = RegionVerdict(issuer="accounts", region="us-east-1", checks=(check,))
    return VerifyReport(at=scenarios.NOW, regions=(region,))


def command_in(line: str) -> tuple[str, dict[str, str], str] | None:
    """What actions/runner's `ActionCommand.TryParseV2` and then `TryParse` make of a line: name, properties, data."""
    text = line.lstrip()
    if text.startswith("::") and (end := text.find("::", 2)) >= 0:
        name, _, given = text[2:end].partition(" ")
        pairs = dict(part.split("=", 1) for part in given.strip().split(",") if part)
        data = text[end + 2 :]
        return name, {k: _unescaped(v, ":", ",") for k, v in pairs.items()}, _unescaped(data)
    if found := re.search(r"##\[([^\] ]+)[^\]]*\]", line):
        return found[1], {}, ""
    return None


def _unescaped(text: str, *more: str) -> str:
    for char in ("\r", "\n", *more, "%"):
        text = text.replace(f"%{ord(char):02X}", char)
    return text


class TestAnnotations:
    def test_what_is_wrong(self):
        matches(
            "verify-github-annotations", "\n".join(annotations(scenarios.verify_closed())) + "\n"
        )

    def test_nothing_is_wrong(self):
        assert annotations(scenarios.verify_open()) == []

    def test_the_end_of_a_hold_is_a_warning(self):
        held = replace(
            scenarios.verify_open(), holds=(HoldEnds(issuer="accounts", at=scenarios.NOW),)
        )
        (line,) = annotations(held)
        name, _, data = command_in(line) or ("", {}, "")
        assert name == "warning"
        assert data.startswith("the hold of accounts ends Tue 24 Nov 2026, 06:17 UTC")

    @pytest.mark.parametrize("text", HOSTILE)
    @pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.UNKNOWN])
    def test_hostile_text_stays_text(self, text, verdict):
        (line,) = annotations(closed(text, text, verdict))
        assert not set(line) & set("\r\n\x1b\x85\u2028")
        name, properties, data = command_in(line) or ("", {}, "")
        assert name == ("error" if verdict is Verdict.FAIL else "warning")
        assert properties == {"title": "rotator verify: accounts in us-east-1, edge"}
        shown = re.sub(r"[\x00-\x1f\x85\u2028\u202e\ud800]", "\ufffd", text)
        assert data == f"{shown} ({shown})"

    def test_no_more_than_are_shown_and_the_rest_is_counted(self):
        regions = closed("gone").regions * 25
        lines = annotations(replace(closed(), regions=regions))
        assert len(lines) == MOST_ANNOTATIONS
        assert "16 more" in lines[-1]
        just = annotations(replace(closed(), regions=regions[:MOST_ANNOTATIONS]))
        assert len(just) == MOST_ANNOTATIONS
        assert "more" not in just[-1]


class TestLog:
    """The result on stdout is read by the runner as well."""

    @pytest.mark.parametrize("text", HOSTILE)
    def test_no_line_of_the_result_is_a_command(self, text):
        report = closed(text, text)
        shown = defused(to_string(verify_text(report)))
        assert [line for line in shown.splitlines() if command_in(line)] == []
        document = defused_json(json_out.to_text(json_out.verify_document(report)))
        assert [line for line in document.splitlines() if command_in(line)] == []

    def test_the_document_says_the_same(self):
        document = json_out.verify_document(closed("##[error]owned ###[x]"))
        assert json.loads(defused_json(json_out.to_text(document))) == document


MARKDOWN = MarkdownIt("commonmark").enable("table")


def texts(markdown: str) -> list[str]:
    """The code spans of a page, in order."""
    return [
        child.content
        for token in MARKDOWN.parse(markdown)
        for child in token.children or ()
        if child.type == "code_inline"
    ]


class TestSummary:
    @pytest.mark.parametrize("name", scenarios.VERIFIES)
    def test_as_it_is_written(self, name):
        matches(f"verify-github-{name}", summary(scenarios.VERIFIES[name]()))

    def test_the_verdict_comes_first(self):
        assert summary(scenarios.verify_open()).startswith("## ✅ rotator: gate open: 3 regions")
        assert summary(scenarios.verify_closed()).startswith(
            "## ❌ rotator: gate closed: eu-central"
        )

    @pytest.mark.parametrize("text", HOSTILE)
    def test_hostile_text_stays_text(self, text):
        page = summary(closed(text, text))
        kinds = {
            found.type
            for token in MARKDOWN.parse(page)
            for found in (token, *(token.children or ()))
        }
        assert not kinds & {
            "html_inline",
            "html_block",
            "link_open",
            "image",
            "fence",
            "code_block",
        }
        headings = [t for t in MARKDOWN.parse(page) if t.type == "heading_open"]
        assert [token.tag for token in headings] == ["h2", "h3", "h3"]
        shown = re.sub(r"[\x00-\x1f\x85\u2028\u202e\ud800]", "\ufffd", text)
        detail, target, *own = texts(page)
        assert detail.strip() == target.strip() == shown.strip()
        assert own == ["rotator plan", "rotator verify --wait 30m"]

    def test_every_region_has_a_row(self):
        rows = [
            t for t in MARKDOWN.parse(summary(scenarios.verify_closed())) if t.type == "tr_open"
        ]
        assert len(rows) == 1 + len(scenarios.REGIONS)

    def test_it_fits_whatever_there_is_to_say(self):
        regions = closed("✗" * 5000, "https://x").regions * 1500
        page = summary(replace(closed(), regions=regions))
        assert SUMMARY_LIMIT / 2 < len(page.encode()) < SUMMARY_LIMIT + 100
        assert re.search(r"… and \d+ more lines: see the log\n$", page)

    def test_what_a_hold_will_do(self):
        held = replace(
            scenarios.verify_open(), holds=(HoldEnds(issuer="accounts", at=scenarios.NOW),)
        )
        assert "### To know" in summary(held)
