"""`rotator attest ISSUER KID`."""

from typing import Annotated

import typer

from rotator.cli.options import IssuerName
from rotator.cli.output import print_text
from rotator.cli.session import session
from rotator.render.words import clean, key_name


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    kid: Annotated[
        str, typer.Argument(metavar="KID", help="A published key (six characters are enough).")
    ],
    verifier: Annotated[str, typer.Option(metavar="NAME", help="Its name in policy.verifiers.")],
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="How it is known; it is kept and shown.")
    ],
) -> int:
    """Vouch that verifiers which nobody can look at have a key; restart them first."""
    from rotator.app.attest import attest

    world = session(ctx).world(feasible=False)
    given = attest(world, issuer, kid, verifier=verifier, reason=reason, owner=world.owner)
    name = key_name(given.kid)
    print_text(
        f"{name} counts as known to every {clean(verifier)}; what the switch still waits for: rotator plan\n"
    )
    return 0
