"""`rotator hold ISSUER`."""

from typing import Annotated

import typer

from rotator.cli.options import IssuerName
from rotator.cli.output import print_text
from rotator.cli.session import session
from rotator.cli.times import moment
from rotator.render.words import clean, full


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept and shown.")],
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|+DURATION", help="When it ends by itself; else `rotator release`."
        ),
    ] = None,
) -> int:
    """Stop an issuer's timers: no new key, no switch, no removal until it ends. Repairs go on."""
    from rotator.app.hold import hold

    run = session(ctx)
    world = run.world(feasible=False)
    now = world.clock.now()
    end = moment("--until", until, now)
    hold(world, issuer, reason, owner=world.owner, until=end)
    ends = f"until {full(end, now, run.zone)}" if end else f"until: rotator release {issuer}"
    print_text(f"{issuer} is held {ends}: {clean(reason)}\n")
    return 0
