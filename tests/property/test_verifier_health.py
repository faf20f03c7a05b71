"""Whatever a verifier's URL answers: reading is total and bounded, and no answer makes a pass that the kids do not."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rotator.domain.evidence import Verdict
from rotator.domain.jwks import Unreadable
from rotator.domain.policy import IssuerSetup, Policy
from rotator.domain.times import format_moment
from rotator.domain.verifier_health import (
    MAX_INDEXED,
    MAX_KIDS,
    VerifierIndex,
    VerifierReport,
    parse_verifier,
)
from rotator.planning.judging import Expected
from rotator.planning.verifying import judge_report, summed_up
from tests.property.strategies import JSON, MOMENTS, TEXT
from tests.unit.test_verifying import NOW, ONE, TWO

URL = "https://auth.example.com"
SETUP = IssuerSetup("accounts", URL, Policy(), ())
EXPECTED = Expected((ONE, TWO), frozenset({"old"}), frozenset({"dead"}))
KIDS = st.lists(st.sampled_from([ONE.kid, TWO.kid, "old", "dead", "strange"]) | TEXT, max_size=6)
TIMES = MOMENTS.map(format_moment) | st.just(format_moment(NOW))
COPY = st.fixed_dictionaries(
    {"url": st.just(URL), "kids": KIDS, "state": st.sampled_from(["fresh", "stale", "empty"])},
    optional={"fetched_at": TIMES | st.none(), "jwks_digest": JSON, "source": JSON},
)
CLOCK = st.fixed_dictionaries(
    {},
    optional={"synchronised": st.booleans(), "offset_s": st.floats(-1e9, 1e9), "source": TEXT},
)
REPORT = st.fixed_dictionaries(
    {
        "format": st.just("rotator.verifier/1"),
        "time": TIMES,
        "issuers": st.lists(COPY, max_size=3),
    },
    optional={"clock": CLOCK | st.none(), "region": JSON},
)
INDEX = st.fixed_dictionaries(
    {"format": st.just("rotator.verifiers/1"), "verifiers": st.lists(TEXT | st.just(URL))}
)


def read(value: object) -> VerifierReport | VerifierIndex | Unreadable:
    return parse_verifier(json.dumps(value).encode())


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read(body: bytes) -> None:
    assert isinstance(parse_verifier(body), Unreadable)


@given(REPORT | INDEX, st.data())
def test_spoilt_documents_are_read_whole_or_not_at_all(
    members: dict[str, Any], data: st.DataObject
) -> None:
    place = data.draw(st.sampled_from([members, *members.get("issuers", ())]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(JSON)
    match read(members):
        case VerifierReport(copies=copies):
            assert sum(len(copy.kids) for copy in copies) <= MAX_KIDS
            assert all(kid and kid.isprintable() for copy in copies for kid in copy.kids)
        case VerifierIndex(urls):
            assert 0 < len(urls) <= MAX_INDEXED
            assert all(url.startswith(("https://", "http://")) for url in urls)
        case Unreadable(reason):
            assert reason


@given(st.lists(REPORT, min_size=1, max_size=4), st.integers(0, 10_000))
def test_a_key_passes_only_where_every_copy_of_every_verifier_holds_it(
    reports: list[dict[str, Any]], latency_ms: int
) -> None:
    latency = timedelta(milliseconds=latency_ms)
    found = [read(members) for members in reports]
    heard = [report for report in found if isinstance(report, VerifierReport)]
    judged = [judge_report(f"v{i}", r, SETUP, EXPECTED, NOW, latency) for i, r in enumerate(heard)]
    check = summed_up("https://v/", judged, EXPECTED, ())
    copies = [copy for report in heard for copy in report.copies]
    everywhere = bool(heard) and all(report.copies for report in heard)
    for key in EXPECTED.keys:
        held = all(key.kid in copy.kids and copy.state.value != "empty" for copy in copies)
        if check.keys[key.kid] is Verdict.PASS:
            assert held
            assert everywhere
        if not held:
            assert check.keys[key.kid] is not Verdict.PASS
            assert check.verdict is not Verdict.PASS
    if check.verdict is Verdict.PASS:
        assert set(check.keys.values()) == {Verdict.PASS}
        assert all(report.clock.synchronised is not False for report in heard)
        assert abs(check.clock_offset or timedelta()) < timedelta(seconds=10)
