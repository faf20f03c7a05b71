"""`state import --from-regions`: a lost or damaged state is made anew of what the regions show and the key store holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rotator.app.apply import lease_of
from rotator.app.found_keys import found_keys
from rotator.app.gather import gather, load_state, look_anew, with_lineage
from rotator.app.journal import moment_lines
from rotator.app.world import IssuerWorld, World
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.state import IssuerState
from rotator.errors import Declined, StateBehind, StateConflict, StateError
from rotator.planning.catching_up import caught_up, generation_seen
from rotator.planning.decisions import others
from rotator.ports import AuditEntry


@dataclass(frozen=True, slots=True)
class Believed:
    """An issuer's state as it was (serial 0: none), as the regions make it, and the kids there that are nobody's."""

    before: IssuerState
    after: IssuerState
    strangers: tuple[str, ...]

    def kids(self, *wanted: Phase) -> tuple[str, ...]:
        """The keys that are in one of these phases now."""
        return tuple(key.kid for key in self.after.keys if phase(key) in wanted)

    def forgotten(self) -> tuple[str, ...]:
        """The keys of others that somebody had decided about: later decisions may be lost, so each is foreign again."""
        return tuple(key.kid for key in self.before.foreign)


Confirm = Callable[[Sequence[Believed]], bool]


def rebuild(world: World, *, force: bool, confirm: Confirm | None) -> list[Believed]:
    """Make every selected issuer's state anew; none before all of them can be explained.

    `confirm` is asked without the lease. Without `force` no state is replaced that is as new as the regions. Raises
    StateBehind when a region cannot be read or something cannot be explained, StateError, Declined, LeaseHeld.
    """
    asked = [_believed(world, issuer, force=force) for issuer in world.issuers] if confirm else None
    if confirm and asked is not None and not confirm(asked):
        raise Declined("no state was replaced")
    with lease_of(world) as lease:
        found = [_believed(world, issuer, force=force) for issuer in world.issuers]
        if asked is not None and list(map(_decision, asked)) != list(map(_decision, found)):
            raise StateConflict("the regions or the state changed while this was being read")
        for issuer, one in zip(world.issuers, found, strict=True):
            now, before = world.clock.now(), one.before
            facts = {"from_generation": before.generation, "generation": one.after.generation}
            lines = moment_lines(before, one.after, now)
            entry = AuditEntry(now, before.issuer, "rebuilt", facts)
            saved = world.state.save(lease, with_lineage(one.after), [entry, *lines])
            look_anew(world, issuer, saved)
    return found


def _believed(world: World, issuer: IssuerWorld, *, force: bool) -> Believed:
    before = load_state(world, issuer)
    inventory = gather(world, issuer, before)
    latest = generation_seen(inventory)
    unread = [name for name, view in inventory.views.items() if not view.signing_known()]
    if unread:
        raise StateBehind(
            f"{issuer.name}: {', '.join(unread)} cannot be read",
            detail="which keys sign there decides what is believed",
            hint="run it again when every region answers",
        )
    if not latest:
        raise StateError(
            f"no region of {issuer.name} has a signing target: there is nothing to make a state of",
            hint="a set that rotator never wrote is taken over with: rotator import",
        )
    if before.keys and before.generation >= latest and not force:
        raise StateError(
            f"the state of {issuer.name} is as new as its regions: generation {before.generation}",
            detail=f"the regions carry {latest}",
            hint="if it is wrong all the same: --force",
        )
    now = world.clock.now()
    after = caught_up(inventory, found_keys(issuer, inventory, now), now)
    after = replace(
        after,
        generation=max(after.generation, before.generation),
        signing_generation=max(latest, before.signing_generation),
        unanswered=(),
    )
    views = inventory.views.values()
    strangers = [entry.kid for view in views for entry in others(after, view.jwks_document())]
    return Believed(before, after, tuple(dict.fromkeys(strangers)))


def _decision(one: Believed) -> tuple[object, ...]:
    """What was believed, without the moments."""
    keys = [(key.kid, phase(key)) for key in one.after.keys]
    return one.before.serial, one.after.generation, keys, one.strangers
