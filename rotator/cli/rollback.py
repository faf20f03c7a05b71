"""`rotator rollback ISSUER`."""

from typing import TYPE_CHECKING, Annotated

import typer

from rotator.app.world import World
from rotator.cli import exits
from rotator.cli.apply import confirmed
from rotator.cli.options import IssuerName, Yes
from rotator.cli.output import print_blocks, print_text
from rotator.cli.session import Session, require_person, session

if TYPE_CHECKING:
    from rotator.app.rollback import WayBack


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept and shown.")],
    yes: Yes = False,
) -> int:
    """Make the key before active again; the newer one stays served until its last token is dead."""
    from rotator.app.rollback import rollback
    from rotator.render.text.apply import apply_text

    if not yes:
        require_person("rotator rollback ISSUER --reason TEXT --yes")
    run = session(ctx)
    world = run.world(feasible=False)

    def ask(way: "WayBack") -> bool:
        _show(run, world, issuer, way)
        if yes:
            print_text("\n")
        return yes or confirmed("Go back now?")

    report = rollback(world, issuer, reason=reason, owner=world.owner, confirm=ask)
    run.over(report.left, report.failed)
    print_blocks(apply_text(report, run.zone), run.environ)
    return exits.of_apply(report)


def _show(run: Session, world: World, issuer: str, way: "WayBack") -> None:
    from rotator.cli.plans import headings
    from rotator.render.text.plan import issuer_text
    from rotator.render.text.rollback import way_back_text

    heading = headings(one for one in world.issuers if one.name == issuer)
    (plan,) = way.plan.issuers
    blocks = issuer_text(plan, heading.get(issuer), way.plan.now, run.zone)
    print_blocks([*way_back_text(way), *blocks], run.environ)
