"""What is particular to the state in a bucket: its objects, what damage looks like, what it costs, who gives way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest

from rotator.adapters.clock import SystemClock
from rotator.adapters.s3_state import S3State
from rotator.domain.audit import AuditEntry, verify_chain
from rotator.domain.evidence import Evidence, Sighting, Verdict
from rotator.domain.state import IssuerState
from rotator.errors import LeaseHeld, LeaseLost, RotatorError, StateDamaged, StateError
from rotator.ports import Lease
from rotator.process import Process
from tests.adapters.states import DEAD, ELSEWHERE, MINUTE, Bench, Team, Wire, run, whole
from tests.fakes.clock import START, FakeClock
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint

pytestmark = pytest.mark.ministack
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench(ministack_server: Ministack, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(ministack_server.endpoint, "team-state", tmp_path_factory.mktemp("aws"))


@pytest.fixture
def team(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Team:
    return bench.team(monkeypatch)


# ----------------------------------------------------------------------------------- the objects


def test_reading_creates_nothing(team: Team) -> None:
    store = team.state()
    store.load("accounts")
    store.load_evidence("accounts")
    store.issuers()
    list(store.audit())
    store.holder()
    store.break_lease()
    store.release(Lease("me", 1))
    assert team.names() == []


def test_one_object_each_and_the_newest_entry_first(team: Team) -> None:
    store = team.state()
    run(store, saves=1)
    store.save_evidence(Evidence(issuer="accounts"))
    assert team.names() == [
        "audit/999999999998.json",
        "audit/999999999999.json",
        "evidence/accounts.json",
        "lease.json",
        "state/accounts.json",
    ]


def test_objects_say_what_they_are(team: Team) -> None:
    store = team.state(FakeClock())
    lease = store.acquire("ops@laptop", timedelta(minutes=3))
    store.save(lease, IssuerState(issuer="accounts", lineage="l-1"), ())
    state = json.loads(team.body("state/accounts.json"))
    held = json.loads(team.body("lease.json"))["lease"]
    assert (state["format"], state["issuer"], state["serial"]) == (
        "rotator.stored/1",
        "accounts",
        1,
    )
    assert state["state"]["lineage"] == "l-1"
    assert (held["fence"], held["claim"]["owner"], held["claim"]["term"]) == (1, "ops@laptop", 180)
    assert held["claim"]["renewed_at"] == "2026-01-01T06:17:00Z"


def test_a_bucket_needs_no_prefix(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    team = Team(bench.team(monkeypatch).bench, "")
    store = team.state()
    store.save_evidence(Evidence(issuer="unprefixed"))
    answer = bench.direct.head_object(Bucket=bench.bucket, Key="evidence/unprefixed.json")
    assert answer["ContentType"] == "application/json"
    assert answer["CacheControl"] == "no-store"


def test_more_issuers_than_fit_on_a_page(team: Team) -> None:
    names = [f"issuer-{number:04}" for number in range(1005)]
    server = HTTPConnection(team.bench.endpoint.url.removeprefix("http://"))
    for name in names:  # ministack asks for no signature
        server.request("PUT", f"/{team.bench.bucket}/{team.prefix}/state/{name}.json", b"{}")
        assert server.getresponse().read() == b""
    server.close()
    assert team.state().issuers() == tuple(names)


# ----------------------------------------------------------------------------------- what it costs


@pytest.fixture
def wire(team: Team) -> Wire:
    return team.bench.wire()


def test_calls(team: Team, wire: Wire) -> None:
    run(team.state())
    store = team.state(clients=wire.clients)
    count = wire.counted
    lease = Lease("run", 2)
    entry = AuditEntry(START, "accounts", "saved", {"serial": 0})

    def save(entries: int) -> Callable[[], object]:
        state = IssuerState(issuer="accounts", serial=serial)
        return lambda: store.save(lease, state, [entry] * entries)

    assert count(lambda: store.acquire("run", MINUTE)) == ["GetObject", "PutObject"]
    assert count(lambda: store.renew(lease, MINUTE)) == ["PutObject"]
    assert count(lambda: store.load("accounts")) == ["GetObject"]
    serial = 2
    first = ["GetObject", "ListObjectsV2", "PutObject", "PutObject"]
    assert count(save(1)) == first, "the end of the log is looked up once"
    serial = 3
    assert count(save(0)) == ["GetObject", "PutObject"]
    serial = 4
    assert count(save(3)) == ["GetObject", *["PutObject"] * 4]
    assert count(lambda: store.load_evidence("accounts")) == ["GetObject"]
    seen, none = Evidence(issuer="accounts"), Evidence(issuer="accounts")
    store.save_evidence(seen, none)
    assert count(lambda: store.save_evidence(seen, none)) == ["PutObject"]
    assert count(store.issuers) == ["ListObjectsV2"]
    assert count(lambda: store.release(lease)) == ["PutObject"]


# ------------------------------------------------------------------------------------------ damage


def moved(team: Team, source: str, target: str) -> None:
    team.put(target, team.body(source))


def altered(team: Team, name: str, before: bytes, after: bytes) -> None:
    body = team.body(name)
    assert before in body
    team.put(name, body.replace(before, after))


STATE, EVIDENCE = "state/accounts.json", "evidence/accounts.json"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t: t.put(STATE, b""), "cannot be read"),
        (lambda t: t.put(STATE, t.body(STATE)[:80]), "cannot be read"),
        (lambda t: t.put(STATE, b"<html>"), "cannot be read"),
        (lambda t: t.put(STATE, b"[" * 100_000), "cannot be read"),
        (lambda t: t.put(STATE, b"[]"), "cannot be read"),
        (lambda t: t.put(STATE, b'{"format":"else"}'), "cannot be read"),
        (lambda t: t.put(STATE, b'{"format":"rotator.stored/1"}'), "not what was written"),
        (lambda t: altered(t, STATE, b'"generation":0', b'"generation":1'), "not what was written"),
        (lambda t: altered(t, STATE, b'"serial":2,"fence"', b'"serial":1,"fence"'), "another time"),
        (lambda t: moved(t, "state/payments.json", STATE), "not what was written"),
        (lambda t: t.put(STATE, b" " * (16 * 2**20 + 1)), "not what was written"),
    ],
    ids=[
        "empty",
        "cut short",
        "not JSON",
        "a nest",
        "no object",
        "no state",
        "nothing in it",
        "altered",
        "serial moved",
        "another issuer's",
        "too large",
    ],
)
def test_damage_is_found_and_never_half_used(
    team: Team, damage: Callable[[Team], object], words: str
) -> None:
    store = team.state()
    lease = store.acquire("me", MINUTE)
    store.save(lease, IssuerState(issuer="payments"), ())
    state = store.save(lease, IssuerState(issuer="accounts"), ())
    store.save(lease, state, ())
    damage(team)
    with pytest.raises(StateDamaged, match=words) as caught:
        store.load("accounts")
    assert STATE in caught.value.message + caught.value.detail
    assert caught.value.hint


def test_damage_says_how_it_is_mended_in_a_bucket(team: Team) -> None:
    team.put(STATE, b"{")
    with pytest.raises(StateDamaged) as caught:
        team.state().load("accounts")
    assert caught.value.detail.startswith(f"s3://team-state/{team.prefix}/{STATE}")
    assert "earlier version of the object" in caught.value.hint


def test_a_newer_format_is_refused(team: Team) -> None:
    for name in (STATE, EVIDENCE, "lease.json"):
        team.put(name, b'{"format":"rotator.stored/2"}')
    store = team.state()
    uses: tuple[Callable[[], object], ...] = (
        lambda: store.load("accounts"),
        lambda: store.load_evidence("accounts"),
        lambda: store.acquire("me", MINUTE),
        store.break_lease,
    )
    for use in uses:
        with pytest.raises(StateError, match="newer rotator") as caught:
            use()
        assert not isinstance(caught.value, StateDamaged)


def test_damaged_evidence_is_said_and_can_be_replaced(team: Team) -> None:
    store = team.state()
    kept = Evidence(issuer="accounts", sightings={"eu": {"k": Sighting(verdict=Verdict.PASS)}})
    store.save_evidence(kept)
    altered(team, EVIDENCE, b'"pass"', b'"fail"')
    with pytest.raises(StateDamaged, match="evidence of accounts"):
        store.load_evidence("accounts")
    assert store.save_evidence(kept) == kept
    assert store.load_evidence("accounts") == kept


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"format":"rotator.stored/1","lease":{"fence":"7"}}']
)
def test_a_damaged_lease_is_said_and_unlocked(team: Team, body: bytes) -> None:
    store = team.state()
    old = store.acquire("old", MINUTE)
    team.put("lease.json", body)
    for use in (store.holder, lambda: store.acquire("new", MINUTE), lambda: list(store.audit())):
        with pytest.raises(StateDamaged, match="the lease cannot be read") as caught:
            use()
        assert caught.value.hint == "rotator state unlock"
    broken = store.break_lease()
    assert broken is not None
    assert broken.owner == "somebody unknown"
    assert store.acquire("new", MINUTE).fence > old.fence
    with pytest.raises(LeaseLost):
        store.save(old, IssuerState(issuer="accounts"), ())


def test_a_lease_taken_anew_after_its_object_was_lost_is_another(team: Team) -> None:
    store = team.state()
    old = store.acquire("me", MINUTE)
    team.delete("lease.json")
    again = team.state().acquire("me", MINUTE)
    assert again == old, "owner and fence are the same by chance"
    with pytest.raises(LeaseLost):
        store.save(old, IssuerState(issuer="accounts"), ())


# ------------------------------------------------------------------------------------ the audit log


def name_of(number: int) -> str:
    return f"audit/{10**12 - number:012}.json"


@pytest.mark.parametrize(
    ("damage", "first_broken"),
    [
        (lambda t: altered(t, name_of(2), b"done", b"d0ne"), 2),
        (lambda t: t.delete(name_of(1)), 2),
        (lambda t: t.delete(name_of(3)), 4),
        (lambda t: moved(t, name_of(2), name_of(3)), 2),
    ],
    ids=["altered", "first gone", "one gone", "one twice"],
)
def test_a_changed_log_shows(
    team: Team, damage: Callable[[Team], object], first_broken: int
) -> None:
    store = team.state()
    run(store)
    damage(team)
    assert verify_chain(store.audit()) == first_broken


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda t: t.put(name_of(2), b"{"), "entry 2"),
        (lambda t: altered(t, name_of(2), b'"number":2', b'"number":"2"'), "entry 2"),
        (lambda t: altered(t, name_of(2), b'"event"', b'"evident"'), "entry 2"),
        (lambda t: altered(t, name_of(4), b'"sha256":"', b'"sha256":"0'), "entry 4"),
        (lambda t: t.put("audit/notes.txt", b""), "no entry of the audit log"),
    ],
    ids=["not JSON", "number", "entry", "last digest", "something else"],
)
def test_what_is_no_entry_is_damage(
    team: Team, damage: Callable[[Team], object], words: str
) -> None:
    store = team.state()
    run(store)
    damage(team)
    with pytest.raises(StateDamaged, match=words):
        list(store.audit())


def test_a_log_that_lost_its_end_shows_now_and_for_ever(team: Team) -> None:
    run(team.state())
    team.delete(name_of(4))
    with pytest.raises(StateDamaged, match="end of the audit log"):
        list(team.state().audit())
    run(team.state(), saves=1)
    records = list(team.state().audit())
    assert [record.number for record in records] == [1, 2, 3, 5, 6]
    assert verify_chain(records) == 5


# ------------------------------------------------------------------------------------- the lease


class ActingClock(FakeClock):
    """While somebody sleeps, somebody else acts."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        self._act()


