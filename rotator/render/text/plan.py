"""A plan as people read it: what is due where, what waits behind which gate until when, what was found."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from typing import assert_never

from rotator.domain.plan import (
    Destroy,
    Disable,
    Finding,
    Gate,
    Generate,
    IssuerPlan,
    Plan,
    PointAlias,
    Purge,
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
from rotator.domain.plan_json import summary
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say, title
from rotator.render.words import DASH, both, count, distance, full, key_name

_RUNBOOKS = {
    Reason.FOREIGN_KEY: "runbooks/foreign-key.md",
    Reason.REGION_UNREACHABLE: "runbooks/region-down.md",
    Reason.STATE_BEHIND: "runbooks/state-lost.md",
    Reason.CLOCK_APART: "runbooks/clock-drift.md",
    Reason.CLOCK_UNKNOWN: "runbooks/clock-drift.md",
    Reason.OWN_CLOCK_WRONG: "runbooks/clock-drift.md",
    Reason.CLOCK_BEHIND: "runbooks/clock-drift.md",
    Reason.KEY_UNANSWERED: "runbooks/region-down.md",
    Reason.KEY_REVOKED: "runbooks/compromise-of-a-key.md",
    Reason.NO_WARM_STANDBY: "runbooks/compromise-of-a-key.md",
}
_OTHER_RUNBOOK = "runbooks/gate-stays-closed.md"
_SEVERITY = {Severity.INFO: Style.PLAIN, Severity.WARNING: Style.WAIT, Severity.ERROR: Style.BAD}


@dataclass(frozen=True, slots=True)
class Heading:
    """What a plan does not say of an issuer itself and its title line shows."""

    url: str
    algorithm: str
    regions: int


def plan_text(
    plan: Plan, headings: Mapping[str, Heading], zone: tzinfo | None, command: str = "rotator apply"
) -> list[Block]:
    """The whole plan; `command` is what applies it."""
    blocks: list[Block] = []
    for issuer in plan.issuers:
        blocks += [*issuer_text(issuer, headings.get(issuer.issuer), plan.now, zone), blank()]
    return [*blocks, summary_line(plan, command)]


def issuer_text(
    issuer: IssuerPlan, heading: Heading | None, now: datetime, zone: tzinfo | None
) -> list[Block]:
    """One issuer's part."""
    blocks: list[Block] = [_head(issuer, heading, now, zone)]
    if issuer.steps:
        blocks += [blank(), title("Due now"), grid(_step_rows(issuer.steps), right=(0,))]
    if issuer.waiting:
        blocks += [blank(), title("Waiting"), grid(wait_rows(issuer.waiting, now, zone))]
    if issuer.findings:
        blocks += [blank(), title("Found"), grid(_finding_rows(issuer.findings))]
    if len(blocks) == 1:
        blocks.append(line("  nothing is due and nothing waits"))
    return blocks


def summary_line(plan: Plan, command: str = "rotator apply") -> Block:
    """The last line: how much is due, blocked and waiting, and the next command."""
    counts = summary(plan)
    due = count(counts["due"], "step") + " due" if counts["due"] else "nothing due"
    parts: list[Cell] = ["  ", say(due, Style.STRONG)]
    if counts["blocked"]:
        parts += [", ", say(f"{counts['blocked']} blocked", Style.BAD)]
    parts.append(f", {counts['waiting']} waiting." if counts["waiting"] else ".")
    if counts["due"]:
        parts.append(f" Apply {'it' if counts['due'] == 1 else 'them'}: {command}")
    elif counts["blocked"]:
        parts.append(" Look closer: rotator verify")
    elif opening := _first_opening(plan):
        parts.append(f" Next: {opening}")
    return line(*parts)


def wait_rows(waits: Iterable[Wait], now: datetime, zone: tzinfo | None) -> list[list[Cell]]:
    """What, gate, why; below it when it opens or where to read on. Blocked ones first."""
    rows: list[list[Cell]] = []
    for wait in sorted(waits, key=lambda wait: not wait.blocked):
        style = Style.BAD if wait.blocked else Style.WAIT
        rows.append([say(wait_name(wait), style), say(_gate(wait), style), _why(wait)])
        if after := _afterwards(wait, now, zone):
            rows.append(["", "", say(after, Style.PAST)])
    return rows


def wait_name(wait: Wait) -> str:
    """`switch to Kd93mZtQ`."""
    verb = wait.kind.replace("_", " ")
    if wait.kid is None:
        return verb
    return (
        f"{verb} to {key_name(wait.kid)}"
        if wait.kind == Switch.kind
        else f"{verb} {key_name(wait.kid)}"
    )


def runbook_of(code: Reason) -> str:
    """The runbook to read when a wait of that reason is blocked."""
    return _RUNBOOKS.get(code, _OTHER_RUNBOOK)


