"""`verify --junit`: JUnit XML, one test case a region and check, for CI systems to show."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rotator.app.reports import RegionVerdict, VerifyReport
from rotator.domain.evidence import Check, Verdict
from rotator.domain.times import format_moment
from rotator.render.words import clean

LATE = "nothing is overdue"
"""The case of each issuer that fails when a rotation stopped silently (design T10)."""


def junit(report: VerifyReport) -> str:
    """The report as XML, a suite for each issuer; a check that failed is a failure, one that is unknown an error.

    What is overdue fails a case of the issuer; holds that end are properties of its suite.
    """
    root = Element("testsuites", name="rotator verify")
    suites: dict[str, Element] = {}
    for region in report.regions:
        suite = suites.setdefault(region.issuer, _suite(report, region.issuer))
        for check in region.checks:
            _case(suite, region, check)
    late: dict[str, list[str]] = {issuer: [] for issuer in suites}
    for words in report.overdue:
        issuer, _, detail = words.partition(": ")
        late.setdefault(issuer, []).append(detail)
    for issuer, details in late.items():
        _late(suites.setdefault(issuer, _suite(report, issuer)), issuer, details)
    for suite in suites.values():
        _count(suite)
        root.append(suite)
    _sum(root)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: VerifyReport, issuer: str) -> Element:
    suite = Element("testsuite", name=clean(issuer), timestamp=format_moment(report.at))
    facts = [
        ("hold_ends", format_moment(hold.at)) for hold in report.holds if hold.issuer == issuer
    ]
    if report.ahead and report.looked_at:
        facts.append(("looked_at", format_moment(report.looked_at)))
    if facts:
        properties = SubElement(suite, "properties")
        for name, value in facts:
            SubElement(properties, "property", name=name, value=value)
    return suite


def _case(suite: Element, region: RegionVerdict, check: Check) -> None:
    seconds = check.latency.total_seconds() if check.latency is not None else 0.0
    name = clean(f"{check.kind} {check.target}")
    place = clean(f"{region.issuer}.{region.region}")
    case = SubElement(suite, "testcase", classname=place, name=name, time=f"{seconds:.3f}")
    if check.verdict is not Verdict.PASS:
        outcome = "failure" if check.verdict is Verdict.FAIL else "error"
        _wrong(case, outcome, check.verdict, clean(check.detail) or check.verdict.value)


def _late(suite: Element, issuer: str, details: list[str]) -> None:
    case = SubElement(suite, "testcase", classname=clean(issuer), name=LATE, time="0.000")
    if details:
        _wrong(case, "failure", "overdue", clean("; ".join(details)))


def _wrong(case: Element, outcome: str, kind: str, detail: str) -> None:
    SubElement(case, outcome, message=detail, type=kind).text = detail


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))


def _sum(root: Element) -> None:
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
