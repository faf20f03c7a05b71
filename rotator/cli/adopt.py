"""`rotator adopt ISSUER KID`."""

from typing import Annotated

import typer

from rotator.cli.options import ForeignKid, IssuerName, WhyDecided
from rotator.cli.output import print_text
from rotator.cli.session import session
from rotator.cli.times import moment
from rotator.render.words import full, key_name


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    kid: ForeignKid,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|+DURATION", help="When it is taken out again; else `rotator reject`."
        ),
    ] = None,
    reason: WhyDecided = "",
) -> int:
    """Have every region serve a key that somebody else put into a document."""
    from rotator.app.decide import adopt

    run = session(ctx)
    world = run.world(feasible=False)
    now = world.clock.now()
    end = moment("--until", until, now)
    key = adopt(world, issuer, kid, owner=world.owner, reason=reason, until=end).key
    ends = f" until {full(end, now, run.zone)}" if end else ""
    name = key_name(key.kid)
    print_text(f"{name} is adopted: every region is to serve it{ends}. Next: rotator apply\n")
    if key.thumbprint is None:
        print_text("rotator cannot read keys of its kind; verifiers that cannot may refuse all\n")
    return 0
