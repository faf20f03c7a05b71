"""A process that plays a host of its own: it carries out rotator's commands, and can be stopped in the middle of one.

All of them run on one machine, but each takes its leases for a process that no other can see: only silence over a
whole term shows that a holder is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse

from rotator.adapters.clock import SystemClock
from rotator.adapters.s3_state import S3State
from rotator.adapters.s3_target import S3Target
from rotator.app.world import World
from rotator.process import Process, started_at
from tests.e2e.aws_hooks import Call, HookedClients, Send
from tests.e2e.place import Config, Place, Ran

TERM = timedelta(seconds=1.2)
"""How long a lease lasts without a sign of life. No write of a run takes as long, unless the machine stalls."""

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.e2e.preloaded"])


class LaterClock(SystemClock):
    """The machine's clock, ahead of it: it goes on by itself and really waits."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass(frozen=True, slots=True)
class Write:
    """The `number`th write of a kind of object in one run."""

    what: str
    number: int


@dataclass(frozen=True, slots=True)
class Order:
    """A command line, how far ahead the clock is, and the write before which the process stops itself."""

    words: tuple[str, ...]
    ahead: timedelta
    stop: Write | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A write that was sent, when by the monotonic clock that all processes share, and the status it was answered."""

    what: str
    at: float
    status: int

    @property
    def accepted(self) -> bool:
        return self.status < 300


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to, and every write it sent, in order."""

    ran: Ran
    sent: tuple[Sent, ...]


@dataclass
class _Wire:
    """Notes each write, and stops the process before one of them: as asked, but not sent yet."""

    stop: Write | None
    sent: list[Sent] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call, send: Send) -> AWSResponse:
        if not call.changes:
            return send()
        with self._lock:
            self._counts[call.what] += 1
            here = Write(call.what, self._counts[call.what])
        if here == self.stop:
            os.kill(os.getpid(), signal.SIGSTOP)
        at = time.monotonic()
        answer = send()
        self.sent.append(Sent(call.what, at, answer.status_code))
        return answer


def _carry_out(
    pipe: Connection, folder: Path, config: Config, host: str, aws: Mapping[str, str]
) -> None:
    """The process: one order after the other, until nobody is there to give one."""
    os.environ.update(aws)  # the server was forked off before this test had its credentials
    pid = os.getpid()
    process = Process(f"{host}/1", f"boot of {host}", "pid:[1]", pid, started_at(pid) or "")

    def elsewhere(world: World) -> World:
        target = next(iter(world.issuers[0].regions.values())).jwks
        assert isinstance(target, S3Target)
        bucket, prefix = config["state"]["bucket"], config["state"]["prefix"]
        state = S3State(target.clients, target.access, bucket, prefix, world.clock, process)
        return replace(world, state=state, owner=host, lease_term=TERM)

    clients = HookedClients()
    place = Place(folder, config, wiring=elsewhere, clients=clients)
    pipe.send(None)
    while True:
        try:
            order: Order = pipe.recv()
        except EOFError:
            return
        place.clock = LaterClock(order.ahead)
        clients.around = wire = _Wire(order.stop)
        ran = place.run(*order.words)
        pipe.send(Answer(ran, tuple(wire.sent)))


class Machine:
    """The host from outside. Its clock is `skew` off."""

    def __init__(self, place: Place, host: str, skew: timedelta = timedelta()) -> None:
        self.host = host
        self._skew = skew
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        self._pipe, theirs = SERVER.Pipe()
        arguments = (theirs, place.folder, place.config, host, aws)
        self._process: Any = SERVER.Process(target=_carry_out, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def start(self, *words: str, ahead: timedelta, stop: Write | None = None) -> None:
        """Begin a command line; `stop` makes it stop itself."""
        self._pipe.send(Order(words, ahead + self._skew, stop))

    def run(self, *words: str, ahead: timedelta) -> Ran:
        """A command line from beginning to end."""
        self.start(*words, ahead=ahead)
        return self.answer().ran

    @property
    def answered(self) -> bool:
        """Whether the command has ended."""
        return self._pipe.poll()

    @property
    def stopped(self) -> bool:
        """Whether the process is stopped (proc(5): `state`)."""
        status = Path(f"/proc/{self._process.pid}/stat").read_text("ascii", "replace")
        return status.rpartition(")")[2].split()[0] == "T"

    def answer(self, patience_s: float = 60) -> Answer:
        """What the command came to."""
        assert self._pipe.poll(patience_s), f"{self.host} does not answer"
        answer: Answer = self._pipe.recv()
        return answer

    def pause(self) -> None:
        """SIGSTOP; returns when the process has really stopped."""
        os.kill(self._process.pid, signal.SIGSTOP)
        wait_for(lambda: self.stopped)

    def go_on(self) -> float:
        """SIGCONT; returns when that was."""
        at = time.monotonic()
        os.kill(self._process.pid, signal.SIGCONT)
        return at

    def kill(self) -> None:
        """SIGKILL, also when it is stopped."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def wait_for(condition: Callable[[], bool], patience_s: float = 60) -> None:
    """Poll until it holds."""
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)
