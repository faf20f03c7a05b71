"""`rotator state show|export|import|unlock`: the state, for backup and repair."""

import json
from pathlib import Path
from typing import Annotated

import typer

from rotator.cli.apply import confirmed
from rotator.cli.files import read_bounded, write_private
from rotator.cli.options import Yes
from rotator.cli.output import print_document, print_text
from rotator.cli.session import is_terminal, session
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
        Path, typer.Argument(metavar="FILE", help="What `rotator state export` wrote.")
    ],
    yes: Yes = False,
) -> int:
    """Replace the state by an exported one; the next plan compares it with what the regions serve."""
    from rotator.app.state_ops import import_ as import_state

    if not yes and not is_terminal():
        raise UsageError(
            "nobody can be asked here", detail="stdin is not a terminal", hint="add --yes"
        )
    data = _exported(file)
    world = session(ctx).world(feasible=False)
    if not yes and not confirmed(f"Replace the state by {file}?"):
        raise Declined("the state was not replaced")
    import_state(world, data)
    print_text("imported; compare it with the regions now: rotator plan\n")
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
