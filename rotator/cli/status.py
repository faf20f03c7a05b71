"""`rotator status`."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from rotator.app.reports import IssuerStatus, StatusReport
from rotator.app.world import World
from rotator.cli import exits
from rotator.cli.files import write_shared
from rotator.cli.options import Json, Regions
from rotator.cli.output import print_blocks, print_document, width_of
from rotator.cli.session import Session, check_regions, session
from rotator.cli.times import duration
from rotator.errors import UsageError
from rotator.render import json_out

_PACE = "5s"


def command(
    ctx: typer.Context,
    json: Json = False,
    region: Regions = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write it as one self-contained page, too."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Draw it anew in its place until q is typed.")
    ] = False,
    every: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How often --watch looks; else every 5s.")
    ] = None,
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
    if watch and (json or html or check):
        raise UsageError("--watch goes with none of --json, --html and --check")
    if html == Path("-"):
        raise UsageError("--html wants a file", detail="stdout is for the status itself")
    if every and not watch:
        raise UsageError("--every goes with --watch")
    world = run.world(feasible=False)
    regions = tuple(region or ())
    check_regions(world, regions)
    if watch:
        return _watch(run, world, regions, every, refresh=refresh)
    with run.looking():
        report = status(world, refresh=refresh)
    run.ended, run.aside = report, not refresh
    shown = narrowed(report, regions)
    if html:
        _write_page(html, world, shown, run.issuers)
    if json:
        print_document(json_out.status_document(shown))
    else:
        from rotator.render.text.status import status_text

        print_blocks(status_text(shown, run.zone, width_of(sys.stdout)), run.environ)
    return exits.CLOSED if check and report.attention else exits.DONE


def _watch(
    run: Session, world: World, regions: tuple[str, ...], every: str | None, *, refresh: bool
) -> int:
    from rotator.cli.watching import watch

    pause = duration("--every", every or _PACE) or timedelta()
    watch(run, world, pause, lambda report: narrowed(report, regions), refresh=refresh)
    return exits.DONE


def _write_page(path: Path, world: World, report: StatusReport, issuers: tuple[str, ...]) -> None:
    from rotator.app.audit_tail import audit_tail
    from rotator.render.html import page

    write_shared(path, page(report, audit_tail(world, issuers=issuers)))


def narrowed(report: StatusReport, regions: tuple[str, ...]) -> StatusReport:
    """The report with some regions' columns only, none named: all; it narrows what is shown, never a gate."""
    if not regions:
        return report
    return replace(report, issuers=tuple(_narrowed(issuer, regions) for issuer in report.issuers))


def _narrowed(issuer: IssuerStatus, regions: tuple[str, ...]) -> IssuerStatus:
    keys = tuple(
        replace(key, regions={name: seen for name, seen in key.regions.items() if name in regions})
        for key in issuer.keys
    )
    gates = tuple(gate for gate in issuer.gates if gate in regions)
    looks = {gate: look for gate, look in issuer.looks.items() if gate in gates}
    return replace(issuer, gates=gates, keys=keys, looks=looks)
