"""`rotator state show|export|import|unlock`: the state, for backup and repair."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.apply import confirmed
from rotator.cli.files import read_bounded, write_private
from rotator.cli.options import Yes
from rotator.cli.output import print_blocks, print_document, print_text
from rotator.cli.session import Session, require_person, session
from rotator.domain.codec import encode
from rotator.errors import Declined, StateDamaged, UsageError

MAX_BYTES = 512 * 1024 * 1024

group = typer.Typer(help="The state, for backup and repair.", no_args_is_help=False)


@group.command("show")
def show(ctx: typer.Context) -> int:
    """Print what rotator remembers, as JSON."""
    from rotator.app.state_ops import FORMAT
    from rotator.app.state_ops import show as show_state

    states = show_state(session(ctx).world(feasible=False))
    print_document({"format": FORMAT, "issuers": [encode(state) for state in states]})
    return 0


@group.command("export")
def export(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; else stdout.")
    ] = None,
) -> int:
    """Write the whole state as one JSON document. No private key is in it."""
    from rotator.app.state_ops import export as export_state

    document = export_state(session(ctx).world(feasible=False))
    if file is None:
        print_document(document)
    else:
        write_private(file, json.dumps(document, indent=1) + "\n")
        print_text(f"exported to {file}\n")
    return 0


@group.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What `rotator state export` wrote.")
    ] = None,
    from_regions: Annotated[
        bool,
        typer.Option("--from-regions", help="Of what the regions show and the key store holds."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --from-regions: also where the state is as new.")
    ] = False,
    yes: Yes = False,
) -> int:
    """Replace the state by an exported one, or make it of the regions; the next plan compares both."""
    from rotator.app.state_ops import import_ as import_state

    if (file is None) != from_regions or (force and not from_regions):
        raise UsageError("FILE or --from-regions: exactly one says what the state is made of")
    if not yes:
        require_person("add --yes")
    if file is None:
        return _of_regions(session(ctx), yes=yes, force=force)
    data = _exported(file)
    world = session(ctx).world(feasible=False)
    if not yes and not confirmed(f"Replace the state by {file}?"):
        raise Declined("the state was not replaced")
    with _movable():
        import_state(world, data)
    print_text("imported; compare it with the regions now: rotator plan\n")
    return 0


@contextmanager
def _movable() -> Iterator[None]:
    """What is to be replaced may be damaged itself: then it has to be out of the way first."""
    try:
        yield
    except StateDamaged as error:
        hint = "move what is there away, the damaged state as well as its -wal and -shm files, and run this again"
        raise StateDamaged(error.message, detail=error.detail, hint=hint) from error


def _of_regions(run: Session, *, yes: bool, force: bool) -> int:
    from rotator.app.from_regions import Believed, rebuild
    from rotator.render.text.rebuilt import rebuilt_text

    def ask(found: Sequence[Believed]) -> bool:
        print_blocks(rebuilt_text(found), run.environ)
        return confirmed("Believe this?")

    with _movable():
        found = rebuild(run.world(feasible=False), force=force, confirm=None if yes else ask)
    if yes:
        print_blocks(rebuilt_text(found), run.environ)
    print_text("the state is made anew; nothing was written to any region. Next: rotator plan\n")
    return 0


@group.command("unlock")
def unlock(ctx: typer.Context) -> int:
    """Take the lease away from a run that died; one that still lives stops before its next effect."""
    from rotator.app.state_ops import unlock as unlock_state

    held = unlock_state(session(ctx).world(feasible=False))
    print_text(
        f"unlocked; {held.owner} held it (fence {held.fence})\n" if held else "nobody held it\n"
    )
    return 0


def _exported(file: Path) -> object:
    raw = read_bounded(file, MAX_BYTES)
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise StateDamaged(f"{file} is no exported state", detail=str(error)[:200]) from None
