"""A state behind the regions is brought up to them before anything is planned, with the key store's help (design I8)."""

from rotator.app.found_keys import found_keys
from rotator.app.gather import look_anew
from rotator.app.journal import moment_lines
from rotator.app.run import Run, save
from rotator.domain.inventory import Inventory
from rotator.domain.keys import Key
from rotator.errors import KeyStoreError, StateBehind
from rotator.planning.catching_up import caught_up, is_behind
from rotator.ports import AuditEntry


def catch_up(run: Run) -> None:
    """Believe the regions where they are ahead; where that cannot be done, say so and leave the state as it is.

    What was seen before belongs to another history, so every lead and every wait for dead tokens starts now.
    """
    if not is_behind(run.inventory):
        return
    now, before = run.world.clock.now(), run.inventory.state
    try:
        after = caught_up(run.inventory, stored_keys(run), now)
    except (StateBehind, KeyStoreError) as error:
        words = f"{error.message}: {error.detail or error.hint}"
        run.world.reporter.warn(words, issuer=run.issuer.name, code=error.code)
        return
    facts = {"from_generation": before.generation, "generation": after.generation}
    entries = [
        AuditEntry(now, run.issuer.name, "caught_up", facts),
        *moment_lines(before, after, now),
    ]
    save(run, after, entries)
    run.inventory = look_anew(run.world, run.issuer, run.inventory.state)


def require_caught_up(inventory: Inventory) -> None:
    """Raise StateBehind where the regions are ahead: nothing is decided on what is known to be old."""
    if is_behind(inventory):
        raise StateBehind(
            f"the state of {inventory.setup.name} is older than its regions",
            hint="let it catch up first: rotator apply; what is in the way: rotator plan",
        )


def stored_keys(run: Run, *, newer: bool = False) -> list[Key]:
    """The key store's keys, up to the generation that the regions carry (or `newer`), that the state does not know.

    KMS may hold keys that another rotator made for an issuer of the same name: only what the regions show is ours.
    """
    now = run.world.clock.now()
    return found_keys(run.issuer, run.inventory, now, newer=newer)