def test_a_holder_elsewhere_that_goes_on_renewing_keeps_the_lease(team: Team) -> None:
    there = team.state(process=ELSEWHERE)
    lease = there.acquire("ci", MINUTE)
    clock = ActingClock(lambda: there.renew(lease, MINUTE))
    with pytest.raises(LeaseHeld, match="ci holds the lease since 2026-01-01T06:17:00Z") as caught:
        team.state(clock).acquire("laptop", MINUTE)
    assert caught.value.detail == "process 41 on ci-runner, renewed 2026-01-01T06:17:00Z"
    assert clock.slept == [timedelta(seconds=1)]


@pytest.mark.parametrize("wall", [timedelta(), timedelta(days=400), timedelta(days=-400)])
def test_a_holder_elsewhere_that_is_silent_for_its_term_loses_the_lease(
    team: Team, wall: timedelta
) -> None:
    there = team.state(process=ELSEWHERE)
    old = there.acquire("ci", timedelta(seconds=20.5))
    clock = FakeClock(START + wall)
    here = team.state(clock)
    new = here.acquire("laptop", MINUTE)
    assert sum(clock.slept, timedelta()) == timedelta(seconds=20.5)
    assert (new.fence, here.holder()) == (old.fence + 1, new)
    for use in (
        lambda: there.renew(old, MINUTE),
        lambda: there.save(old, IssuerState(issuer="accounts"), ()),
    ):
        with pytest.raises(LeaseLost) as caught:
            use()
        assert caught.value.detail == "laptop has it"
    there.release(old)
    assert here.holder() == new


