"""`verify --junit`: JUnit XML, one test case a region and check, for CI systems to show."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from rotator.app.reports import RegionVerdict, VerifyReport
from rotator.domain.evidence import Check, Verdict
from rotator.domain.times import format_moment
from rotator.render.words import clean


def junit(report: VerifyReport) -> str:
    """The report as XML; a check that failed is a failure, one that is unknown an error."""
    root = Element("testsuites", name="rotator verify")
    for issuer in dict.fromkeys(region.issuer for region in report.regions):
        regions = [region for region in report.regions if region.issuer == issuer]
        suite = SubElement(
            root, "testsuite", name=clean(issuer), timestamp=format_moment(report.at)
        )
        for region in regions:
            for check in region.checks:
                _case(suite, region, check)
        _count(suite)
    for name in report.overdue:
        suite = SubElement(root, "testsuite", name="overdue", timestamp=format_moment(report.at))
        case = SubElement(suite, "testcase", classname="overdue", name=clean(name))
        SubElement(case, "failure", message="overdue", type="overdue").text = clean(name)
        _count(suite)
    indent(root)
    return tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: Element, region: RegionVerdict, check: Check) -> None:
    seconds = check.latency.total_seconds() if check.latency is not None else 0.0
    name = clean(f"{check.kind} {check.target}")
    place = clean(f"{region.issuer}.{region.region}")
    case = SubElement(suite, "testcase", classname=place, name=name, time=f"{seconds:.3f}")
    if check.verdict is Verdict.PASS:
        return
    outcome = "failure" if check.verdict is Verdict.FAIL else "error"
    detail = clean(check.detail) or check.verdict.value
    SubElement(case, outcome, message=detail, type=check.verdict.value).text = detail


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", str(len(suite.findall("testcase/error"))))
