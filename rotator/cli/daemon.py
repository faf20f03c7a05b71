"""`rotator daemon`."""

import typer

from rotator.cli import exits
from rotator.cli.session import session


def command(ctx: typer.Context) -> int:
    """Run as a service: apply on a schedule, verify more often, show status and metrics.

    SIGTERM and SIGINT end it between two stages of a run; a second one ends it at once. SIGHUP reads the configuration again.
    """
    from rotator.cli.serving import Service
    from rotator.daemon.board import Board
    from rotator.daemon.loop import Loop
    from rotator.daemon.signals import Signals
    from rotator.daemon.stopping import StoppableClock

    run, signals = session(ctx), Signals()
    clock = StoppableClock(run.clock, signals)
    board = Board(clock.now(), clock.monotonic())
    service = Service(run, clock, board)
    reporter = service.reporter(run.run_id)
    with signals.installed():
        try:
            setup = service.load()
            reporter.progress(f"serving {service.url}")
            loop = Loop(
                setup, service.load, clock=clock, control=signals, board=board, reporter=reporter
            )
            loop.run()
        finally:
            service.close()
    return exits.DONE
