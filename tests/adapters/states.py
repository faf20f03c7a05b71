"""States in buckets of the S3 servers, as many handles on one as a test wants, each with the calls it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.s3_state import S3State
from rotator.aws import AwsAccess, AwsClients
from rotator.domain.audit import verify_chain
from rotator.domain.state import IssuerState
from rotator.ports import AuditEntry, Clock
from rotator.process import Process, this_process
from tests.adapters.aws_profiles import aws_environment
from tests.fakes.clock import START, FakeClock
from tests.servers.s3 import S3Endpoint

MINUTE = timedelta(minutes=1)
DEAD = replace(this_process(), pid=2**22 + 1)
"""A process of this machine that is gone."""
ELSEWHERE = Process(host="ci-runner/1", boot="b-1", namespace="pid:[1]", pid=41, started="7")
"""A process of a machine that cannot be seen from here."""


class Killed(BaseException):
    """The process dies here; nothing catches it."""


def die() -> None:
    """What `kill -9` does at that moment."""
    raise Killed


@dataclass
class Wire:
    """Clients whose calls are noted. Something can be made to happen `at` one of them, counted from 1.

    It happens `before` the call is sent, else after it took effect and before anybody learns of the answer.
    """

    access: AwsAccess
    clients: AwsClients = field(default_factory=AwsClients)
    calls: list[str] = field(default_factory=list)
    at: int | None = None
    before: bool = True
    happens: Callable[[], object] = die

    def __post_init__(self) -> None:
        for client in (
            self.clients.s3_for_reading(self.access),
            self.clients.s3_for_writing(self.access),
        ):
            client.meta.events.register("before-call.s3", self._before)
            client.meta.events.register("after-call.s3", self._after)

    def set(
        self, at: int | None = None, *, before: bool = True, happens: Callable[[], object] = die
    ) -> None:
        """Forget all calls, and let something happen at one of the next."""
        self.calls.clear()
        self.at, self.before, self.happens = at, before, happens

    def counted(self, work: Callable[[], object]) -> list[str]:
        """The calls that a piece of work makes."""
        self.set()
        work()
        return list(self.calls)

    def _before(self, model: Any, **_: object) -> None:
        self.calls.append(model.name)
        if self.before and len(self.calls) == self.at:
            self.happens()

    def _after(self, **_: object) -> None:
        if not self.before and len(self.calls) == self.at:
            self.happens()


def access_to(endpoint: S3Endpoint) -> AwsAccess:
    """How a team reaches a server."""
    patience = timedelta(seconds=5)
    return AwsAccess(
        region="us-east-1",
        profile=endpoint.credentials.access_key,
        endpoint=endpoint.url,
        connect_timeout=patience,
        read_timeout=patience,
    )


@dataclass
class Bench:
    """A bucket on a server, with clients that many teams share: making either takes a quarter of a second."""

    endpoint: S3Endpoint
    bucket: str
    folder: Path
    clients: AwsClients = field(default_factory=AwsClients)
    makes: bool = True
    teams: int = 0
    made_wire: Wire | None = None

    def __post_init__(self) -> None:
        self.direct = self.endpoint.client()
        if self.makes:
            self.direct.create_bucket(Bucket=self.bucket)
        who = self.endpoint.credentials
        self.variables = aws_environment(self.folder, {who.access_key: who})

    @property
    def access(self) -> AwsAccess:
        return access_to(self.endpoint)

    def wire(self) -> Wire:
        """The one wire to this server, with nothing set to happen."""
        self.made_wire = self.made_wire or Wire(self.access)
        self.made_wire.set()
        return self.made_wire

    def team(self, patch: pytest.MonkeyPatch) -> Team:
        """A state of its own, below a prefix that nobody used."""
        for name, value in self.variables.items():
            patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
        self.teams += 1
        return Team(self, f"team-{self.teams}/rotator")


@dataclass(frozen=True)
class Team:
    """One state below one prefix: handles on it, and a way behind their backs."""

    bench: Bench
    prefix: str

    def state(
        self,
        clock: Clock | None = None,
        process: Process | None = None,
        clients: AwsClients | None = None,
    ) -> S3State:
        """A handle; `process` is who takes its leases."""
        return S3State(
            clients or self.bench.clients,
            self.bench.access,
            self.bench.bucket,
            self.prefix,
            clock or FakeClock(),
            process,
        )

    def body(self, name: str) -> bytes:
        """What an object holds."""
        return self.bench.direct.get_object(**self._object(name))["Body"].read()

    def put(self, name: str, body: bytes) -> None:
        """Tamper with an object."""
        self.bench.direct.put_object(Body=body, **self._object(name))

    def delete(self, name: str) -> None:
        """Lose an object."""
        self.bench.direct.delete_object(**self._object(name))

    def names(self) -> list[str]:
        """Every object there is."""
        start = f"{self.prefix}/"
        answer = self.bench.direct.list_objects_v2(Bucket=self.bench.bucket, Prefix=start)
        return [item["Key"].removeprefix(start) for item in answer.get("Contents", ())]

    def _object(self, name: str) -> Any:
        return {"Bucket": self.bench.bucket, "Key": f"{self.prefix}/{name}"}


def run(store: S3State, owner: str = "run", saves: int = 2) -> IssuerState:
    """What a run of rotator does with its state: some saves under one lease, each with two lines that say which."""
    lease = store.acquire(owner, MINUTE)
    store.renew(lease, MINUTE)
    state = store.load("accounts") or IssuerState(issuer="accounts")
    for _ in range(saves):
        serial = {"serial": state.serial + 1}
        lines = [AuditEntry(START, "accounts", event, serial) for event in ("begun", "done")]
        state = store.save(lease, state, lines)
    store.release(lease)
    return state


def whole(store: S3State) -> IssuerState:
    """The state, once the log is seen to be one chain that has both lines of every serial."""
    state = store.load("accounts")
    assert state is not None
    records = list(store.audit())
    assert verify_chain(records) is None
    logged = [record.entry.facts["serial"] for record in records]
    for serial in range(1, state.serial + 1):
        assert logged.count(serial) >= 2, f"serial {serial} was saved without its lines"
    return state
