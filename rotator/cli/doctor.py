"""`rotator doctor`."""

import typer

from rotator.cli import exits
from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import session
from rotator.domain.diagnosis import Health
from rotator.render import json_out


def command(ctx: typer.Context, json: Json = False) -> int:
    """Look for what would stop a rotation, before it does. Changes nothing; exit 3 on an error."""
    from rotator.app.doctor.examine import examine

    run = session(ctx)
    world = run.world(feasible=False)
    with run.looking():
        report = examine(world)
    if json:
        print_document(json_out.doctor_document(report))
    else:
        from rotator.render.text.doctor import doctor_text

        print_blocks(doctor_text(report), run.environ)
    return exits.CLOSED if report.health is Health.ERROR else exits.DONE
