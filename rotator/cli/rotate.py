"""`rotator rotate ISSUER`."""

from typing import Annotated

import typer

from rotator.cli import exits
from rotator.cli.options import IssuerName
from rotator.cli.output import print_blocks, print_text
from rotator.cli.session import session
from rotator.render.words import clean, full


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept and shown.")],
) -> int:
    """Ask for a switch ahead of its turn. Every gate still holds; `rotator apply` does it."""
    from rotator.app.rotate import rotate
    from rotator.cli.plans import headings
    from rotator.render.text.plan import plan_text

    run = session(ctx)
    world = run.world(feasible=True)
    with run.looking():
        done = rotate(world, issuer, reason=reason, owner=world.owner)
    run.over(done.plan)
    asked = done.request
    if done.already:
        since = full(asked.at, world.clock.now(), run.zone)
        print_text(
            f"{issuer}: asked for already by {clean(asked.owner)}, {since}: {clean(asked.reason)}\n\n"
        )
    else:
        print_text(f"{issuer}: a switch ahead of its turn is asked for: {clean(asked.reason)}\n\n")
    chosen = [one for one in world.issuers if one.name == issuer]
    print_blocks(plan_text(done.plan, headings(chosen), run.zone), run.environ)
    return exits.of_plan(done.plan, detailed=False)
