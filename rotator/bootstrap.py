"""The one place that chooses adapters: settings → a `World`. Heavy libraries are imported only when settings need them.

Building a world touches neither disk nor network; each adapter does when it is first asked.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.config.settings import (
    AwsSpec,
    DocumentSpec,
    FileSpec,
    IssuerSpec,
    KeysSpec,
    LocalKeysSpec,
    S3Spec,
    Settings,
    SqliteSpec,
    StateSpec,
)
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KeyHandle
from rotator.errors import UsageError
from rotator.ports import (
    Clock,
    DocumentTarget,
    Generated,
    HttpAnswer,
    KeyStore,
    NoAnswer,
    Probe,
    Reporter,
    StateStore,
)

if TYPE_CHECKING:
    from rotator.adapters.s3_target import AwsAccess, AwsClients

_JWKS_TYPE = "application/jwk-set+json"
_SIGNING_TYPE = "application/json"


def build_world(
    settings: Settings,
    *,
    clock: Clock,
    reporter: Reporter,
    environ: Mapping[str, str],
    issuers: Sequence[str] = (),
) -> World:
    """The world of the named issuers, of all when none is named; raises UsageError for an unknown name."""
    makers = _Makers(settings, clock, environ)
    selected = tuple(makers.issuer(spec) for spec in _selected(settings, issuers))
    return World(
        clock=clock,
        state=makers.state(settings.state),
        probe=_probe(selected),
        reporter=reporter,
        issuers=selected,
        config_digest=settings.digest,
        owner=f"{socket.gethostname()}:{os.getpid()}",
    )


def _selected(settings: Settings, names: Sequence[str]) -> tuple[IssuerSpec, ...]:
    known = [spec.name for spec in settings.issuers]
    for name in names:
        if name not in known:
            raise UsageError(
                f"there is no issuer {name!r}",
                detail=f"configured: {', '.join(known)}",
                hint=f"name one of these, or add it to {settings.path}",
            )
    return tuple(spec for spec in settings.issuers if not names or spec.name in names)


@dataclass
class _Makers:
    """Makes adapters, the same one for the same thing."""

    settings: Settings
    clock: Clock
    environ: Mapping[str, str]
    stores: dict[KeysSpec, KeyStore] = field(default_factory=dict)

    def state(self, spec: StateSpec) -> StateStore:
        match spec:
            case SqliteSpec(path):
                from rotator.adapters.sqlite_state import SqliteState

                return SqliteState(self.settings.resolve(path), self.clock)
            case _:
                assert_never(spec)

    def issuer(self, spec: IssuerSpec) -> IssuerWorld:
        regions = {
            region.name: RegionPorts(
                self.target(region.jwks, public=True),
                self.target(region.signing, public=False),
                region.urls,
            )
            for region in spec.regions
        }
        return IssuerWorld(spec.setup, regions, self.keys(spec.keys), spec.jwks_url)

    def keys(self, spec: KeysSpec) -> KeyStore:
        if spec not in self.stores:
            match spec:
                case LocalKeysSpec(path):
                    folder, base = self.settings.resolve(path), self.settings.base.absolute()
                    self.stores[spec] = LazyLocalKeys(folder, base, self.environ)
                case _:
                    assert_never(spec)
        return self.stores[spec]

    def target(self, spec: DocumentSpec, *, public: bool) -> DocumentTarget:
        match spec:
            case FileSpec(path):
                from rotator.adapters.file_target import PRIVATE_MODE, PUBLIC_MODE, FileTarget

                return FileTarget(
                    self.settings.resolve(path), PUBLIC_MODE if public else PRIVATE_MODE
                )
            case S3Spec():
                from rotator.adapters.s3_target import S3Target

                return S3Target(
                    self.clients,
                    _access(spec.aws),
                    spec.bucket,
                    spec.key,
                    _JWKS_TYPE if public else _SIGNING_TYPE,
                    spec.cache_control,
                )
            case _:
                assert_never(spec)

    @cached_property
    def clients(self) -> "AwsClients":
        from rotator.adapters.s3_target import AwsClients

        return AwsClients()


def _access(spec: AwsSpec) -> "AwsAccess":
    from rotator.adapters.s3_target import AwsAccess

    return AwsAccess(
        region=spec.region,
        profile=spec.profile,
        role_arn=spec.role_arn,
        external_id=spec.external_id,
        endpoint=spec.s3_endpoint,
        sts_endpoint=spec.sts_endpoint,
    )


def _probe(issuers: Sequence[IssuerWorld]) -> Probe:
    """The probe, imported before any thread starts: two threads that import one library may see half of it."""
    regions = [region for issuer in issuers for region in issuer.regions.values()]
    if any(region.public_urls for region in regions) or any(i.jwks_url for i in issuers):
        from rotator.adapters.http_probe import HttpProbe

        return HttpProbe()
    return NothingToProbe()


class NothingToProbe:
    """The probe of a configuration without URLs, which needs no HTTP library."""

    def get(self, url: str) -> HttpAnswer | NoAnswer:
        """No look."""
        return NoAnswer(f"{url} is not in the configuration")


@dataclass
class LazyLocalKeys:
    """Local keys whose passphrase is looked for, and whose libraries are loaded, at the first use."""

    directory: Path
    base: Path
    environ: Mapping[str, str]

    @cached_property
    def _store(self) -> KeyStore:
        from rotator.adapters.local_keys import LocalKeyStore, passphrase_from

        return LocalKeyStore(self.directory, self.base, passphrase_from(self.environ))

    def generate(
        self, issuer: str, generation: int, algorithm: Algorithm, rsa_bits: int
    ) -> Generated:
        """Make the pair, or return the one that has that name already."""
        return self._store.generate(issuer, generation, algorithm, rsa_bits)

    def find(self, issuer: str, generation: int) -> Generated | None:
        """The pair of that name, if it was made."""
        return self._store.find(issuer, generation)

    def sign(self, handle: KeyHandle, algorithm: Algorithm, message: bytes) -> bytes:
        """The JWS signature over `message`."""
        return self._store.sign(handle, algorithm, message)

    def destroy(self, handle: KeyHandle) -> None:
        """Destroy the private half."""
        self._store.destroy(handle)

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about how keys are kept."""
        return self._store.warnings()
