"""What a loaded configuration amounts to: frozen values for `bootstrap`, `config check` and `config show`.

Paths are as written, with `{issuer}` and `~` filled in; relative ones are relative to `Settings.base`.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, assert_never

from rotator.domain.policy import IssuerSetup


@dataclass(frozen=True, slots=True)
class SqliteSpec:
    """State in a file."""

    kind: ClassVar[str] = "sqlite"
    path: str


@dataclass(frozen=True, slots=True)
class LocalKeysSpec:
    """Private keys in a folder."""

    kind: ClassVar[str] = "local"
    path: str


StateSpec = SqliteSpec
"""Grows by one variant per kind of state."""

KeysSpec = LocalKeysSpec
"""Grows by one variant per kind of key store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSpec:
    """How a region's AWS account is reached; None is found as every AWS tool finds it."""

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    s3_endpoint: str | None = None
    sts_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class FileSpec:
    """A document in a file."""

    kind: ClassVar[str] = "file"
    path: str


@dataclass(frozen=True, slots=True)
class S3Spec:
    """A document in an S3 object; `cache_control` None sets no header."""

    kind: ClassVar[str] = "s3"
    aws: AwsSpec
    bucket: str
    key: str
    cache_control: str | None = None


DocumentSpec = FileSpec | S3Spec


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """One region of one issuer; `urls` serve its JWKS to the public."""

    name: str
    jwks: DocumentSpec
    signing: DocumentSpec
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """One number of the effective policy and where it comes from: `default`, a place in a file, or a profile."""

    member: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSpec:
    """One issuer as configured: for the planner (`setup`), for the adapters, and for people (`numbers`)."""

    setup: IssuerSetup
    keys: KeysSpec
    jwks_url: str | None
    regions: tuple[RegionSpec, ...]
    numbers: tuple[Number, ...] = ()

    @property
    def name(self) -> str:
        """The issuer's name."""
        return self.setup.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration that can be used.

    `problems` are infeasible policies (design T7, T8), under which some commands still run; see
    `load.require_feasible`. Each of them, of `warnings` and of `notes` names file and line. `digest` ignores comments, layout and where defaults were written out.
    """

    path: Path
    base: Path
    digest: str
    state: StateSpec
    issuers: tuple[IssuerSpec, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def resolve(self, path: str) -> Path:
        """A path of the configuration, absolute and without `..`."""
        return Path(normal_path(self.base, path))


def normal_path(base: Path, path: str) -> str:
    """`path` relative to `base`, absolute and without `..`; links are left alone."""
    return os.path.normpath(path if path.startswith("/") else f"{base.absolute()}/{path}")


def location_of(base: Path, document: DocumentSpec) -> str:
    """The location that the document's target will have (`ports.DocumentTarget.location`)."""
    match document:
        case FileSpec(path):
            return normal_path(base, path)
        case S3Spec(aws, bucket, key):
            endpoint = f" at {aws.s3_endpoint}" if aws.s3_endpoint else ""
            return f"s3://{bucket}/{key}{endpoint}"
        case _:
            assert_never(document)
