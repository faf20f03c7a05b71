"""The shape of the configuration file (contract §2), as pydantic models; meaning and wholes are judged elsewhere.

Members are refused when unknown. What this version understands but cannot run yet has its place here too.
"""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    Tag,
    model_validator,
)

from rotator.config import profiles
from rotator.config.audit import AuditModel
from rotator.config.daemon import DaemonModel
from rotator.config.notify import MetricsModel, Notify
from rotator.config.schedule import ScheduleModel
from rotator.config.values import (
    EMPTY_WHEN_NULL,
    Address,
    Alias,
    AwsRegion,
    Bucket,
    CacheControl,
    Count,
    CountOrNone,
    DeletionWindow,
    Distribution,
    Duration,
    ExternalId,
    FilePath,
    FileTemplate,
    FolderPath,
    History,
    Name,
    NtpServer,
    ObjectKey,
    Positive,
    Prefix,
    RegionName,
    RoleArn,
    Samples,
    SessionName,
    Text,
    Url,
    UrlPath,
    UrlTemplate,
    VerifierTime,
    WrappingKey,
    shown,
)
from rotator.domain.caching import DEFAULT_CACHE_CONTROL
from rotator.domain.checks import SAMPLES
from rotator.domain.jwk import Algorithm
from rotator.domain.policy import Policy

_DEFAULT = Policy()


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VerifierModel(_Model):
    """A verifier of your own, or a known one with numbers of your own."""

    name: Name
    add: VerifierTime | None = None
    """The worst time from a key being served to its tokens being accepted."""
    remove: VerifierTime | None = None
    """The worst time from a key being withdrawn to its tokens being refused; the known verifier's, else `add`, when left out."""
    max_keys: Count | None = None
    """The most keys that it reads of a JWKS."""

    @model_validator(mode="after")
    def _has_a_time(self) -> "VerifierModel":
        if self.add is None and profiles.find(self.name) is None:
            raise ValueError(f"{shown(self.name)} is no known verifier, so it needs `add`")
        return self


def _known(name: str) -> str:
    if profiles.find(name) is None:
        near = profiles.nearest(name) or profiles.names()
        raise ValueError(
            f"{shown(name)} is no known verifier; {'nearest' if near != profiles.names() else 'known'}:"
            f" {', '.join(near)}; or give its numbers: {{name: {name[:20]}, add: 10m, remove: 10m}}"
        )
    return name


def _form(value: object) -> str | None:
    match value:
        case str():
            return "name"
        case dict() | VerifierModel():
            return "spec"
        case _:
            return None


VerifierEntry = Annotated[
    Annotated[Text, AfterValidator(_known), Tag("name")] | Annotated[VerifierModel, Tag("spec")],
    Discriminator(_form),
]


def _different(entries: tuple[VerifierEntry, ...]) -> tuple[VerifierEntry, ...]:
    names = [entry if isinstance(entry, str) else entry.name for entry in entries]
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(f"{repeated[0]} is listed twice")
    return entries


