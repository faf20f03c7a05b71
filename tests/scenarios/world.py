"""Three regions in memory around the real use cases: a scenario moves the clock, runs rotator, and looks."""

from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from rotator.app.apply import apply
from rotator.app.plan import make_plan
from rotator.app.reports import ApplyReport
from rotator.app.token import TokenWanted, make_token
from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.checks import CheckSpec, HttpCheck
from rotator.domain.jwks import Jwks, parse
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import IssuerPlan, Wait
from rotator.domain.policy import CacheLifetime, IssuerSetup, Policy, RegionSetup
from rotator.domain.signing import SigningDocument, parse_signing
from rotator.domain.state import IssuerState
from rotator.domain.windows import Schedule
from tests.fakes.catalogues import MemoryCatalogue
from tests.fakes.clock import FakeClock
from tests.fakes.edges import MemoryEdge
from tests.fakes.keys import MemoryKeys
from tests.fakes.kms import MemoryAlias, MemoryKms
from tests.fakes.probe import Edge, FakeProbe
from tests.fakes.reporter import RecordingReporter
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault, MemoryRegion, MemoryTarget
from tests.fakes.time_source import FakeTimeSource
from tests.fakes.wrapped import MemoryWrapped

NAMES = ("us-east-1", "eu-central-1", "ap-northeast-1")
ALIAS = "alias/rotator/accounts"
JWKS, SIGNING = "accounts/jwks.json", "accounts/signing.json"
DAY = timedelta(days=1)


@dataclass
class Regions:
    """The world of one issuer, `accounts`."""

    policy: Policy = field(default_factory=Policy)
    names: tuple[str, ...] = NAMES
    with_urls: bool = False
    with_jwks_url: bool = False
    edge_age: timedelta = timedelta(minutes=5)
    clock: FakeClock = field(default_factory=FakeClock)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    kms: MemoryKms | None = None
    wrapped: MemoryWrapped | None = None
    rollback_window: timedelta = timedelta(days=7)
    reporter: RecordingReporter = field(default_factory=RecordingReporter)
    checks: dict[str, tuple[CheckSpec, ...]] = field(default_factory=dict)
    """More checks of a region than its public URL."""
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        self.state = MemoryState(self.clock)
        self.regions: dict[str, MemoryRegion] = {}
        self.jwks: dict[str, MemoryTarget] = {}
        self.signings: dict[str, MemoryTarget] = {}
        self.aliases: dict[str, MemoryAlias] = {}
        self.edges: dict[str, Edge] = {}
        self.caches: dict[str, MemoryEdge] = {}  # by region, where rotator can have them dropped
        for name in self.names:
            self._add(name)
        self.edges["jwks_url"] = self._edge(self.names[0])
        self.probe = FakeProbe(self.clock)
        self.time = FakeTimeSource(self.clock)

    def checks_of(self, name: str) -> tuple[CheckSpec, ...]:
        """What looks at a region from outside."""
        own = (HttpCheck(_url(name)),) if self.with_urls else ()
        return (*own, *self.checks.get(name, ()))

    def world(self) -> World:
        """A fresh world, as one run of the command line gets it."""
        self.probe.edges |= {_url(name): edge for name, edge in self.edges.items()}
        return World(
            clock=self.clock,
            state=self.state,
            probe=self.probe,
            time=self.time,
            reporter=self.reporter,
            issuers=(self._issuer(),),
            config_digest="sha256:test",
            owner="scenario",
        )

    def apply(self) -> ApplyReport:
        """One run of `apply --yes`."""
        return apply(self.world())

    def plan(self) -> IssuerPlan:
        """One run of `plan`."""
        return make_plan(self.world()).issuers[0]

    def runs(self, days: int, every: timedelta = DAY) -> None:
        """A run after each `every`, for some days."""
        for _ in range(int(days * DAY / every)):
            self.clock.advance(every)
            self.apply()

    def ages(self, days: int) -> None:
        """As `runs`, from the first keys on, with one leap to the eve of the first switch: before it nothing is due."""
        leap = min(days, 89)
        self.runs(leap, every=max(leap, 1) * DAY)
        self.runs(days - leap)

    def remembered(self) -> IssuerState:
        """The stored state."""
        state = self.state.load("accounts")
        assert state is not None
        return state

    def remember(self, **changes: Any) -> None:
        """The state is changed by somebody with the lease."""
        lease = self.state.acquire("somebody", timedelta(minutes=1))
        self.state.save(lease, replace(self.remembered(), **changes), [])
        self.state.release(lease)

    def phases(self) -> list[Phase]:
        """The phase of every key, oldest first."""
        return [phase(key) for key in self.remembered().keys]

    def key(self, number: int) -> Key:
        """The key of that place in the order of making, from 0."""
        return self.remembered().keys[number]

    def document(self, region: str) -> Jwks:
        """What a region's origin serves."""
        found = parse(self.regions[region].documents[JWKS])
        assert isinstance(found, Jwks)
        return found

    def signing(self, region: str) -> SigningDocument:
        """What a region's signers are told."""
        found = parse_signing(self.regions[region].documents[SIGNING])
        assert isinstance(found, SigningDocument)
        return found

    def token(self, region: str) -> str:
        """A token that a signer of the region would make now."""
        return make_token(self.world(), "accounts", TokenWanted(region=region, claims={}))

    def down(self, region: str) -> None:
        """The region stops answering."""
        self.regions[region].fault = Fault.DOWN

    def up(self, region: str) -> None:
        """The region answers again."""
        self.regions[region].fault = None

    def wait_for(self, kind: str) -> Wait:
        """The one wait of that kind in the plan of now."""
        (wait,) = [wait for wait in self.plan().waiting if wait.kind == kind]
        return wait

    def until(self, wait: Wait) -> None:
        """The moment comes at which a wait is over."""
        assert wait.until is not None
        self.clock.set(wait.until)

    def pointed(self, region: str) -> str | None:
        """The kid of the key that a region's KMS alias points at, None when there is no alias, or it is another's."""
        arn = self.kms.aliases.get((region, ALIAS)) if self.kms else None
        key = self.remembered().key_of_arn(arn) if arn else None
        return key.kid if key else None

    def join(self, region: str) -> None:
        """A region joins the configuration, with nothing in it."""
        self.names = (*self.names, region)
        self._add(region)

    def leave(self, region: str) -> None:
        """A region leaves the configuration; what it holds and what its signers do stays as it is."""
        self.names = tuple(name for name in self.names if name != region)

    def set_policy(self, **changes: Any) -> None:
        """The operator edits the policy."""
        self.policy = replace(self.policy, **changes)

    def at(self) -> datetime:
        """The moment it is."""
        return self.clock.now()

    def _add(self, name: str) -> None:
        region = self.regions[name] = MemoryRegion(name)
        self.jwks[name], self.signings[name] = region.target(JWKS), region.target(SIGNING)
        if self.kms:
            self.aliases[name] = self.kms.alias(ALIAS, name)
        self.edges[name] = self._edge(name)

    def _issuer(self) -> IssuerWorld:
        setups = tuple(
            RegionSetup(
                name,
                f"memory://{name}/{JWKS}",
                f"memory://{name}/{SIGNING}",
                CacheLifetime(),
                self.with_urls,
                aws_region=name if self.kms or self.wrapped else None,
                alias=ALIAS if self.kms else None,
                has_edge=name in self.caches,
            )
            for name in self.names
        )
        url = "https://auth.example.com"
        window = self.rollback_window if self.kms else None
        setup = IssuerSetup(
            "accounts", url, self.policy, setups, self.with_jwks_url, window, self.schedule
        )
        ports = {
            name: RegionPorts(
                self.jwks[name],
                self.signings[name],
                self.checks_of(name),
                self.aliases.get(name),
                self.caches.get(name),
            )
            for name in self.names
        }
        jwks_url = _url("jwks_url") if self.with_jwks_url else None
        keys = self.kms or self.wrapped or self.keys
        return IssuerWorld(setup, ports, keys, jwks_url, self.kms)

    def _edge(self, name: str) -> Edge:
        return Edge(lambda: self.regions[name].documents.get(JWKS), max_age=self.edge_age)


