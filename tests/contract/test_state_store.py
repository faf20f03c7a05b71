"""What every `StateStore` promises: serials, the lease and its fence, the chained log, evidence apart from all that."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotator.adapters.sqlite_state import SqliteState
from rotator.domain.audit import START, AuditEntry, verify_chain
from rotator.domain.evidence import (
    Check,
    CheckKind,
    Evidence,
    Look,
    Sighting,
    StalenessMark,
    Verdict,
    end_runs,
)
from rotator.domain.jwk import Algorithm, Jwk, OkpPublic
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.plan import Reason, RepairJwks, RepairSigning, Retire
from rotator.domain.state import Hold, Intent, IssuerState, RegionRecord
from rotator.errors import LeaseHeld, LeaseLost, StateConflict
from rotator.ports import Lease, StateStore
from tests.adapters.states import Bench
from tests.fakes.clock import FakeClock
from tests.fakes.state import MemoryState

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def benches() -> dict[str, Bench]:
    return {}


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("ministack", marks=pytest.mark.ministack),
        pytest.param("seaweedfs", marks=pytest.mark.s3),
    ]
)
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    benches: dict[str, Bench],
) -> StateStore:
    match request.param:
        case "memory":
            return MemoryState(FakeClock())
        case "sqlite":
            return SqliteState(tmp_path / "folder" / "state.db", FakeClock())
        case "ministack":
            endpoint = request.getfixturevalue("ministack_server").endpoint
        case _:
            endpoint = request.getfixturevalue("seaweedfs_endpoint")
    if request.param not in benches:
        benches[request.param] = Bench(endpoint, "state-contract", tmp_path)
    return benches[request.param].team(monkeypatch).state()


class ActingClock(FakeClock):
    """While somebody waits, the others act: one of `acts` for each second, then nobody."""

    def __init__(self, *acts: Callable[[], object]) -> None:
        super().__init__()
        self.acts = list(acts)

    def sleep(self, duration: timedelta) -> None:
        super().sleep(duration)
        if self.acts:
            self.acts.pop(0)()


@pytest.fixture
def clock() -> ActingClock:
    return ActingClock()


@pytest.fixture(params=["memory", "sqlite", pytest.param("ministack", marks=pytest.mark.ministack)])
def handle(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    clock: ActingClock,
    benches: dict[str, Bench],
) -> Callable[[], StateStore]:
    """Makes handles on one store; memory has but one, since it lives in one process."""
    if request.param == "memory":
        memory = MemoryState(clock)
        return lambda: memory
    if request.param == "sqlite":
        return lambda: SqliteState(tmp_path / "folder" / "state.db", clock)
    endpoint = request.getfixturevalue("ministack_server").endpoint
    if "ministack" not in benches:
        benches["ministack"] = Bench(endpoint, "state-contract", tmp_path)
    team = benches["ministack"].team(monkeypatch)
    return lambda: team.state(clock)


def full_state() -> IssuerState:
    """A state with something in every member."""
    key = Key(
        jwk=Jwk("kid-1", Algorithm.ED25519, OkpPublic("Ed25519", "A" * 43)),
        generation=3,
        handle=LocalHandle("keys/accounts/3.pem"),
        moments=Moments(staged_at=NOW, published_at=NOW + MINUTE),
        max_token_lifetime=timedelta(days=30),
    )
    step = {"n": 1, "reason": "r", "reason_code": Reason.DOCUMENT_CHANGED, "not_before": NOW}
    steps = (
        RepairJwks(region="eu", keys=("kid-1",), expected_etag=None, **step),  # type: ignore[arg-type]
        RepairSigning(kid="k", region="eu", standby=None, expected_etag="e", generation=4, **step),  # type: ignore[arg-type]
        Retire(kid="kid-1", **step),  # type: ignore[arg-type]
    )
    return IssuerState(
        issuer="accounts",
        lineage="l-1",
        generation=4,
        keys=(key,),
        regions={"eu": RegionRecord(jwks_etag='"e"', jwks_kids=("kid-1",), proven=True)},
        hold=Hold(reason="freeze – year's end", owner="ops", since=NOW),
        intent=Intent(id="i-1", opened_at=NOW, steps=steps),
    )


def full_evidence() -> Evidence:
    check = Check(
        kind=CheckKind.HTTP,
        target="https://eu.example/jwks.json",
        verdict=Verdict.PASS,
        keys={"kid-1": Verdict.PASS},
        age=timedelta(seconds=3),
    )
    return Evidence(
        issuer="accounts",
        sightings={"eu": {"kid-1": Sighting(verdict=Verdict.PASS, checked_at=NOW, passes=2)}},
        looks={"eu": Look(NOW, (check,))},
        marks={"eu": (StalenessMark(timedelta(minutes=5), NOW),)},
    )


def entry(event: str, **facts: str | float | bool | None) -> AuditEntry:
    return AuditEntry(NOW, "accounts", event, facts)


def test_nothing_is_there_at_first(store: StateStore) -> None:
    assert store.load("accounts") is None
    assert store.issuers() == ()
    assert store.load_evidence("accounts") == Evidence(issuer="accounts")
    assert list(store.audit()) == []
    assert store.holder() is None
    assert store.break_lease() is None


def test_what_was_saved_comes_back_with_the_next_serial(store: StateStore) -> None:
    lease = store.acquire("me", MINUTE)
    saved = store.save(lease, full_state(), ())
    assert saved.serial == 1
    assert store.load("accounts") == saved
    assert store.save(lease, saved, ()).serial == 2


def test_issuers_are_apart_and_listed_in_order(store: StateStore) -> None:
    lease = store.acquire("me", MINUTE)
    for name in ("payments", "accounts"):
        store.save(lease, IssuerState(issuer=name), ())
    assert store.issuers() == ("accounts", "payments")
    assert store.load("payments") == IssuerState(issuer="payments", serial=1)


@pytest.mark.parametrize("serial", [0, 1, 3])
def test_a_state_that_moved_is_a_conflict_and_nothing_is_logged(
    store: StateStore, serial: int
) -> None:
    lease = store.acquire("me", MINUTE)
    second = store.save(lease, store.save(lease, IssuerState(issuer="accounts"), ()), ())
    with pytest.raises(StateConflict):
        store.save(lease, IssuerState(issuer="accounts", serial=serial), [entry("lost")])
    assert store.load("accounts") == second
    assert list(store.audit()) == []


def test_a_first_save_with_a_serial_is_a_conflict(store: StateStore) -> None:
    with pytest.raises(StateConflict):
        store.save(store.acquire("me", MINUTE), IssuerState(issuer="accounts", serial=1), ())


def test_the_log_is_one_chain_over_all_issuers(store: StateStore) -> None:
    lease = store.acquire("me", MINUTE)
    state = store.save(lease, IssuerState(issuer="accounts"), [entry("a", n=1, f=1.5, b=True)])
    store.save(lease, IssuerState(issuer="payments"), [])
    store.save(lease, state, [entry("b", nothing=None, text="ε"), entry("c")])
    records = list(store.audit())
    assert [record.number for record in records] == [1, 2, 3]
    assert [record.entry.event for record in records] == ["a", "b", "c"]
    assert records[0].entry == entry("a", n=1, f=1.5, b=True)
    assert records[0].previous == START
    assert all(later.previous == earlier.digest for earlier, later in itertools.pairwise(records))
    assert verify_chain(records) is None


def test_the_log_is_read_from_its_end_too(store: StateStore) -> None:
    assert list(store.newest()) == []
    lease = store.acquire("me", MINUTE)
    store.save(lease, IssuerState(issuer="accounts"), [entry("a"), entry("b"), entry("c")])
    assert list(store.newest()) == list(store.audit())[::-1]
    assert next(store.newest()).entry == entry("c")


def test_a_note_is_logged_and_moves_no_state(store: StateStore) -> None:
    lease = store.acquire("me", MINUTE)
    saved = store.save(lease, IssuerState(issuer="accounts"), [entry("a")])
    store.note(lease, [entry("b")])
    assert store.load("accounts") == saved
    store.save(lease, saved, [entry("c")])
    records = list(store.audit())
    assert [record.entry.event for record in records] == ["a", "b", "c"]
    assert verify_chain(records) is None
    store.release(lease)
    with pytest.raises(LeaseLost):
        store.note(lease, [entry("late")])


def test_one_holder_at_a_time(store: StateStore) -> None:
    lease = store.acquire("first", MINUTE)
    assert store.holder() == lease
    with pytest.raises(LeaseHeld, match="first"):
        store.acquire("second", MINUTE)
    store.renew(lease, MINUTE)
    store.release(lease)
    assert store.holder() is None
    assert store.acquire("second", MINUTE).fence > lease.fence


def test_the_fence_only_goes_up(store: StateStore) -> None:
    fences = []
    for _ in range(3):
        lease = store.acquire("me", MINUTE)
        fences.append(lease.fence)
        store.release(lease)
        store.release(lease)
    assert fences == sorted(set(fences))


def test_after_the_lease_is_broken_the_old_holder_can_write_nothing(store: StateStore) -> None:
    old = store.acquire("old", MINUTE)
    saved = store.save(old, IssuerState(issuer="accounts"), [entry("a")])
    assert store.break_lease() == old
    assert store.holder() is None
    with pytest.raises(LeaseLost):
        store.renew(old, MINUTE)
    with pytest.raises(LeaseLost):
        store.save(old, saved, [entry("late")])
    new = store.acquire("new", MINUTE)
    with pytest.raises(LeaseLost):
        store.save(old, saved, [entry("late")])
    store.release(old)
    assert store.holder() == new
    assert store.load("accounts") == saved
    assert len(list(store.audit())) == 1


def test_a_released_lease_cannot_write(store: StateStore) -> None:
    lease = store.acquire("me", MINUTE)
    store.release(lease)
    with pytest.raises(LeaseLost):
        store.save(lease, IssuerState(issuer="accounts"), ())


def test_without_a_lease_nothing_is_saved(store: StateStore) -> None:
    lease = MemoryState(FakeClock()).acquire("stranger", MINUTE)
    with pytest.raises(LeaseLost):
        store.save(lease, IssuerState(issuer="accounts"), ())
    with pytest.raises(LeaseLost):
        store.renew(lease, MINUTE)
    store.release(lease)


def test_evidence_needs_no_lease_and_moves_no_serial(store: StateStore) -> None:
    lease = store.acquire("me", MINUTE)
    saved = store.save(lease, IssuerState(issuer="accounts"), ())
    store.release(lease)
    store.save_evidence(full_evidence())
    assert store.load_evidence("accounts") == full_evidence()
    assert store.load("accounts") == saved
    store.save_evidence(Evidence(issuer="accounts"))
    assert store.load_evidence("accounts") == Evidence(issuer="accounts")


def test_a_slow_look_does_not_undo_what_a_quicker_one_saw(store: StateStore) -> None:
    visible = Sighting(verdict=Verdict.PASS, checked_at=NOW, visible_since=NOW, passes=2)
    store.save_evidence(replace(full_evidence(), sightings={"eu": {"kid-1": visible}}))
    begun_with = store.load_evidence("accounts")
    assert store.save_evidence(begun_with, begun_with) == begun_with
    ended = end_runs(begun_with, "eu")
    assert store.save_evidence(ended, begun_with) == ended
    kept = store.save_evidence(begun_with, begun_with)
    assert kept == store.load_evidence("accounts")
    assert kept.sighting("eu", "kid-1").visible_since is None


def test_evidence_can_be_kept_before_there_is_any_state(store: StateStore) -> None:
    store.save_evidence(full_evidence())
    assert store.load_evidence("accounts") == full_evidence()
    assert store.issuers() == ()


# --------------------------------------------------------------------------- a lease that is wanted urgently

Handle = Callable[[], StateStore]


def test_a_holder_that_is_asked_finishes_its_step_and_makes_way(
    handle: Handle, clock: ActingClock
) -> None:
    there = handle()
    lease = there.acquire("daily", MINUTE)
    state = there.save(lease, IssuerState(issuer="accounts"), [entry("begun")])
    told: list[LeaseLost] = []

    def finish_the_step() -> None:
        there.save(lease, replace(state, generation=9), [entry("done")])

    def begin_the_next() -> None:
        with pytest.raises(LeaseLost) as caught:
            there.renew(lease, MINUTE)
        told.append(caught.value)
        there.release(lease)

    clock.acts = [finish_the_step, begin_the_next]
    here = handle()
    new = here.acquire("revoke", MINUTE, urgent=True)
    assert (new.fence > lease.fence, here.holder()) == (True, new)
    assert clock.slept == [timedelta(seconds=1)] * 2
    assert told[0].message == "a revoke or a hold took this run's lease over"
    assert "revoke was in a hurry" in told[0].detail
    saved = here.load("accounts")
    assert saved is not None
    assert (saved.generation, saved.serial) == (9, 2)
    here.renew(new, MINUTE)
    assert here.save(new, saved, [entry("revoked")]).serial == 3


def test_a_holder_that_hangs_loses_the_lease_after_its_term(
    handle: Handle, clock: ActingClock
) -> None:
    there, here = handle(), handle()
    lease = there.acquire("hangs", MINUTE)
    new = here.acquire("revoke", MINUTE, urgent=True)
    assert sum(clock.slept, timedelta()) == MINUTE
    for use in (
        lambda: there.renew(lease, MINUTE),
        lambda: there.save(lease, IssuerState(issuer="accounts"), ()),
    ):
        with pytest.raises(LeaseLost, match="a revoke or a hold took"):
            use()
    there.release(lease)
    assert here.holder() == new


def test_a_free_lease_is_taken_urgently_at_once(handle: Handle, clock: ActingClock) -> None:
    there = handle()
    there.release(there.acquire("before", MINUTE))
    lease = handle().acquire("revoke", MINUTE, urgent=True)
    assert (handle().holder(), clock.slept) == (lease, [])


def test_who_took_it_urgently_is_not_asked_for_it(handle: Handle, clock: ActingClock) -> None:
    there = handle()
    lease = there.acquire("first revoke", MINUTE, urgent=True)
    for urgent in (True, False):
        with pytest.raises(LeaseHeld, match="first revoke"):
            handle().acquire("second revoke", MINUTE, urgent=urgent)
    there.renew(lease, MINUTE)
    assert clock.slept == []
    there.release(lease)
    assert handle().acquire("second revoke", MINUTE, urgent=True).fence > lease.fence


def test_of_two_who_want_it_urgently_one_gets_it(handle: Handle, clock: ActingClock) -> None:
    there = handle()
    lease = there.acquire("daily", MINUTE)
    won: list[Lease] = []

    def the_other_is_quicker() -> None:
        there.release(lease)
        won.append(handle().acquire("other revoke", MINUTE, urgent=True))

    clock.acts = [the_other_is_quicker]
    with pytest.raises(LeaseHeld):
        handle().acquire("revoke", MINUTE, urgent=True)
    assert handle().holder() == won[0]


def test_a_lease_that_was_handed_over_and_taken_by_another_is_asked_for_again(
    handle: Handle, clock: ActingClock
) -> None:
    there = handle()
    lease = there.acquire("daily", MINUTE)
    late: list[Lease] = []

    def another_run_is_quicker() -> None:
        there.release(lease)
        late.append(handle().acquire("nightly", MINUTE))

    def it_makes_way_too() -> None:
        with pytest.raises(LeaseLost):
            handle().renew(late[0], MINUTE)
        handle().release(late[0])

    clock.acts = [another_run_is_quicker, it_makes_way_too]
    new = handle().acquire("revoke", MINUTE, urgent=True)
    assert handle().holder() == new
    assert len(clock.slept) == 2


def test_an_ordinary_run_after_a_revoke_renews_as_ever(handle: Handle) -> None:
    here = handle()
    here.release(here.acquire("revoke", MINUTE, urgent=True))
    lease = here.acquire("daily", MINUTE)
    here.renew(lease, MINUTE)
    assert here.holder() == lease
