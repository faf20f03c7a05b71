"""Reports for the status page: one with everything on it, a very large one, and one that attacks its reader."""

from dataclasses import replace
from datetime import timedelta

from rotator.app.reports import AuditLine, AuditTail, IssuerStatus, KeyInRegion, StatusReport
from rotator.domain.evidence import Check, CheckKind, Look, Verdict
from rotator.domain.keys import Key
from rotator.domain.plan import Gate, Reason, Wait
from rotator.domain.state import Hold
from rotator.ports import KernelClock
from tests.render import scenarios
from tests.render.scenarios import NEW, NOW, OLD, REGIONS, days

HOST = KernelClock(synchronised=True, max_error=timedelta(milliseconds=3))

MARKS = "<script>document.title='pwned';alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;b&gt;"
TURNED = "safe\u202egnp.exe\u2066\u200b\ud800"
"""Text that would be read in another order than it is written, with an invisible character and half of one."""

EVIL = f"{MARKS}{TURNED}</style></title></svg><svg onload=alert(3)>javascript:alert(4)"
LONG = EVIL + "A" * 10_240


def look(region: str, *, behind: bool = False) -> Look:
    """An origin, an edge and a clock."""
    public = scenarios.check(CheckKind.HTTP, region)
    if behind:
        public = replace(public, verdict=Verdict.FAIL, detail=f"it lacks {NEW[:8]}")
    clock = Check(
        kind=CheckKind.CLOCK,
        target=public.target,
        verdict=Verdict.PASS,
        clock_offset=timedelta(milliseconds=10),
        clock_error=timedelta(milliseconds=520),
    )
    checks = (scenarios.check(CheckKind.ORIGIN, region), public, clock)
    return Look(NOW - timedelta(minutes=2), checks)


def told() -> AuditTail:
    """Two entries."""
    facts = {"kid": NEW, "region": "us-east-1", "note": None}
    line = AuditLine(
        number=8, at=NOW - days(1), issuer="accounts", event="publish", facts=facts, digest="bb"
    )
    return AuditTail((line, replace(line, number=7, event="generate")))


def issuer(name: str, report: StatusReport, **changed: object) -> IssuerStatus:
    looks = {region: look(region) for region in report.issuers[0].gates}
    given = {"issuer": name, "looks": looks, **changed}
    return replace(report.issuers[0], **given)  # type: ignore[arg-type]


def everyday() -> StatusReport:
    """Three issuers: one is blocked by a region, one is held, one is well."""
    looks = {region: look(region, behind=region == "eu-central-1") for region in REGIONS}
    stale = replace(scenarios.status_stale().issuers[0], overdue=(), looks=looks)
    issuers = (
        stale,
        issuer("payments", scenarios.status_held()),
        issuer("partners", scenarios.status_steady()),
    )
    return StatusReport(at=NOW, issuers=issuers, host=HOST)


def large(issuers: int = 200, regions: int = 30) -> StatusReport:
    """As many issuers in as many regions; every region of every tenth is behind."""
    names = tuple(f"region-{number:02}" for number in range(regions))
    seen = KeyInRegion(visible_since=NOW - days(2), checked_at=NOW, verdict=Verdict.PASS)
    behind = replace(seen, verdict=Verdict.FAIL)
    keys = scenarios.status_steady().issuers[0].keys
    made = []
    for number in range(issuers):
        bad = number % 10 == 1
        of = {OLD: seen, NEW: behind if bad else seen}
        lived = tuple(
            replace(key, regions=dict.fromkeys(names, of[key.key.kid])) if key.regions else key
            for key in keys
        )
        looks = {region: look(region, behind=bad) for region in names}
        name = f"issuer-{number:03}"
        made.append(issuer(name, scenarios.status_steady(), gates=names, keys=lived, looks=looks))
    return StatusReport(at=NOW, issuers=tuple(made), host=HOST)


def hostile() -> StatusReport:
    """Every text that comes from outside is an attack: names, kids, reasons, details, targets, owners."""
    region = f"r{EVIL}"
    bad = replace(look(region), checks=tuple(_evil(check) for check in look(region).checks))
    seen = KeyInRegion(visible_since=None, checked_at=NOW, verdict=Verdict.FAIL, seen_by=EVIL)
    old, new = (replace(k, jwk=replace(k.jwk, kid=EVIL + k.kid)) for k in _keys())
    wait = Wait(
        kind="switch",
        gate=Gate.EVIDENCE,
        reason_code=Reason.NOT_SEEN,
        reason=LONG,
        kid=new.kid,
        region=region,
        until=NOW + days(1),
        blocked=True,
    )
    plan = scenarios.plan(*scenarios.first_run().issuers[0].steps, waiting=(wait,)).issuers[0]
    made = issuer(
        LONG,
        scenarios.status_steady(),
        url=f"javascript:{EVIL}",
        algorithm=EVIL,
        active=old.kid,
        hold=Hold(reason=LONG, owner=EVIL, since=NOW),
        gates=(region,),
        keys=tuple(replace(scenarios.key_status(k), regions={region: seen}) for k in (old, new)),
        overdue=(LONG,),
        plan=plan,
        looks={region: bad},
    )
    return StatusReport(at=NOW, issuers=(made, replace(made, overdue=())))


def hostile_audit() -> AuditTail:
    """The log attacks, too."""
    line = AuditLine(number=1, at=NOW, issuer=EVIL, event=EVIL, facts={EVIL: LONG}, digest=EVIL)
    return AuditTail((line,), EVIL)


def _keys() -> tuple[Key, Key]:
    return scenarios.old_key(), scenarios.new_key()


def _evil(check: Check) -> Check:
    return replace(check, target=LONG, detail=LONG, verdict=Verdict.FAIL, kids=(EVIL, OLD))
