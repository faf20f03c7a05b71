"""One document into one region: the bytes a step means, written on the ETag it expects, and read back."""

from datetime import datetime, timedelta

from rotator.app.reads import read_view
from rotator.app.world import RegionPorts
from rotator.domain.inventory import Inventory, JwksRead, RegionView, SigningRead
from rotator.domain.jwks import render
from rotator.domain.plan import JwksStep, SigningStep
from rotator.domain.signing import render_signing
from rotator.errors import InternalError, TargetConflict, TargetError
from rotator.planning.decisions import entries_of
from rotator.planning.orders import orders
from rotator.ports import AliasTarget, Clock

_ALIAS_PATIENCE = timedelta(seconds=15)
_ALIAS_PAUSE = timedelta(milliseconds=500)


def body_of(inventory: Inventory, step: JwksStep | SigningStep, now: datetime) -> bytes:
    """The exact bytes that a step writes. Foreign keys keep the text that the region serves, adopted ones that of their adoption."""
    state = inventory.state
    if isinstance(step, JwksStep):
        entries = entries_of(state, inventory.views[step.region].jwks_document())
        missing = [kid for kid in step.keys if kid not in entries]
        if missing:
            raise TargetConflict(f"nobody has the public half of {missing[0][:8]} any more")
        return render(entries[kid] for kid in step.keys)
    key = state.key(step.kid)
    if key is None:
        raise InternalError(f"no key {step.kid} to sign with")
    standby = state.key(step.standby) if step.standby else None
    policy = inventory.setup.policy
    region = inventory.setup.region(step.region)
    told = orders(
        state,
        policy,
        key,
        standby,
        step.generation,
        written_at=now,
        aws_region=region.aws_region if region else None,
    )
    return render_signing(told)


def expected_etag(inventory: Inventory, step: JwksStep | SigningStep) -> str | None:
    """The ETag to find: as planned, or (`@n`) the one that an earlier step of this run left and read back."""
    if step.expected_etag is None or not step.expected_etag.startswith("@"):
        return step.expected_etag
    view = inventory.views[step.region]
    read = view.jwks if isinstance(step, JwksStep) else view.signing
    return read.etag if isinstance(read, JwksRead | SigningRead) else None


def point(alias: AliasTarget, arn: str, clock: Clock) -> None:
    """Point an alias at a key and wait until it reads back so: aliases become consistent late.

    An answer lost after the effect is a success. Raises TargetError.
    """
    failure: TargetError | None = None
    try:
        alias.point(arn)
    except TargetError as error:
        failure = error
    until = clock.monotonic() + _ALIAS_PATIENCE.total_seconds()
    while alias.read() != arn:
        if failure:
            raise failure
        if clock.monotonic() >= until:
            raise TargetConflict(
                f"{alias.location} does not read back as it was pointed",
                detail="somebody else moved it in the same moment, or KMS is slow to show it",
            )
        clock.sleep(_ALIAS_PAUSE)


def write(
    ports: RegionPorts, step: JwksStep | SigningStep, body: bytes, etag: str | None
) -> RegionView:
    """Write and read back; the region as it reads now.

    What is read back decides: an answer lost after the effect is a success, and anything else than `body` is a
    conflict, whatever the write answered. Raises TargetError.
    """
    target = ports.jwks if isinstance(step, JwksStep) else ports.signing
    failure: TargetError | None = None
    try:
        target.write(body, etag)
    except TargetError as error:
        failure = error
    view = read_view(ports)
    read = view.jwks if isinstance(step, JwksStep) else view.signing
    if isinstance(read, JwksRead | SigningRead) and read.body == body:
        return view
    if failure:
        raise failure
    raise TargetConflict(
        f"{target.location} does not read back as it was written",
        detail="somebody else wrote there in the same moment, or the store lost the write",
    )