def step_name(step: Step) -> str:
    """The kind of a step in words: `write jwks`."""
    return step.kind.replace("_", " ")


def step_region(step: Step) -> str | None:
    """The region a step works in, None where it works in none."""
    return getattr(step, "region", None)


def effect(step: Step) -> str:  # noqa: C901, PLR0911, PLR0912  (one case a kind of step)
    """What a step does, without its region."""
    match step:
        case Generate():
            return f"make {step.ref}, a key pair for {step.algorithm}"
        case WriteJwks():
            return f"serve {_keys(step.keys)}"
        case RepairJwks():
            return f"put the key set back to {_keys(step.keys)}"
        case Remove():
            return f"take {key_name(step.kid)} out, {_stay(step.keys)}"
        case RemoveForeign():
            return f"take {key_name(step.kid)} out, which is not rotator's, {_stay(step.keys)}"
        case Switch():
            return f"sign with {key_name(step.kid)}{_standby(step.standby)}"
        case WriteSigning():
            return f"go on signing with {key_name(step.kid)}{_standby(step.standby)}"
        case RepairSigning():
            return f"put the signing key back to {key_name(step.kid)}{_standby(step.standby)}"
        case Replicate():
            return f"make {key_name(step.kid)} usable by signers there"
        case PointAlias():
            return f"point the KMS alias at {key_name(step.kid)}"
        case Purge():
            return f"have the edge drop its copies of the document that held {key_name(step.kid)}"
        case Retire():
            return f"record that no region signs with {key_name(step.kid)} any more"
        case Disable():
            return f"disable the private half of {key_name(step.kid)}"
        case Destroy():
            return f"destroy the private half of {key_name(step.kid)}; its public half stays in the history"
        case _:
            assert_never(step)


def _head(issuer: IssuerPlan, heading: Heading | None, now: datetime, zone: tzinfo | None) -> Block:
    about = [heading.url, heading.algorithm, count(heading.regions, "region")] if heading else []
    return line(
        say(issuer.issuer, Style.STRONG), *(f" · {part}" for part in [*about, both(now, zone)])
    )


def _step_rows(steps: Iterable[Step]) -> list[list[Cell]]:
    """One row for neighbouring steps that do the same for the same reason, the regions below it."""
    rows: list[list[Cell]] = []
    for (name, what, why), group in groupby(steps, key=_sameness):
        same = list(group)
        regions = [region for step in same if (region := step_region(step))]
        where = (
            regions[0] if len(regions) == 1 else count(len(regions), "region") if regions else DASH
        )
        numbers = str(same[0].n) if len(same) == 1 else f"{same[0].n}{DASH}{same[-1].n}"
        rows.append([numbers, say(name, Style.STRONG), where, f"{what}: {why}"])
        if len(regions) > 1:
            rows.append(["", "", "", say(", ".join(regions), Style.PAST)])
    return rows


def _sameness(step: Step) -> tuple[str, str, str]:
    return step_name(step), effect(step), step.reason


def _finding_rows(findings: Iterable[Finding]) -> list[list[Cell]]:
    return [
        [
            say(found.severity, _SEVERITY[found.severity]),
            found.kind.replace("_", " "),
            found.region or DASH,
            found.detail,
        ]
        for found in findings
    ]


def _gate(wait: Wait) -> str:
    return f"{wait.gate}, blocked" if wait.blocked else wait.gate


def _why(wait: Wait) -> str:
    if wait.region is None or wait.region in wait.reason:
        return wait.reason
    return f"{wait.region}: {wait.reason}"


def _afterwards(wait: Wait, now: datetime, zone: tzinfo | None) -> str:
    if wait.blocked:
        opens = f"not before {full(wait.until, now, zone)} · " if wait.until else ""
        return f"{opens}{runbook_of(wait.reason_code)}"
    if wait.until is not None:
        return f"opens {full(wait.until, now, zone)}"
    return "opens when it is released" if wait.gate is Gate.HOLD else ""


def _first_opening(plan: Plan) -> str | None:
    waits = [
        (wait.until, wait)
        for issuer in plan.issuers
        for wait in issuer.waiting
        if wait.until and not wait.blocked
    ]
    if not waits:
        return None
    until, wait = min(waits, key=lambda pair: pair[0])
    return f"{wait_name(wait)} {distance(until, plan.now)}"


def _keys(keys: tuple[str, ...]) -> str:
    return f"{count(len(keys), 'key')} ({', '.join(key_name(kid) for kid in keys)})"


def _stay(keys: tuple[str, ...]) -> str:
    return f"{_keys(keys)} stay{'s' if len(keys) == 1 else ''}"


def _standby(standby: str | None) -> str:
    return f", {key_name(standby)} stands by" if standby else ", nothing stands by"
