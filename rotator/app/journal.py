"""What the state says before and after a stage, and the log lines that go with it; pure.

Before: generations raised, switches and removals marked as begun, watermarks raised, the steps as an open intent.
After: new keys, what each region was left with, and every moment that the regions now show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.codec import encode
from rotator.domain.evidence import CheckKind
from rotator.domain.inventory import Inventory, JwksRead, RegionView, SigningRead
from rotator.domain.keys import Key, KmsHandle, WrappedHandle, least_signer_stop
from rotator.domain.lifecycle import Event, Phase, advance, phase, reactivated
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    JwksStep,
    PointAlias,
    Purge,
    RegionStep,
    Remove,
    Replicate,
    SigningStep,
    Step,
    Switch,
)
from rotator.domain.policy import IssuerSetup, Policy
from rotator.domain.state import Asked, Intent, IssuerState, RegionRecord
from rotator.domain.times import format_moment
from rotator.errors import KeyStoreUnsure, RotatorError
from rotator.planning.emergency import nobody_signs
from rotator.ports import AuditEntry, Fact


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an effect left: a new key, a replica's ARN, the region as it reads now, or an error."""

    key: Key | None = None
    arn: str | None = None
    view: RegionView | None = None
    error: RotatorError | None = None


def begin(
    state: IssuerState, steps: Sequence[Step], policy: Policy, intent_id: str, now: datetime
) -> IssuerState:
    """The state that is saved before the first effect of a stage."""
    for step in steps:
        state = _begin_one(state, step, policy, now)
    return replace(state, intent=Intent(id=intent_id, opened_at=now, steps=tuple(steps)))


def finish(
    state: IssuerState,
    setup: IssuerSetup,
    steps: Sequence[Step],
    outcomes: Sequence[Outcome],
    now: datetime,
) -> IssuerState:
    """The state with the results of a stage, its intent closed; moments are settled by the caller.

    A key that may or may not have been made keeps its intent, so that it is looked for again.
    """
    for step, outcome in zip(steps, outcomes, strict=True):
        if outcome.error is None:
            state = _finish_one(state, setup, step, outcome, now)
    unsure = [
        step
        for step, outcome in zip(steps, outcomes, strict=True)
        if isinstance(outcome.error, KeyStoreUnsure)
    ]
    if state.intent and unsure:
        kept = replace(state.intent, steps=tuple(unsure))
        state = replace(state, unanswered=(*state.unanswered, kept))
    return replace(state, intent=None)


def lines(
    issuer: str,
    event: str,
    steps: Sequence[Step],
    at: datetime,
    errors: Sequence[RotatorError | None] = (),
) -> list[AuditEntry]:
    """One log line a step; a failed one says why."""
    failures = [*errors, *([None] * (len(steps) - len(errors)))]
    return [
        _line(issuer, event, step, at, error) for step, error in zip(steps, failures, strict=True)
    ]


def gate_lines(inventory: Inventory, steps: Sequence[Step], at: datetime) -> list[AuditEntry]:
    """For a switch that begins, what opened each gate: which probe saw the key first, which last, and who else had it."""
    kids = dict.fromkeys(step.kid for step in steps if isinstance(step, Switch))
    begun = inventory.state.switching()
    return [
        AuditEntry(at, inventory.setup.name, "gate_opened", _opened(inventory, gate, kid))
        for kid in kids
        if begun is None or begun.kid != kid
        for gate in inventory.setup.gates()
    ]


def _opened(inventory: Inventory, gate: str, kid: str) -> Mapping[str, Fact]:
    seen, look = inventory.evidence.sighting(gate, kid), inventory.evidence.looks.get(gate)
    witnesses = [
        f"{check.kind} {check.target}: {check.verdict}"
        for check in (look.checks if look else ())
        if check.kind not in (CheckKind.ORIGIN, CheckKind.HTTP)
    ]
    return {
        "kid": kid,
        "region": gate,
        "visible_since": format_moment(seen.visible_since) if seen.visible_since else None,
        "seen_by": seen.seen_by,
        "checked_at": format_moment(seen.checked_at) if seen.checked_at else None,
        "passes": seen.passes,
        "witnesses": "; ".join(witnesses) or None,
    }


def moment_lines(before: IssuerState, after: IssuerState, at: datetime) -> list[AuditEntry]:
    """One log line for each moment that was recorded between two states."""
    found: list[AuditEntry] = []
    for key in after.keys:
        known = before.key(key.kid)
        old = known.moments.recorded() if known else {}
        new = {name: moment for name, moment in key.moments.recorded().items() if name not in old}
        found.extend(
            AuditEntry(at, after.issuer, name, {"kid": key.kid, "moment": encode(moment)})
            for name, moment in new.items()
        )
    return found


