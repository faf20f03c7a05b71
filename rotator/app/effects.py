"""What each kind of step does to the world, and how the traces of an interrupted one are found again."""

from typing import assert_never

from rotator.app.journal import Outcome
from rotator.app.reads import read_view
from rotator.app.run import Run, aws_region_of, key_of, staged_key
from rotator.app.writing import body_of, expected_etag, point, write
from rotator.domain.inventory import JwksRead, RegionView
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KmsHandle
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import (
    Destroy,
    Disable,
    Generate,
    JwksStep,
    PointAlias,
    Purge,
    Replicate,
    Retire,
    SigningStep,
    Step,
)
from rotator.domain.state import Intent
from rotator.errors import (
    InternalError,
    KeyStoreError,
    KeyStoreUnsure,
    RotatorError,
    TargetConflict,
)
from rotator.ports import KeyControl, KeyName


def effect_of(run: Run, step: Step) -> Outcome:
    """One effect; its error is part of the outcome, so that its neighbours are not held up."""
    try:
        return _carry_out(run, step)
    except RotatorError as error:
        return Outcome(error=error)


def found_of(run: Run, step: Step, intent: Intent) -> Outcome:
    """What an interrupted step left behind; an error where nothing did."""
    if isinstance(step, Generate):
        try:
            made = run.issuer.keys.find(_name(run, step, intent))
        except KeyStoreError as error:
            why = f"{error.message} ({error.detail})" if error.detail else error.message
            unsure = KeyStoreUnsure(f"{step.ref} cannot be looked for", detail=why)
            return Outcome(error=unsure)
        if made:
            return Outcome(key=staged_key(run, step.generation, Algorithm(step.algorithm), made))
    elif isinstance(step, JwksStep):
        view = run.inventory.views.get(step.region)
        if view and isinstance(view.jwks, JwksRead) and _is_body(run, step, view.jwks.body):
            return Outcome(view=view)
    elif isinstance(step, SigningStep):
        view = run.inventory.views.get(step.region)
        document = view.signing_document() if view else None
        if document and (document.generation, document.active.kid) == (step.generation, step.kid):
            return Outcome(view=view)
    elif isinstance(step, PointAlias):
        view = run.inventory.views.get(step.region)
        if view and view.signs_only_with(key_of(run, step.kid)):
            return Outcome(view=view)
    return Outcome(error=TargetConflict("interrupted before it took effect"))


def _is_body(run: Run, step: JwksStep, body: bytes) -> bool:
    try:
        return body_of(run.inventory, step, run.world.clock.now()) == body
    except TargetConflict:
        return False


def _carry_out(run: Run, step: Step) -> Outcome:
    if isinstance(step, JwksStep | SigningStep):
        return Outcome(view=_write(run, step))
    match step:
        case Generate():
            return _generated(run, step)
        case Replicate():
            region = aws_region_of(run, step.region) or ""
            return Outcome(arn=_control(run).replicate(key_of(run, step.kid).handle, region))
        case PointAlias():
            return Outcome(view=_pointed(run, step))
        case Purge():
            return _purged(run, step)
        case Retire():
            return _retired(run, step)
        case Disable():
            _control(run).disable(key_of(run, step.kid).handle)
            return Outcome()
        case Destroy():
            run.issuer.keys.destroy(key_of(run, step.kid).handle)
            return Outcome()
        case _:
            assert_never(step)


def _generated(run: Run, step: Generate) -> Outcome:
    intent = run.inventory.state.intent
    if intent is None:
        raise InternalError("a key is asked for without an intent")
    algorithm, bits = Algorithm(step.algorithm), run.issuer.setup.policy.rsa_bits
    made = run.issuer.keys.generate(_name(run, step, intent), algorithm, bits)
    return Outcome(key=staged_key(run, step.generation, algorithm, made))


def _name(run: Run, step: Generate, intent: Intent) -> KeyName:
    """What the key of a step is asked for under, and found again."""
    lineage = run.inventory.state.lineage
    return KeyName(run.issuer.name, step.generation, lineage, intent.id, intent.opened_at)


def _control(run: Run) -> KeyControl:
    if run.issuer.control is None:
        raise InternalError("only KMS keys are replicated and disabled")
    return run.issuer.control


def _pointed(run: Run, step: PointAlias) -> RegionView:
    """The region once its alias points at the region's own key."""
    handle, ports = key_of(run, step.kid).handle, run.issuer.regions[step.region]
    region = aws_region_of(run, step.region)
    arn = handle.arn_in(region) if isinstance(handle, KmsHandle) else None
    if ports.alias is None or arn is None:
        raise InternalError(f"{step.region} has no alias to point at {step.kid}")
    run.issuer.keys.prove(handle, region)
    point(ports.alias, arn, run.world.clock)
    return read_view(ports)


def _purged(run: Run, step: Purge) -> Outcome:
    edge = run.issuer.regions[step.region].edge
    if edge is None:
        raise InternalError(f"{step.region} has no edge that could drop its copies")
    edge.purge()
    return Outcome()


def _write(run: Run, step: JwksStep | SigningStep) -> RegionView:
    ports = run.issuer.regions[step.region]
    if isinstance(step, SigningStep):
        run.issuer.keys.prove(key_of(run, step.kid).handle, aws_region_of(run, step.region))
    record, setup = run.inventory.state.record(step.region), run.issuer.setup.region(step.region)
    known = record.proven and setup is not None and record.jwks_location == setup.jwks_location
    if isinstance(step, JwksStep) and not known:
        ports.jwks.prove_conditional_writes()
        ports.signing.prove_conditional_writes()
    body = body_of(run.inventory, step, run.world.clock.now())
    return write(ports, step, body, expected_etag(run.inventory, step))


def _retired(run: Run, step: Retire) -> Outcome:
    """The stage before has settled the switch; here it must show."""
    key = run.inventory.state.key(step.kid)
    if key and phase(key) is Phase.RETIRED:
        return Outcome()
    return Outcome(
        error=TargetConflict(f"not every region confirms that {step.kid[:8]} is switched away")
    )
