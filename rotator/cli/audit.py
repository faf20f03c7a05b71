"""`rotator audit`."""

from typing import Annotated

import typer

from rotator.cli import exits
from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import session
from rotator.render import json_out


def command(
    ctx: typer.Context,
    json: Json = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the chain; exit 1 where it is broken.")
    ] = False,
) -> int:
    """Show the hash-chained log of every decision and effect."""
    from rotator.app.audit import audit

    run = session(ctx)
    report = audit(run.world(feasible=False), check=verify, issuers=run.issuers)
    if json:
        print_document(json_out.audit_document(report))
    else:
        from rotator.render.text.history import audit_text

        print_blocks(audit_text(report), run.environ)
    return exits.FAILED if report.broken_at is not None else exits.DONE
