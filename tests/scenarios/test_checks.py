"""What each kind of check opens and closes (design T1, T2, T2b, T11): three regions, one key whose turn has come."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.app.status import status
from rotator.app.verify import verify
from rotator.domain.checks import CanaryCheck, ClockCheck, VerifierCheck
from rotator.domain.evidence import Verdict
from rotator.domain.jwks import render
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import Reason, RepairJwks
from rotator.domain.policy import Policy, Special, Verifier
from rotator.domain.state import Attestation
from rotator.domain.times import format_moment
from rotator.render.text.screen import to_string
from rotator.render.text.status import issuer_text
from tests.fakes.kms import MemoryKms
from tests.fakes.probe import Edge
from tests.scenarios.world import DAY, JWKS, NAMES, Regions

EUROPE = "eu-central-1"
HEALTH = "https://verifier.eu-central-1/health"
POLICY = Policy(rotate_every=10 * DAY, refresh_token_lifetime=2 * DAY)
FOREVER = Policy(
    rotate_every=10 * DAY,
    refresh_token_lifetime=2 * DAY,
    verifiers=(Verifier("old-gateway", Special.UNBOUNDED, Special.UNBOUNDED),),
)


def in_turn(policy: Policy = POLICY) -> Regions:
    """The moment at which the second key's turn has come."""
    regions = Regions(policy, with_urls=True)
    regions.apply()
    regions.runs(5)
    regions.until(regions.wait_for("switch"))
    return regions


def rotating() -> Regions:
    """The same, with nothing in the way."""
    regions = in_turn()
    assert regions.plan().steps[0].kind == "switch"
    return regions


class Health:
    """A verifier's report: what it holds, and what time it thinks it is."""

    def __init__(self, regions: Regions, url: str = HEALTH) -> None:
        self.regions, self.ahead, self.kids = regions, timedelta(), list[str]()
        self.synchronised = True
        regions.edges[url] = Edge(self.document, max_age=None)
        regions.probe.edges[url] = regions.edges[url]

    def learn(self) -> None:
        """Fetch the keys."""
        self.kids = list(self.regions.document(EUROPE).kids())

    def document(self) -> bytes:
        time = format_moment(self.regions.clock.now() + self.ahead)
        issuer = {
            "url": "https://auth.example.com",
            "kids": self.kids,
            "jwks_digest": "sha256:0",
            "fetched_at": time,
            "source": "https://x/",
            "state": "fresh",
        }
        clock = {
            "source": "ntp",
            "synchronised": self.synchronised,
            "offset_s": 0.0,
            "max_error_s": 0.001,
            "measured_at": time,
        }
        return json.dumps(
            {
                "format": "rotator.verifier/1",
                "region": EUROPE,
                "time": time,
                "clock": clock,
                "issuers": [issuer],
            }
        ).encode()


def test_a_verifier_that_lacks_the_key_keeps_the_switch_closed():
    regions = rotating()
    health = Health(regions)
    regions.checks[EUROPE] = (VerifierCheck((HEALTH,)),)
    health.kids = [regions.key(0).kid]
    wait = regions.wait_for("switch")
    assert (wait.reason_code, wait.region, wait.blocked) == (Reason.VERIFIER_LACKS, EUROPE, True)
    health.learn()
    assert regions.plan().steps[0].kind == "switch"
    regions.probe.edges[HEALTH].down = regions.edges[HEALTH].down = "timed out"
    assert regions.wait_for("switch").reason_code is Reason.VERIFIER_UNSEEN


def test_a_verifier_that_holds_a_key_of_nobodys_keeps_it_closed():
    """Somebody may have planted it, though no document holds it."""
    regions = rotating()
    health = Health(regions)
    regions.checks[EUROPE] = (VerifierCheck((HEALTH,)),)
    health.learn()
    health.kids.append("planted-key")
    wait = regions.wait_for("switch")
    assert (wait.reason_code, wait.region, wait.blocked) == (Reason.FOREIGN_KEY, EUROPE, True)
    (found,) = [f.detail for f in regions.plan().findings if f.kind == "foreign_key"]
    assert found.startswith(f"{HEALTH} serves planted-, a key that rotator does not own")


