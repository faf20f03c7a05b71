"""Signed checkpoints of the audit log, made by whatever holds the lease when one is due."""

from datetime import datetime
from typing import Final

from rotator.app.world import Checkpoints, World
from rotator.domain.checkpoints import EVENT, Checkpoint, entry_of, to_sign
from rotator.domain.jwk import thumbprint
from rotator.errors import KeyStoreError, LeaseLost, StateError
from rotator.ports import AuditRecord, Lease

MOST_RECORDS: Final = 256
"""A checkpoint is due behind so many records too, however young the last one is."""


def keep_checkpoint(world: World, lease: Lease) -> None:
    """Log a signed checkpoint when one is due. A key or a copy that cannot be had is warned of, and stops nothing."""
    if world.checkpoints is None:
        return
    try:
        _keep(world, world.checkpoints, lease)
    except (KeyStoreError, StateError, LeaseLost) as error:
        why = f": {error.detail}" if error.detail else ""
        world.reporter.warn(f"the audit log's checkpoint: {error.message}{why}")


def _keep(world: World, checkpoints: Checkpoints, lease: Lease) -> None:
    now = world.clock.now()
    last = _due(world, now - checkpoints.every)
    if last is None:
        return
    kid = thumbprint(checkpoints.notary.public())
    checkpoint = Checkpoint(last.number, last.digest, now)
    entry = entry_of(checkpoint, kid, checkpoints.notary.sign(to_sign(checkpoint, kid)))
    world.state.note(lease, [entry])
    checkpoints.notary.keep(str(entry.facts["jws"]))


def _due(world: World, oldest: datetime) -> AuditRecord | None:
    """The end of the log when its newest checkpoint is older than `oldest` or far behind; None when none is due."""
    last: AuditRecord | None = None
    for passed, record in enumerate(world.state.newest()):
        last = last or record
        if record.entry.event == EVENT and record.entry.at > oldest:
            return None
        if record.entry.at <= oldest or passed + 1 == MOST_RECORDS:
            break
    return last
