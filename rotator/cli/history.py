"""`rotator history`."""

import typer

from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import session
from rotator.render import json_out


def command(ctx: typer.Context, json: Json = False) -> int:
    """Show every key there ever was, with its moments."""
    from rotator.app.status import history

    run = session(ctx)
    report = history(run.world(feasible=False))
    if json:
        print_document(json_out.history_document(report))
    else:
        from rotator.render.text.history import history_text

        print_blocks(history_text(report), run.environ)
    return 0