def test_a_key_that_leaked_at_an_edge_is_not_switched_to():
    regions = rotating()
    new = regions.key(1).kid.encode()
    told = regions.regions[EUROPE].documents[JWKS]
    regions.edges[EUROPE].body = told.replace(b'"kid":"' + new, b'"d":"AAAA","kid":"' + new)
    wait = regions.wait_for("switch")
    assert (wait.reason_code, wait.region, wait.blocked) == (Reason.NOT_SEEN, EUROPE, True)
    assert "carries private members (d)" in wait.reason


def test_a_verifier_that_is_silent_does_not_end_the_lead():
    regions = Regions(POLICY, with_urls=True)
    regions.apply()
    regions.runs(5)
    health = Health(regions)
    regions.checks[EUROPE] = (VerifierCheck((HEALTH,)),)
    regions.until(regions.wait_for("switch"))
    health.learn()
    assert regions.plan().steps[0].kind == "switch"


class TestUnbounded:
    def test_nobody_looks_at_it_and_nobody_gave_his_word(self):
        regions = in_turn(FOREVER)
        wait = regions.wait_for("switch")
        assert wait.reason_code is Reason.UNBOUNDED_VERIFIER
        assert (
            f"rotator attest accounts {regions.key(1).kid[:8]} --verifier old-gateway"
            in wait.reason
        )

    def test_an_operator_gave_his_word(self):
        regions = in_turn(FOREVER)
        word = Attestation(
            kid=regions.key(1).kid,
            verifier="old-gateway",
            reason="seen",
            owner="me",
            at=regions.at(),
        )
        regions.remember(attestations=(word,))
        regions.apply()
        assert phase(regions.key(1)) is Phase.ACTIVE

    @pytest.mark.parametrize(
        ("everywhere", "covers", "opens"),
        [
            pytest.param(True, (), True, id="each region's verifiers report it"),
            pytest.param(True, ("old-gateway",), True, id="they are of that kind"),
            pytest.param(True, ("another",), False, id="they are of another kind"),
            pytest.param(False, (), False, id="one region's do"),
        ],
    )
    def test_verifiers_report_it_themselves(self, everywhere, covers, opens):
        regions = in_turn(FOREVER)
        Health(regions).learn()
        for name in NAMES if everywhere else (EUROPE,):
            regions.checks[name] = (VerifierCheck((HEALTH,), covers),)
        if opens:
            assert regions.plan().steps[0].kind == "switch"
        else:
            assert regions.wait_for("switch").reason_code is Reason.UNBOUNDED_VERIFIER


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, Reason.CANARY_REFUSED), (503, Reason.CANARY_UNSEEN), (200, Reason.CANARY_UNSEEN)],
    ids=["refused", "no answer", "accepts anything"],
)
def test_a_canary_that_is_not_accepted_keeps_the_switch_closed(status, code):
    regions = rotating()
    regions.edges["canary"] = Edge(lambda: b"", status=status)
    regions.checks[EUROPE] = (CanaryCheck("https://canary/jwks.json"),)
    wait = regions.wait_for("switch")
    assert (wait.reason_code, wait.region) == (code, EUROPE)


