"""Which clocks stop what, and when this host's own is the odd one out (design T11)."""

from datetime import timedelta
from typing import Any

import pytest

from rotator.app.plan import inventories_of
from rotator.domain.checks import ClockCheck
from rotator.domain.evidence import Check, CheckKind, Look, Verdict
from rotator.domain.plan import FindingKind, Reason
from rotator.domain.policy import Policy
from rotator.planning.clocks import clock_trouble, clock_wait, own_clock_wrong, report_clocks
from rotator.planning.draft import Draft
from rotator.planning.situation import Situation
from tests.scenarios.world import DAY, NAMES, Regions

US, EU, AP = NAMES
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
SECOND = timedelta(seconds=1)


def clock(verdict: Verdict, offset: float | None = None, target: str = "https://x/") -> Check:
    return Check(
        kind=CheckKind.CLOCK,
        target=target,
        verdict=verdict,
        detail="off" if verdict is FAIL else "unsure",
        clock_offset=None if offset is None else offset * SECOND,
    )


def report(offset: float | None, error: float | None = 0.1) -> Check:
    return Check(
        kind=CheckKind.VERIFIER,
        target="https://v/",
        verdict=PASS,
        clock_offset=None if offset is None else offset * SECOND,
        clock_error=None if error is None else error * SECOND,
    )


def url(verdict: Verdict) -> Check:
    return Check(kind=CheckKind.HTTP, target="https://x/", verdict=verdict)


def seen(*, old: tuple[str, ...] = (), **checks: Any) -> Situation:
    """A situation with these checks at `us`, `eu` and `ap`; those of the gates in `old` were looked at yesterday."""
    world = Regions(Policy())
    world.apply()
    (inventory,) = inventories_of(world.world())
    now, names = world.at(), {"us": US, "eu": EU, "ap": AP}
    looks = {
        names[gate]: Look(now - DAY if gate in old else now, given)
        for gate, given in checks.items()
    }
    evidence = type(inventory.evidence)(issuer="accounts", looks=looks)
    return Situation(
        type(inventory)(
            setup=inventory.setup, state=inventory.state, evidence=evidence, views=inventory.views
        ),
        now,
    )


@pytest.mark.parametrize(
    ("checks", "trouble"),
    [
        pytest.param({}, None, id="nobody looked"),
        pytest.param({"us": (clock(PASS, 0),), "eu": (url(UNKNOWN),)}, None, id="one agrees"),
        pytest.param({"us": (url(PASS),), "eu": (url(UNKNOWN),)}, None, id="nothing says the time"),
        pytest.param({"eu": (clock(FAIL, 180),)}, (EU, Reason.CLOCK_APART), id="apart"),
        pytest.param({"eu": (clock(UNKNOWN),)}, (EU, Reason.CLOCK_UNKNOWN), id="unknown"),
        pytest.param(
            {"us": (clock(UNKNOWN),), "ap": (clock(FAIL, -9),)},
            (AP, Reason.CLOCK_APART),
            id="apart is said before unknown",
        ),
        pytest.param({"eu": (report(60),)}, (EU, Reason.CLOCK_APART), id="a verifier's is off"),
        pytest.param({"eu": (report(60, None),)}, (EU, Reason.CLOCK_APART), id="by a known bound"),
        pytest.param({"eu": (report(60, 58),)}, None, id="a verifier's may be off"),
        pytest.param({"eu": (report(None),)}, None, id="a verifier does not say"),
        pytest.param(
            {"us": (url(UNKNOWN),), "eu": (url(UNKNOWN),)},
            (US, Reason.CLOCK_UNKNOWN),
            id="all URLs are silent",
        ),
        pytest.param({"old": ("eu",), "eu": (clock(FAIL, 180),)}, None, id="seen long ago"),
    ],
)
def test_what_closes_the_steps_that_count_time(checks, trouble):
    situation = seen(**checks)
    found = clock_trouble(situation)
    assert (found and (found.gate, found.code)) == trouble
    wait = clock_wait(situation, "switch", "kid")
    assert (wait and (wait.region, wait.reason_code, wait.blocked)) == (
        trouble and (*trouble, True)
    )


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        pytest.param({"us": (clock(FAIL, 180),)}, None, id="one gate may be wrong itself"),
        pytest.param(
            {"us": (clock(FAIL, 180),), "eu": (clock(FAIL, 178),)}, "3 m behind", id="two alike"
        ),
        pytest.param(
            {"us": (clock(FAIL, -180),), "eu": (clock(FAIL, -180),), "ap": (clock(PASS, 0),)},
            "3 m ahead of",
            id="two of three",
        ),
        pytest.param(
            {
                "us": (clock(FAIL, 180),),
                "eu": (clock(FAIL, 180), clock(PASS, 0)),
                "ap": (clock(PASS, 0),),
            },
            "3 m behind",
            id="a gate counts once",
        ),
        pytest.param(
            {"us": (clock(FAIL, 180),), "eu": (clock(FAIL, -180),)}, None, id="two that disagree"
        ),
        pytest.param(
            {"us": (clock(FAIL, 9, "ntp://t.example.com"),), "eu": (clock(PASS, 0),)},
            "9.0 s behind",
            id="a time server alone",
        ),
        pytest.param({"us": (clock(PASS, 0, "ntp://t.example.com"),)}, None, id="one that agrees"),
    ],
)
def test_when_this_hosts_clock_is_the_wrong_one(checks, words):
    found = own_clock_wrong(seen(**checks))
    assert (words in found) if words and found else (found is words)


