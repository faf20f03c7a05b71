"""What `rotator daemon` is made of: a configuration → its schedule, its world, and what it shows; read again on SIGHUP."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from rotator.cli.session import Session
from rotator.config.daemon import read_token
from rotator.config.load import require_feasible
from rotator.config.settings import Settings
from rotator.daemon.board import Board, Facts
from rotator.daemon.metrics import CONTENT_TYPE
from rotator.daemon.observer import Observer
from rotator.daemon.schedule import Schedule, schedule
from rotator.daemon.server import Server
from rotator.daemon.site import Answer, Page, Site, as_json, not_yet
from rotator.daemon.stopping import StoppableClock, stoppable
from rotator.daemon.work import Looked, Setup
from rotator.domain.times import say
from rotator.errors import ConfigError
from rotator.ports import Reporter

_DAY = timedelta(days=1)


def schedule_of(settings: Settings, seed: str = "") -> Schedule:
    """The schedule that the configuration asks for. Raises ConfigError when it means nothing, or is rarer than `run_every`.

    Where nobody wrote one and a policy wants more than one run a day, that policy decides.
    """
    spec = settings.daemon
    often = min((one.setup.policy.run_every for one in settings.issuers), default=_DAY)
    written = any(n.member == "apply" and n.source != "default" for n in spec.written)
    apply = spec.apply if written or often >= _DAY else f"{often.total_seconds():f}s"
    try:
        made = schedule(
            apply,
            spec.timezone,
            jitter=spec.jitter,
            verify_every=spec.verify_every,
            seed=seed,
        )
    except ValueError as error:
        raise _refused(settings, f"daemon.apply: {spec.apply!r}: {error}") from None
    if made.gap > often:
        names = ", ".join(s.name for s in settings.issuers if s.setup.policy.run_every < made.gap)
        raise _refused(
            settings,
            f"daemon.apply: {spec.apply!r} runs every {say(made.gap)} at times, but run_every is {say(often)}"
            f" ({names}): how late a step may be is reckoned from that",
        )
    return made


def _refused(settings: Settings, detail: str) -> ConfigError:
    where = f"{settings.daemon.where}: " if settings.daemon.where else ""
    return ConfigError(f"{settings.path} is refused: 1 problem", detail=where + detail)


@dataclass(slots=True)
class Service:
    """The daemon's outside: what it reads, where it listens, and what is told."""

    run: Session
    clock: StoppableClock
    board: Board
    server: Server | None = None
    observer: Observer = field(default_factory=Observer)
    listens: tuple[str, int] | None = field(default=None, init=False)

    def load(self) -> Setup:
        """The configuration as it is now, checked as a whole and in force outside. Raises RotatorError, and changes nothing."""
        from rotator.bootstrap import build_world

        settings = self.run.settings()
        require_feasible(settings)
        world = build_world(
            settings,
            clock=self.clock,
            reporter=self.reporter(""),
            environ=self.run.environ,
            issuers=self.run.issuers,
            clients=self.run.clients,
        )
        world = self.run.wiring(world) if self.run.wiring else world
        made = schedule_of(settings, socket.gethostname())
        warnings = dict.fromkeys(w for issuer in world.issuers for w in issuer.keys.warnings())
        self._listen(settings)
        for warning in warnings:
            self.reporter(self.run.run_id).warn(warning)
        return Setup(stoppable(world, self.clock, self._beat), made, self.reporter, self.observer)

    def reporter(self, run_id: str) -> Reporter:
        """A log is what a service has instead of a terminal: progress is shown unless --quiet."""
        return replace(self.run, run_id=run_id, verbose=not self.run.quiet).reporter

    @property
    def url(self) -> str:
        """Where the status page is."""
        host, port = self.server.address if self.server else ("", 0)
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def close(self) -> None:
        """Listen no more."""
        if self.server:
            self.server.close()

    def _metrics(self, _facts: Facts) -> Answer:
        return Answer(200, CONTENT_TYPE, self.observer.metrics.text(self.clock.now()))

    def _beat(self) -> None:
        self.board.put(beat=self.clock.monotonic())

    def _listen(self, settings: Settings) -> None:
        """Listen where the configuration says; under another address from now on, or for other readers."""
        spec = settings.daemon
        file = settings.resolve(spec.token_file) if spec.token_file else None
        site = Site(
            self.board,
            self.clock.monotonic,
            {**pages(), "/metrics": self._metrics},
            read_token(spec, file, self.run.environ),
        )
        wanted = (spec.host, spec.port)
        if self.server and wanted == self.listens:
            self.server.site = site
            return
        before, self.server = self.server, Server(*wanted, site)
        self.listens = wanted
        if before:
            before.close()


def pages() -> dict[str, Page]:
    """What is served beside health: the status page and its JSON."""
    return {"/": _of_last_look(_html), "/status.json": _of_last_look(_json)}


def _of_last_look(make: Callable[[Looked], Answer]) -> Page:
    """A page of the last look, made once for each look however often it is asked for."""
    made: list[tuple[Looked, Answer]] = []

    def page(facts: Facts) -> Answer:
        if facts.looked is None:
            return not_yet(facts)
        if not made or made[0][0] is not facts.looked:
            made[:] = [(facts.looked, make(facts.looked))]
        return made[0][1]

    return page


def _html(looked: Looked) -> Answer:
    from rotator.render.html import CSP, page

    policy = {"Content-Security-Policy": CSP}
    return Answer(200, "text/html; charset=utf-8", page(looked.status, looked.audit), policy)


def _json(looked: Looked) -> Answer:
    from rotator.render.json_out import status_document

    return as_json(status_document(looked.status))