def test_a_lease_given_back_while_it_is_watched_is_taken(team: Team) -> None:
    there = team.state(process=ELSEWHERE)
    old = there.acquire("ci", MINUTE)
    clock = ActingClock(lambda: there.release(old))
    assert team.state(clock).acquire("laptop", MINUTE).fence == old.fence + 1
    assert len(clock.slept) == 1


@pytest.mark.parametrize(
    ("process", "waits"),
    [(DEAD, False), (replace(DEAD, boot="earlier"), True), (replace(DEAD, namespace="x"), True)],
    ids=["gone", "this machine or its clone, booted at another time", "another container"],
)
def test_a_dead_holder_gives_way_by_itself(team: Team, process: Process, waits: bool) -> None:
    team.state(process=process).acquire("killed", MINUTE)
    clock = FakeClock()
    assert team.state(clock).acquire("next", MINUTE).fence == 2
    assert (sum(clock.slept, timedelta()) == MINUTE) is waits


@pytest.fixture
def holder(team: Team) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that holds the lease, and has said so."""
    place = [team.bench.endpoint.url, team.bench.bucket, team.prefix]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.adapters.holder", *place],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "1\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_holder_gives_way_at_once_and_a_live_one_does_not(
    team: Team, holder: subprocess.Popen[str]
) -> None:
    store = team.state(SystemClock())
    with pytest.raises(LeaseHeld, match="holder") as caught:
        store.acquire("here", MINUTE)
    assert str(holder.pid) in caught.value.detail
    holder.kill()
    holder.wait()
    assert store.acquire("here", MINUTE).fence == 2


def contend(store: S3State) -> bool:
    try:
        lease = store.acquire("me", MINUTE)
    except LeaseHeld:
        return False
    state = store.load("accounts") or IssuerState(issuer="accounts")
    serial = {"serial": state.serial + 1}
    store.save(lease, state, [AuditEntry(START, "accounts", "won", serial)] * 2)
    return True


def test_of_many_that_want_the_lease_one_gets_it(team: Team) -> None:
    for won in range(1, 4):
        stores = [team.state() for _ in range(12)]
        with ThreadPoolExecutor(12) as pool:
            assert sum(pool.map(contend, stores)) == 1
        assert whole(team.state()).serial == won
        stores[0].break_lease()


def test_those_who_compete_never_lose_each_others_work(team: Team) -> None:
    def compete(store: S3State) -> int:
        wins = 0
        for _ in range(12):
            try:
                run(store, saves=1)
            except LeaseHeld:
                continue
            wins += 1
        return wins

    stores = [team.state(SystemClock()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        wins = sum(pool.map(compete, stores))
    assert whole(team.state()).serial == wins > 0


def test_evidence_kept_side_by_side_is_what_all_may_believe(team: Team) -> None:
    kids = [f"kid-{number}" for number in range(6)]
    all_seen = {"eu": {kid: Sighting(verdict=Verdict.PASS, visible_since=START) for kid in kids}}
    before = team.state().save_evidence(Evidence(issuer="accounts", sightings=all_seen))
    stores = [team.state() for _ in kids]

    def end(pair: tuple[S3State, str]) -> None:
        store, kid = pair
        ended = {**all_seen["eu"], kid: Sighting(verdict=Verdict.FAIL)}
        store.save_evidence(replace(before, sightings={"eu": ended}), before)

    with ThreadPoolExecutor(len(kids)) as pool:
        list(pool.map(end, zip(stores, kids, strict=True)))
    kept = team.state().load_evidence("accounts")
    assert [kept.sighting("eu", kid).verdict for kid in kids] == [Verdict.FAIL] * len(kids)
    assert [kept.sighting("eu", kid).visible_since for kid in kids] == [None] * len(kids)


# ------------------------------------------------------------------------------- stores to be refused


@pytest.mark.s3rver
def test_a_store_that_ignores_conditions_is_refused_before_anything_is_written(
    s3rver_endpoint: S3Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    team = Bench(s3rver_endpoint, "unsafe-state", tmp_path).team(monkeypatch)
    store = team.state()
    uses: tuple[Callable[[], object], ...] = (
        lambda: store.acquire("me", MINUTE),
        lambda: store.save_evidence(Evidence(issuer="accounts")),
    )
    for use in uses:
        with pytest.raises(StateError, match="cannot be trusted") as caught:
            use()
        assert "ignores If-None-Match" in caught.value.detail
        assert caught.value.hint == "use a store that honours If-Match and If-None-Match"
    assert team.names() == []


def test_a_store_is_tried_once_and_again_at_another_endpoint(team: Team, wire: Wire) -> None:
    tried = 5  # made, made again, replaced by a wrong and by its own ETag, removed
    calls = wire.counted(lambda: run(team.state(clients=wire.clients)))
    assert calls.count("DeleteObject") == 1
    assert len(calls) == len(wire.counted(lambda: run(team.state(clients=wire.clients)))) + tried
    altered(team, "lease.json", b"http://127.0.0.1:", b"http://127.0.0.2:")
    assert "DeleteObject" in wire.counted(lambda: run(team.state(clients=wire.clients)))


def test_errors_are_rotators_own(team: Team) -> None:
    store = S3State(team.bench.clients, team.bench.access, "there-is-none", "", FakeClock())
    uses: tuple[Callable[[], object], ...] = (
        lambda: store.load("accounts"),
        store.issuers,
        lambda: store.acquire("me", MINUTE),
        lambda: store.save_evidence(Evidence(issuer="accounts")),
        lambda: list(store.audit()),
        store.holder,
    )
    for use in uses:
        with pytest.raises(RotatorError) as caught:
            use()
        assert caught.value.code == "E_STATE_DENIED"
        assert "there is no bucket there-is-none" in caught.value.detail
        assert caught.value.message.endswith("in us-east-1")
        assert caught.value.hint.startswith("create the bucket in this region")
