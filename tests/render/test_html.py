"""The status page as markup: what is escaped, what stands where, what its policy says; a browser reads it elsewhere."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from rotator.app.reports import AuditTail, StatusReport
from rotator.domain.evidence import Verdict
from rotator.render.html import CSP, page
from rotator.render.html.markup import LONGEST, Html, h, text, together
from rotator.render.html.policy import IN_PAGE
from tests.render import pages, scenarios
from tests.render.scenarios import NEW, NOW, OLD, REGIONS
from tests.render.snapshots import matches

VOID = {"meta"}
BLOCKS = {"p", "li", "h1", "h2", "h3", "tr", "summary", "figcaption", "caption", "text", "title"}


class Reader(HTMLParser):
    """Text in reading order, one line a block; raises where elements are not nested."""

    def __init__(self, made: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(made.decode("utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.pieces.append("\n" if tag in BLOCKS else " | " if tag in {"td", "th"} else "")

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.pieces.append(data)

    @property
    def text(self) -> str:
        rows = (re.sub(r"\s+", " ", row).strip(" |") for row in "".join(self.pieces).split("\n"))
        return "\n".join(row for row in rows if row) + "\n"

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def read(report: StatusReport, audit: AuditTail | None = None) -> Reader:
    return Reader(page(report, audit))


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("plain", "plain"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("\"'", "&quot;&#x27;"),
        ("</script><script>", "&lt;/script&gt;&lt;script&gt;"),
        ("a\u202eb", "a\ufffdb"),
        ("two\nlines\x00\x1b[31m", "two\ufffdlines\ufffd\ufffd[31m"),
        ("half \ud800", "half \ufffd"),
        ("שלום", "שלום"),
    ],
)
def test_foreign_text(foreign: str, shown: str) -> None:
    assert text(foreign) == shown
    assert h("p", foreign, title=foreign) == f'<p title="{shown}">{shown}</p>'


def test_what_is_too_long_is_cut_and_says_how_long_it_was() -> None:
    assert text("x" * LONGEST) == "x" * LONGEST
    assert text("x" * 10_240) == "x" * LONGEST + " … (10240 characters)"
    assert text("<" * 10_240).startswith("&lt;" * LONGEST + " ")


def test_only_what_was_made_as_markup_is_markup() -> None:
    made = h("b", "x")
    assert together(made, " & ", None, h("i")) == "<b>x</b> &amp; <i></i>"
    for taken_apart in (made + "", made.strip(), f"{made}", made[:]):
        assert h("p", taken_apart) == "<p>&lt;b&gt;x&lt;/b&gt;</p>"
    assert h("p", Html("<b>x</b>")) == "<p><b>x</b></p>"


def test_attributes() -> None:
    assert h("a", class_="x", data_at="1", hidden="", title=None) == (
        '<a class="x" data-at="1" hidden=""></a>'
    )


@pytest.mark.parametrize("name", scenarios.STATUSES)
def test_every_situation_is_a_whole_page(name: str) -> None:
    made = read(scenarios.STATUSES[name]())
    assert [len(made.all(tag)) for tag in ("h1", "main", "header", "footer", "title")] == [1] * 5
    ids = [attributes["id"] for _, attributes in made.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_the_page_in_reading_order() -> None:
    matches("page", read(pages.everyday(), pages.told()).text)


@pytest.mark.parametrize(
    ("reports", "answer"),
    [
        ([], "There is no issuer to show"),
        (["steady"], "All is well"),
        (["steady", "seconds"], "All is well"),
        (["held"], "Nothing is wrong; something is due or held"),
        (["first-run", "steady"], "Nothing is wrong; something is due or held, 1 of 2 issuers"),
        (["region-stale"], "accounts needs attention"),
        (["region-stale", "held", "steady"], "1 of 3 issuers needs attention"),
        (["region-stale", "region-stale"], "2 of 2 issuers need attention"),
    ],
)
def test_the_answer_comes_first(reports: list[str], answer: str) -> None:
    issuers = tuple(scenarios.STATUSES[name]().issuers[0] for name in reports)
    lines = read(StatusReport(at=NOW, issuers=issuers)).text.splitlines()
    assert lines[:3] == [f"{answer} – rotator", "rotator", answer]


def test_a_region_that_does_not_pass_is_named_though_nothing_is_blocked() -> None:
    issuer = scenarios.status_stale().issuers[0]
    calm = replace(issuer, overdue=(), plan=scenarios.steady().issuers[0])
    told = read(StatusReport(at=NOW, issuers=(calm,))).text
    assert "needs attention: eu-central-1 and ap-northeast-1 do not pass; Zr81kQpL signs" in told
    ten = {f"r{number}": next(iter(calm.keys[1].regions.values())) for number in range(10)}
    bad = {name: replace(seen, verdict=Verdict.FAIL) for name, seen in ten.items()}
    many = replace(calm, gates=tuple(bad), keys=(replace(calm.keys[1], regions=bad),))
    told = read(StatusReport(at=NOW, issuers=(many,))).text
    assert "r0, r1, r2 and 7 more do not pass" in told


def test_what_does_not_pass_stands_first() -> None:
    rows = [row for row in read(pages.everyday()).text.splitlines() if row.startswith(REGIONS)]
    assert [row.split(" |")[0] for row in rows[:3]] == [
        "eu-central-1",
        "ap-northeast-1",
        REGIONS[0],
    ]


def test_nothing_hostile_becomes_markup() -> None:
    made = read(pages.hostile(), pages.hostile_audit())
    tags = {tag for tag, _ in made.elements}
    assert not {"img", "iframe", "b><img", "object", "form", "link", "base"} & tags
    assert len(made.all("script")) == len(made.all("title")) == len(made.all("style")) == 1
    names = {name for _, attributes in made.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")} | {"style", "src"} & names
    assert {a["href"] for a in made.all("a")} == {"#issuer-0", "#issuer-1"}
    assert "\u202e" not in made.text


def test_hostile_text_cannot_make_a_page_large() -> None:
    assert len(page(pages.hostile(), pages.hostile_audit())) < 80_000


def test_nothing_is_loaded_from_anywhere() -> None:
    made = page(pages.everyday(), pages.told()).decode()
    assert set(re.findall(r"\b(?:src|srcset|data|action|formaction|poster)=", made)) == set()
    assert not re.search(r"@import|url\(", made)


def test_the_policy_names_the_sheet_and_the_script_that_are_there() -> None:
    made = page(pages.everyday()).decode()
    for tag in ("style", "script"):
        [source] = re.findall(rf"<{tag}>(.*?)</{tag}>", made, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in CSP
    assert "default-src 'none'" in CSP
    assert "unsafe" not in CSP
    [policy] = [m["content"] for m in Reader(made.encode()).all("meta") if "http-equiv" in m]
    assert policy == IN_PAGE
    assert f"{IN_PAGE}; frame-ancestors 'none'" == CSP, "a meta element cannot say that"


def test_moments_can_be_counted_down() -> None:
    made = read(scenarios.status_steady())
    stamps = [int(a["data-at"] or 0) for a in made.all("span") if "data-at" in a]
    assert (NOW + timedelta(days=12)).timestamp() * 1000 in stamps
    assert all(a["datetime"].endswith("Z") for a in made.all("time"))


def test_many_issuers_are_folded_and_those_in_trouble_named() -> None:
    made = read(pages.large(60, 3))
    assert [("open" in a) for a in made.all("details")].count(True) == 4
    assert [a["href"] for a in made.all("a")] == [f"#issuer-{n}" for n in range(1, 60, 10)]
    some = replace(pages.large(1, 1).issuers[0], overdue=("late",))
    crowd = read(StatusReport(at=NOW, issuers=(some,) * 33))
    assert "and 3 issuers more, below" in crowd.text
    assert len(crowd.all("a")) == 30


def test_a_dozen_lines_of_what_comes_are_enough() -> None:
    wait = scenarios.stale()
    issuer = replace(
        scenarios.status_steady().issuers[0],
        plan=scenarios.plan(waiting=(wait,) * 15).issuers[0],
    )
    told = read(StatusReport(at=NOW, issuers=(issuer,))).text
    assert told.count("its evidence gate is closed") == 12
    assert "and 3 more: rotator plan" in told


def test_a_key_nobody_looked_at_and_a_log_that_is_damaged() -> None:
    unseen = scenarios.key_status(scenarios.new_key())
    unseen = replace(
        unseen, regions={"us-east-1": replace(unseen.regions["us-east-1"], checked_at=None)}
    )
    report = scenarios.issuer_status(scenarios.plan(), unseen, next=())
    told = read(report, AuditTail((), "the end of the audit log is missing")).text
    assert told.count("? never seen") == 3
    assert "Nothing is due and nothing waits." in told
    assert "The log is damaged: the end of the audit log is missing" in told


def test_shapes_in_time() -> None:
    """Each phase has its own shape, and behind the present what is planned."""
    shapes = [
        a.get("class")
        for tag, a in read(scenarios.status_steady()).elements
        if tag in {"rect", "line"}
    ]
    assert {"staged", "published", "active", "retired", "now"} <= set(shapes)
    assert "published planned" in shapes
    blocked = read(scenarios.status_stale())
    assert not any("planned" in (a.get("class") or "") for _, a in blocked.elements)
    assert "? blocked" in blocked.text


def test_every_bar_lies_within_the_drawing() -> None:
    for make in scenarios.STATUSES.values():
        for bar in read(make()).all("rect"):
            left, width = (float((bar[name] or "").rstrip("%")) for name in ("x", "width"))
            assert left >= 0
            assert width >= 0
            assert left + width <= 100.01


def test_whole_kids_are_there_to_copy() -> None:
    told = read(scenarios.status_steady()).text
    assert OLD in told
    assert NEW in told
