"""Models → settings: placeholders filled in, policies merged, and everything judged that shapes cannot show."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from rotator.config import aliases, rules, sharing
from rotator.config.audit import audit_spec
from rotator.config.daemon import daemon_spec
from rotator.config.effective import Effective, effective, numbers
from rotator.config.keys import KeysBuilder, keys_spot, keys_written
from rotator.config.model import (
    CanaryCheckModel,
    ClockCheckModel,
    FileModel,
    HttpCheckModel,
    RegionModel,
    S3JwksModel,
    S3SigningModel,
    S3StateModel,
    SqliteModel,
    VerifierCheckModel,
)
from rotator.config.notify import notify_specs
from rotator.config.places import Problems, Spot
from rotator.config.reach import aws_spec
from rotator.config.reading import Entry, Reading
from rotator.config.schedule import schedule_of
from rotator.config.settings import (
    AuditSpec,
    AwsSpec,
    CloudFrontSpec,
    DaemonSpec,
    DocumentSpec,
    FileSpec,
    IssuerSpec,
    KeysSpec,
    KmsSpec,
    LocalKeysSpec,
    NotifySpec,
    Number,
    RegionSpec,
    S3Spec,
    S3StateSpec,
    SqliteSpec,
    StateSpec,
    location_of,
)
from rotator.config.values import ISSUER
from rotator.config.written import written
from rotator.domain.caching import parse_cache_control
from rotator.domain.checks import CanaryCheck, CheckSpec, ClockCheck, HttpCheck, VerifierCheck
from rotator.domain.codec import encode
from rotator.domain.plan import Severity
from rotator.domain.policy import CacheLifetime, IssuerSetup, RegionSetup
from rotator.planning import feasibility


@dataclass(slots=True)
class Built:
    """What the models amount to; worth something only when no problems were found."""

    state: StateSpec
    state_written: tuple[Number, ...]
    issuers: tuple[IssuerSpec, ...]
    daemon: DaemonSpec
    audit: AuditSpec
    notify: tuple[NotifySpec, ...]
    textfile: str | None
    metrics_written: tuple[Number, ...]
    infeasible: Problems
    warnings: Problems
    notes: Problems

    @property
    def digest(self) -> str:
        """`sha256:` over everything that a plan depends on; locations count as written, not as this machine has them."""
        keys = {spec: encode(spec) for spec in {spec.keys for spec in self.issuers}}
        issuers = {
            spec.name: {
                "url": spec.setup.url,
                "jwks_url": spec.jwks_url,
                "policy": encode(spec.setup.policy),
                "keys": keys[spec.keys],
                "regions": encode(spec.regions),
                **({"schedule": spec.setup.schedule.written()} if spec.setup.schedule else {}),
            }
            for spec in self.issuers
        }
        members = {"state": encode(self.state), "issuers": issuers}
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def build(reading: Reading, base: Path, problems: Problems) -> Built:
    """Build the settings' parts; what must not be goes to `problems`, what cannot work to `infeasible`."""
    config, main, entries = reading.config, reading.main, reading.entries
    rules.unknown_verifiers(config, main, entries, problems)
    rules.unknown_waves(config, main, entries, problems)
    rules.insecure_urls(config, main, entries, problems)
    rules.insecure_readers(config, main, problems)
    rules.paths_of_edges(config, main, problems)
    if not entries and not reading.cured:
        problems.add(main.at("issuers"), "at least one issuer is needed")
    policies = [
        effective(config.policy, main.at("policy"), entry.model.policy, entry.spot.at("policy"))
        for entry in entries
    ]
    builder = _Builder(reading, base, problems)
    specs = tuple(
        builder.issuer(entry, policy) for entry, policy in zip(entries, policies, strict=True)
    )
    sharing.shared_places(specs, reading, base, problems)
    sharing.shared_urls(specs, entries, main, problems)
    aliases.shared_aliases(specs, [keys_spot(entry, reading) for entry in entries], problems)

    def section(name: str) -> Spot | None:
        return main.at(name) if name in config.model_fields_set else None

    built = Built(
        _state(config.state),
        written(config.state, section("state")),
        specs,
        daemon_spec(config.daemon, section("daemon")),
        audit_spec(config.audit, section("audit")),
        notify_specs(config.notify, main.at("notify"), allow_insecure=config.allow_insecure),
        config.metrics.textfile,
        written(config.metrics, metrics) if (metrics := section("metrics")) else (),
        *(Problems(main.label) for _ in range(3)),
    )
    for spec, entry, policy in zip(specs, entries, policies, strict=True):
        _judge(built, spec, policy.spots, entry, reading)
    return built


def _state(model: SqliteModel | S3StateModel) -> StateSpec:
    match model:
        case SqliteModel():
            return SqliteSpec(model.path)
        case S3StateModel():
            return S3StateSpec(aws_spec(model.aws), model.bucket, model.prefix)
        case _:
            assert_never(model)


