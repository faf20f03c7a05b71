"""What a loaded configuration amounts to: frozen values for `bootstrap`, `config check` and `config show`.

Paths are as written, with `{issuer}` and `~` filled in; relative ones are relative to `Settings.base`.
"""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, assert_never

from rotator.domain.checks import CheckSpec, HttpCheck
from rotator.domain.notice import Topic
from rotator.domain.policy import IssuerSetup

SESSION_NAME = "rotator"
"""How CloudTrail names whoever uses a role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSpec:
    """How an AWS account is reached in a region; None is found as every AWS tool finds it."""

    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    session_name: str = SESSION_NAME
    s3_endpoint: str | None = None
    kms_endpoint: str | None = None
    sts_endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class SqliteSpec:
    """State in a file."""

    kind: ClassVar[str] = "sqlite"
    path: str


@dataclass(frozen=True, slots=True)
class S3StateSpec:
    """State in the objects below `prefix`/ of a bucket."""

    kind: ClassVar[str] = "s3"
    aws: AwsSpec
    bucket: str
    prefix: str


StateSpec = SqliteSpec | S3StateSpec


@dataclass(frozen=True, slots=True)
class LocalKeysSpec:
    """Private keys in a folder."""

    kind: ClassVar[str] = "local"
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsSpec:
    """Private keys in AWS KMS: made at `primary`, replicated to `regions`, which has one entry per AWS region.

    The primary's is among `regions`, first. `alias` may hold {issuer}; `policy` is a key policy in canonical JSON.
    """

    kind: ClassVar[str] = "kms"
    primary: AwsSpec
    regions: tuple[AwsSpec, ...]
    alias: str
    policy: str | None
    rollback_window: timedelta
    deletion_window: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedSpec:
    """Private keys wrapped by the KMS key that `wrapping_key` names in each of `regions`, as those of KmsSpec."""

    kind: ClassVar[str] = "kms-wrapped"
    primary: AwsSpec
    regions: tuple[AwsSpec, ...]
    wrapping_key: str


KeysSpec = LocalKeysSpec | KmsSpec | WrappedSpec


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
class CloudFrontSpec:
    """A CloudFront distribution that serves a JWKS as `path`."""

    kind: ClassVar[str] = "cloudfront"
    distribution: str
    path: str


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """One region of one issuer; `checks` look at it from outside, `aws` is how its KMS and `cdn` are reached."""

    name: str
    jwks: DocumentSpec
    signing: DocumentSpec
    checks: tuple[CheckSpec, ...] = ()
    aws: AwsSpec = AwsSpec()
    cdn: CloudFrontSpec | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        """The URLs that serve its JWKS to the public."""
        return tuple(check.url for check in self.checks if isinstance(check, HttpCheck))


@dataclass(frozen=True, slots=True)
class Number:
    """One value that is in force and where it comes from: `default`, a place in a file, or a profile."""

    member: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerSpec:
    """One issuer as configured: for the planner (`setup`), for the adapters, and for people.

    These are `numbers`, the policy's, and `keys_written`, those of `keys`.
    """

    setup: IssuerSetup
    keys: KeysSpec
    jwks_url: str | None
    regions: tuple[RegionSpec, ...]
    numbers: tuple[Number, ...] = ()
    keys_written: tuple[Number, ...] = ()

    @property
    def name(self) -> str:
        """The issuer's name."""
        return self.setup.name


@dataclass(frozen=True, slots=True)
class AuditSpec:
    """Checkpoints of the audit log: who signs, how often, and where copies go. `key` None: none are made.

    `written` is the section for people, empty where nobody wrote one.
    """

    key: str | None = None
    every: timedelta = timedelta(days=1)
    copies: str | None = None
    written: tuple[Number, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSpec:
    """How the daemon runs: where it listens, when it applies (a cron line or a duration) and how often it looks.

    `where` is the file and line of `apply`, empty where nobody wrote the section; `written` is the section for people.
    """

    host: str = "127.0.0.1"
    port: int = 9464
    apply: str = "17 6 * * *"
    timezone: str = "UTC"
    jitter: timedelta = timedelta(minutes=10)
    verify_every: timedelta = timedelta(minutes=5)
    token_file: str | None = None
    token_env: str | None = None
    written: tuple[Number, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class SecretSpec:
    """Something that need not stand in the configuration: as it is, or the variable or file that holds it."""

    value: str | None = field(default=None, repr=False)
    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySpec:
    """Somebody who is told what happens; `secret` None: messages are not signed."""

    kind: str
    name: str
    url: SecretSpec
    secret: SecretSpec | None
    topics: frozenset[Topic]
    repeat: timedelta
    allow_insecure: bool
    where: str = ""
    """The file and line where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A configuration that can be used.

    `problems` are infeasible policies (design T7, T8), under which some commands still run; see
    `load.require_feasible`. Each of them, of `warnings` and of `notes` names file and line. `digest` ignores comments,
    layout and where defaults were written out. `state_written` is `state` for people.
    """

    path: Path
    base: Path
    digest: str
    state: StateSpec
    issuers: tuple[IssuerSpec, ...]
    daemon: DaemonSpec = DaemonSpec()
    state_written: tuple[Number, ...] = ()
    audit: AuditSpec = AuditSpec()
    notify: tuple[NotifySpec, ...] = ()
    textfile: str | None = None
    metrics_written: tuple[Number, ...] = ()
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
