"""`rotator audit`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli import exits
from rotator.cli.files import write_private
from rotator.cli.options import Json
from rotator.cli.output import print_blocks, print_document, print_text
from rotator.cli.session import Session, session
from rotator.cli.times import before
from rotator.errors import UsageError
from rotator.render import json_out

if TYPE_CHECKING:
    from rotator.domain.audit_export import Link
    from rotator.domain.audit_proof import Proof

STDOUT = Path("-")


def command(
    ctx: typer.Context,
    json: Json = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Prove the log; exit 1 where something speaks against it."),
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME|DURATION", help="From this moment on, or for so long."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the log as JSON Lines; - is stdout."),
    ] = None,
    checkpoint_out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write its checkpoints, one a line; - is stdout."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --verify: an earlier export, or checkpoints."),
    ] = None,
    checkpoint_public_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="With --verify: who must have signed checkpoints (PEM)."),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An exported log, instead of the state's own."),
    ] = None,
) -> int:
    """Show the hash-chained log of every decision and effect, export it, or prove it."""
    run = session(ctx)
    if (against or checkpoint_public_key) and not verify:
        raise UsageError("--against and --checkpoint-public-key go with --verify")
    if log and export:
        raise UsageError("--log and --export exclude each other", detail="it is exported already")
    if sum([verify or json, export is not None, checkpoint_out is not None]) > 1:
        raise UsageError(
            "--export and --checkpoint-out go neither together nor with --verify or --json"
        )
    start = before("--since", since, run.clock.now())
    if export:
        return _export(run, export, start)
    links = _links(run, log)
    if checkpoint_out:
        return _checkpoints(links, checkpoint_out)
    proof = _proof(run, links, log, against, checkpoint_public_key) if verify else None
    return _show(run, links, proof, start, json=json)


def _show(
    run: Session, links: "list[Link]", proof: "Proof | None", since: datetime | None, *, json: bool
) -> int:
    from rotator.app.audit import report

    shown = report(links, proof, issuers=run.issuers, since=since)
    if json:
        print_document(json_out.audit_document(shown))
    else:
        from rotator.render.text.audit import audit_text

        print_blocks(audit_text(shown, run.clock.now(), run.zone), run.environ)
    return exits.FAILED if proof and proof.faults else exits.DONE


def _links(run: Session, log: Path | None) -> "list[Link]":
    from rotator.app.audit import stored
    from rotator.cli.held import read_log

    return read_log(log) if log else stored(run.world(feasible=False))


def _proof(
    run: Session, links: "list[Link]", log: Path | None, against: Path | None, key: Path | None
) -> "Proof":
    from rotator.app.audit import own_key, proven
    from rotator.cli.held import read_held_file, read_public_key

    held = read_held_file(against) if against else None
    if key:
        return proven(links, read_public_key(key), held, required=True, entire=log is None)
    own = None if log else own_key(run.world(feasible=False))
    return proven(links, own, held, entire=log is None)


def _export(run: Session, file: Path, since: datetime | None) -> int:
    from rotator.app.audit import exported
    from rotator.domain.audit_export import line_of
    from rotator.render.words import clean, count

    links = exported(run.world(feasible=False), issuers=run.issuers, since=since)
    _write(file, [line_of(link) for link in links])
    if file != STDOUT:
        left = sum(link.entry is None for link in links)
        told = f", {left} of them without their content" if left else ""
        print_text(f"exported {count(len(links), 'record')} to {clean(str(file))}{told}\n")
    return exits.DONE


def _checkpoints(links: "list[Link]", file: Path) -> int:
    from rotator.app.audit import checkpoints_in
    from rotator.render.words import clean, count

    found = checkpoints_in(links)
    _write(file, found)
    if file != STDOUT:
        print_text(f"wrote {count(len(found), 'checkpoint')} to {clean(str(file))}\n")
    return exits.DONE


def _write(file: Path, lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if file == STDOUT:
        print_text(text)
    else:
        write_private(file, text)