def _each_once(waves: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    names = [name for wave in waves for name in wave]
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise ValueError(f"{repeated[0]} is listed twice")
    return waves


Wave = Annotated[tuple[Text, ...], Field(min_length=1)]


class PolicyModel(_Model):
    """The rotation policy; every value is the default. An issuer may say any of it again."""

    algorithm: Algorithm = _DEFAULT.algorithm
    rsa_bits: Literal[2048, 3072, 4096] = _DEFAULT.rsa_bits  # type: ignore[assignment]
    """Counts for RS and PS algorithms only."""
    rotate_every: Positive = _DEFAULT.rotate_every
    publish_lead: Duration = _DEFAULT.publish_lead
    """How long a key is visible before it signs; at least as long as its caches live."""
    standby_keys: CountOrNone = _DEFAULT.standby_keys
    access_token_lifetime: Positive = _DEFAULT.access_token_lifetime
    refresh_token_lifetime: Duration = _DEFAULT.refresh_token_lifetime
    """0 when refresh tokens are not signed by these keys."""
    leeway: Duration = _DEFAULT.leeway
    max_clock_drift: Duration = _DEFAULT.max_clock_drift
    signer_refresh: Positive = _DEFAULT.signer_refresh
    """How often signers read their signing target."""
    signer_stop: Positive = _DEFAULT.signer_stop
    """A signer cut off from its signing target for so long stops."""
    propagation: Duration = _DEFAULT.propagation
    edge_cache: Duration = _DEFAULT.edge_cache
    verifiers: Annotated[tuple[VerifierEntry, ...], AfterValidator(_different)] = ()
    """Names of known verifiers, or numbers; none: one that learns a new key within 2 h."""
    safety_margin: Duration = _DEFAULT.safety_margin
    history: History = None
    """How many keys the JWKS has room for."""
    history_max: Count = _DEFAULT.history_max
    evidence_freshness: Positive = _DEFAULT.evidence_freshness
    passes_required: Count = _DEFAULT.passes_required
    run_every: Positive = _DEFAULT.run_every
    """How often rotator runs."""
    waves: Annotated[tuple[Wave, ...], AfterValidator(_each_once)] = ()
    """Regions that switch together, wave by wave; those that no wave names come after them. None: all at once."""
    bake: Duration = _DEFAULT.bake
    """How long a wave signs before the next one switches."""


class EndpointsModel(_Model):
    """Other endpoints than AWS's own."""

    s3: Url | None = None
    kms: Url | None = None
    sts: Url | None = None


class AwsModel(_Model):
    """How a region's AWS account is reached; what is left out is found as every AWS tool finds it."""

    region: AwsRegion | None = None
    """Needed where keys are in KMS."""
    profile: Text | None = None
    role_arn: RoleArn | None = None
    """Assumed with the profile's credentials."""
    external_id: ExternalId | None = None
    """What the role's trust policy may ask for."""
    session_name: SessionName | None = None
    """How CloudTrail names the role's user; rotator when left out."""
    endpoints: Annotated[EndpointsModel, EMPTY_WHEN_NULL] = EndpointsModel()

    @model_validator(mode="after")
    def _has_its_role(self) -> "AwsModel":
        for name in ("external_id", "session_name"):
            if getattr(self, name) is not None and self.role_arn is None:
                raise ValueError(f"{name} counts for a role only, and there is no role_arn")
        return self


Aws = Annotated[AwsModel, EMPTY_WHEN_NULL]


class SqliteModel(_Model):
    """State in one file."""

    kind: Literal["sqlite"]
    path: FilePath = ".rotator/state.db"


class S3StateModel(_Model):
    """State in a bucket, shared by everyone who runs rotator."""

    kind: Literal["s3"]
    bucket: Bucket
    prefix: Prefix = "rotator"
    """What the names of its objects begin with, before a /."""
    aws: Aws = AwsModel()


class LocalKeysModel(_Model):
    """Private keys in encrypted files."""

    kind: Literal["local"]
    path: FolderPath = ".rotator/keys"


class KmsModel(_Model):
    """Private keys that never leave AWS KMS."""

    kind: Literal["kms"]
    primary_region: AwsRegion
    """Where keys are made; those of the other regions are replicas."""
    alias: Alias = "alias/rotator/{issuer}"
    """Points at the active key in each region."""
    policy_file: FilePath | None = None
    """A key policy in JSON for every key that is made; KMS's default one when left out."""
    rollback_window: Duration = timedelta(days=7)
    """So long after its last signature a key is disabled in KMS."""
    deletion_window: DeletionWindow = timedelta(days=30)
    """How long KMS waits before it deletes a key, 7d to 30d."""


class KmsWrappedModel(_Model):
    """Private keys wrapped by a multi-region KMS key, for signers faster than KMS's quotas."""

    kind: Literal["kms-wrapped"]
    primary_region: AwsRegion
    """Where pairs are made."""
    wrapping_key: WrappingKey
    """The alias that the key has in every region, its mrk-… id, or the ARN of either for a key of another account."""


State = Annotated[SqliteModel | S3StateModel, Field(discriminator="kind")]
Keys = Annotated[LocalKeysModel | KmsModel | KmsWrappedModel, Field(discriminator="kind")]


class FileModel(_Model):
    """A document in a file; the path is relative to the configuration."""

    kind: Literal["file"]
    path: FileTemplate


class S3JwksModel(_Model):
    """A public document in an S3 object."""

    kind: Literal["s3"]
    bucket: Bucket
    key: ObjectKey
    cache_control: CacheControl = DEFAULT_CACHE_CONTROL


class S3SigningModel(_Model):
    """A private document in an S3 object."""

    kind: Literal["s3"]
    bucket: Bucket
    key: ObjectKey


class _CheckModel(_Model):
    allow_insecure: StrictBool = False
    """Allows this URL to be http: without being loopback."""


class HttpCheckModel(_CheckModel):
    """The public URL that serves the region's JWKS."""

    kind: Literal["http"]
    url: UrlTemplate
    resolve: tuple[Address, ...] = ()
    """Addresses of edges to ask one by one; all that the name has when left out."""
    samples: Samples = SAMPLES
    """How often it is asked in one look, over a connection of its own each time."""


class VerifierCheckModel(_CheckModel):
    """The health endpoints of verifiers."""

    kind: Literal["verifier"]
    url: UrlTemplate | None = None
    """One verifier, a name with many addresses, or an index that lists many."""
    urls: tuple[UrlTemplate, ...] = ()
    """More of them."""
    covers: tuple[Name, ...] = ()
    """Which of `policy.verifiers` they are; all of them when left out."""

    @model_validator(mode="after")
    def _has_a_url(self) -> "VerifierCheckModel":
        if self.url is None and not self.urls:
            raise ValueError("needs a url, or urls")
        return self


class ClockCheckModel(_CheckModel):
    """A clock to compare this host's with."""

    kind: Literal["clock"]
    url: UrlTemplate | None = None
    """Whose `Date` is read; the region's own public URL or document when neither is given."""
    ntp: NtpServer | None = None


class CanaryCheckModel(_CheckModel):
    """An endpoint that accepts a token signed with a published key."""

    kind: Literal["canary"]
    url: UrlTemplate


Check = Annotated[
    HttpCheckModel | VerifierCheckModel | ClockCheckModel | CanaryCheckModel,
    Field(discriminator="kind"),
]


def _none_is_no_list(value: object) -> object:
    return () if value is None else value


class CdnModel(_Model):
    """The edge in front of a region's JWKS."""

    kind: Literal["cloudfront"]
    distribution: Distribution
    path: UrlPath | None = None
    """What the edge serves the JWKS as; / and its key in S3 when left out."""


class RegionModel(_Model):
    """A place that serves the JWKS and signs tokens."""

    aws: Aws = AwsModel()
    jwks: Annotated[FileModel | S3JwksModel, Field(discriminator="kind")]
    signing: Annotated[FileModel | S3SigningModel, Field(discriminator="kind")]
    checks: Annotated[tuple[Check, ...], BeforeValidator(_none_is_no_list)] = ()
    cdn: CdnModel | None = None
    """What `rotator doctor` asks how long copies of the JWKS are kept; with the region's `aws`."""


class IssuerModel(_Model):
    """One `iss`: one key set and one policy."""

    url: Url
    jwks_url: Url | None = None
    """The URL that clients are told; it gates a switch like a region."""
    policy: Annotated[PolicyModel, EMPTY_WHEN_NULL] = PolicyModel()
    regions: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    """The regions it has; all of them when left out."""
    keys: Keys | None = None
    schedule: ScheduleModel | None = None
    """Its own windows, in place of those for all."""


class IssuersModel(_Model):
    """What a file of `issuers_from` holds: issuers by name."""

    issuers: dict[Name, IssuerModel]


class ConfigModel(_Model):
    """A rotator.yaml."""

    version: Literal[1]
    allow_insecure: StrictBool = False
    """Allows http: URLs that are not loopback, everywhere in this file."""
    state: State = SqliteModel(kind="sqlite")
    keys: Keys = LocalKeysModel(kind="local")
    policy: Annotated[PolicyModel, EMPTY_WHEN_NULL] = PolicyModel()
    regions: Annotated[dict[RegionName, RegionModel], Field(min_length=1)]
    issuers: Annotated[dict[Name, IssuerModel], EMPTY_WHEN_NULL] = {}
    issuers_from: Text | None = None
    """A glob of files that hold more issuers by name."""
    schedule: ScheduleModel | None = None
    """When a switch may begin; at any time when left out."""
    daemon: Annotated[DaemonModel, EMPTY_WHEN_NULL] = DaemonModel()
    audit: Annotated[AuditModel, EMPTY_WHEN_NULL] = AuditModel()
    notify: Annotated[Notify, BeforeValidator(_none_is_no_list)] = ()
    metrics: Annotated[MetricsModel, EMPTY_WHEN_NULL] = MetricsModel()