def test_every_clock_that_is_off_is_named():
    situation = seen(us=(clock(FAIL, 9),), eu=(clock(PASS, 0),), ap=(report(60),))
    draft = Draft(situation)
    report_clocks(situation, draft)
    assert [(f.kind, f.region) for f in draft.findings] == [
        (FindingKind.CLOCK, US),
        (FindingKind.CLOCK, AP),
    ]


class TestLooks:
    """What a clock check reads, and what it says where there is nothing to read."""

    def checks(self, world: Regions) -> list[Check]:
        (inventory,) = inventories_of(world.world())
        look = inventory.evidence.looks[US]
        return [check for check in look.checks if check.kind is CheckKind.CLOCK]

    @pytest.mark.parametrize("with_urls", [False, True], ids=["its own document", "its public URL"])
    def test_the_regions_own_clock(self, with_urls):
        world = Regions(with_urls=with_urls, checks={US: (ClockCheck(),)})
        world.apply()
        world.regions[US].clock = world.clock
        (check,) = self.checks(world)
        target = f"https://{US}/jwks.json" if with_urls else f"memory://{US}/accounts/jwks.json"
        assert (check.target, check.verdict) == (target, PASS)

    @pytest.mark.parametrize(
        ("down", "words"), [(True, "cannot reach"), (False, "nothing here says what time it is")]
    )
    def test_a_document_that_says_nothing(self, down, words):
        world = Regions(checks={US: (ClockCheck(),)})
        world.apply()
        if down:
            world.down(US)
        (check,) = self.checks(world)
        assert check.verdict is UNKNOWN
        assert words in check.detail

    def test_a_url_and_a_time_server_are_two_clocks(self):
        other = "https://clock.example.com/"
        world = Regions(checks={US: (ClockCheck(url=other, ntp="t.example.com"),)})
        assert [c.verdict for c in self.checks(world)] == [UNKNOWN, UNKNOWN]
        world.probe.serve(other, lambda: b"").headers = {"date": ""}
        world.time.serve("t.example.com")
        url, ntp = self.checks(world)
        assert (url.target, url.detail) == (other, "its answer carries no Date")
        assert (ntp.target, ntp.verdict) == ("ntp://t.example.com", PASS)

    def test_dates_beside_a_clock_check_are_shown_only_where_they_are_wrong(self):
        world = Regions(with_urls=True, checks={US: (ClockCheck(ntp="t.example.com"),)})
        world.time.serve("t.example.com")
        assert [c.target for c in self.checks(world)] == ["ntp://t.example.com"]
        world.edges[US].ahead = timedelta(minutes=3)
        verdicts = {c.target: c.verdict for c in self.checks(world)}
        assert verdicts == {"ntp://t.example.com": PASS, f"https://{US}/jwks.json": FAIL}
