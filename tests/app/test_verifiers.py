"""Looking at running verifiers: addresses, indexes, silence, and everything side by side."""

import json
import threading
from datetime import timedelta

import pytest

from rotator.adapters.clock import SystemClock
from rotator.adapters.http_probe import HttpProbe
from rotator.app.parallel import MOST_AT_ONCE, at_most
from rotator.app.verifiers import AT_ONCE, MOST, look_at_verifiers
from rotator.domain.checks import VerifierCheck
from rotator.domain.evidence import Check, Verdict
from rotator.planning.judging import Expected
from rotator.ports import Clock, NoAnswer, Probe
from tests.fakes.clock import FakeClock
from tests.fakes.services import Services, Verifier, always, answer
from tests.servers.webserver import Reply, webserver
from tests.unit.test_verifying import ONE, SETUP, TWO, A, B

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
EXPECTED = Expected((ONE, TWO), frozenset(), frozenset())
URL = "https://v.example/healthz/jwks"
REFUSED = always(NoAnswer("connection refused", unreachable=True))
SILENT = always(NoAnswer("timed out while connecting"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def services() -> Services:
    return Services()


def look(probe: Probe, clock: Clock, *urls: str, allow_insecure: bool = False) -> tuple[Check, ...]:
    return look_at_verifiers(
        probe, clock, VerifierCheck(urls, allow_insecure=allow_insecure), SETUP, EXPECTED
    )


def index(*urls: str) -> bytes:
    return json.dumps({"format": "rotator.verifiers/1", "verifiers": urls}).encode()


class TestAddresses:
    def test_each_address_is_a_verifier(self, services, clock):
        for i in range(4):
            services.put(URL, Verifier(clock, (A, B) if i else (A,)), f"192.0.2.{i}")
        (check,) = look(services, clock, URL)
        assert (check.target, check.looked, check.verdict) == (URL, 4, FAIL)
        words = (
            f"1 of 4 verifiers ({URL} (192.0.2.0)): lacks {B[:8]} (claims a fresh copy, 4 m old)"
        )
        assert check.detail == words
        assert {address for _, address, _ in services.asked} == {f"192.0.2.{i}" for i in range(4)}

    @pytest.mark.parametrize(
        ("url", "address", "silence", "verdict"),
        [
            (URL, "192.0.2.9", REFUSED, UNKNOWN),
            (URL, "2001:db8::9", REFUSED, PASS),
            (URL, "fe80::9%eth0", REFUSED, PASS),
            (URL, "2001:db8::9", SILENT, UNKNOWN),
            (URL, "2001:db8::9", always(answer(status=503)), UNKNOWN),
            ("http://localhost:1/h", "127.0.0.1", REFUSED, PASS),
            ("http://api.localhost:1/h", "::1", REFUSED, PASS),
            ("http://api.localhost:1/h", "::1", SILENT, UNKNOWN),
            ("http://notlocalhost:1/h", "127.0.0.1", REFUSED, UNKNOWN),
        ],
    )
    def test_an_address_at_which_nobody_is(self, services, clock, url, address, silence, verdict):
        services.put(url, Verifier(clock, (A, B)), "192.0.2.1")
        services.put(url, silence, address)
        (check,) = look(services, clock, url)
        assert check.verdict is verdict
        assert check.looked == (1 if verdict is PASS else 2)

    def test_nobody_anywhere_is_not_passed_over(self, services, clock):
        services.put(URL, REFUSED, "2001:db8::1")
        services.put(URL, REFUSED, "2001:db8::2")
        (check,) = look(services, clock, URL)
        assert (check.verdict, check.looked) == (UNKNOWN, 2)
        assert check.detail.startswith("2 of 2 verifiers did not answer: ")

    def test_a_name_that_does_not_resolve(self, services, clock):
        services.places["https://empty.example/"] = {}
        checks = look(services, clock, URL, "https://empty.example/")
        assert [check.verdict for check in checks] == [UNKNOWN, UNKNOWN]
        assert [check.detail for check in checks] == [
            "did not answer: no such host",
            "did not answer: the host name has no address",
        ]

    def test_one_check_for_each_url(self, services, clock):
        services.put(URL, Verifier(clock, (A, B)))
        services.put("https://w.example/", Verifier(clock, (A, B), ahead=timedelta(minutes=3)))
        spec = VerifierCheck((URL, "https://w.example/"), covers=("pyjwt",))
        good, off = look_at_verifiers(services, clock, spec, SETUP, EXPECTED)
        assert (good.verdict, good.covers) == (PASS, ("pyjwt",))
        assert (off.verdict, off.target) == (FAIL, "https://w.example/")
        assert off.detail == "its clock is 3 m ahead"


class TestIndexes:
    def test_every_verifier_that_it_lists(self, services, clock):
        names = [f"https://v{i}.example/" for i in range(12)]
        services.put(URL, always(answer(index(*names))))
        for i, name in enumerate(names):
            services.put(name, Verifier(clock, (A, B) if i % 4 else (A,)))
        (check,) = look(services, clock, URL)
        assert (check.target, check.looked) == (URL, 12)
        assert check.detail.startswith(f"3 of 12 verifiers lack {B[:8]}: https://v0.example/ (")
        assert check.kids == (A,)

    def test_each_address_of_the_index_may_list_others(self, services, clock):
        services.put(URL, always(answer(index("https://a/", "https://b/"))), "192.0.2.1")
        services.put(URL, always(answer(index("https://b/", "https://c/"))), "192.0.2.2")
        for name in ("https://a/", "https://b/", "https://c/"):
            services.put(name, Verifier(clock, (A, B)))
        (check,) = look(services, clock, URL)
        assert (check.verdict, check.looked) == (PASS, 3)

    def test_half_an_index_is_not_known_to_be_whole(self, services, clock):
        services.put(URL, always(answer(index("https://a/"))), "192.0.2.1")
        services.put(URL, SILENT, "192.0.2.2")
        services.put("https://a/", Verifier(clock, (A, B)))
        (check,) = look(services, clock, URL)
        assert (check.verdict, check.keys) == (UNKNOWN, {A: UNKNOWN, B: UNKNOWN})

    def test_no_index_in_an_index(self, services, clock):
        services.put(URL, always(answer(index(URL))))
        (check,) = look(services, clock, URL)
        assert check.verdict is UNKNOWN
        words = "gave no health document: an index, and an index may list verifiers only"
        assert check.detail == words

    @pytest.mark.parametrize(
        ("listed", "allowed", "verdict"),
        [
            ("http://v.internal:8080/h", False, UNKNOWN),
            ("http://v.internal:8080/h", True, PASS),
            ("http://127.0.0.1:8080/h", False, PASS),
            ("http://[::1]:8080/h", False, PASS),
            ("http://localhost/h", False, PASS),
            ("http://10.0.0.1/h", False, UNKNOWN),
            ("http://[::1/h", False, UNKNOWN),
        ],
    )
    def test_plain_http_is_for_loopback(self, services, clock, listed, allowed, verdict):
        services.put(URL, always(answer(index(listed))))
        services.put(listed, Verifier(clock, (A, B)))
        (check,) = look(services, clock, URL, allow_insecure=allowed)
        assert check.verdict is verdict
        assert (listed in {url for url, _, _ in services.asked}) is (verdict is PASS)
        assert ("http: and not loopback" in check.detail) is (verdict is UNKNOWN)

    def test_more_addresses_than_anybody_asks(self, services, clock):
        names = [f"https://v{i}.example/" for i in range(1000)]
        services.put(URL, always(answer(index(*names))))
        verifier = Verifier(clock, (A, B))
        for name in names:
            services.places[name] = {f"192.0.2.{n}": verifier for n in range(5)}
        (check,) = look(services, clock, URL)
        assert len(services.asked) == 1 + MOST
        assert (check.verdict, check.looked) == (UNKNOWN, 5000)
        assert check.detail.startswith("1000 of 5000 verifiers did not answer: ")


def test_all_are_asked_at_once(services, clock):
    names = [f"https://v{i}.example/" for i in range(AT_ONCE)]
    services.put(URL, always(answer(index(*names))))
    together = threading.Barrier(AT_ONCE, timeout=20)

    def waits_for_all(token):
        together.wait()
        return Verifier(clock, (A, B))(token)

    for name in names:
        services.put(name, waits_for_all)
    with at_most(MOST_AT_ONCE):
        (check,) = look(services, clock, URL)
    assert (check.verdict, check.looked) == (PASS, AT_ONCE)


def test_patience_ends(services, clock):
    names = [f"https://v{i}.example/" for i in range(3 * AT_ONCE)]
    services.put(URL, always(answer(index(*names))))
    for name in names:
        services.put(name, Verifier(clock, (A, B)))
    services.before = lambda: clock.advance(timedelta(seconds=16))
    (check,) = look(services, clock, URL)
    assert check.verdict is UNKNOWN
    assert check.looked == 3 * AT_ONCE
    assert "not asked: the others took 30 s" in check.detail
    assert len(services.asked) < 2 * AT_ONCE


def test_an_answer_that_was_noticed_late_says_less_of_a_clock(services, clock):
    services.put(URL, Verifier(clock, (A, B)))
    services.before = lambda: clock.advance(timedelta(seconds=8))
    (check,) = look(services, clock, URL)
    assert check.clock_error.total_seconds() == pytest.approx(4)
    assert check.verdict is UNKNOWN


def test_over_the_network(tmp_path):
    clock = SystemClock()
    with webserver(tmp_path) as server:
        names = [server.url(f"v{i}") for i in range(6)]
        server.script("index", Reply(body=index(*names)))
        for i in range(6):
            server.script(f"v{i}", Reply(body=Verifier(clock, (A, B)).report()))
        probe = HttpProbe(timedelta(seconds=2), timedelta(seconds=2))
        (check,) = look(probe, clock, server.url("index"))
        assert (check.verdict, check.detail, check.looked) == (PASS, "", 6)
        server.script("v0", Reply(body=Verifier(clock, (A,), state="stale").report()))
        server.script("v1", Reply.redirect(names[0]))
        server.script("v2", Reply(huge=10_000_000))
        server.script("v3", Reply(hang=True))
        server.script("v4", Reply(body=b"{}", promised=500))
        (check,) = look(probe, clock, server.url("index"))
        for words in (
            f"1 of 6 verifiers ({names[0]}): lacks {B[:8]} (a stale copy, 4 m old)",
            f"{names[1]} (answered 302, a redirect)",
            f"{names[2]} (larger than 256 KiB)",
            f"2 of 6 verifiers did not answer: {names[3]} (",
        ):
            assert words in check.detail
        assert (check.verdict, check.keys) == (FAIL, {A: UNKNOWN, B: FAIL})
