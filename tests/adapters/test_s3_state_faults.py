"""The state in a bucket when things go wrong between two calls: killed, paused, answers lost, refused, throttled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rotator.adapters.s3_state.documents import record_body
from rotator.domain.audit import AuditEntry, chained
from rotator.domain.evidence import Evidence, Sighting, Verdict
from rotator.domain.state import IssuerState
from rotator.errors import (
    LeaseLost,
    RotatorError,
    StateConflict,
    StateDenied,
    StateError,
    StateUnreachable,
)
from rotator.ports import Lease
from tests.adapters.states import (
    DEAD,
    ELSEWHERE,
    MINUTE,
    Bench,
    Killed,
    Team,
    Wire,
    run,
    whole,
)
from tests.fakes.clock import START
from tests.servers.faulty import (
    Answer,
    Fault,
    FaultyProxy,
    LoseAnswer,
    Refuse,
    Request,
)
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint
from tests.servers.seaweedfs import READER

pytestmark = pytest.mark.ministack


@pytest.fixture(scope="module")
def bench(ministack_server: Ministack, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(ministack_server.endpoint, "faulty-state", tmp_path_factory.mktemp("aws"))


@pytest.fixture
def team(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Team:
    return bench.team(monkeypatch)


@pytest.fixture
def wire(team: Team) -> Wire:
    return team.bench.wire()


# ------------------------------------------------------------------------------------------- killed


def test_killed_at_every_call_the_next_run_converges(team: Team, wire: Wire) -> None:
    run(team.state())
    calls = len(wire.counted(lambda: run(team.state(clients=wire.clients))))
    saved = 4
    for at in range(1, calls + 1):  # before the next is sent is the same moment
        wire.set(at, before=False)
        with pytest.raises(Killed):
            run(team.state(process=DEAD, clients=wire.clients), "killed")
        left = team.state().load("accounts").serial
        assert saved <= left <= saved + 2
        saved = run(team.state(), "next", saves=1).serial
        assert saved == left + 1
        assert team.state().holder() is None
    assert whole(team.state()).serial == saved


def test_killed_in_the_first_run_ever(bench: Bench, team: Team, wire: Wire) -> None:
    calls = len(wire.counted(lambda: run(team.state(clients=wire.clients), saves=1)))
    for at in range(1, calls + 1):
        fresh = Team(bench, f"{team.prefix}/{at}")
        wire.set(at, before=False)
        with pytest.raises(Killed):
            run(fresh.state(process=DEAD, clients=wire.clients), "killed", saves=1)
        left = fresh.state().load("accounts")
        saved = run(fresh.state(), "next", saves=1).serial
        assert whole(fresh.state()).serial == saved == (left.serial if left else 0) + 1
        assert [name for name in fresh.names() if "probe" in name] == []


def test_killed_while_evidence_is_kept(team: Team, wire: Wire) -> None:
    seen = Evidence(issuer="accounts", sightings={"eu": {"k": Sighting(verdict=Verdict.PASS)}})
    calls = wire.counted(lambda: team.state(clients=wire.clients).save_evidence(seen))
    for at in range(1, len(calls) + 1):
        wire.set(at, before=False)
        with pytest.raises(Killed):
            team.state(clients=wire.clients).save_evidence(seen, seen)
        assert team.state().load_evidence("accounts") == seen


# ------------------------------------------------------------------------------------------- paused


@dataclass
class Paused:
    """A holder elsewhere that is stopped at one call of its save while others take over, and then goes on."""

    team: Team
    wire: Wire

    def save(self, at: int, before: bool, meanwhile: Callable[[], object]) -> RotatorError | None:
        store = self.team.state(process=ELSEWHERE, clients=self.wire.clients)
        lease = store.acquire("paused", MINUTE)
        state = store.load("accounts")
        assert state is not None
        lines = [AuditEntry(START, "accounts", e, {"serial": state.serial + 1}) for e in "ab"]
        self.wire.set(at, before=before, happens=meanwhile)
        try:
            store.save(lease, state, lines)
        except RotatorError as error:
            return error
        finally:
            store.release(lease)
        return None


CALLS = ("the lease", "the end of the log", "a line", "another line", "the state")


def test_a_paused_holder_changes_nothing_any_more(team: Team, wire: Wire) -> None:
    serial = run(team.state()).serial
    for at in range(1, len(CALLS) + 1):
        error = Paused(team, wire).save(at, True, lambda: run(team.state(), "other", saves=1))
        assert isinstance(error, LeaseLost), f"it was paused before {CALLS[at - 1]}"
        serial += 1
        assert team.state().load("accounts").serial == serial
        assert team.state().holder() is None
    assert whole(team.state()).serial == serial


def test_what_a_holder_saved_before_it_was_paused_stays(team: Team, wire: Wire) -> None:
    run(team.state())
    error = Paused(team, wire).save(len(CALLS), False, lambda: run(team.state(), "other", saves=1))
    assert error is None
    assert whole(team.state()).serial == 4


def test_a_line_that_lands_late_is_one_more_link_of_the_chain(team: Team, wire: Wire) -> None:
    run(team.state())
    end = list(team.state().audit())[-1]
    late = chained(5, end.digest, AuditEntry(START, "accounts", "late", {"serial": 3}))
    store = team.state(clients=wire.clients)
    lease, state = store.acquire("other", MINUTE), store.load("accounts")
    assert state is not None
    lines = [AuditEntry(START, "accounts", event, {"serial": 3}) for event in ("begun", "done")]
    # It was under way when its holder lost the lease, and comes between the look at the log's end and the first line.
    wire.set(3, happens=lambda: team.put("audit/999999999995.json", record_body(late)))
    store.save(lease, state, lines)
    assert whole(team.state()).serial == 3
    events = [record.entry.event for record in team.state().audit()]
    assert events[4:] == ["late", "begun", "done"]


def test_a_state_that_lands_late_is_a_conflict_once(team: Team, wire: Wire) -> None:
    run(team.state())
    other = team.state()
    taken: list[tuple[Lease, IssuerState]] = []

    def take_and_load() -> None:
        lease, state = other.acquire("other", MINUTE), other.load("accounts")
        assert state is not None
        taken.append((lease, state))

    assert Paused(team, wire).save(5, True, take_and_load) is None, "nobody had saved meanwhile"
    ((lease, state),) = taken
    with pytest.raises(StateConflict, match="moved since it was read"):
        other.save(lease, state, [AuditEntry(START, "accounts", "lost", {"serial": 3})])
    other.release(lease)
    assert run(team.state(), "next").serial == 5
    assert whole(team.state()).serial == 5


# ------------------------------------------------------------------------------------- answers lost


@pytest.fixture(scope="module")
def faulty_server(bench: Bench) -> Iterator[FaultyProxy]:
    with FaultyProxy(bench.endpoint.url) as proxy:
        yield proxy


@pytest.fixture
def proxy(faulty_server: FaultyProxy) -> Iterator[FaultyProxy]:
    """Between `seen` and the server; passes everything on until told otherwise."""
    yield faulty_server
    faulty_server.heal()


@pytest.fixture
def seen(team: Team, proxy: FaultyProxy) -> Team:
    """The same state as `team`'s, through the proxy."""
    bench = team.bench
    endpoint = S3Endpoint(proxy.url, bench.endpoint.credentials)
    return Team(
        Bench(endpoint, bench.bucket, bench.folder, bench.clients, makes=False), team.prefix
    )


