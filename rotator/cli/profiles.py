"""`rotator profiles [NAME]`."""

from typing import Annotated

import typer

from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import session
from rotator.domain.profile import Profile
from rotator.errors import UsageError


def command(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A verifier, or a family of versions.")
    ] = None,
    json: Json = False,
) -> int:
    """List the verifiers that `policy.verifiers` knows by name, or explain one. Needs no configuration."""
    from rotator.config import profiles

    chosen = [_named(name)] if name else [_named(known) for known in profiles.names()]
    if json:
        from rotator.render.profiles_json import profiles_document

        print_document(profiles_document(chosen, profiles.collected()))
        return 0
    from rotator.render.text.profiles import listing_text, profile_text

    if name:
        versions = [_named(version) for version in chosen[0].versions]
        print_blocks(profile_text(chosen[0], versions), session(ctx).environ)
    else:
        print_blocks(listing_text(chosen, profiles.collected()), session(ctx).environ)
    return 0


def _named(name: str) -> Profile:
    from rotator.config import profiles

    found = profiles.find(name)
    if found is None:
        near = profiles.nearest(name)
        raise UsageError(
            f"{name!r} is no known verifier",
            detail=f"nearest: {', '.join(near)}" if near else "",
            hint="rotator profiles lists them all; one with numbers of your own needs no profile",
        )
    return found