class TestClocks:
    def off(self, regions: Regions, *names: str, by: timedelta = timedelta(minutes=3)) -> None:
        for name in names:
            regions.edges[name].ahead = by

    def test_a_region_three_minutes_off_stops_the_switch_and_nothing_else(self):
        regions = rotating()
        self.off(regions, EUROPE)
        regions.regions["us-east-1"].documents[JWKS] = b'{"keys":[]}'
        plan = regions.plan()
        assert [type(step) for step in plan.steps] == [RepairJwks]
        assert "3 m ahead of this host's" in str([f.detail for f in plan.findings])

    def test_a_region_three_minutes_off_stops_the_switch(self):
        regions = rotating()
        self.off(regions, EUROPE)
        wait = regions.wait_for("switch")
        assert (wait.reason_code, wait.region, wait.blocked) == (Reason.CLOCK_APART, EUROPE, True)

    def test_it_stops_a_removal_and_the_end_of_a_private_half(self):
        regions = rotating()
        regions.apply()
        wait = regions.wait_for("remove")
        regions.until(wait)
        self.off(regions, EUROPE)
        assert regions.wait_for("remove").reason_code is Reason.CLOCK_APART
        self.off(regions, EUROPE, by=timedelta())
        assert "remove" in [step.kind for step in regions.plan().steps]

    def test_it_stops_the_end_of_a_private_half(self):
        regions = Regions(
            POLICY, with_urls=True, kms=MemoryKms(), rollback_window=timedelta(hours=1)
        )
        regions.apply()
        regions.runs(5)
        regions.until(regions.wait_for("switch"))
        regions.apply()
        regions.until(regions.wait_for("disable"))
        self.off(regions, EUROPE)
        assert regions.wait_for("disable").reason_code is Reason.CLOCK_APART
        self.off(regions, EUROPE, by=timedelta())
        assert "disable" in [step.kind for step in regions.plan().steps]

    def test_it_stops_a_destruction(self):
        regions = rotating()
        regions.apply()
        regions.until(regions.wait_for("remove"))
        key = regions.key(0)
        moments = replace(key.moments, removal_started_at=regions.at(), removed_at=regions.at())
        for name in NAMES:
            document = regions.document(name)
            regions.regions[name].documents[JWKS] = render(
                entry for entry in document.keys if entry.kid != key.kid
            )
        regions.remember(keys=(replace(key, moments=moments), *regions.remembered().keys[1:]))
        self.off(regions, EUROPE)
        assert regions.wait_for("destroy").reason_code is Reason.CLOCK_APART

    def test_where_most_regions_contradict_it_this_host_moves_nothing(self):
        regions = rotating()
        self.off(regions, *NAMES)
        regions.regions["us-east-1"].documents[JWKS] = b'{"keys":[]}'
        plan = regions.plan()
        (wait,) = plan.waiting
        assert (plan.steps, wait.reason_code) == ((), Reason.OWN_CLOCK_WRONG)
        assert "the odd one out: 3 m behind that of" in wait.reason

    def test_regions_that_contradict_each_other_do_not_make_this_host_the_odd_one(self):
        regions = rotating()
        self.off(regions, EUROPE)
        self.off(regions, "us-east-1", by=timedelta(hours=-2))
        assert regions.wait_for("switch").reason_code is Reason.CLOCK_APART

    def test_an_ntp_server_is_believed_more_than_this_host(self):
        regions = rotating()
        regions.time.serve("time.example.com", timedelta(seconds=-40))
        regions.checks[EUROPE] = (ClockCheck(ntp="time.example.com"),)
        (wait,) = regions.plan().waiting
        words = "this host's clock is wrong: 40 s ahead of NTP server time.example.com"
        assert (wait.reason_code, wait.reason) == (Reason.OWN_CLOCK_WRONG, words)

    def test_a_clock_that_was_asked_for_and_is_silent_is_unknown(self):
        regions = rotating()
        regions.checks[EUROPE] = (ClockCheck(ntp="time.example.com"),)
        assert regions.wait_for("switch").reason_code is Reason.CLOCK_UNKNOWN
        regions.time.serve("time.example.com")
        assert regions.plan().steps[0].kind == "switch"

    def test_a_verifier_with_a_wrong_clock(self):
        regions = rotating()
        health = Health(regions)
        health.learn()
        health.ahead = timedelta(minutes=-3)
        regions.checks[EUROPE] = (VerifierCheck((HEALTH,)),)
        assert regions.wait_for("switch").reason_code is Reason.CLOCK_APART

    def test_wrong_verifiers_do_not_make_this_host_the_odd_one(self):
        regions = rotating()
        health = Health(regions)
        health.learn()
        health.ahead = timedelta(minutes=-3)
        for name in NAMES:
            regions.checks[name] = (VerifierCheck((HEALTH,)),)
        assert regions.wait_for("switch").reason_code is Reason.CLOCK_APART

    def test_a_verifier_whose_clock_nothing_sets(self):
        regions = rotating()
        health = Health(regions)
        health.learn()
        health.synchronised = False
        regions.checks[EUROPE] = (VerifierCheck((HEALTH,)),)
        assert regions.wait_for("switch").reason_code is Reason.VERIFIER_UNSEEN

    def test_urls_that_are_all_silent_leave_nobody_to_say_the_time(self):
        regions = rotating()
        regions.apply()
        regions.until(regions.wait_for("remove"))
        for name in NAMES:
            regions.edges[name].down = "timed out"
        assert regions.wait_for("remove").reason_code is Reason.CLOCK_UNKNOWN


