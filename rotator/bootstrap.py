"""The one place that chooses adapters: settings → a `World`. Heavy libraries are imported only when settings need them.

Building a world touches neither disk nor network; each adapter does when it is first asked.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from rotator.app.world import Checkpoints, IssuerWorld, RegionPorts, World
from rotator.config.settings import (
    AwsSpec,
    DocumentSpec,
    FileSpec,
    IssuerSpec,
    KeysSpec,
    KmsSpec,
    LocalKeysSpec,
    RegionSpec,
    S3Spec,
    S3StateSpec,
    Settings,
    SqliteSpec,
    StateSpec,
    WrappedSpec,
)
from rotator.doctors import doctors_for
from rotator.domain.jwk import Algorithm, PublicKey
from rotator.domain.keys import KeyHandle
from rotator.domain.policy import JWKS_TYPE
from rotator.errors import UsageError
from rotator.notifiers import notifiers_for
from rotator.ports import (
    AliasTarget,
    Catalogue,
    Clock,
    DocumentTarget,
    EdgeCache,
    ExistingHalf,
    Generated,
    Held,
    HttpAnswer,
    KeyControl,
    KeyName,
    KeyStore,
    NoAnswer,
    Probe,
    Reporter,
    StateStore,
    TimeSource,
)

if TYPE_CHECKING:
    from rotator.aws import AwsAccess, AwsClients

_SIGNING_TYPE = "application/json"
_SIGNING_CACHE = "no-store"
"""A signer that read an old copy would go on with the old key."""


def build_world(
    settings: Settings,
    *,
    clock: Clock,
    reporter: Reporter,
    environ: Mapping[str, str],
    issuers: Sequence[str] = (),
    clients: "AwsClients | None" = None,
    probing: bool = False,
) -> World:
    """The world of the named issuers, of all when none is named; raises UsageError for an unknown name.

    `clients` are AWS's, for a caller that makes many worlds. `probing`: URLs outside the configuration may be asked for.
    """
    makers = _Makers(settings, clock, environ, clients)
    specs = _selected(settings, issuers)
    selected = tuple(makers.issuer(spec) for spec in specs)
    return World(
        clock=clock,
        state=makers.state(settings.state),
        probe=_probe(selected, probing=probing),
        time=_time_source(),
        reporter=reporter,
        issuers=selected,
        config_digest=settings.digest,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        catalogues=makers.catalogues(specs),
        doctors=doctors_for(specs, settings.state, clock, _access, lambda: makers.clients),
        checkpoints=_checkpoints(settings, environ),
        notifiers=notifiers_for(settings, clock, environ),
    )


def stateless(world: World) -> World:
    """The world with an empty state in memory instead of its own, for a revoke that must do without."""
    from rotator.adapters.memory_state import MemoryState

    return replace(world, state=MemoryState(world.clock), checkpoints=None)


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
    given: "AwsClients | None" = None
    stores: dict[KeysSpec, tuple[KeyStore, KeyControl | None]] = field(default_factory=dict)

    def state(self, spec: StateSpec) -> StateStore:
        match spec:
            case SqliteSpec(path):
                from rotator.adapters.sqlite_state import SqliteState

                return SqliteState(self.settings.resolve(path), self.clock)
            case S3StateSpec(aws, bucket, prefix):
                from rotator.adapters.s3_state import S3State

                return S3State(self.clients, _access(aws), bucket, prefix, self.clock)
            case _:
                assert_never(spec)

    def issuer(self, spec: IssuerSpec) -> IssuerWorld:
        aliases = {region.name: region.alias for region in spec.setup.regions}
        regions = {
            region.name: RegionPorts(
                self.target(region.jwks, public=True),
                self.target(region.signing, public=False),
                region.checks,
                self.alias(region, aliases[region.name]),
                self.edge(region),
            )
            for region in spec.regions
        }
        store, control = self.keys(spec.keys)
        return IssuerWorld(spec.setup, regions, store, spec.jwks_url, control)

    def keys(self, spec: KeysSpec) -> tuple[KeyStore, KeyControl | None]:
        """The store, and what controls it where KMS keeps the keys."""
        if spec not in self.stores:
            self.stores[spec] = self.new_keys(spec)
        return self.stores[spec]

    def new_keys(self, spec: KeysSpec) -> tuple[KeyStore, KeyControl | None]:
        match spec:
            case LocalKeysSpec(path):
                folder, base = self.settings.resolve(path), self.settings.base.absolute()
                return LazyLocalKeys(folder, base, self.environ), None
            case KmsSpec():
                from rotator.adapters.kms import KmsKeys

                kms = KmsKeys(
                    self.clients,
                    _accesses(spec.regions),
                    str(spec.primary.region),
                    spec.policy,
                    spec.deletion_window,
                    self.clock,
                )
                return kms, kms
            case WrappedSpec():
                from rotator.adapters.kms import WrappedKeys

                accesses, primary = _accesses(spec.regions), str(spec.primary.region)
                return WrappedKeys(self.clients, accesses, primary, spec.wrapping_key), None
            case _:
                assert_never(spec)

    def alias(self, region: RegionSpec, name: str | None) -> AliasTarget | None:
        if name is None:
            return None
        from rotator.adapters.kms import KmsAlias

        return KmsAlias(self.clients, _access(region.aws), name)

    def edge(self, region: RegionSpec) -> EdgeCache | None:
        if region.cdn is None:
            return None
        from rotator.adapters.cloudfront_edge import CloudFrontEdge

        access = _access(region.aws)
        return CloudFrontEdge(self.clients, access, region.cdn.distribution, region.cdn.path)

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
                    JWKS_TYPE if public else _SIGNING_TYPE,
                    spec.cache_control if public else _SIGNING_CACHE,
                )
            case _:
                assert_never(spec)

    def catalogues(self, specs: Sequence[IssuerSpec]) -> tuple[Catalogue, ...]:
        """What lists the documents and aliases of many issuers at once."""
        regions = [region for spec in specs for region in spec.regions]
        kinds = (
            [d for region in regions if isinstance(d := region.jwks, S3Spec)],
            [d for region in regions if isinstance(d := region.signing, S3Spec)],
        )
        if not any(kinds):
            return ()
        from rotator.adapters.kms_catalogue import kms_catalogues
        from rotator.adapters.s3_catalogue import s3_catalogues

        named = {(s.name, r.name): r.alias for s in specs for r in s.setup.regions if r.alias}
        aliases = [
            (_access(region.aws), named[spec.name, region.name])
            for spec in specs
            for region in spec.regions
            if (spec.name, region.name) in named
        ]
        documents = ([(_access(d.aws), d.bucket, d.key) for d in kind] for kind in kinds)
        return (*s3_catalogues(self.clients, *documents), *kms_catalogues(self.clients, aliases))

    @cached_property
    def clients(self) -> "AwsClients":
        """One for the process: sessions and connections are shared by everything that AWS is asked for."""
        from rotator.aws import AwsClients

        return self.given or AwsClients()


def _accesses(specs: Sequence[AwsSpec]) -> Mapping[str, "AwsAccess"]:
    return {str(spec.region): _access(spec) for spec in specs}


def _access(spec: AwsSpec) -> "AwsAccess":
    from rotator.aws import AwsAccess

    return AwsAccess(
        region=spec.region,
        profile=spec.profile,
        role_arn=spec.role_arn,
        external_id=spec.external_id,
        session_name=spec.session_name,
        endpoint=spec.s3_endpoint,
        sts_endpoint=spec.sts_endpoint,
        kms_endpoint=spec.kms_endpoint,
    )


def _checkpoints(settings: Settings, environ: Mapping[str, str]) -> Checkpoints | None:
    """Who signs checkpoints of the audit log, where the configuration names a key for it."""
    spec = settings.audit
    if spec.key is None:
        return None
    from rotator.adapters.notary import FileNotary

    copies = settings.resolve(spec.copies) if spec.copies else None
    return Checkpoints(FileNotary(settings.resolve(spec.key), copies, environ), spec.every)


def _time_source() -> TimeSource:
    from rotator.adapters.time_source import SystemTime

    return SystemTime()


def _probe(issuers: Sequence[IssuerWorld], *, probing: bool) -> Probe:
    """The probe, imported before any thread starts: two threads that import one library may see half of it."""
    regions = [region for issuer in issuers for region in issuer.regions.values()]
    if probing or any(region.checks for region in regions) or any(i.jwks_url for i in issuers):
        from rotator.adapters.http_probe import HttpProbe

        return HttpProbe()
    return NothingToProbe()


class NothingToProbe:
    """The probe of a configuration without URLs, which needs no HTTP library."""

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        """No look."""
        return NoAnswer(f"{url} is not in the configuration")

    def get(
        self,
        url: str,
        *,
        address: str | None = None,  # noqa: ARG002  (a port's)
        token: str | None = None,  # noqa: ARG002
    ) -> HttpAnswer | NoAnswer:
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

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        """Make the pair, or return the one that has that name already."""
        return self._store.generate(name, algorithm, rsa_bits)

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        """Keep a private half that was made elsewhere."""
        return self._store.take(name, half, public)

    def find(self, name: KeyName) -> Generated | None:
        """The pair of that name, if it was made."""
        return self._store.find(name)

    def all_of(self, issuer: str) -> Sequence[Held]:
        """Every pair of an issuer, by generation."""
        return self._store.all_of(issuer)

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:
        """Raise KeyStoreError unless the private half can be opened."""
        self._store.prove(handle, aws_region)

    def sign(
        self, handle: KeyHandle, algorithm: Algorithm, message: bytes, aws_region: str | None = None
    ) -> bytes:
        """The JWS signature over `message`."""
        return self._store.sign(handle, algorithm, message, aws_region)

    def destroy(self, handle: KeyHandle) -> None:
        """Destroy the private half."""
        self._store.destroy(handle)

    def warnings(self) -> tuple[str, ...]:
        """What an operator should know about how keys are kept."""
        return self._store.warnings()
