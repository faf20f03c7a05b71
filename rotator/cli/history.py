"""`rotator history`."""

from typing import Annotated

import typer

from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document, print_text
from rotator.cli.session import Session, session
from rotator.errors import UsageError


def command(
    ctx: typer.Context,
    kid: Annotated[
        str | None,
        typer.Argument(
            metavar="KID", help="The story of this key alone (six characters are enough)."
        ),
    ] = None,
    json: Json = False,
    jwks: Annotated[
        bool,
        typer.Option(
            "--jwks", help="Print the issuer's former keys for auditors (OpenID Federation)."
        ),
    ] = False,
    signed: Annotated[
        bool,
        typer.Option("--signed", help="With --jwks: as a JWT, signed by audit.checkpoint_key."),
    ] = False,
) -> int:
    """Show every key there ever was, with its moments; or the story of one."""
    run = session(ctx)
    if signed and not jwks:
        raise UsageError("--signed goes with --jwks")
    if jwks and (kid or json):
        raise UsageError(
            "--jwks is a document of its own", detail="it goes with neither KID nor --json"
        )
    if jwks:
        return _archive(run, signed=signed)
    return _one(run, kid, json=json) if kid else _all(run, json=json)


def _all(run: Session, *, json: bool) -> int:
    from rotator.app.history import history, stories

    world = run.world(feasible=False)
    if json:
        from rotator.render.history_json import history_document

        names = [issuer.name for issuer in world.issuers]
        print_document(history_document(stories(world), names, world.clock.now()))
    else:
        from rotator.render.text.history import history_text

        print_blocks(history_text(history(world)), run.environ)
    return 0


def _one(run: Session, kid: str, *, json: bool) -> int:
    from rotator.app.history import story

    world = run.world(feasible=False)
    found, now = story(world, kid), world.clock.now()
    if json:
        from rotator.render.history_json import history_document

        print_document(history_document([found], [found.issuer], now))
    else:
        from rotator.render.text.history import story_text

        print_blocks(story_text(found, now, run.zone), run.environ)
    return 0


def _archive(run: Session, *, signed: bool) -> int:
    from rotator.app.history import archive, signed_archive

    world = run.world(feasible=False)
    if signed:
        print_text(f"{signed_archive(world)}\n")
    else:
        print_document(archive(world))
    return 0