def _url(name: str) -> str:
    return f"https://{name}/jwks.json"


@dataclass
class Fleet:
    """Several issuers with local keys in the same regions, and a catalogue for each region."""

    issuers: tuple[str, ...]
    names: tuple[str, ...] = NAMES

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.state = MemoryState(self.clock)
        self.keys = MemoryKeys()
        self.regions = {name: MemoryRegion(name) for name in self.names}
        self.catalogues = [MemoryCatalogue(region) for region in self.regions.values()]

    def world(self) -> World:
        """A fresh world, as one run of the command line gets it."""
        return World(
            clock=self.clock,
            state=self.state,
            probe=FakeProbe(self.clock),
            time=FakeTimeSource(self.clock),
            reporter=RecordingReporter(),
            issuers=tuple(map(self._issuer, self.issuers)),
            config_digest="sha256:test",
            owner="scenario",
            catalogues=tuple(self.catalogues),
        )

    def apply(self) -> ApplyReport:
        """One run of `apply --yes`."""
        return apply(self.world())

    def reads(self) -> list[str]:
        """Every document that was read since the last time this was asked, sorted."""
        found = [f"{name}/{key}" for name, region in self.regions.items() for key in region.reads]
        for region in self.regions.values():
            region.reads.clear()
        return sorted(found)

    def _issuer(self, issuer: str) -> IssuerWorld:
        targets = {
            name: (region.target(f"{issuer}/jwks.json"), region.target(f"{issuer}/signing.json"))
            for name, region in self.regions.items()
        }
        setups = tuple(RegionSetup(n, j.location, s.location) for n, (j, s) in targets.items())
        setup = IssuerSetup(issuer, f"https://{issuer}.example.com", Policy(), setups)
        ports = {name: RegionPorts(*both) for name, both in targets.items()}
        return IssuerWorld(setup, ports, self.keys)


def copy_of(there: Regions) -> Regions:
    """A world that is where another one is, and goes its own way from there."""
    world = Regions(policy=there.policy)
    world.clock.set(there.at())
    for part in ("_states", "_evidence", "_log", "_fence"):
        setattr(world.state, part, copy(getattr(there.state, part)))
    for part in ("_keys", "made", "destroyed"):
        setattr(world.keys, part, copy(getattr(there.keys, part)))
    for region, region_there in zip(world.regions.values(), there.regions.values(), strict=True):
        region.documents.update(region_there.documents)
    return world
