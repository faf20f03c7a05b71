"""What a use case is handed: the issuers as configured, with the ports that reach their regions and keys."""

from collections.abc import Mapping
from dataclasses import dataclass

from rotator.domain.policy import IssuerSetup
from rotator.errors import UsageError
from rotator.ports import Clock, DocumentTarget, KeyStore, Probe, Reporter, StateStore


@dataclass(frozen=True, slots=True)
class RegionPorts:
    """One region of one issuer: its two documents and the public URLs that serve the first."""

    jwks: DocumentTarget
    signing: DocumentTarget
    public_urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuerWorld:
    """One issuer with everything it reaches. `regions` has every configured region, by name."""

    setup: IssuerSetup
    regions: Mapping[str, RegionPorts]
    keys: KeyStore
    jwks_url: str | None = None

    @property
    def name(self) -> str:
        """The issuer's name in the configuration."""
        return self.setup.name


@dataclass(frozen=True, slots=True)
class World:
    """A run's world: the selected issuers and the ports they share."""

    clock: Clock
    state: StateStore
    probe: Probe
    reporter: Reporter
    issuers: tuple[IssuerWorld, ...]
    config_digest: str
    owner: str


def issuer_named(world: World, name: str) -> IssuerWorld:
    """The issuer of that name; raises UsageError with the names there are."""
    for issuer in world.issuers:
        if issuer.name == name:
            return issuer
    known = ", ".join(issuer.name for issuer in world.issuers)
    raise UsageError(f"there is no issuer {name!r}", hint=f"the configuration has: {known}")