def _begin_one(state: IssuerState, step: Step, policy: Policy, now: datetime) -> IssuerState:
    if isinstance(step, Generate | Remove | SigningStep):
        state = replace(state, generation=max(state.generation, step.generation))
    if isinstance(step, Remove | SigningStep):
        state = replace(state, signing_generation=max(state.signing_generation, step.generation))
    if isinstance(step, Switch) and state.request and state.request.asked is Asked.ROTATE:
        state = replace(state, request=None)  # what was asked for begins
    key = state.key(step.kid) if isinstance(step, Remove | SigningStep) else None
    if key is None:
        return state
    if isinstance(step, Remove):  # a revoked key is wanted nowhere already
        revoked = phase(key) is Phase.REVOKED
        return state if revoked else state.with_key(advance(key, Event.START_REMOVAL, now))
    key = replace(
        key,
        max_token_lifetime=max(key.max_token_lifetime, policy.token_lifetime),
        max_signer_stop=max(key.max_signer_stop, policy.signer_stop, least_signer_stop(key.handle)),
    )
    return state.with_key(_begun(state, key, now) if isinstance(step, Switch) else key)


def _begun(state: IssuerState, key: Key, now: datetime) -> Key:
    """A key that regions are about to switch to; what takes over from a revoked key may be staged or retired still."""
    if nobody_signs(state) and phase(key) is Phase.RETIRED:
        return reactivated(key, now)
    if nobody_signs(state) and phase(key) is Phase.STAGED:
        key = advance(key, Event.PUBLISH, now)
    return advance(key, Event.START_SWITCH, now)


def _finish_one(
    state: IssuerState, setup: IssuerSetup, step: Step, outcome: Outcome, now: datetime
) -> IssuerState:
    if outcome.key is not None and state.key(outcome.key.kid) is None:
        return replace(state, keys=(*state.keys, outcome.key))
    if outcome.view is not None and isinstance(step, RegionStep):
        record = _recorded(state.record(step.region), setup, step, outcome.view, now)
        return state.with_record(step.region, record)
    if isinstance(step, Purge):
        return _purged(state, step)
    key = state.key(step.kid) if isinstance(step, Replicate | Disable | Destroy) else None
    return state.with_key(_changed(key, step, outcome, now)) if key else state


def _purged(state: IssuerState, step: Purge) -> IssuerState:
    """The state once a region's edge took the order to drop what it held of a revoked key."""
    told = tuple(
        replace(one, purged=tuple(dict.fromkeys((*one.purged, step.region))))
        if one.kid == step.kid
        else one
        for one in state.revocations
    )
    return replace(state, revocations=told)


def _changed(key: Key, step: Step, outcome: Outcome, now: datetime) -> Key:
    """A key after something was done to its private half."""
    if isinstance(step, Replicate) and isinstance(key.handle, KmsHandle) and outcome.arn:
        region = outcome.arn.split(":")[3]
        return replace(key, handle=key.handle.with_replica(region, outcome.arn))
    if isinstance(step, Disable):
        return advance(key, Event.DISABLE, now)
    if isinstance(step, Destroy):
        key = advance(key, Event.DESTROY, now)
        if isinstance(key.handle, WrappedHandle):
            return replace(key, handle=replace(key.handle, ciphertext=""))
    return key


def _recorded(
    record: RegionRecord,
    setup: IssuerSetup,
    step: RegionStep,
    view: RegionView,
    now: datetime,
) -> RegionRecord:
    if isinstance(step, PointAlias):
        return replace(record, alias_arn=view.alias_arn())
    region = setup.region(step.region)
    if isinstance(step, JwksStep) and isinstance(view.jwks, JwksRead):
        location = region.jwks_location if region else record.jwks_location
        return replace(
            record,
            proven=True,
            jwks_etag=view.jwks.etag,
            jwks_kids=step.keys,
            jwks_location=location,
        )
    if isinstance(step, SigningStep) and isinstance(view.signing, SigningRead):
        return replace(
            record,
            signing_etag=view.signing.etag,
            signing_body=view.signing.body.decode(),
            signing_kid=step.kid,
            signing_since=record.signing_since if record.signing_kid else now,
            signing_generation=step.generation,
            signing_location=region.signing_location if region else record.signing_location,
        )
    return record


def _line(
    issuer: str, event: str, step: Step, at: datetime, error: RotatorError | None
) -> AuditEntry:
    names = ("kid", "ref", "region", "generation")
    facts = {name: getattr(step, name) for name in names if hasattr(step, name)}
    why = {"code": error.code, "error": error.message} if error else {}
    facts |= {"step": step.kind, "reason_code": step.reason_code.value, **why}
    return AuditEntry(at, issuer, f"{event}_failed" if error else event, facts)