def test_where_a_foreign_key_was_seen_first_is_remembered():
    regions = rotating()
    own = regions.regions[EUROPE].documents[JWKS]
    planted = (
        b'{"alg":"ES256","crv":"P-256","kid":"planted-key","kty":"EC","use":"sig","x":"%s","y":"%s"}'
        % (
            b"A" * 43,
            b"A" * 43,
        )
    )
    regions.regions[EUROPE].documents[JWKS] = own[:-2] + b"," + planted + b"]}"
    reports = []
    for _ in range(3):
        regions.clock.advance(timedelta(minutes=10))
        reports.append(verify(regions.world()))
    assert not any(report.gate_open for report in reports)
    first = regions.state.load_evidence("accounts").foreign["planted-key"]
    assert first.gate == EUROPE
    assert timedelta(minutes=20) <= regions.at() - first.at < timedelta(minutes=21)
    regions.regions[EUROPE].documents[JWKS] = own
    regions.clock.advance(timedelta(minutes=10))
    verify(regions.world())
    assert not regions.state.load_evidence("accounts").foreign


def test_one_stale_address_of_two_fails_the_check_and_ends_the_lead():
    regions = rotating()
    old = regions.regions[EUROPE].documents[JWKS].split(b"},{")[0] + b"}]}"
    url = f"https://{EUROPE}/jwks.json"
    regions.probe.serve_at(url, "203.0.113.1", lambda: regions.regions[EUROPE].documents[JWKS])
    regions.probe.serve_at(url, "203.0.113.9", lambda: old)
    report = verify(regions.world())
    (check,) = [
        c
        for r in report.regions
        if r.region == EUROPE
        for c in r.checks
        if c.target == url and c.kind == "http"
    ]
    assert (check.verdict, check.looked) == (Verdict.FAIL, 2)
    assert check.detail.startswith("1 of 2 addresses (203.0.113.9): lacks ")
    assert regions.wait_for("switch").reason_code is Reason.NOT_SEEN


def test_the_log_says_which_probe_opened_each_gate_and_when():
    regions = rotating()
    health = Health(regions)
    health.learn()
    regions.checks[EUROPE] = (VerifierCheck((HEALTH,)),)
    regions.apply()
    opened = [r.entry.facts for r in regions.state.audit() if r.entry.event == "gate_opened"]
    second = [facts for facts in opened if facts["kid"] == regions.key(1).kid]
    assert [facts["region"] for facts in second] == list(NAMES)
    europe = second[1]
    assert europe["seen_by"] == f"https://{EUROPE}/jwks.json"
    assert str(europe["visible_since"]) < str(europe["checked_at"])
    assert f"verifier {HEALTH}: pass" in str(europe["witnesses"])


def test_status_says_who_saw_the_key_that_waits():
    regions = Regions(POLICY, with_urls=True)
    regions.apply()
    regions.clock.advance(timedelta(minutes=6))
    (issuer,) = status(regions.world()).issuers
    seen = issuer.keys[0].regions[EUROPE]
    assert (seen.seen_by, seen.passes > 1) == (f"https://{EUROPE}/jwks.json", True)
    shown = to_string(issuer_text(issuer, regions.at(), None))
    rows = [line.split() for line in shown.splitlines()]
    assert ["seen", regions.key(0).kid[:8], EUROPE, "since"] in [row[:4] for row in rows]