class _Builder:
    def __init__(self, reading: Reading, base: Path, problems: Problems) -> None:
        self._reading, self._base, self._problems = reading, base, problems
        self._aws = {name: aws_spec(model.aws) for name, model in reading.config.regions.items()}
        self._keys = KeysBuilder(reading, base, self._aws, problems)

    def issuer(self, entry: Entry, policy: Effective) -> IssuerSpec:
        regions = self._regions(entry)
        keys = self._keys.spec(entry, [region.name for region in regions])
        return IssuerSpec(
            setup=IssuerSetup(
                entry.name,
                entry.model.url,
                policy.policy,
                tuple(_region_setup(self._base, region, keys, entry.name) for region in regions),
                has_jwks_url=entry.model.jwks_url is not None,
                rollback_window=keys.rollback_window if isinstance(keys, KmsSpec) else None,
                schedule=schedule_of(entry.model.schedule, self._reading.config.schedule),
            ),
            keys=keys,
            jwks_url=entry.model.jwks_url,
            regions=regions,
            numbers=numbers(policy),
            keys_written=keys_written(entry, self._reading),
        )

    def _regions(self, entry: Entry) -> tuple[RegionSpec, ...]:
        known = self._reading.config.regions
        chosen = entry.model.regions
        for i, name in enumerate(chosen or ()):
            if name not in known:
                text = f"there is no region {name!r}; the regions are {', '.join(known)}"
                self._problems.add(entry.spot.at("regions", i), text)
            elif name in (chosen or ())[:i]:
                self._problems.add(entry.spot.at("regions", i), f"{name} is listed twice")
        return tuple(
            _region(name, model, self._aws[name], entry.name)
            for name, model in known.items()
            if chosen is None or name in chosen
        )


def _region(name: str, model: RegionModel, aws: AwsSpec, issuer: str) -> RegionSpec:
    return RegionSpec(
        name,
        _document(model.jwks, aws, issuer),
        _document(model.signing, aws, issuer),
        tuple(_check(check, issuer) for check in model.checks),
        aws,
        _cdn(model, issuer),
    )


def _check(
    model: HttpCheckModel | VerifierCheckModel | ClockCheckModel | CanaryCheckModel, issuer: str
) -> CheckSpec:
    match model:
        case HttpCheckModel():
            return HttpCheck(_filled(model.url, issuer), model.resolve, model.samples)
        case VerifierCheckModel():
            urls = (*((model.url,) if model.url else ()), *model.urls)
            filled = tuple(_filled(url, issuer) for url in urls)
            return VerifierCheck(filled, model.covers, model.allow_insecure)
        case ClockCheckModel():
            return ClockCheck(_filled(model.url, issuer) if model.url else None, model.ntp)
        case CanaryCheckModel():
            return CanaryCheck(_filled(model.url, issuer))
        case _:
            assert_never(model)


def _cdn(model: RegionModel, issuer: str) -> CloudFrontSpec | None:
    if model.cdn is None:
        return None
    key = model.jwks.key if isinstance(model.jwks, S3JwksModel) else ""
    return CloudFrontSpec(model.cdn.distribution, _filled(model.cdn.path or f"/{key}", issuer))


def _document(
    model: FileModel | S3JwksModel | S3SigningModel, aws: AwsSpec, issuer: str
) -> DocumentSpec:
    match model:
        case FileModel():
            return FileSpec(_filled(model.path, issuer))
        case S3JwksModel():
            return S3Spec(aws, model.bucket, _filled(model.key, issuer), model.cache_control)
        case S3SigningModel():
            return S3Spec(aws, model.bucket, _filled(model.key, issuer))
        case _:
            assert_never(model)


def _filled(template: str, issuer: str) -> str:
    return template.replace(ISSUER, issuer)


def _region_setup(base: Path, region: RegionSpec, keys: KeysSpec, issuer: str) -> RegionSetup:
    header = region.jwks.cache_control if isinstance(region.jwks, S3Spec) else None
    return RegionSetup(
        region.name,
        location_of(base, region.jwks),
        location_of(base, region.signing),
        parse_cache_control(header or "") or CacheLifetime(),
        has_public_url=bool(region.urls),
        aws_region=None if isinstance(keys, LocalKeysSpec) else region.aws.region,
        alias=_filled(keys.alias, issuer) if isinstance(keys, KmsSpec) else None,
        cache_control=header,
        has_edge=region.cdn is not None,
    )


def _judge(
    built: Built, spec: IssuerSpec, policy: Mapping[str, Spot], entry: Entry, reading: Reading
) -> None:
    spots = {
        **policy,
        "rollback_window": keys_spot(entry, reading).at("rollback_window"),
        "schedule": (entry.spot if entry.model.schedule else reading.main).at("schedule"),
    }
    for inequality in feasibility.problems(spec.setup):
        places = _spots(inequality.members, entry, reading.main)
        if not any(reading.is_cured(place) for place in places):
            spot = _blamed(inequality.members, spots, inequality.region, reading.main)
            built.infeasible.add(spot, str(inequality))
    for advice in feasibility.warnings(spec.setup):
        spot = _blamed(advice.members, spots, advice.region, reading.main)
        (built.warnings if advice.severity is Severity.WARNING else built.notes).add(
            spot, advice.text
        )
    _shared_state(built, spec, keys_spot(entry, reading))


def _spots(members: Sequence[str], entry: Entry, main: Spot) -> list[Spot]:
    """Every place where one of these members is, or could be, written for this issuer."""
    return [spot.at("policy", member) for member in members for spot in (entry.spot, main)]


def _blamed(
    members: Sequence[str], spots: Mapping[str, Spot], region: str | None, main: Spot
) -> Spot:
    """The place to look at first: the first member that is no default, or the region's own."""
    found = [spots[member] for member in members if member in spots]
    if region and (not found or not members):
        return main.at("regions", region, *(("jwks", "cache_control") if members else ()))
    return found[0] if found else main.at("policy", members[0])


def _shared_state(built: Built, spec: IssuerSpec, spot: Spot) -> None:
    if isinstance(built.state, S3StateSpec) and isinstance(spec.keys, LocalKeysSpec):
        text = (
            f"the state in s3://{built.state.bucket} is for everyone who runs rotator, but the private keys are in"
            " a folder of this machine: elsewhere nothing can be done with them"
        )
        built.warnings.add(spot, text)
