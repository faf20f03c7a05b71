"""`rotator release ISSUER`."""

import typer

from rotator.cli.options import IssuerName
from rotator.cli.output import print_text
from rotator.cli.session import session


def command(ctx: typer.Context, issuer: IssuerName) -> int:
    """End a hold."""
    from rotator.app.hold import release

    world = session(ctx).world(feasible=False)
    release(world, issuer, owner=world.owner)
    print_text(f"{issuer} goes on; see what is due: rotator plan\n")
    return 0
