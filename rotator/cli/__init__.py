"""The command line: reads it, runs one command, and turns every outcome into an exit code (contract §1)."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rotator.cli.argv import Line, hoist

if TYPE_CHECKING:
    from rotator.app.world import World
    from rotator.aws import AwsClients
    from rotator.ports import Clock


INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended."""


def main(
    argv: Sequence[str] | None = None,
    *,
    clock: "Clock | None" = None,
    environ: Mapping[str, str] | None = None,
    wiring: "Callable[[World], World] | None" = None,
    clients: "AwsClients | None" = None,
) -> int:
    """Run one command line and return its exit code.

    `clock`, `environ`, `wiring` and `clients` (AWS's, to be used again) are for callers in the same process: no flag or
    variable moves a clock.
    """
    line = hoist(sys.argv[1:] if argv is None else argv)
    if line.has("--version"):
        from rotator import __version__

        sys.stdout.write(f"rotator {__version__}\n")
        return 0
    return _guarded(line, clock, os.environ if environ is None else environ, wiring, clients)


def _guarded(
    line: Line,
    clock: "Clock | None",
    environ: Mapping[str, str],
    wiring: "Callable[[World], World] | None",
    clients: "AwsClients | None",
) -> int:
    """Nothing but an exit code leaves here: every error is printed as one."""
    from secrets import token_hex

    from rotator.cli.failure import report
    from rotator.cli.run import run

    run_id = token_hex(4)
    try:
        code = run(line, clock, environ, wiring, clients, run_id)
    except BrokenPipeError:
        # The reader of a pipe went away; what is left in the buffer must not be written at exit either.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 1
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 0
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  (no traceback reaches a user)
        return report(error, line, environ, run_id)
    if code == INTERRUPTED:
        sys.stderr.write("interrupted; the next run goes on where this one stopped\n")
    return code
