"""`rotator show FILE`."""

import typer

from rotator.cli.options import Json, PlanFile
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import session
from rotator.domain import plan_json


def command(ctx: typer.Context, file: PlanFile, json: Json = False) -> int:
    """Print a saved plan, also a stale one. Needs no configuration."""
    from rotator.cli.plans import read_plan
    from rotator.render.text.plan import plan_text

    run = session(ctx)
    plan = read_plan(file)
    if json:
        print_document(plan_json.dump(plan))
    else:
        print_blocks(plan_text(plan, {}, run.zone, f"rotator apply {file}"), run.environ)
    return 0
