"""A look at a public URL: which addresses are asked, which are passed over, and what their answers say together."""

from datetime import timedelta

import pytest

from rotator.app.parallel import side_by_side
from rotator.app.urls import look_at_url
from rotator.domain.checks import HttpCheck
from rotator.domain.evidence import Verdict
from rotator.domain.jwks import own_entry, render
from rotator.planning.judging import Expected
from rotator.ports import NoAnswer
from tests.fakes.clock import FakeClock
from tests.fakes.services import Service, Services, always, answer
from tests.unit.test_judging import ONE, document

URL, LOOPBACK = "https://edge.example.com/jwks.json", "http://localhost:8080/jwks.json"
V4, OTHER_V4, V6 = "192.0.2.1", "192.0.2.2", "2001:db8::1"
EXPECTED = Expected((ONE,), frozenset(), frozenset())
GOOD = always(answer(document(ONE), date="Thu, 01 Jan 2026 06:17:00 GMT"))
OLD = always(answer(b'{"keys":[]}', age="90"))
NOWHERE = always(NoAnswer("no way to the network", unreachable=True))
SLOW = always(NoAnswer("timed out"))


def look(services: Services, spec: HttpCheck):
    return look_at_url(services, FakeClock(), spec, EXPECTED)


def served(url: str = URL, **places: Service) -> Services:
    """Services at addresses, by the names of the constants above."""
    services = Services()
    for name, service in places.items():
        services.put(url, service, globals()[name])
    return services


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        pytest.param(HttpCheck(URL), [V4, V4], id="one address, two samples"),
        pytest.param(HttpCheck(URL, samples=1), [V4], id="one of each"),
        pytest.param(HttpCheck(URL, resolve=(OTHER_V4, V6)), [OTHER_V4, V6], id="pinned"),
        pytest.param(
            HttpCheck(URL, resolve=(V4, OTHER_V4), samples=3),
            [V4, V4, OTHER_V4, OTHER_V4],
            id="each as often as the others",
        ),
    ],
)
def test_every_address_is_asked_as_often_as_the_check_says(spec, asked):
    services = served(V4=GOOD) if not spec.resolve else served(V4=GOOD, OTHER_V4=GOOD, V6=GOOD)
    found = look(services, spec)
    assert sorted(str(address) for _, address, _ in services.asked) == sorted(asked)
    assert (found.check.verdict, found.check.looked) == (Verdict.PASS, len(asked))
    assert len(found.readings) == len(asked)


@pytest.mark.parametrize(
    ("url", "places", "verdict", "looked", "words"),
    [
        pytest.param(URL, {"V4": GOOD, "V6": NOWHERE}, Verdict.PASS, 1, "", id="no IPv6 here"),
        pytest.param(
            URL, {"V4": GOOD, "V6": SLOW}, Verdict.UNKNOWN, 2, "timed out", id="IPv6 is silent"
        ),
        pytest.param(
            URL, {"V4": NOWHERE, "V6": GOOD}, Verdict.UNKNOWN, 2, "no way", id="no IPv4 counts"
        ),
        pytest.param(URL, {"V6": NOWHERE}, Verdict.UNKNOWN, 2, "no way", id="nobody answers"),
        pytest.param(LOOPBACK, {"V4": NOWHERE, "V6": GOOD}, Verdict.PASS, 1, "", id="loopback"),
        pytest.param(
            URL, {"V4": GOOD, "OTHER_V4": OLD}, Verdict.FAIL, 2, f"({OTHER_V4})", id="a stale edge"
        ),
    ],
)
def test_what_the_answers_of_several_addresses_come_to(url, places, verdict, looked, words):
    check = look(served(url, **places), HttpCheck(url)).check
    assert (check.verdict, check.looked) == (verdict, looked)
    assert words in check.detail


def test_a_name_that_does_not_resolve_is_unknown():
    found = look(Services(), HttpCheck(URL))
    assert (found.check.verdict, found.check.detail) == (Verdict.UNKNOWN, "no such host")
    assert found.readings == ()


def test_more_than_the_limit_is_no_key_set_however_it_begins():
    whole = render([own_entry(ONE.jwk)])
    services = served(V4=always(answer(whole + b" " * 300_000)))
    check = look(services, HttpCheck(URL)).check
    assert (check.verdict, check.keys) == (Verdict.FAIL, {ONE.kid: Verdict.FAIL})
    assert "too large" in check.detail


def test_compressed_though_nobody_asked_for_it_is_no_key_set():
    services = served(V4=always(answer(document(ONE), content_encoding="gzip")))
    check = look(services, HttpCheck(URL)).check
    assert (check.verdict, check.keys) == (Verdict.FAIL, {ONE.kid: Verdict.FAIL})
    assert check.detail.startswith("came compressed (gzip)")


def test_an_answer_that_was_noticed_late_says_less_about_the_time():
    """A busy host sees the answer two seconds after it came: it may have been written at any time since the question."""
    clock = FakeClock()
    services = served(V4=GOOD)
    services.before = lambda: clock.advance(timedelta(seconds=2))
    (reading,) = look_at_url(services, clock, HttpCheck(URL, samples=1), EXPECTED).readings
    assert reading.error >= timedelta(seconds=1.5)


class TestSideBySide:
    def test_results_come_in_order(self):
        assert side_by_side(lambda x: x * x, range(5), at_once=2) == [0, 1, 4, 9, 16]
        assert side_by_side(lambda x: x, [], at_once=2) == []
        assert side_by_side(lambda x: x + 1, [1, 2], at_once=1) == [2, 3]

    @pytest.mark.parametrize("bad", [0, 2])
    def test_the_others_are_done_when_one_raises(self, bad):
        done = []

        def work(number):
            if number == bad:
                raise ValueError(number)
            done.append(number)

        with pytest.raises(ValueError, match=str(bad)):
            side_by_side(work, range(4))
        assert sorted(done) == [n for n in range(4) if n != bad]
