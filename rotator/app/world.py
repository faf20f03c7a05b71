"""What a use case is handed: the issuers as configured, with the ports that reach their regions and keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from rotator.domain.checks import CheckSpec, HttpCheck
from rotator.domain.policy import IssuerSetup
from rotator.errors import UsageError
from rotator.ports import (
    AliasTarget,
    Catalogue,
    Clock,
    Doctor,
    DocumentTarget,
    EdgeCache,
    KeyControl,
    KeyStore,
    Notary,
    Notifier,
    Probe,
    Reporter,
    StateStore,
    TimeSource,
)

LEASE_TERM = timedelta(minutes=3)
"""Longer than any single effect with its read-back may take, timeouts and retries included (design I6)."""


@dataclass(frozen=True, slots=True)
class RegionPorts:
    """One region of one issuer: its two documents, what looks at it from outside, its KMS alias and its CDN."""

    jwks: DocumentTarget
    signing: DocumentTarget
    checks: tuple[CheckSpec, ...] = ()
    alias: AliasTarget | None = None
    edge: EdgeCache | None = None

    @property
    def public_urls(self) -> tuple[str, ...]:
        """The URLs that serve its JWKS to the public."""
        return tuple(check.url for check in self.checks if isinstance(check, HttpCheck))


@dataclass(frozen=True, slots=True)
class IssuerWorld:
    """One issuer with everything it reaches. `regions` has every configured region, by name.

    `control` where its keys are KMS's.
    """

    setup: IssuerSetup
    regions: Mapping[str, RegionPorts]
    keys: KeyStore
    jwks_url: str | None = None
    control: KeyControl | None = None

    @property
    def name(self) -> str:
        """The issuer's name in the configuration."""
        return self.setup.name


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Who signs checkpoints of the audit log, and how long after one the next is due."""

    notary: Notary
    every: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class World:
    """A run's world: the selected issuers and the ports they share."""

    clock: Clock
    state: StateStore
    probe: Probe
    time: TimeSource
    reporter: Reporter
    issuers: tuple[IssuerWorld, ...]
    config_digest: str
    owner: str
    lease_term: timedelta = LEASE_TERM
    catalogues: tuple[Catalogue, ...] = ()
    doctors: tuple[Doctor, ...] = ()
    checkpoints: Checkpoints | None = None
    notifiers: tuple[Notifier, ...] = ()


def issuer_named(world: World, name: str) -> IssuerWorld:
    """The issuer of that name; raises UsageError with the names there are."""
    for issuer in world.issuers:
        if issuer.name == name:
            return issuer
    known = ", ".join(issuer.name for issuer in world.issuers)
    raise UsageError(f"there is no issuer {name!r}", hint=f"the configuration has: {known}")
