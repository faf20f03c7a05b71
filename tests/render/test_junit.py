"""`verify --junit`: what a CI system reads in the XML."""

from dataclasses import replace
from datetime import timedelta
from xml.etree.ElementTree import Element, fromstring

import pytest

from rotator.app.reports import HoldEnds, RegionVerdict, VerifyReport
from rotator.domain.evidence import CheckKind, Verdict
from rotator.render.junit import LATE, junit
from tests.render import scenarios

COUNTS = ("tests", "failures", "errors")


def read(report: VerifyReport) -> Element:
    return fromstring(junit(report).encode())  # noqa: S314  (our own text)


def counts(element: Element) -> tuple[str | None, ...]:
    return tuple(element.get(name) for name in COUNTS)


def outcomes(root: Element) -> dict[tuple[str | None, str | None], list[str]]:
    cases = root.findall("testsuite/testcase")
    found = {(c.get("classname"), c.get("name")): [child.tag for child in c] for c in cases}
    assert len(found) == len(cases)
    return found


def test_a_case_for_each_region_and_check_and_one_for_what_is_overdue():
    root = read(scenarios.verify_closed())
    url = "https://{}.example.com/jwks.json"
    path = "regions/{}/jwks.json"
    us, eu, ap = scenarios.REGIONS
    assert outcomes(root) == {
        (f"accounts.{us}", f"origin {path.format(us)}"): [],
        (f"accounts.{us}", f"http {url.format(us)}"): [],
        (f"accounts.{eu}", f"origin {path.format(eu)}"): [],
        (f"accounts.{eu}", f"http {url.format(eu)}"): ["failure"],
        (f"accounts.{ap}", f"origin {path.format(ap)}"): ["error"],
        ("accounts", LATE): ["failure"],
    }
    assert [counts(element) for element in (root, root[0])] == [("6", "2", "1")] * 2
    failure = root.find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == failure.text
    assert str(failure.text).startswith("it lacks Kd93mZtQ")


def test_an_open_gate():
    root = read(scenarios.verify_open())
    assert counts(root) == ("7", "0", "0")
    assert {tuple(tags) for tags in outcomes(root).values()} == {()}
    assert root[0].find("properties") is None


def test_several_issuers_have_a_suite_each_and_keep_what_is_theirs():
    report = scenarios.verify_open()
    others = tuple(replace(region, issuer="overdue") for region in report.regions[:1])
    late = ("overdue: the next switch has been due for 19 d", "gone: it is late", "gone: twice")
    mixed = (report.regions[0], *others, *report.regions[1:])
    root = read(replace(report, regions=mixed, overdue=late))
    assert {suite.get("name"): counts(suite) for suite in root} == {
        "accounts": ("7", "0", "0"),
        "overdue": ("3", "1", "0"),
        "gone": ("1", "1", "0"),
    }
    gone = root.find("testsuite[@name='gone']/testcase/failure")
    assert gone is not None
    assert gone.text == "it is late; twice"


def test_ends_of_holds_and_the_moment_of_the_look_are_properties():
    at = scenarios.NOW + timedelta(days=5)
    ends = HoldEnds(issuer="accounts", at=scenarios.NOW + timedelta(days=3))
    other = replace(ends, issuer="payments")
    report = replace(scenarios.verify_open(), at=at, looked_at=scenarios.NOW, holds=(ends, other))
    root = read(report)
    properties = root.findall("testsuite/properties/property")
    assert [(p.get("name"), p.get("value")) for p in properties] == [
        ("hold_ends", "2026-11-27T06:17:00Z"),
        ("looked_at", "2026-11-24T06:17:00Z"),
    ]
    assert root[0].get("timestamp") == "2026-11-29T06:17:00Z"
    assert root[0][0].tag == "properties"  # JUnit's schema wants it before the cases


@pytest.mark.parametrize(
    "text",
    ["\x00]]>&<\u202e\ud800", "</testcase><failure/>", "\"'\n\t\x85", "\ufffe\uffff\U000e0001"],
)
def test_hostile_text_is_text(text: str):
    bad = replace(scenarios.check(CheckKind.HTTP, "x", Verdict.FAIL, text), target=text)
    region = RegionVerdict(issuer=text, region=text, checks=(bad,))
    root = read(replace(scenarios.verify_open(), regions=(region,), overdue=(f"{text}: {text}",)))
    assert counts(root)[0] == "2"
    for failure in root.iter("failure"):
        assert failure.text == failure.get("message")
        assert str(failure.text).isprintable()
