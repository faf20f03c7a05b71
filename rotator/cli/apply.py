"""`rotator apply [FILE]`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rotator.app.reports import ApplyReport
from rotator.app.world import World
from rotator.cli import exits
from rotator.cli.asking import answer
from rotator.cli.options import Json, Yes
from rotator.cli.output import as_text, print_blocks, print_document
from rotator.cli.reporter import put
from rotator.cli.session import Session, require_person, session
from rotator.domain.plan import Plan
from rotator.errors import UsageError
from rotator.render import json_out


def command(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Apply exactly this saved plan, or refuse it as stale."
        ),
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VERIFIER/ALGORITHM",
            help="Take what a new algorithm breaks, as the plan names it (repeatable); it is kept.",
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> int:
    """Do what is due: plan, show, ask, apply, until nothing is due any more."""
    if accept and file is not None:
        raise UsageError(
            "--accept and a saved plan exclude each other",
            detail="accepting changes the state that the plan was made for",
            hint="rotator apply --accept …, or plan again after it",
        )
    if file is None and not yes:
        require_person("rotator apply --yes, or rotator plan --out FILE and rotator apply FILE")
    run = session(ctx)
    world = run.world(feasible=True)
    if accept:
        from rotator.app.accept import accept as accept_breaks

        accept_breaks(world, accept, owner=world.owner)
    report = _apply(run, world, file, yes=yes, json=json)
    run.over(report.left, report.failed)
    for warning in dict.fromkeys(w for issuer in world.issuers for w in issuer.keys.warnings()):
        run.reporter.warn(warning)
    if json:
        print_document(json_out.apply_document(report))
    else:
        from rotator.render.text.apply import apply_text

        print_blocks(apply_text(report, run.zone), run.environ)
    return exits.of_apply(report)


def _apply(run: Session, world: World, file: Path | None, *, yes: bool, json: bool) -> ApplyReport:
    from rotator.app.apply import apply, apply_saved
    from rotator.cli.plans import read_plan
    from rotator.render.words import count

    if file is not None:
        return apply_saved(world, read_plan(file))

    def told(plan: Plan) -> None:
        run.reporter.progress(f"{count(plan.due, 'step')} due")

    if yes:
        return apply(world, on_plan=told)
    return apply(world, confirm=lambda plan: _ask(run, world, plan, aside=json), on_plan=told)


def _ask(run: Session, world: World, plan: Plan, *, aside: bool) -> bool:
    """Show the plan and ask; on stderr when stdout is to hold nothing but JSON."""
    from rotator.cli.plans import headings
    from rotator.render.text.plan import plan_text
    from rotator.render.words import count

    stream = sys.stderr if aside else sys.stdout
    put(stream, as_text(plan_text(plan, headings(world.issuers), run.zone), stream, run.environ))
    return confirmed(f"Take {count(plan.due, 'step')} now?", aside=aside)


def confirmed(question: str, *, aside: bool = False) -> bool:
    """Whether the operator says yes; no answer is no."""
    return answer(f"\n  {question} [y/N] ", aside=aside).lower() in ("y", "yes")
