"""A readable little world for the snapshots: one issuer, three regions, six situations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.app.reports import (
    ApplyReport,
    IssuerStatus,
    KeyInRegion,
    KeyStatus,
    NextStep,
    RegionVerdict,
    StatusReport,
    StepResult,
    VerifyReport,
)
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.jwk import Algorithm, Jwk, OkpPublic
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.lifecycle import phase
from rotator.domain.plan import (
    Destroy,
    Disable,
    Finding,
    FindingKind,
    Gate,
    Generate,
    IssuerPlan,
    Plan,
    PointAlias,
    Reason,
    Remove,
    RemoveForeign,
    RepairJwks,
    RepairSigning,
    Replicate,
    Retire,
    Severity,
    Step,
    Switch,
    Wait,
    WriteJwks,
    WriteSigning,
)
from rotator.domain.state import Hold
from rotator.errors import Diagnostics
from rotator.render.text.plan import Heading

NOW = datetime(2026, 11, 24, 6, 17, tzinfo=UTC)
REGIONS = ("us-east-1", "eu-central-1", "ap-northeast-1")
GONE = "7hPqA0ve5TgX1kRZx0u7mJpY3cQ9sLwN8bVdE2fGhIk"
OLD = "Zr81kQpLw0nV4cTgX1kRZx0u7mJpY3cQ9sLwN8bVdE2"
NEW = "Kd93mZtQ8bVdE2fGhIk5TgX1kRZx0u7mJpY3cQ9sLwN"
FOREIGN = "evil\u202eKEY0123456"
HEADINGS = {"accounts": Heading("https://auth.example.com", "ES256", 3)}


def days(count: float) -> timedelta:
    return timedelta(days=count)


def plan(
    *steps: Step,
    waiting: tuple[Wait, ...] = (),
    findings: tuple[Finding, ...] = (),
    serial: int = 41,
) -> Plan:
    numbered = tuple(replace(step, n=number) for number, step in enumerate(steps, 1))
    issuer = IssuerPlan(
        issuer="accounts",
        lineage="6f1c",
        serial=serial,
        steps=numbered,
        waiting=waiting,
        findings=findings,
    )
    return Plan(created_at=NOW, now=NOW, config_digest="sha256:00", issuers=(issuer,))


def generate(generation: int, reason: str, code: Reason) -> Generate:
    return Generate(
        n=0,
        ref=f"accounts/{generation}",
        generation=generation,
        algorithm="ES256",
        reason=reason,
        reason_code=code,
        not_before=NOW,
    )


def publish(region: str, *keys: str, etag: str | None = None) -> WriteJwks:
    return WriteJwks(
        n=0,
        region=region,
        keys=keys,
        expected_etag=etag,
        reason="publish 2 new keys",
        reason_code=Reason.NEW_KEY,
        not_before=NOW,
    )


def first_run() -> Plan:
    """Nothing exists: two pairs are made and published; the switch waits for them to be seen."""
    return plan(
        generate(1, "the issuer has no key yet", Reason.FIRST_KEY),
        generate(2, "a standby is missing", Reason.NO_STANDBY),
        *(publish(region, "accounts/1", "accounts/2") for region in REGIONS),
        waiting=(
            Wait(
                kind="switch",
                kid=None,
                gate=Gate.TIME,
                region=None,
                reason="its lead begins when every region serves it",
                reason_code=Reason.LEAD_NOT_BEGUN,
                until=None,
            ),
        ),
        serial=0,
    )


def turn() -> Wait:
    return Wait(
        kind="switch",
        kid=NEW,
        gate=Gate.TIME,
        region=None,
        reason=f"90 d after {OLD[:8]} became active",
        reason_code=Reason.NOT_ITS_TURN,
        until=NOW + days(62.5),
        numbers={"rotate_every_s": 7776000.0},
    )


def removal() -> Wait:
    return Wait(
        kind="remove",
        kid=GONE,
        gate=Gate.TIME,
        region=None,
        reason=(
            "after it was switched away: 24 h signers + 30 d tokens + 30 s leeway + 5 s drift + 1 h margin"
        ),
        reason_code=Reason.TOKENS_ALIVE,
        until=NOW + days(12),
        numbers={"signer_stop_s": 86400.0, "token_lifetime_s": 2592000.0, "leeway_s": 30.0},
    )


def steady() -> Plan:
    """Nothing is due."""
    return plan(waiting=(turn(), removal()))


def lead_running() -> Plan:
    """The turn has come, the lead has not passed."""
    return plan(
        waiting=(
            Wait(
                kind="switch",
                kid=NEW,
                gate=Gate.TIME,
                region="eu-central-1",
                reason="24 h 5 s after eu-central-1 served it: 24 h lead + 5 s drift",
                reason_code=Reason.LEAD_RUNNING,
                until=NOW + timedelta(minutes=39, seconds=5),
                numbers={"publish_lead_s": 86400.0, "max_clock_drift_s": 5.0},
            ),
            removal(),
        ),
    )


def stale() -> Wait:
    return Wait(
        kind="switch",
        kid=NEW,
        gate=Gate.EVIDENCE,
        region="eu-central-1",
        reason="eu-central-1 has not been seen serving it since 05:58 UTC; opens 24 h 5 s after it does",
        reason_code=Reason.NOT_SEEN,
        until=None,
        blocked=True,
    )


def region_stale() -> Plan:
    """One region serves an old document: blocked, shown first."""
    return plan(waiting=(removal(), stale()))


def repaired() -> Plan:
    """Somebody wrote an older document; it is put back."""
    return plan(
        RepairJwks(
            n=0,
            region="eu-central-1",
            keys=(OLD, NEW),
            expected_etag='"abc"',
            reason=f"it lacks {NEW[:8]}: someone else wrote there",
            reason_code=Reason.DOCUMENT_CHANGED,
            not_before=NOW,
        ),
        waiting=(turn(),),
        findings=(
            Finding(
                kind=FindingKind.DRIFT,
                severity=Severity.WARNING,
                region="eu-central-1",
                detail=f"it lacks {NEW[:8]}: someone else wrote there",
            ),
        ),
    )


def foreign() -> Plan:
    """A key that rotator does not own, with a name that tries to confuse a terminal."""
    return plan(
        waiting=(
            Wait(
                kind="switch",
                kid=NEW,
                gate=Gate.EVIDENCE,
                region="us-east-1",
                reason=f"serves {FOREIGN[:8]}, a key that rotator does not own",
                reason_code=Reason.FOREIGN_KEY,
                until=None,
                blocked=True,
            ),
        ),
        findings=(
            Finding(
                kind=FindingKind.FOREIGN_KEY,
                severity=Severity.ERROR,
                region="us-east-1",
                detail=f"serves {FOREIGN[:8]}\x1b[31m [bold]not markup[/bold]: no switch until it is explained",
            ),
        ),
    )


def every_step() -> Plan:
    """One step of every kind, for the words and for the JSON."""
    common: dict[str, Any] = {
        "n": 0,
        "reason": "so it is",
        "reason_code": Reason.ROTATION_DUE,
        "not_before": NOW,
    }
    written = {**common, "region": "us-east-1", "expected_etag": "@1", "generation": 7, "kid": NEW}
    document = {**common, "region": "us-east-1", "expected_etag": None, "keys": (OLD, NEW)}
    steps: tuple[Step, ...] = (
        generate(3, "a standby is missing", Reason.NO_STANDBY),
        WriteJwks(**document),
        RepairJwks(**document),
        Remove(**{**document, "keys": (NEW,)}, kid=OLD, generation=7),
        RemoveForeign(**document, kid=FOREIGN),
        Switch(**written, standby="accounts/3"),
        WriteSigning(**written, standby=None),
        RepairSigning(**written, standby=OLD),
        Replicate(**common, region="us-east-1", kid=NEW),
        PointAlias(**common, region="us-east-1", kid=NEW),
        Retire(**common, kid=OLD),
        Disable(**common, kid=OLD),
        Destroy(**common, kid=GONE),
    )
    return plan(*steps)


PLANS = {
    "first-run": first_run,
    "steady": steady,
    "lead-running": lead_running,
    "region-stale": region_stale,
    "repaired": repaired,
    "foreign": foreign,
    "every-step": every_step,
}


def key(kid: str, generation: int, **moments: datetime) -> Key:
    return Key(
        jwk=Jwk(kid, Algorithm.ES256, OkpPublic("Ed25519", "AA")),
        generation=generation,
        handle=LocalHandle(f"accounts/{generation}.pem"),
        moments=Moments(**moments),
    )


def key_status(key_: Key, remove_after: datetime | None = None, **worse: KeyInRegion) -> KeyStatus:
    seen = KeyInRegion(
        visible_since=NOW - days(2), checked_at=NOW - timedelta(minutes=2), verdict=Verdict.PASS
    )
    served = dict.fromkeys(REGIONS, seen) if not key_.moments.removed_at else {}
    changed = {name.replace("_", "-"): value for name, value in worse.items()}
    return KeyStatus(
        key=key_, phase=phase(key_), remove_after=remove_after, regions={**served, **changed}
    )


def gone_key() -> Key:
    at = NOW - days(200)
    return key(
        GONE,
        1,
        staged_at=at,
        published_at=at + timedelta(minutes=1),
        switch_started_at=at + days(1),
        activated_at=at + days(1),
        retired_at=at + days(91),
        removed_at=at + days(123),
    )


def old_key() -> Key:
    at = NOW - days(120)
    return key(
        OLD,
        2,
        staged_at=at,
        published_at=at + timedelta(minutes=1),
        switch_started_at=at + days(11),
        activated_at=at + days(11),
    )


def new_key() -> Key:
    at = NOW - days(60)
    return key(NEW, 3, staged_at=at, published_at=at + days(12))


def retired_key() -> Key:
    at = NOW - timedelta(seconds=300)
    return key(
        GONE,
        1,
        staged_at=at,
        published_at=at + timedelta(seconds=1),
        switch_started_at=at + timedelta(seconds=30),
        activated_at=at + timedelta(seconds=30),
        retired_at=at + timedelta(seconds=240),
    )


def issuer_status(plan_: Plan, *keys: KeyStatus, **changed: object) -> StatusReport:
    active = next((status.key.kid for status in keys if status.phase.value == "active"), None)
    issuer = IssuerStatus(
        issuer="accounts",
        url="https://auth.example.com",
        algorithm="ES256",
        serial=41,
        generation=3,
        active=active,
        hold=None,
        gates=REGIONS,
        keys=keys,
        next=(NextStep(kind="switch", kid=NEW, at=NOW + days(62.5)),),
        overdue=(),
        plan=plan_.issuers[0],
    )
    return StatusReport(at=NOW, issuers=(replace(issuer, **changed),))  # type: ignore[arg-type]


def status_first() -> StatusReport:
    """No key yet."""
    return issuer_status(first_run(), next=())


def status_steady() -> StatusReport:
    """One signs, one stands by, one has left."""
    return issuer_status(
        steady(), key_status(gone_key()), key_status(old_key()), key_status(new_key())
    )


def status_stale() -> StatusReport:
    """A region lost the new key four hours ago; another could not be asked."""
    lost = KeyInRegion(
        visible_since=None, checked_at=NOW - timedelta(hours=4), verdict=Verdict.FAIL
    )
    unknown = KeyInRegion(
        visible_since=None, checked_at=NOW - timedelta(minutes=3), verdict=Verdict.UNKNOWN
    )
    new = key_status(new_key(), eu_central_1=lost, ap_northeast_1=unknown)
    return issuer_status(
        region_stale(),
        key_status(old_key()),
        new,
        next=(NextStep(kind="switch", kid=NEW, at=None),),
        overdue=("the next switch has been due for 19 d",),
    )


def status_held() -> StatusReport:
    """An operator stopped the timers."""
    hold = Hold(
        reason="freeze for the launch", owner="ana@host", since=NOW - days(1), until=NOW + days(2)
    )
    return issuer_status(steady(), key_status(old_key()), key_status(new_key()), hold=hold)


def status_seconds() -> StatusReport:
    """A policy in seconds: the retired key leaves in two minutes."""
    young = key(
        OLD,
        2,
        staged_at=NOW - timedelta(seconds=200),
        published_at=NOW - timedelta(seconds=199),
        switch_started_at=NOW - timedelta(seconds=60),
        activated_at=NOW - timedelta(seconds=60),
    )
    leaves = NOW + timedelta(seconds=120)
    return issuer_status(
        plan(),
        key_status(retired_key(), leaves),
        key_status(young),
        next=(NextStep(kind="remove", kid=GONE, at=leaves),),
    )


STATUSES = {
    "first-run": status_first,
    "steady": status_steady,
    "region-stale": status_stale,
    "held": status_held,
    "seconds": status_seconds,
}


def check(kind: CheckKind, region: str, verdict: Verdict = Verdict.PASS, detail: str = "") -> Check:
    public = kind is CheckKind.HTTP
    return Check(
        kind=kind,
        target=f"https://{region}.example.com/jwks.json"
        if public
        else f"regions/{region}/jwks.json",
        verdict=verdict,
        detail=detail,
        kids=(OLD, NEW),
        latency=timedelta(milliseconds=12),
        max_age=timedelta(minutes=5) if public else None,
        age=timedelta(seconds=42) if public else None,
    )


def verify_open() -> VerifyReport:
    """Everything passes."""
    regions = tuple(
        RegionVerdict(
            issuer="accounts",
            region=name,
            checks=(check(CheckKind.ORIGIN, name), check(CheckKind.HTTP, name)),
        )
        for name in REGIONS
    )
    return VerifyReport(at=NOW, regions=regions)


def verify_closed() -> VerifyReport:
    """One edge is behind, one region has no answer and no URL, and a rotation is overdue."""
    behind = (
        check(CheckKind.ORIGIN, "eu-central-1"),
        check(
            CheckKind.HTTP,
            "eu-central-1",
            Verdict.FAIL,
            f"it lacks {NEW[:8]}; it is the document of 17 Nov",
        ),
    )
    silent = (check(CheckKind.ORIGIN, "ap-northeast-1", Verdict.UNKNOWN, "no answer in 5 s"),)
    seen = verify_open().regions[0]
    return VerifyReport(
        at=NOW,
        regions=(
            seen,
            RegionVerdict(issuer="accounts", region="eu-central-1", checks=behind),
            RegionVerdict(issuer="accounts", region="ap-northeast-1", checks=silent),
        ),
        overdue=("accounts: the next switch has been due for 19 d",),
    )


VERIFIES = {"open": verify_open, "closed": verify_closed}


def applied() -> ApplyReport:
    """Two steps done, one region refused."""
    steps = first_run().issuers[0].steps
    refused = Diagnostics(
        "E_TARGET_DENIED",
        "us-east-1's JWKS could not be written",
        "AccessDenied: s3:PutObject\non s3://jwks-use1",
        "grant the action named above",
        "runbooks/region-down.md",
    )
    results = (
        StepResult(issuer="accounts", step=steps[0], kid=OLD),
        StepResult(issuer="accounts", step=steps[3], kid=None),
        StepResult(issuer="accounts", step=steps[2], kid=None, error=refused),
    )
    return ApplyReport(at=NOW, results=results, left=region_stale())


def applied_nothing() -> ApplyReport:
    """A second run."""
    return ApplyReport(at=NOW, results=(), left=steady())
