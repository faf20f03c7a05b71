"""A revoke as it is read at three in the morning: warm, without a standby, with a region that is gone, and afterwards."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from rotator.app.danger import Danger, Successor
from rotator.app.reports import StepResult
from rotator.app.revoke import Chosen, RegionEnd, RevokeReport
from rotator.domain.plan import Gate, IssuerPlan, Plan, Purge, Reason, Switch, Wait
from rotator.domain.state import Hold
from rotator.domain.timing import Delay, Term
from rotator.errors import TargetUnreachable
from rotator.planning.exposure import CutOff, Endless, Exposure, LoggedOut, Restart
from rotator.render.revoke_json import danger_document, report_document, restarts_document
from rotator.render.text.revoke import danger_text, report_text, restarts_text
from rotator.render.text.screen import to_string
from tests.render import scenarios
from tests.render.scenarios import NEW, NOW, OLD, REGIONS
from tests.render.schemas import valid
from tests.render.snapshots import matches

BERLIN = ZoneInfo("Europe/Berlin")
US, EU, AP = REGIONS
M = timedelta(minutes=1)


def exposure(gate: str, verifier: str, own: timedelta, endless: Endless | None = None) -> Exposure:
    delay = Delay((Term("edge", "edge_cache", 5 * M), Term(verifier, "verifier_cache", own)))
    until = None if endless else NOW + delay.total
    assumed = verifier == "none named"
    return Exposure(
        gate=gate, verifier=verifier, until=until, delay=delay, endless=endless, assumed=assumed
    )


def successor(*, warm: bool = True) -> Successor:
    return Successor(
        key=scenarios.new_key(),
        warm=warm,
        signs_in=(),
        seen_at=NOW - 2 * M if warm else None,
        ready_at=NOW - timedelta(days=89) if warm else NOW + timedelta(hours=5),
    )


def danger(**changes: Any) -> Danger:
    """A leaked key with a warm standby, in three regions with three kinds of verifiers."""
    pyjwt = [exposure(region, "pyjwt", M / 2) for region in REGIONS]
    lazy = [exposure(region, "spring-reactive", M, Endless.RESTART) for region in REGIONS]
    made = Danger(
        at=NOW,
        issuer="accounts",
        url="https://auth.example.com",
        regions=REGIONS,
        keys=(scenarios.old_key(),),
        known=(),
        needed=True,
        successor=successor(),
        next_standby=None,
        logged_out=LoggedOut(NOW + 15 * M, NOW + timedelta(days=30)),
        exposed=(*pyjwt, *lazy),
        rejected=(),
        cut_off=tuple(
            CutOff(region, NOW + timedelta(hours=24), ordered=False) for region in REGIONS
        ),
        restarts=(Restart("spring-reactive", Endless.RESTART, US, "https://api/healthz/jwks"),),
        hold=None,
        unread=(),
        edges=(),
        plan=IssuerPlan(
            issuer="accounts", lineage="l", serial=7, steps=(), waiting=(), findings=()
        ),
    )
    return replace(made, **changes)


def cold() -> Danger:
    """Nothing warm: a standby that is five hours short, or nothing at all."""
    rejected = [exposure(region, "none named", 120 * M) for region in REGIONS]
    return danger(
        successor=None,
        next_standby=successor(warm=False),
        rejected=(*rejected, exposure(AP, "nightly", M, Endless.RELOAD)),
        logged_out=LoggedOut(None, NOW + timedelta(days=30)),
    )


def dark() -> Danger:
    """A region that cannot be read, under a hold, with an edge that can be told, and known before."""
    exposed = [exposure(EU, name, M, Endless.UNWRITTEN) for name in ("pyjwt", "spring-reactive")]
    return danger(
        exposed=(*exposed, exposure(US, "pyjwt", M / 2)),
        unread=(EU,),
        edges=(US, EU),
        hold=Hold(reason="freeze \u202e!", owner="ops", since=NOW),
        known=(OLD,),
        cut_off=(
            CutOff(US, NOW + timedelta(hours=20), ordered=True),
            CutOff(EU, None, ordered=False),
        ),
        successor=replace(successor(), signs_in=(US, AP)),
    )


def standby() -> Danger:
    """A standby that leaked: nothing has to take over."""
    return danger(
        needed=False,
        keys=(scenarios.new_key(),),
        successor=replace(successor(), key=scenarios.old_key(), signs_in=REGIONS),
        logged_out=LoggedOut(None, None),
        cut_off=(),
        restarts=(),
    )


DANGERS = {
    "warm": danger(),
    "cold": cold(),
    "cold-nothing": replace(cold(), next_standby=None),
    "cold-unseen": replace(cold(), next_standby=replace(successor(warm=False), ready_at=None)),
    "cold-accepted": replace(cold(), successor=successor(warm=False), next_standby=None),
    "dark": dark(),
    "standby": standby(),
}


@pytest.mark.parametrize("name", DANGERS)
def test_what_it_would_mean(name: str) -> None:
    text = to_string(danger_text(DANGERS[name], BERLIN, drill=name == "warm"), width=100)
    matches(f"revoke-{name}", text)
    valid("revoke", danger_document(DANGERS[name]))


def end(region: str, **changes: Any) -> RegionEnd:
    made = RegionEnd(
        region=region,
        unread=False,
        signs_with=NEW,
        served=False,
        signs=False,
        left_at=NOW,
        purged=None,
    )
    return replace(made, **changes)


STEP = {"n": 1, "reason": "r", "reason_code": Reason.KEY_REVOKED, "not_before": NOW}


def report(
    *ends: RegionEnd, blocked: bool = False, standby: Successor | None = None
) -> RevokeReport:
    switch = Switch(
        region=US, kid=NEW, standby=None, expected_etag="e", generation=8, **cast("Any", STEP)
    )
    purge = Purge(region=EU, kid=OLD, **cast("Any", STEP))
    down = TargetUnreachable("CloudFront E1 cannot be told", detail="timed out").diagnostics()
    wait = Wait("remove", Gate.EVIDENCE, Reason.REGION_UNREACHABLE, "no answer", blocked=blocked)
    left = IssuerPlan(
        issuer="accounts", lineage="l", serial=8, steps=(), waiting=(wait,), findings=()
    )
    return RevokeReport(
        at=NOW,
        chosen=Chosen(cast("Any", None), (OLD,)),
        results=(
            StepResult(issuer="accounts", step=switch, kid=NEW),
            StepResult(issuer="accounts", step=purge, kid=OLD, error=down),
        ),
        regions=ends,
        after=danger(exposed=(exposure(US, "pyjwt", M / 2),)),
        standby=standby,
        left=Plan(created_at=NOW, now=NOW, config_digest="d", issuers=(left,)),
    )


REPORTS = {
    "done": report(end(US, purged=True), end(EU), end(AP, left_at=None)),
    "unfinished": report(
        end(US, purged=False),
        end(EU, unread=True, signs_with=None),
        end(AP, served=True, signs=True, signs_with=OLD, left_at=None),
    ),
    "blocked": report(end(US), blocked=True),
}


@pytest.mark.parametrize("name", REPORTS)
def test_what_it_came_to(name: str) -> None:
    matches(f"revoked-{name}", to_string(report_text(REPORTS[name], BERLIN), width=100))
    valid("revoke", report_document(REPORTS[name]))


STANDING_BY = [
    (None, "No key stands by yet, a later run makes one"),
    (successor(), "Kd93mZtQ stands by"),
    (
        successor(warm=False),
        "Kd93mZtQ is the next standby, warm at 11:17 UTC (12:17 here), in 5 h",
    ),
    (
        replace(successor(warm=False), ready_at=None),
        "Kd93mZtQ is the next standby, not seen everywhere yet",
    ),
]


@pytest.mark.parametrize(("standby", "words"), STANDING_BY)
def test_who_stands_by_now(standby: Successor | None, words: str) -> None:
    text = to_string(report_text(report(end(US), standby=standby), BERLIN), width=100)
    assert text.splitlines()[-1] == f"  {words}: rotator status"


MOMENTS = [
    (timedelta(hours=17), "23:17 UTC (25 Nov, 00:17 here)"),
    (timedelta(hours=20), "25 Nov, 02:17 UTC (03:17 here)"),
    (timedelta(hours=5), "11:17 UTC (12:17 here)"),
]


@pytest.mark.parametrize(("later", "words"), MOMENTS)
def test_a_clock_of_another_day_has_its_day(later: timedelta, words: str) -> None:
    ends = (CutOff(US, NOW + later, ordered=True),)
    text = to_string(danger_text(danger(cut_off=ends), BERLIN), width=200)
    assert f"may sign with it until {words} (us-east-1)" in text


def test_signers_whose_orders_could_not_be_changed_have_no_end() -> None:
    one = danger(cut_off=tuple(CutOff(region, None, ordered=False) for region in REGIONS))
    text = to_string(danger_text(one, BERLIN), width=200)
    assert "signers      no end in sight (everywhere): the orders still name it" in text
    assert [each["until"] for each in danger_document(one)["cut_off"]] == [None] * 3


RESTARTS = (
    Restart("spring-reactive", Endless.RESTART, US, "https://api/healthz/jwks"),
    Restart("nightly", Endless.RELOAD),
)


@pytest.mark.parametrize("found", [RESTARTS, ()])
def test_what_must_be_restarted(found: tuple[Restart, ...]) -> None:
    text = to_string(restarts_text(danger(restarts=found)), width=100)
    matches(f"restarts-{'some' if found else 'none'}", text)
    valid("restarts", restarts_document("accounts", (OLD,), found))
