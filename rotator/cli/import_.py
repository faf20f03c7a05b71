"""`rotator import ISSUER`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from rotator.cli.apply import confirmed
from rotator.cli.files import read_bounded
from rotator.cli.options import IssuerName, Json, Yes
from rotator.cli.output import as_text, print_blocks, print_document
from rotator.cli.reporter import put
from rotator.cli.session import Session, require_person, session
from rotator.cli.times import before, moment
from rotator.domain.hosts import is_loopback
from rotator.domain.jwks import MAX_BYTES, Jwks
from rotator.errors import Declined, UsageError

if TYPE_CHECKING:
    from rotator.app.importing import Report
    from rotator.app.world import World
    from rotator.ports import ExistingHalf

_MAX_KEY = 64 * 1024
"""No private key, nor a PKCS #12 with its chain, is larger."""


def command(
    ctx: typer.Context,
    issuer: IssuerName,
    jwks: Annotated[
        str, typer.Option(metavar="FILE|URL", help="The key set that is served today.")
    ],
    active: Annotated[
        str, typer.Option(metavar="KID", help="The key of that set which signs today.")
    ],
    private_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Its private half: PEM, DER, PKCS #12, or a private JWK (set)."
        ),
    ] = None,
    kms_key: Annotated[
        str | None, typer.Option(metavar="ARN", help="Or the KMS key that it is.")
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What opens the private key's file.")
    ] = None,
    activated_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|DURATION", help="When it began to sign, or how long ago; else now."
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|+DURATION", help="When the set's other keys leave; else once rejected."
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Take over the key set that an issuer has today, kid and all, so that no token is rejected."""
    from rotator.app.importing import Wanted, preview, take_over
    from rotator.app.world import issuer_named
    from rotator.planning.takeover import entry_of
    from rotator.render.takeover_json import takeover_document
    from rotator.render.text.takeover import takeover_text

    if (private_key is None) == (kms_key is None):
        raise UsageError("--private-key or --kms-key: exactly one says where the private half is")
    if not yes:
        require_person("add --yes")
    run = session(ctx)
    world = run.world(feasible=True, probing=True)
    now = world.clock.now()
    source = _source(world, jwks)
    wanted = Wanted(
        issuer=issuer,
        source=source,
        kid=active,
        half=_half(private_key, kms_key, passphrase_file, entry_of(source, active).kid),
        activated_at=before("--activated-at", activated_at, now),
        until=moment("--until", until, now),
    )
    agreed = preview(world, wanted)
    if not yes and not _asked(run, agreed, aside=json):
        raise Declined("nothing was taken over")
    report = take_over(world, wanted, agreed)
    for warning in issuer_named(world, issuer).keys.warnings():
        run.reporter.warn(warning)
    if json:
        print_document(takeover_document(report))
    else:
        print_blocks(takeover_text(report, run.zone), run.environ)
    return 0


def _asked(run: Session, report: "Report", *, aside: bool) -> bool:
    """Show what would be taken over and ask; on stderr when stdout is to hold nothing but JSON."""
    from rotator.render.text.takeover import takeover_text

    stream = sys.stderr if aside else sys.stdout
    put(stream, as_text(takeover_text(report, run.zone), stream, run.environ))
    return confirmed("Take it over? No region is touched by that.", aside=aside)


def _source(world: "World", where: str) -> Jwks:
    from rotator.app.importing import fetched
    from rotator.planning.takeover import read_source

    if "://" not in where:
        return read_source(read_bounded(Path(where), MAX_BYTES), public=False)
    return read_source(fetched(world.probe, _checked(where)), public=True)


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError("--jwks is neither a file nor a URL", detail=str(error)) from None
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "--jwks: a URL must not hold a user or a password",
            detail="the command line and the log would show it",
            hint="fetch the key set into a file, and name that",
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host or "")):
        raise UsageError(
            f"--jwks {url}: only https, and http on this host, are fetched",
            detail="somebody on the way could put a key of their own into the set",
        )
    return url


def _half(
    file: Path | None, arn: str | None, passphrase_file: Path | None, kid: str
) -> "ExistingHalf":
    from rotator.app.importing import half_in
    from rotator.ports import KmsArn

    if file is None:
        return KmsArn(arn or "")
    passphrase = None
    if passphrase_file is not None:
        lines = read_bounded(passphrase_file, _MAX_KEY)
        passphrase = lines.removesuffix(b"\n").removesuffix(b"\r")
    return half_in(read_bounded(file, _MAX_KEY), passphrase, kid)
