"""`rotator token ISSUER`."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer

from rotator.cli.options import IssuerName
from rotator.cli.output import print_text
from rotator.cli.session import session
from rotator.cli.times import duration
from rotator.errors import UsageError


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    region: Annotated[str, typer.Option(metavar="NAME", help="The region whose signer is asked.")],
    kid: Annotated[
        str | None,
        typer.Option(
            metavar="KID",
            help="A canary: sign with this published key (six characters are enough).",
        ),
    ] = None,
    lifetime: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="How long it lives; at most what the key allows."),
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="A claim as text, or `K:=JSON` (repeatable)."),
    ] = None,
) -> int:
    """Sign a token as a signer in that region would now; stdout is the token alone."""
    from rotator.app.token import TokenWanted, make_token

    wanted = TokenWanted(
        region=region,
        kid=kid,
        lifetime=duration("--lifetime", lifetime),
        claims=parse_claims(claim or ()),
    )
    print_text(make_token(session(ctx).world(feasible=False), issuer, wanted) + "\n")
    return 0


def parse_claims(words: Iterable[str]) -> dict[str, object]:
    """`k=v` as text, `k:=JSON` as what it says; raises UsageError."""
    claims: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.strip(":"):
            raise UsageError(
                f"--claim {word!r} is no claim",
                hint="write --claim scope=read or --claim 'aud:=[\"a\"]'",
            )
        claims[name.removesuffix(":")] = _json(word, value) if name.endswith(":") else value
    return claims


def _json(word: str, value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--claim {word!r} is not JSON after `:=`", detail=str(error)) from None
