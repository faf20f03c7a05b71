"""What `doctor` says of worlds in which something is not as it should be, and that it says it whatever happens."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest

from rotator.app.doctor.caching import Allowed, Served, judge_headers
from rotator.app.doctor.clocks import judge_clock, one_a_place
from rotator.app.doctor.examine import examine
from rotator.app.doctor.report import DoctorReport
from rotator.app.doctor.versions import of_versions
from rotator.domain.checks import CanaryCheck, ClockCheck, VerifierCheck
from rotator.domain.clocks import dated
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, gravest
from rotator.domain.policy import CacheLifetime, Policy
from rotator.domain.state import Hold, IssuerState
from rotator.errors import StateDamaged
from rotator.ports import Examination, KernelClock
from tests.fakes.clock import START
from tests.fakes.kms import MemoryKms
from tests.fakes.probe import Edge
from tests.fakes.targets import Fault
from tests.fakes.time_source import DISCIPLINED, FREE_RUNNING
from tests.scenarios.world import JWKS, SIGNING, Regions

HERE = Place("accounts", "us-east-1")
S = timedelta(seconds=1)
M = timedelta(minutes=1)
H = timedelta(hours=1)


def alive(*, with_urls: bool = True, **members: Any) -> Regions:
    """A world whose first key signs, looked at just now."""
    world = Regions(with_urls=with_urls, **members)
    world.apply()
    world.runs(1, every=timedelta(hours=8))
    return world


def found(report: DoctorReport, area: Area, health: Health) -> list[str]:
    """What was said of an area in that voice, with its reason and the next step."""
    return [
        f"{d.what}: {d.why} → {d.what_to_do}"
        for d in report.findings
        if d.area is area and d.health is health
    ]


def errors(world: Regions) -> list[str]:
    return [
        f"{d.area}: {d.what}" for d in examine(world.world()).findings if d.health is Health.ERROR
    ]


# --------------------------------------------------------------------------------------------- worlds


@pytest.mark.parametrize("world", [Regions(with_urls=True), alive(), alive(kms=MemoryKms())])
def test_a_sound_world_has_no_errors_before_its_first_run_and_after(world: Regions) -> None:
    report = examine(world.world())
    assert [d for d in report.findings if d.health in (Health.ERROR, Health.UNKNOWN)] == []
    assert {d.area for d in report.findings} >= {
        *(Area.VERSIONS, Area.POLICY, Area.STATE, Area.EVIDENCE, Area.DOCUMENTS, Area.URLS),
        Area.CLOCKS,
    }


def test_looking_changes_nothing() -> None:
    world = alive()
    before = world.remembered(), dict(world.regions["us-east-1"].documents), world.state.holder()
    examine(world.world())
    after = world.remembered(), dict(world.regions["us-east-1"].documents), world.state.holder()
    assert before == after


def lose(world: Regions, document: str) -> None:
    del world.regions["us-east-1"].documents[document]


def break_(world: Regions, document: str) -> None:
    world.regions["us-east-1"].documents[document] = b"<html>"


def refuse(world: Regions) -> None:
    world.regions["us-east-1"].fault = Fault.DENIED


def forget_keys(world: Regions) -> None:
    for key in world.remembered().keys:
        world.keys.destroy(key.handle)


def ignore_conditions(world: Regions) -> None:
    region = world.regions["us-east-1"]
    region.keeps_conditions = False
    lease = world.state.acquire("test", M)
    state = world.remembered()
    record = replace(state.record("us-east-1"), proven=False)
    world.state.save(lease, state.with_record("us-east-1", record), [])
    world.state.release(lease)


Break = Callable[[Regions], None]
DOCUMENTS: list[tuple[str, Break, list[str]]] = [
    (
        "a lost JWKS",
        lambda w: lose(w, JWKS),
        ["documents: memory://us-east-1/accounts/jwks.json is gone"],
    ),
    (
        "a lost signing target",
        lambda w: lose(w, SIGNING),
        ["documents: memory://us-east-1/accounts/signing.json is gone"],
    ),
    (
        "a JWKS that is none",
        lambda w: break_(w, JWKS),
        ["documents: memory://us-east-1/accounts/jwks.json is no key set"],
    ),
    (
        "a signing target that is none",
        lambda w: break_(w, SIGNING),
        ["documents: signers cannot read memory://us-east-1/accounts/signing.json"],
    ),
    (
        "a store that ignores conditions",
        ignore_conditions,
        [
            "documents: memory://us-east-1/accounts/jwks.json ignores conditions",
            "documents: memory://us-east-1/accounts/signing.json ignores conditions",
        ],
    ),
    (
        "a lost private half",
        forget_keys,
        [
            "keys: accounts/1 does not exist",
            "keys: accounts/2 does not exist",
        ],
    ),
]


@pytest.mark.parametrize(
    ("harm", "said"), [row[1:] for row in DOCUMENTS], ids=[r[0] for r in DOCUMENTS]
)
def test_each_harm_is_said_and_nothing_else(harm: Break, said: list[str]) -> None:
    world = alive(with_urls=False)
    harm(world)
    assert errors(world) == said


def test_a_denied_region_is_said_with_what_to_do_and_where_to_read_on() -> None:
    world = alive(with_urls=False)
    refuse(world)
    (first, _) = found(examine(world.world()), Area.DOCUMENTS, Health.ERROR)
    assert "grant the action" in first
    assert "runbooks/" in first


URLS: list[tuple[str, dict[str, object], Health, str]] = [
    ("silent", {"down": "connection refused"}, Health.ERROR, "does not answer: connection refused"),
    ("a redirect", {"status": 302}, Health.ERROR, "answers 302, a redirect"),
    ("an error page", {"status": 503}, Health.ERROR, "answers 503"),
    ("HTML", {"body": b"<html>"}, Health.ERROR, "answers no key set"),
    ("a flood", {"body": b" " * 300_000}, Health.ERROR, "too much to be a key set"),
    ("no header", {"headers": {"cache-control": ""}}, Health.WARNING, "no Cache-Control"),
    ("no-store", {"headers": {"cache-control": "no-store"}}, Health.WARNING, "no-store"),
    ("a day and more", {"max_age": 25 * H}, Health.ERROR, "longer than publish_lead 24 h"),
    ("an hour", {"max_age": H}, Health.WARNING, "set policy.edge_cache: 1h"),
    ("an old copy", {"age": 4 * H}, Health.WARNING, "Age 4 h, max-age 5 m"),
    (
        "text",
        {"headers": {"content-type": "text/plain"}},
        Health.WARNING,
        "Content-Type text/plain",
    ),
]


@pytest.mark.parametrize(
    ("lie", "health", "said"), [row[1:] for row in URLS], ids=[r[0] for r in URLS]
)
def test_what_a_public_url_may_do(lie: dict[str, object], health: Health, said: str) -> None:
    world = alive()
    for name, value in lie.items():
        setattr(world.edges["us-east-1"], name, value)
    report = examine(world.world())
    assert any(said in line for line in found(report, Area.URLS, health)), report
    assert {
        d.place.region for d in report.findings if d.area is Area.URLS and d.health is health
    } == {"us-east-1"}


def test_a_missing_document_is_no_fault_before_the_first_run_only() -> None:
    fresh = Regions(with_urls=True, with_jwks_url=True)
    assert errors(fresh) == []
    world = alive(with_jwks_url=True)
    for edge in world.edges.values():
        edge.status = 404
    said = found(examine(world.world()), Area.URLS, Health.ERROR)
    assert len(said) == 4
    assert all("answers 404: verifiers find no key there" in line for line in said)


def test_an_alias_that_does_not_follow_the_signing_target() -> None:
    kms = MemoryKms()
    world = alive(kms=kms)
    standby = next(key for key in world.remembered().keys if not key.ever_signed)
    where = ("us-east-1", world.aliases["us-east-1"].name)
    kms.aliases[where] = standby.handle.arns["us-east-1"]
    (warning,) = found(examine(world.world()), Area.KMS, Health.WARNING)
    assert "the signing target names arn:aws:kms:us-east-1:" in warning
    assert "rotator apply points it there" in warning
    kms.aliases[where] = "arn:aws:kms:us-east-1:999999999999:key/mrk-of-a-stranger"
    (error,) = found(examine(world.world()), Area.KMS, Health.ERROR)
    assert "points at arn:aws:kms:us-east-1:999999999999:key/mrk-of-a-stranger" in error
    del kms.aliases[where]
    (error,) = found(examine(world.world()), Area.KMS, Health.ERROR)
    assert error.startswith(f"{where[1]} in us-east-1 does not exist: the signing target names")


def test_state_hold_and_lease() -> None:
    world = alive()
    lease = world.state.acquire("ci-7:41", M)
    hold = Hold(reason="freeze", owner="ana", since=world.at())
    world.state.save(lease, replace(world.remembered(), hold=hold), [])
    said = found(examine(world.world()), Area.STATE, Health.WARNING)
    assert [line.partition(":")[0] for line in said] == ["held by ana", "ci-7"]
    assert "rotator release accounts" in said[0]
    assert "rotator state unlock" in said[1]


def test_a_state_that_cannot_be_read_hides_nothing_else() -> None:
    world = alive()
    world.regions["us-east-1"].documents.clear()

    class Damaged(type(world.state)):  # type: ignore[misc]
        def load(self, issuer: str) -> IssuerState | None:
            raise StateDamaged("the state of accounts cannot be read")

    report = examine(replace(world.world(), state=Damaged(world.clock)))
    (error,) = found(report, Area.STATE, Health.ERROR)
    assert "runbooks/state-lost.md" in error
    assert len(found(report, Area.DOCUMENTS, Health.UNKNOWN)) == 2
    assert len(found(report, Area.DOCUMENTS, Health.OK)) == 4


def test_a_rotation_that_silently_stopped() -> None:
    world = alive()
    world.clock.advance(timedelta(days=3))
    (old,) = found(examine(world.world()), Area.EVIDENCE, Health.WARNING)
    assert old.startswith(
        "nobody has looked at us-east-1, eu-central-1, ap-northeast-1 for more than"
    )
    world.clock.advance(timedelta(days=90))
    (late,) = found(examine(world.world()), Area.EVIDENCE, Health.ERROR)
    assert late.startswith("the next switch has been due for")


def test_a_policy_that_cannot_work_and_one_that_is_worth_a_word() -> None:
    short = Regions(policy=Policy(rotate_every=timedelta(days=1)))
    assert "policy: rotate_every 24 h < publish_lead 24 h" in errors(short)[0]
    report = examine(Regions(policy=Policy(publish_lead=12 * H)).world())
    said = found(report, Area.POLICY, Health.WARNING)
    assert any(line.startswith("publish_lead 12 h is under 24 h") for line in said)
    assert found(report, Area.POLICY, Health.OK)


# ------------------------------------------------------------------------------------- rounds and doctors


@dataclass
class Scripted:
    """A doctor with one look."""

    look: Callable[[], Iterable[Diagnosis]]
    states: Mapping[str, IssuerState] | None = None

    def examinations(self, states: Mapping[str, IssuerState]) -> Sequence[Examination]:
        self.states = states
        return [Examination(Area.EDGES, HERE, "the edge", self.look)]


def test_a_doctor_is_handed_the_states_and_its_findings_are_shown() -> None:
    world, fine = alive(), Diagnosis(Area.EDGES, HERE, Health.OK, "an edge")
    doctor = Scripted(lambda: [fine])
    report = examine(replace(world.world(), doctors=(doctor,)))
    assert fine in report.findings
    assert doctor.states == {"accounts": world.remembered()}


def test_a_look_that_hangs_is_given_up_and_one_with_a_bug_is_a_line() -> None:
    released = threading.Event()

    def hang() -> Iterable[Diagnosis]:
        released.wait(20)
        return []

    def bug() -> Iterable[Diagnosis]:
        yield Diagnosis(Area.EDGES, HERE, Health.OK, "seen before")
        raise ZeroDivisionError("of edges")

    doctors = (Scripted(hang), Scripted(bug))
    report = examine(replace(Regions().world(), doctors=doctors), patience=timedelta(seconds=1))
    released.set()
    hung, broken = found(report, Area.EDGES, Health.UNKNOWN)
    assert hung.startswith(
        "the edge could not be looked at: it took longer than 1 s → see what is slow"
    )
    assert "rotator failed in a way it should not: ZeroDivisionError: of edges" in broken
    assert found(report, Area.EDGES, Health.OK) == ["seen before:  → "]


def test_no_finding_without_a_next_step() -> None:
    with pytest.raises(ValueError, match="no next step"):
        Diagnosis(Area.EDGES, HERE, Health.WARNING, "something")


def test_all_findings_together_are_as_grave_as_the_gravest() -> None:
    each = [Diagnosis(Area.EDGES, HERE, health, "x", "", "y") for health in Health]
    assert [gravest(each[:n]) for n in range(5)] == [
        *(Health.OK, Health.OK, Health.WARNING, Health.UNKNOWN, Health.ERROR)
    ]


# ------------------------------------------------------------------------------------------- witnesses


def test_checks_are_tried_before_a_switch_needs_them() -> None:
    world = alive()
    url = "https://canary/jwks.json"
    world.edges["canary"] = Edge(lambda: b"", status=401)
    world.time.serve("time.example.com")
    world.checks["us-east-1"] = (
        CanaryCheck(url),
        ClockCheck(ntp="time.example.com"),
        VerifierCheck(("https://nobody/health",)),
        ClockCheck(ntp="silent.example.com"),
    )
    report = examine(world.world())
    (refused,) = found(report, Area.WITNESSES, Health.ERROR)
    assert refused.startswith(f"canary {url}: ")
    assert found(report, Area.WITNESSES, Health.OK) == [
        "clock ntp://time.example.com answers as it should:  → "
    ]
    silent = found(report, Area.WITNESSES, Health.UNKNOWN)
    assert [line.partition(": ")[0] for line in silent] == [
        "verifier https://nobody/health",
        "clock ntp://silent.example.com",
    ]


@pytest.mark.parametrize(
    ("kernel", "health", "said"),
    [
        (DISCIPLINED, Health.OK, "this host's clock is kept, within 0.003 s"),
        (FREE_RUNNING, Health.WARNING, "this host's clock is not synchronised"),
        (None, None, ""),
    ],
)
def test_what_the_kernel_says_of_this_host(
    kernel: KernelClock | None, health: Health | None, said: str
) -> None:
    world = alive()
    world.time.host = kernel
    hosts = [d for d in examine(world.world()).findings if d.what.startswith("this host's clock")]
    assert [(d.health, d.what) for d in hosts] == ([(health, said)] if health else [])


# --------------------------------------------------------------------------------------- pure judgements

CLOCKS: list[tuple[str, timedelta, timedelta, timedelta | None, Health, str]] = [
    # the Date against our clock, how long the answer took, Age, what that means
    ("the same second", 0 * S, S / 10, None, Health.OK, "+0.45 s ± 0.55 s"),
    ("within the drift", -4 * S, S / 10, None, Health.OK, "−3.55 s ± 0.55 s"),
    ("on the edge", 4.5 * S, S, None, Health.UNKNOWN, "+4.50 s ± 1.00 s"),
    ("behind", 7 * S, S / 10, None, Health.ERROR, "behind by more than max_clock_drift 5 s"),
    ("ahead", -9 * S, S / 10, None, Health.ERROR, "ahead by more than max_clock_drift 5 s"),
    ("a slow answer", 0 * S, 20 * S, None, Health.UNKNOWN, "too coarse to tell"),
    ("a cached answer", -240 * S, S / 10, 240 * S, Health.UNKNOWN, "−119.05 s ± 121.05 s"),
]


@pytest.mark.parametrize(
    ("off", "took", "age", "health", "said"),
    [row[1:] for row in CLOCKS],
    ids=[r[0] for r in CLOCKS],
)
def test_clocks(
    off: timedelta, took: timedelta, age: timedelta | None, health: Health, said: str
) -> None:
    judged = judge_clock(dated("https://a", START + off, age, START + took, took), 5 * S, HERE)
    assert judged.health is health
    assert said in f"{judged.what}; {judged.why}"


def test_the_gravest_clock_of_a_place_is_shown_and_none_at_all_is_a_warning() -> None:
    judged = [
        judge_clock(dated("a", START + n * S, None, START, 0 * S), 5 * S, HERE) for n in (0, 60, 1)
    ]
    assert one_a_place(judged) == [judged[1]]
    (nothing,) = one_a_place([])
    assert (nothing.area, nothing.health) == (Area.CLOCKS, Health.WARNING)


@pytest.mark.parametrize(
    ("header", "configured", "said"),
    [
        ("public, max-age=300", CacheLifetime(5 * M), []),
        ("max-age=60", CacheLifetime(5 * M), []),
        ("max-age=300, s-maxage=86401", CacheLifetime(5 * M), [Health.ERROR]),
        ("max-age=600", CacheLifetime(5 * M), [Health.WARNING]),
        ("max-age=300, stale-while-revalidate=60", CacheLifetime(5 * M), [Health.WARNING]),
        ("max-age=300, stale-while-revalidate=60", CacheLifetime(5 * M, M), []),
        ("max-age=600, stale-if-error=9", CacheLifetime(5 * M), [Health.WARNING] * 2),
        ("public", CacheLifetime(5 * M), [Health.WARNING]),
        ("no-cache", CacheLifetime(5 * M), [Health.WARNING]),
        (None, CacheLifetime(5 * M), [Health.WARNING]),
    ],
)
def test_cache_headers(header: str | None, configured: CacheLifetime, said: list[Health]) -> None:
    served = Served("https://a", header, "application/jwk-set+json; charset=utf-8")
    judged = judge_headers(served, Allowed(Policy(), configured), Area.URLS, HERE)
    assert [d.health for d in judged] == said


INSTALLED = {"boto3": "1.44.5", "urllib3": "2.8", "cryptography": "43.0.3", "a-rc": "2.0rc1"}


def version_of(name: str) -> str:
    try:
        return INSTALLED[name]
    except KeyError:
        raise PackageNotFoundError(name) from None


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("boto3>=1.36", None),
        ("urllib3<3,>=2.2", None),
        ("a-rc>=2", None),
        ("cryptography>=44", "cryptography 43.0.3 is too old: rotator needs 44 at least"),
        ("joserfc>=1.1", "joserfc is not installed: rotator needs 1.1 at least"),
        ("unbounded", None),
    ],
)
def test_versions(requirement: str, said: str | None) -> None:
    shown, *bad = of_versions((requirement,), version_of)
    assert shown.what.endswith("boto3 1.44.5, cryptography 43.0.3, urllib3 2.8")
    assert [f"{d.what}: {d.why}" for d in bad] == ([said] if said else [])
    assert all(requirement in d.what_to_do for d in bad)


def test_rotator_as_it_is_installed_here_is_new_enough() -> None:
    assert gravest(of_versions()) is Health.OK