def nth_put(number: int) -> Callable[[Request], bool]:
    """Picks one write of those that follow."""
    seen = iter(range(1, 1000))
    return lambda request: request.method == "PUT" and next(seen) == number


PASSING: dict[str, Fault] = {
    "answer lost": LoseAnswer(),
    "throttled": Answer.s3_error(503, "SlowDown"),
    "another write at the same moment": Answer.s3_error(409, "ConditionalRequestConflict"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_at_any_write_does_not_stop_a_run(
    team: Team, seen: Team, proxy: FaultyProxy, fault: Fault
) -> None:
    run(seen.state())
    writes = 9
    for number in range(1, writes + 1):
        proxy.fail(fault, nth_put(number))
        assert run(seen.state()).serial == 2 + 2 * number
    assert whole(team.state()).serial == 20
    assert len(list(team.state().audit())) == 40, "no line twice"


@pytest.mark.parametrize("what", ["lease.json", "audit/", "state/"], ids=["lease", "log", "state"])
def test_an_outcome_that_stays_unknown_is_said_and_the_next_run_converges(
    team: Team, seen: Team, proxy: FaultyProxy, what: str
) -> None:
    hit: list[str] = []

    def from_that_write_on(request: Request) -> bool:
        if request.method == "PUT" and f"/rotator/{what}" in request.target:
            hit.append(request.target)
        return bool(hit)

    run(seen.state())
    proxy.fail(LoseAnswer(), from_that_write_on)
    with pytest.raises(StateUnreachable, match="cannot write") as caught:
        run(seen.state(process=DEAD), "cut off")
    assert "whether it took effect is unknown" in caught.value.detail
    assert what in caught.value.message
    left = whole(team.state()).serial
    assert left == (3 if what == "state/" else 2)
    assert run(team.state(), "next").serial == left + 2
    assert whole(team.state()).serial == left + 2


def test_a_store_that_stays_throttled_is_unreachable_and_was_not_flooded(
    team: Team, seen: Team, proxy: FaultyProxy
) -> None:
    store = seen.state()
    lease = store.acquire("me", MINUTE)
    proxy.fail(Answer.s3_error(503, "SlowDown"), lambda r: r.method == "PUT")
    before = len(proxy.requests)
    with pytest.raises(StateUnreachable, match="cannot write"):
        store.save(lease, IssuerState(issuer="accounts"), ())
    sent = [request.method for request in proxy.requests[before:]]
    assert sent == ["GET", "GET", "PUT", "GET", "PUT", "GET", "PUT", "GET"]
    assert team.state().load("accounts") is None


def test_a_lease_that_cannot_be_given_back_does_not_spoil_what_was_done(
    team: Team, seen: Team, proxy: FaultyProxy
) -> None:
    store = seen.state(process=DEAD)
    lease = store.acquire("me", MINUTE)
    proxy.fail(Refuse())
    store.release(lease)
    assert team.state().holder() == lease
    assert team.state().acquire("next", MINUTE).fence == lease.fence + 1


# ------------------------------------------------------------------------------------------ refused


REFUSED: dict[str, tuple[Fault, type[StateError], str, str]] = {
    "denied": (
        Answer.s3_error(403, "AccessDenied"),
        StateDenied,
        "may not (AccessDenied: AccessDenied)",
        "grant s3:GetObject on arn:aws:s3:::faulty-state/",
    ),
    "expired": (
        Answer.s3_error(400, "ExpiredToken"),
        StateDenied,
        "credentials have expired",
        "aws sso login",
    ),
    "elsewhere": (
        Answer(301, b"", {"x-amz-bucket-region": "eu-west-1"}),
        StateDenied,
        "is in region eu-west-1, not in us-east-1",
        "aws.region",
    ),
    "down": (Answer(502, b"<html>"), StateUnreachable, "502", "run it again"),
    "refused": (Refuse(), StateUnreachable, "", "run it again"),
}


@pytest.mark.parametrize(("fault", "error", "why", "hint"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_place_action_and_remedy(
    seen: Team, proxy: FaultyProxy, fault: Fault, error: type[StateError], why: str, hint: str
) -> None:
    proxy.fail(fault)
    with pytest.raises(StateError) as caught:
        seen.state().load("accounts")
    assert type(caught.value) is error
    assert caught.value.message == (
        f"cannot read s3://faulty-state/{seen.prefix}/state/accounts.json in us-east-1"
    )
    assert "s3:GetObject" in caught.value.detail
    assert why in caught.value.detail
    assert hint in caught.value.hint


@pytest.mark.s3
def test_who_may_only_read_reads_and_is_told_what_to_grant(
    seaweedfs_endpoint: S3Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = seaweedfs_endpoint.make_bucket("read-only-state")
    reader = S3Endpoint(seaweedfs_endpoint.url, READER)
    team = Bench(reader, bucket, tmp_path, makes=False).team(monkeypatch)
    store = team.state()
    assert (store.load("accounts"), store.issuers(), store.holder()) == (None, (), None)
    uses: tuple[Callable[[], object], ...] = (
        lambda: store.acquire("reader", MINUTE),
        lambda: store.save_evidence(Evidence(issuer="accounts")),
    )
    for use in uses:
        with pytest.raises(StateDenied) as caught:
            use()
        place = f"arn:aws:s3:::{bucket}/{team.prefix}/lease.json"
        assert caught.value.hint.startswith(f"grant s3:PutObject on {place}")
