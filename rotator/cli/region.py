"""`rotator region forget NAME`."""

from typing import Annotated

import typer

from rotator.cli.output import print_text
from rotator.cli.session import session
from rotator.cli.times import moment
from rotator.errors import UsageError
from rotator.render.words import clean, full

group = typer.Typer(help="Regions that leave.", no_args_is_help=False)


@group.callback()
def regions() -> None:
    """Regions that leave."""


@group.command("forget")
def forget(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A region that left the configuration.")
    ],
    signers_stopped_at: Annotated[
        str,
        typer.Option(metavar="TIME", help="Since when nobody signs there, for certain."),
    ],
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="How it is known; it is kept and shown.")
    ],
) -> int:
    """Let a region go that cannot be written any more: its last signature counts as made at that time."""
    from rotator.app.forget import forget as forget_region

    run = session(ctx)
    world = run.world(feasible=False)
    now = world.clock.now()
    stopped = moment("--signers-stopped-at", signers_stopped_at, now)
    if stopped is None:
        raise UsageError("--signers-stopped-at needs a time")
    done = forget_region(world, name, stopped_at=stopped, reason=reason, owner=world.owner)
    who = ", ".join(done.issuers)
    print_text(
        f"{clean(name)} is let go for {who}: nobody signs there since {full(stopped, now, run.zone)}\n"
    )
    if done.keep_it:
        print_text(f"it stays configured for {', '.join(done.keep_it)}\n")
    print_text("see what goes on now: rotator plan\n")
    return 0
