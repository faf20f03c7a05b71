"""Plan ↔ JSON (contract §3): what `plan --json` prints and `--out` saves, and nothing else is read back.

A saved plan is read strictly: unknown, missing or wrongly typed members, another format, a summary or a digest
that does not fit raise PlanDamaged. The digest finds accidents and careless edits; what a plan may do is
checked by the safety checker, whoever wrote it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn, get_args

from rotator.domain.codec import CodecError, decode, encode
from rotator.domain.plan import Finding, IssuerPlan, Plan, Step, Wait
from rotator.errors import PlanDamaged

FORMAT = "rotator.plan/1"

MAX_BYTES = 64 * 1024 * 1024
"""No saved plan is larger: ten thousand issuers over three regions stay below it."""

_BLANK: Mapping[str, Any] = {
    "n": None,
    "kind": None,
    "kid": None,
    "ref": None,
    "region": None,
    "keys": [],
    "expected_etag": None,
    "reason": None,
    "reason_code": None,
    "not_before": None,
    "generation": None,
    "standby": None,
    "document": None,
    "algorithm": None,
}
"""Every member of a step, in order, as it stands where a kind of step has no use for it."""

_STEP_CLASSES: tuple[type[Step], ...] = get_args(Step)
_PLAN_MEMBERS = ("format", "created_at", "now", "config_digest", "digest", "issuers", "summary")
_ISSUER_MEMBERS = ("issuer", "lineage", "serial", "steps", "waiting", "findings")


def dump(plan: Plan) -> dict[str, Any]:
    """The plan's document, with its digest."""
    body = {
        "format": FORMAT,
        "created_at": encode(plan.created_at),
        "now": encode(plan.now),
        "config_digest": plan.config_digest,
        "digest": "",
        "issuers": [_dump_issuer(issuer) for issuer in plan.issuers],
        "summary": summary(plan),
    }
    return body | {"digest": digest(body)}


def text(plan: Plan) -> str:
    """The plan's document as it is printed and saved: JSON, ASCII, one trailing newline."""
    return json.dumps(dump(plan), indent=1, allow_nan=False) + "\n"


def summary(plan: Plan) -> dict[str, int]:
    """How much is due, blocked, waiting (for time or under a hold alone) and found."""
    waits = sum(len(issuer.waiting) for issuer in plan.issuers)
    findings = sum(len(issuer.findings) for issuer in plan.issuers)
    return {
        "due": plan.due,
        "blocked": plan.blocked,
        "waiting": waits - plan.blocked,
        "findings": findings,
    }


def digest(document: Mapping[str, Any]) -> str:
    """`sha256:` and the hash of the document's canonical JSON without its `digest` member."""
    rest = {name: value for name, value in document.items() if name != "digest"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(canonical.encode("ascii")).hexdigest()


def load(saved: str | bytes) -> Plan:
    """The plan that `text` wrote; raises PlanDamaged, and nothing else, on anything else."""
    if len(saved) > MAX_BYTES:
        _damaged(f"it is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        document = json.loads(saved, object_pairs_hook=_no_repeats, parse_constant=_no_constant)
        return _load_plan(document)
    except json.JSONDecodeError as error:
        _damaged(f"it is not whole JSON: {error.msg} in line {error.lineno}")
    except UnicodeDecodeError:
        _damaged("it is not UTF-8 text")
    except CodecError as error:
        _damaged(str(error))
    except RecursionError:
        _damaged("it is nested too deeply")
    except ValueError as error:
        _damaged(f"it holds a value that no plan has: {error}")


def _dump_issuer(issuer: IssuerPlan) -> dict[str, Any]:
    return {
        "issuer": issuer.issuer,
        "lineage": issuer.lineage,
        "serial": issuer.serial,
        "steps": [_dump_step(step) for step in issuer.steps],
        "waiting": [encode(wait) for wait in issuer.waiting],
        "findings": [encode(finding) for finding in issuer.findings],
    }


def _dump_step(step: Step) -> dict[str, Any]:
    return {**_BLANK, "document": _document_of(type(step)), **encode(step)}


def _document_of(cls: type[Step]) -> str | None:
    """Which document a repair writes; the other kinds say it by their kind."""
    return getattr(cls, "document", None)


def _load_plan(document: object) -> Plan:
    members = _members(document, _PLAN_MEMBERS, "$")
    if members["format"] != FORMAT:
        raise CodecError(
            f"$.format: {FORMAT} expected; another version of rotator may have written it"
        )
    if members["digest"] != digest(members):
        raise CodecError(
            "$.digest: it does not fit the content; something was changed after it was saved"
        )
    given = {name: members[name] for name in ("created_at", "now", "config_digest")}
    issuers = _each(members["issuers"], "$.issuers", _load_issuer)
    plan = dataclasses.replace(decode(Plan, {**given, "issuers": []}), issuers=issuers)
    if members["summary"] != summary(plan):
        raise CodecError("$.summary: it does not count what the plan holds")
    return plan


def _load_issuer(data: object, where: str) -> IssuerPlan:
    members = _members(data, _ISSUER_MEMBERS, where)
    steps = _each(members["steps"], f"{where}.steps", _load_step)
    numbers = [0, *(step.n for step in steps)]
    if numbers != sorted(set(numbers)):
        raise CodecError(f"{where}.steps: they are not numbered upwards from 1")
    bare = decode(IssuerPlan, {**members, "steps": [], "waiting": [], "findings": []}, where)
    return dataclasses.replace(
        bare,
        steps=steps,
        waiting=_each(
            members["waiting"], f"{where}.waiting", lambda item, at: decode(Wait, item, at)
        ),
        findings=_each(
            members["findings"], f"{where}.findings", lambda item, at: decode(Finding, item, at)
        ),
    )


def _load_step(data: object, where: str) -> Step:
    members = _members(data, tuple(_BLANK), where)
    asked = (members["kind"], members["document"])
    cls = next((cls for cls in _STEP_CLASSES if (cls.kind, _document_of(cls)) == asked), None)
    if cls is None:
        raise CodecError(f"{where}.kind: no such step")
    own = {field.name for field in dataclasses.fields(cls)}
    for name in _BLANK.keys() - own - {"kind", "document"}:
        if members[name] != _BLANK[name]:
            raise CodecError(f"{where}.{name}: a {cls.kind} step has none")
    return decode(cls, {name: members[name] for name in own}, where)


def _each(data: object, where: str, read: Any) -> tuple[Any, ...]:
    if not isinstance(data, list):
        raise CodecError(f"{where}: a list expected")
    return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(data))


def _members(data: object, names: tuple[str, ...], where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise CodecError(f"{where}: an object expected")
    if missing := [name for name in names if name not in data]:
        raise CodecError(f"{where}: member {missing[0]!r} is missing")
    if unknown := sorted(data.keys() - set(names)):
        raise CodecError(f"{where}: unknown member {unknown[0][:40]!r}")
    return data


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise CodecError("a member stands there twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise CodecError(f"{name} is not JSON")


def _damaged(detail: str) -> NoReturn:
    raise PlanDamaged("this is not a plan as rotator saved it", detail=detail)
