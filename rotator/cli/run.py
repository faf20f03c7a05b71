"""The command tree: which module has which command, and the root's global options.

Only the module of the command that is asked for is imported; all of them for help and for completion.
"""

import importlib
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
import typer.main
from typer.core import TyperGroup

from rotator.adapters.clock import SystemClock
from rotator.app.world import World
from rotator.cli.aftermath import aftermath
from rotator.cli.argv import Line
from rotator.cli.exits import USAGE
from rotator.cli.session import Session, session
from rotator.errors import UsageError
from rotator.ports import Clock

if TYPE_CHECKING:
    from rotator.aws import AwsClients

COMMANDS = (
    "init",
    "config",
    "plan",
    "show",
    "apply",
    "verify",
    "status",
    "history",
    "audit",
    "token",
    "doctor",
    "daemon",
    "profiles",
    "hold",
    "release",
    "rotate",
    "rollback",
    "revoke",
    "import",
    "adopt",
    "reject",
    "attest",
    "region",
    "state",
)
"""The commands in the order in which one needs them; each is `command` or `group` of the module of its name."""

MODULES = {"import": "import_"}
"""Where a module cannot have the command's name."""


class LogFormat(StrEnum):
    """How stderr is written."""

    TEXT = "text"
    JSON = "json"


def run(
    line: Line,
    clock: Clock | None,
    environ: Mapping[str, str],
    wiring: Callable[[World], World] | None,
    clients: "AwsClients | None",
    run_id: str,
) -> int:
    """Carry out a command line; raises what goes wrong."""
    made = Session(environ=environ, clock=clock or SystemClock(), wiring=wiring, clients=clients)
    made.run_id = run_id
    words = line.words() if line.rest else [*line.options, "--help"]
    with aftermath(made, line.command):
        code = build(line.command).main(
            args=words, prog_name="rotator", standalone_mode=False, obj=made
        )
    if not line.rest:
        return USAGE
    return code if isinstance(code, int) else 0


def build(command: str | None) -> TyperGroup:
    """The tree with the one command that is asked for, or all of them when it is none of these."""
    app = typer.Typer(
        name="rotator",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 100},
    )
    app.callback()(root)
    names = (command,) if command in COMMANDS else COMMANDS
    for name in names:
        module = importlib.import_module(f"rotator.cli.{MODULES.get(name, name)}")
        if group := getattr(module, "group", None):
            app.add_typer(group, name=name)
        else:
            app.command(name)(module.command)
    tree = typer.main.get_command(app)
    if not isinstance(tree, TyperGroup):
        raise TypeError("a tree with a root callback is a group")
    tree.commands = {name: tree.commands[name] for name in names if name in tree.commands}
    return tree


def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The configuration; else $ROTATOR_CONFIG, else rotator.yaml."
        ),
    ] = None,
    issuer: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this issuer (repeatable).")
    ] = None,
    log_format: Annotated[LogFormat, typer.Option(help="How stderr is written.")] = LogFormat.TEXT,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show progress, and tracebacks of errors.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,  # noqa: ARG001  (main answers it)
) -> None:
    """Rotates JWT signing keys over several regions without breaking a token.

    The global options are understood anywhere on the line.
    """
    if verbose and quiet:
        raise UsageError("--verbose and --quiet exclude each other")
    made = session(ctx)
    made.config, made.issuers = config, tuple(issuer or ())
    made.json_logs, made.verbose, made.quiet = log_format is LogFormat.JSON, verbose, quiet
