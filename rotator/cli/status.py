"""`rotator status`."""

from dataclasses import replace
from typing import Annotated

import typer

from rotator.app.reports import IssuerStatus, StatusReport
from rotator.cli import exits
from rotator.cli.options import Json, Regions
from rotator.cli.output import print_blocks, print_document
from rotator.cli.session import check_regions, session
from rotator.render import json_out


def command(
    ctx: typer.Context,
    json: Json = False,
    region: Regions = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit 3 when something is overdue or blocked, or a region does not pass.",
        ),
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh/--no-refresh", help="Look at the regions' public URLs first.")
    ] = True,
) -> int:
    """Show keys by regions, their phases, and what comes next. Exit 0 unless --check."""
    from rotator.app.status import status

    run = session(ctx)
    world = run.world(feasible=False)
    regions = tuple(region or ())
    check_regions(world, regions)
    with run.looking():
        report = status(world, refresh=refresh)
    shown = narrowed(report, regions) if regions else report
    if json:
        print_document(json_out.status_document(shown))
    else:
        from rotator.render.text.status import status_text

        print_blocks(status_text(shown, run.zone), run.environ)
    return exits.CLOSED if check and report.attention else exits.DONE


def narrowed(report: StatusReport, regions: tuple[str, ...]) -> StatusReport:
    """The report with some regions' columns only; it narrows what is shown, never a gate."""
    return replace(report, issuers=tuple(_narrowed(issuer, regions) for issuer in report.issuers))


def _narrowed(issuer: IssuerStatus, regions: tuple[str, ...]) -> IssuerStatus:
    keys = tuple(
        replace(key, regions={name: seen for name, seen in key.regions.items() if name in regions})
        for key in issuer.keys
    )
    return replace(issuer, gates=tuple(gate for gate in issuer.gates if gate in regions), keys=keys)
