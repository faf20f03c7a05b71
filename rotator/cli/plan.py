"""`rotator plan`."""

from pathlib import Path
from typing import Annotated

import typer

from rotator.cli import exits
from rotator.cli.files import write_private
from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import session
from rotator.cli.times import moment
from rotator.errors import UsageError


def command(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Save the plan, for `apply FILE`.")
    ] = None,
    json: Json = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when steps are due.")
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|+DURATION",
            help="Plan for another moment, taking present evidence to go on passing. Never with --out.",
        ),
    ] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh/--no-refresh", help="Look at the regions' public URLs first.")
    ] = True,
) -> int:
    """Show what is due, what waits for what and until when, and what drifted. Changes nothing."""
    from rotator.app.plan import make_plan
    from rotator.domain import plan_json

    if at and out:
        raise UsageError(
            "--at and --out exclude each other",
            detail="a plan for another moment must not be applied",
            hint="leave out one of them",
        )
    run = session(ctx)
    world = run.world(feasible=True)
    then = moment("--at", at, world.clock.now())
    with run.looking():
        plan = make_plan(world, at=then, refresh=refresh)
    run.ended, run.aside = plan, then is not None or not refresh
    if out:
        write_private(out, plan_json.text(plan))
    if json:
        print_document(plan_json.dump(plan))
    else:
        from rotator.cli.plans import headings
        from rotator.render.text.plan import plan_text

        apply = f"rotator apply {out}" if out else "rotator apply"
        print_blocks(plan_text(plan, headings(world.issuers), run.zone, apply), run.environ)
    return exits.of_plan(plan, detailed=detailed_exitcode)
