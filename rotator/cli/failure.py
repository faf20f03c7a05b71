"""An error that ends a run: printed once, as text, as a log line or as JSON, and turned into its exit code."""

import sys
import traceback
from collections.abc import Mapping

from rotator.adapters.clock import SystemClock
from rotator.cli.argv import Line
from rotator.cli.output import as_text, print_document
from rotator.cli.reporter import JsonReporter, put
from rotator.errors import InternalError, RotatorError, UsageError
from rotator.render.json_out import error_document


def report(error: Exception, line: Line, environ: Mapping[str, str], run_id: str = "") -> int:
    """Print the error where it belongs and return its exit code; the traceback only with --verbose.

    `run_id` is what the run's log lines carry.
    """
    known = understood(error)
    if line.has("--verbose") and not isinstance(known, UsageError):
        put(sys.stderr, "".join(traceback.format_exception(error)))
    diagnostics = known.diagnostics()
    if line.value("--log-format") == "json":
        JsonReporter(sys.stderr, SystemClock(), progress_shown=True, run=run_id).error(diagnostics)
    elif not line.wants_json:
        from rotator.render.text.error import error_text

        put(sys.stderr, as_text(error_text(diagnostics), sys.stderr, environ))
    if line.wants_json:
        print_document(error_document(diagnostics))
    return known.exit_code


def understood(error: Exception) -> RotatorError:
    """The error as one of rotator's own: typer's about the command line are usage errors, others are bugs."""
    if isinstance(error, RotatorError):
        return error
    if words := getattr(error, "format_message", None):
        return UsageError(str(words()).strip().rstrip("."), hint=_help(error))
    return InternalError(
        "rotator failed in a way it should not", detail=f"{type(error).__name__}: {error}"
    )


def _help(error: Exception) -> str:
    command = getattr(getattr(error, "ctx", None), "command_path", "rotator")
    return f"see {command} --help"
