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
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from botocore.awsrequest import AWSResponse

from rotator.adapters.clock import SystemClock
from rotator.adapters.s3_state import S3State
from rotator.adapters.s3_target import S3Target
from rotator.app.world import World
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KeyHandle
from rotator.ports import Generated, KeyName, KeyStore
from rotator.process import Process, started_at
from tests.e2e.aws_hooks import Call, HookedClients, Send
from tests.e2e.place import Config, Place, Ran

TERM = timedelta(seconds=1.2)
"""How long a lease lasts without a sign of life. No write of a run takes as long, unless the machine stalls."""

OK = 200
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["tests.e2e.preloaded"])


class SharedClock(SystemClock):
    """The time of all hosts, `ahead` of the machine's and moved for all of them at once; it really waits."""

    def __init__(self, ahead: Any, skew: timedelta = timedelta()) -> None:
        self.ahead, self.skew = ahead, skew

    @classmethod
    def new(cls) -> SharedClock:
        return cls(SERVER.Value("d", 0.0))

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.ahead.value) + self.skew

    def advance(self, later: timedelta) -> None:
        """Time passes everywhere, also for processes that are stopped."""
        self.ahead.value += later.total_seconds()


@dataclass(frozen=True, slots=True)
class Write:
    """The `number`th write of a kind of object in one run."""

    what: str
    number: int


@dataclass(frozen=True, slots=True)
class Order:
    """A command line, and the write before which the process stops itself."""

    words: tuple[str, ...]
    stop: Write | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A write that was sent, when by the monotonic clock that all processes share, and the status it was answered."""

    what: str
    at: float
    status: int

    @property
    def accepted(self) -> bool:
        return self.status == OK


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
        at = self.comes(call.what)
        answer = send()
        self.sent.append(Sent(call.what, at, answer.status_code))
        return answer

    def comes(self, what: str) -> float:
        """Something is about to be written; returns when it really is."""
        with self._lock:
            self._counts[what] += 1
            here = Write(what, self._counts[what])
        if here == self.stop:
            os.kill(os.getpid(), signal.SIGSTOP)
        return time.monotonic()


@dataclass(frozen=True)
class _Keys:
    """The key store, where making a `pair` and its `destruction` are writes as well."""

    inner: KeyStore
    wire: _Wire

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        self.wire.sent.append(Sent("pair", self.wire.comes("pair"), OK))
        return self.inner.generate(name, algorithm, rsa_bits)

    def destroy(self, handle: KeyHandle) -> None:
        self.wire.sent.append(Sent("destruction", self.wire.comes("destruction"), OK))
        self.inner.destroy(handle)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def _carry_out(
    pipe: Connection,
    folder: Path,
    config: Config,
    clock: SharedClock,
    host: str,
    aws: Mapping[str, str],
) -> None:
    """The process: one order after the other, until nobody is there to give one."""
    os.environ.update(aws)  # the server was forked off before this test had its credentials
    hosted = _Hosted(host, config["state"]["bucket"], config["state"]["prefix"])
    clients = HookedClients()
    place = Place(folder, config, clock, clients=clients)
    pipe.send(None)
    while True:
        try:
            order: Order = pipe.recv()
        except EOFError:
            return
        clients.around = wire = _Wire(order.stop)
        place.wiring = partial(hosted.world, wire)
        ran = place.run(*order.words)
        pipe.send(Answer(ran, tuple(wire.sent)))


@dataclass(frozen=True)
class _Hosted:
    """The ports of a run as that host has them."""

    host: str
    bucket: str
    prefix: str

    def world(self, wire: _Wire, world: World) -> World:
        (issuer,) = world.issuers
        target = next(iter(issuer.regions.values())).jwks
        assert isinstance(target, S3Target)
        state = S3State(
            target.clients, target.access, self.bucket, self.prefix, world.clock, self._process
        )
        keys: Any = _Keys(issuer.keys, wire)
        issuers = (replace(issuer, keys=keys),)
        return replace(world, state=state, owner=self.host, lease_term=TERM, issuers=issuers)

    @property
    def _process(self) -> Process:
        """This process, on a machine that no other can see."""
        pid = os.getpid()
        boot = f"boot of {self.host}"
        return Process(f"{self.host}/1", boot, "pid:[1]", pid, started_at(pid) or "")


class Machine:
    """The host from outside. Its clock is `skew` off."""

    def __init__(
        self, place: Place, clock: SharedClock, host: str, skew: timedelta = timedelta()
    ) -> None:
        self.host = host
        self._place = place
        self._clock = SharedClock(clock.ahead, skew)
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        self._pipe, theirs = SERVER.Pipe()
        arguments = (theirs, place.folder, place.config, self._clock, host, aws)
        self._process: Any = SERVER.Process(target=_carry_out, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def start(self, *words: str, stop: Write | None = None) -> None:
        """Begin a command line; `stop` makes it stop itself."""
        self._pipe.send(Order(words, stop))

    def run(self, *words: str) -> Ran:
        """A command line from beginning to end."""
        self.start(*words)
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

    def again(self) -> Machine:
        """The same host with a new process."""
        return Machine(self._place, self._clock, self.host, self._clock.skew)


def wait_for(condition: Callable[[], bool], patience_s: float = 60) -> None:
    """Poll until it holds."""
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.005)
