"""An issuer's rotation policy: the numbers an operator chooses, and the verifiers they are chosen for."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from rotator.domain.jwk import Algorithm
from rotator.domain.windows import Schedule


class Special(StrEnum):
    """A verifier's time that is no number.

    UNBOUNDED: only at restart. HEADER: as long as the answer's Cache-Control says. MANUAL: when an operator
    reloads it. UNKNOWN: nobody measured it.
    """

    UNBOUNDED = "unbounded"
    HEADER = "header"
    MANUAL = "manual"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """What a verifier makes of a key that it cannot read.

    IGNORED: it passes over that key, and refuses its tokens. VOIDED: the whole set becomes unreadable, and every token
    is refused.
    """

    IGNORED = "ignored"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Break:
    """An algorithm's label or key type that a verifier is known not to read, and what it makes of the document then."""

    algorithm: Algorithm
    effect: Effect
    why: str


@dataclass(frozen=True, slots=True)
class Verifier:
    """How one kind of JWKS consumer behaves: worst time to learn a new key and to drop a removed one."""

    name: str
    learns: timedelta | Special
    drops: timedelta | Special
    max_keys: int | None = None
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The policy of contract §2; `history` None means auto. Regions that no wave names switch after all others."""

    algorithm: Algorithm = Algorithm.ES256
    rsa_bits: int = 3072
    rotate_every: timedelta = timedelta(days=90)
    publish_lead: timedelta = timedelta(hours=24)
    standby_keys: int = 1
    access_token_lifetime: timedelta = timedelta(minutes=15)
    refresh_token_lifetime: timedelta = timedelta(days=30)
    leeway: timedelta = timedelta(seconds=30)
    max_clock_drift: timedelta = timedelta(seconds=5)
    signer_refresh: timedelta = timedelta(seconds=60)
    signer_stop: timedelta = timedelta(hours=24)
    propagation: timedelta = timedelta(seconds=60)
    edge_cache: timedelta = timedelta(minutes=5)
    verifiers: tuple[Verifier, ...] = ()
    safety_margin: timedelta = timedelta(hours=1)
    history: int | None = None
    history_max: int = 10
    evidence_freshness: timedelta = timedelta(minutes=10)
    passes_required: int = 2
    run_every: timedelta = timedelta(hours=24)
    waves: tuple[tuple[str, ...], ...] = ()
    bake: timedelta = timedelta(minutes=30)

    @property
    def token_lifetime(self) -> timedelta:
        """L: the longest that any token of this issuer lives."""
        return max(self.access_token_lifetime, self.refresh_token_lifetime)


@dataclass(frozen=True, slots=True)
class CacheLifetime:
    """What a Cache-Control header allows: fresh for `max_age`, then stale for `stale` more."""

    max_age: timedelta = timedelta()
    stale: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class RegionSetup:
    """A region as the planner needs it: where its documents are, how long its copies live, whether it has a URL.

    With keys in KMS also the AWS region in which its signers use them, and the alias that points at the active one.
    `cache_control` is the header that rotator writes with the JWKS, None where its store has no headers. `has_edge`:
    the cache in front of it can be told to drop its copies.
    """

    name: str
    jwks_location: str
    signing_location: str
    cache: CacheLifetime = CacheLifetime()
    has_public_url: bool = False
    aws_region: str | None = None
    alias: str | None = None
    cache_control: str | None = None
    has_edge: bool = False


JWKS_TYPE = "application/jwk-set+json"
"""What a JWKS is served as (RFC 7517 §8.5.2)."""

JWKS_URL = "jwks_url"
"""The issuer's own URL, which gates a switch like a region (design T1)."""


@dataclass(frozen=True, slots=True)
class IssuerSetup:
    """An issuer as configured: policy and regions, in the configuration's order.

    `rollback_window`: after so long without signing a private half is disabled (design T5); None where the key store
    can only destroy. `schedule`: when a switch may begin; None where every moment is as good.
    """

    name: str
    url: str
    policy: Policy
    regions: tuple[RegionSetup, ...]
    has_jwks_url: bool = False
    rollback_window: timedelta | None = None
    schedule: Schedule | None = None

    def region(self, name: str) -> RegionSetup | None:
        """The region of that name, None when it is not (or no longer) configured."""
        return next((region for region in self.regions if region.name == name), None)

    def gates(self) -> tuple[str, ...]:
        """The names whose evidence a switch needs: every region, and the issuer's own URL where there is one."""
        return (
            *(region.name for region in self.regions),
            *((JWKS_URL,) if self.has_jwks_url else ()),
        )

    def cache_of(self, gate: str) -> CacheLifetime:
        """How long a gate's copies live by configuration; its own URL counts as the worst region."""
        caches = [region.cache for region in self.regions if gate in (region.name, JWKS_URL)]
        longest = max((cache.max_age for cache in caches), default=timedelta())
        stale = max((cache.stale for cache in caches), default=timedelta())
        return CacheLifetime(max(self.policy.edge_cache, longest), stale)
