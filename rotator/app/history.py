"""`history`: every key there ever was, the story of one as the log tells it, and an archive for auditors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rotator.app.plan import inventories_of
from rotator.app.reports import AuditLine, HistoryReport, KeyStatus
from rotator.app.status import key_status
from rotator.app.token import key_by_prefix
from rotator.app.world import World
from rotator.domain.archive import Former, ended, payload, to_sign
from rotator.domain.jwk import b64url, thumbprint
from rotator.domain.keys import Key
from rotator.domain.state import Revocation
from rotator.errors import UsageError
from rotator.planning.removals import removal_of
from rotator.planning.situation import Situation, in_order
from rotator.ports import AuditRecord


@dataclass(frozen=True, slots=True)
class Story:
    """One key of an issuer, why it was revoked, and what the log says of it, oldest first."""

    issuer: str
    status: KeyStatus
    revocation: Revocation | None
    events: tuple[AuditLine, ...]


def history(world: World) -> HistoryReport:
    """Every key there ever was, oldest first; looks at nothing."""
    found: dict[str, list[KeyStatus]] = {issuer.name: [] for issuer in world.issuers}
    for situation, key in _keys(world):
        found[situation.state.issuer].append(key_status(situation, key, ()))
    issuers = {name: tuple(keys) for name, keys in found.items()}
    return HistoryReport(at=world.clock.now(), issuers=issuers)


def stories(world: World) -> tuple[Story, ...]:
    """Every key with what the log says of it; reads the whole log."""
    log = list(world.state.audit())
    return tuple(_story(situation, key, log) for situation, key in _keys(world))


def story(world: World, prefix: str) -> Story:
    """The key whose kid begins so, of whichever issuer. Raises NoSuchKey, UsageError for more than one."""
    keys = list(_keys(world))
    wanted = key_by_prefix(tuple(key for _, key in keys), prefix)
    situation = next(situation for situation, key in keys if key is wanted)
    return _story(situation, wanted, list(world.state.audit()))


def archive(world: World) -> dict[str, Any]:
    """The former keys of the one selected issuer (`domain.archive`). Raises UsageError when several are selected."""
    if len(world.issuers) != 1:
        names = ", ".join(issuer.name for issuer in world.issuers)
        raise UsageError(
            "an archive is one issuer's", detail=f"there are {names}", hint="add --issuer NAME"
        )
    former = [
        Former(key, ends) for situation, key in _keys(world) if (ends := _ends(situation, key))
    ]
    return payload(world.issuers[0].setup.url, former, world.clock.now())


def signed_archive(world: World) -> str:
    """The archive as a compact JWS by the checkpoint key. Raises UsageError without one, KeyStoreError.

    Not by the issuer's own key: a JWT of it without an audience or an end might pass for a token.
    """
    if world.checkpoints is None:
        raise UsageError(
            "there is no key to sign the archive with", hint="name one: audit.checkpoint_key"
        )
    notary = world.checkpoints.notary
    message = to_sign(archive(world), thumbprint(notary.public()))
    return f"{message.decode('ascii')}.{b64url(notary.sign(message))}"


def _keys(world: World) -> Iterator[tuple[Situation, Key]]:
    now = world.clock.now()
    for inventory in inventories_of(world, refresh=False):
        situation = Situation(inventory, now)
        for key in in_order(inventory.state.keys):
            yield situation, key


def _ends(situation: Situation, key: Key) -> datetime | None:
    """When the last token of a key that signs no more is, or was, dead; None where that cannot be said yet."""
    if gone := ended(key):
        return gone
    return removal_of(situation, key).opens if key.moments.retired_at else None


def _story(situation: Situation, key: Key, log: Sequence[AuditRecord]) -> Story:
    issuer = situation.state.issuer
    ref = f"{issuer}/{key.generation}"
    events = [
        AuditLine(
            number=record.number,
            at=record.entry.at,
            issuer=issuer,
            event=record.entry.event,
            facts=record.entry.facts,
            digest=record.digest,
        )
        for record in log
        if record.entry.issuer == issuer
        and (record.entry.facts.get("kid") == key.kid or record.entry.facts.get("ref") == ref)
    ]
    revocation = situation.state.revocation(key.kid)
    return Story(issuer, key_status(situation, key, ()), revocation, tuple(events))
