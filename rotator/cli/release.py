"""`rotator release ISSUER`."""

import typer

from rotator.cli.options import IssuerName
from rotator.cli.output import print_text
from rotator.cli.session import session


def command(ctx: typer.Context, issuer: IssuerName) -> int:
    """End a hold."""
    from rotator.app.hold import release

    world = session(ctx).world(feasible=False)
    held = release(world, issuer, owner=world.owner)
    words = "goes on; see what is due" if held else "was not held; see what it waits for"
    print_text(f"{issuer} {words}: rotator plan\n")
    return 0
