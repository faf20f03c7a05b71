"""`rotator reject ISSUER KID`."""

import typer

from rotator.cli.options import ForeignKid, IssuerName, WhyDecided
from rotator.cli.output import print_text
from rotator.cli.session import session
from rotator.render.words import key_name


def command(
    ctx: typer.Context, issuer: IssuerName, kid: ForeignKid, reason: WhyDecided = ""
) -> int:
    """Have a key of somebody else taken out, now and whenever it comes back."""
    from rotator.app.decide import reject

    world = session(ctx).world(feasible=False)
    done = reject(world, issuer, kid, owner=world.owner, reason=reason)
    name = key_name(done.key.kid)
    if not done.regions:
        unread = f"; {', '.join(done.unread)} could not be read" if done.unread else ""
        print_text(f"{name} is rejected; no region's own document holds it{unread}\n")
        return 0
    stays = f", {name} as it was adopted stays" if done.stays else ""
    where = ", ".join(done.regions)
    print_text(f"{name} is rejected: it leaves {where}{stays}. Next: rotator apply\n")
    return 0
