"""`rotator verify`."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from rotator.app.reports import VerifyReport
from rotator.app.world import World
from rotator.cli import exits
from rotator.cli.files import write_private
from rotator.cli.options import Json, Regions
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import Session, check_regions, session
from rotator.cli.times import duration, moment
from rotator.render import json_out


def command(
    ctx: typer.Context,
    json: Json = False,
    region: Regions = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the result as JUnit XML too.")
    ] = None,
    github: Annotated[
        bool | None,
        typer.Option(
            "--github/--no-github",
            help="Step summary and annotations; on by default in GitHub Actions.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION", help="Go on looking until the gate opens, at most this long."
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TIME|+DURATION", help="Ask whether all would still be right then."),
    ] = None,
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, max=100, help="Look N times; each must pass.")
    ] = 1,
) -> int:
    """Look at every region from outside: the propagation gate. Exit 0 when it is open, 3 when it is not."""
    run = session(ctx)
    deadline = duration("--wait", wait)
    world = run.world(feasible=False)
    then = moment("--as-of", as_of, world.clock.now())
    regions = tuple(region or ())
    check_regions(world, regions)
    run.aside = then is not None
    report = _look(run, world, regions, then, deadline, samples)
    run.ended = report.plan
    if junit:
        from rotator.render.junit import junit as to_junit

        write_private(junit, to_junit(report))
    in_github = run.environ.get("GITHUB_ACTIONS") == "true" if github is None else github
    _answer(run, report, json=json, in_github=in_github)
    return exits.DONE if report.gate_open else exits.CLOSED


def _look(
    run: Session,
    world: World,
    regions: tuple[str, ...],
    then: datetime | None,
    deadline: timedelta | None,
    samples: int,
) -> VerifyReport:
    """One look, as many as asked for, or as many as it takes until the deadline."""
    from rotator.app.verify import verify

    if deadline is not None:
        from rotator.cli.waiting import wait

        report = wait(run, world, deadline, regions, then)
    else:
        with run.looking():
            report = verify(world, regions=regions, as_of=then)
    for _ in range(samples - 1):
        if not report.gate_open:
            break
        report = verify(world, regions=regions, as_of=then)
    return report


def _answer(run: Session, report: VerifyReport, *, json: bool, in_github: bool) -> None:
    """The result on stdout, and where GitHub runs it what its pages show."""
    if json:
        print_document(json_out.verify_document(report))
    else:
        from rotator.render.text.verify import verify_text

        print_blocks(verify_text(report), run.environ)
    if in_github:
        from rotator.cli.github import tell_github

        tell_github(run, report)
