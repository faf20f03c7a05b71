"""Models → settings: placeholders filled in, policies merged, and everything judged that shapes cannot show."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from rotator.config import profiles, rules, sharing
from rotator.config.effective import Effective, effective, numbers
from rotator.config.model import (
    AwsModel,
    FileModel,
    HttpCheckModel,
    LocalKeysModel,
    RegionModel,
    S3JwksModel,
    S3SigningModel,
    SqliteModel,
)
from rotator.config.places import Problems, Spot
from rotator.config.reading import Entry, Reading
from rotator.config.settings import (
    AwsSpec,
    DocumentSpec,
    FileSpec,
    IssuerSpec,
    LocalKeysSpec,
    RegionSpec,
    S3Spec,
    SqliteSpec,
    StateSpec,
    location_of,
)
from rotator.config.values import ISSUER
from rotator.domain.caching import parse_cache_control
from rotator.domain.codec import encode
from rotator.domain.plan import Severity
from rotator.domain.policy import CacheLifetime, IssuerSetup, RegionSetup
from rotator.planning import feasibility


@dataclass(slots=True)
class Built:
    """What the models amount to; worth something only when no problems were found."""

    state: StateSpec
    issuers: tuple[IssuerSpec, ...]
    infeasible: Problems
    warnings: Problems
    notes: Problems

    @property
    def digest(self) -> str:
        """`sha256:` over everything that a plan depends on; locations count as written, not as this machine has them."""
        issuers = {
            spec.name: {
                "url": spec.setup.url,
                "jwks_url": spec.jwks_url,
                "policy": encode(spec.setup.policy),
                "keys": encode(spec.keys),
                "regions": encode(spec.regions),
            }
            for spec in self.issuers
        }
        members = {"state": encode(self.state), "issuers": issuers}
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def build(reading: Reading, base: Path, problems: Problems) -> Built:
    """Build the settings' parts; what must not be goes to `problems`, what cannot work to `infeasible`."""
    config, main, entries = reading.config, reading.main, reading.entries
    rules.not_in_this_version(config, main, entries, problems)
    rules.insecure_urls(config, main, entries, problems)
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
    sharing.shared_places(specs, config, main, base, problems)
    sharing.shared_urls(specs, entries, main, problems)
    state = config.state.path if isinstance(config.state, SqliteModel) else ""
    built = Built(SqliteSpec(state), specs, *(Problems(main.label) for _ in range(3)))
    for spec, entry, policy in zip(specs, entries, policies, strict=True):
        _judge(built, spec, policy, entry, reading)
    return built


class _Builder:
    def __init__(self, reading: Reading, base: Path, problems: Problems) -> None:
        self._reading, self._base, self._problems = reading, base, problems

    def issuer(self, entry: Entry, policy: Effective) -> IssuerSpec:
        regions = self._regions(entry)
        keys = entry.model.keys or self._reading.config.keys
        has_url = entry.model.jwks_url is not None
        setups = tuple(_region_setup(self._base, region) for region in regions)
        return IssuerSpec(
            setup=IssuerSetup(entry.name, entry.model.url, policy.policy, setups, has_url),
            keys=LocalKeysSpec(keys.path if isinstance(keys, LocalKeysModel) else ""),
            jwks_url=entry.model.jwks_url,
            regions=regions,
            numbers=numbers(policy),
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
            _region(name, model, entry.name)
            for name, model in known.items()
            if chosen is None or name in chosen
        )


def _region(name: str, model: RegionModel, issuer: str) -> RegionSpec:
    urls = [check.url for check in model.checks if isinstance(check, HttpCheckModel)]
    return RegionSpec(
        name,
        _document(model.jwks, model.aws, issuer),
        _document(model.signing, model.aws, issuer),
        tuple(_filled(url, issuer) for url in urls),
    )


def _document(
    model: FileModel | S3JwksModel | S3SigningModel, aws: AwsModel, issuer: str
) -> DocumentSpec:
    match model:
        case FileModel():
            return FileSpec(_filled(model.path, issuer))
        case S3JwksModel():
            return S3Spec(_aws(aws), model.bucket, _filled(model.key, issuer), model.cache_control)
        case S3SigningModel():
            return S3Spec(_aws(aws), model.bucket, _filled(model.key, issuer))
        case _:
            assert_never(model)


def _aws(model: AwsModel) -> AwsSpec:
    return AwsSpec(
        region=model.region,
        profile=model.profile,
        role_arn=model.role_arn,
        external_id=model.external_id,
        s3_endpoint=model.endpoints.s3,
        sts_endpoint=model.endpoints.sts,
    )


def _filled(template: str, issuer: str) -> str:
    return template.replace(ISSUER, issuer)


def _region_setup(base: Path, region: RegionSpec) -> RegionSetup:
    header = region.jwks.cache_control if isinstance(region.jwks, S3Spec) else None
    return RegionSetup(
        region.name,
        location_of(base, region.jwks),
        location_of(base, region.signing),
        parse_cache_control(header or "") or CacheLifetime(),
        bool(region.urls),
    )


def _judge(
    built: Built, spec: IssuerSpec, policy: Effective, entry: Entry, reading: Reading
) -> None:
    for inequality in feasibility.problems(spec.setup):
        spots = _spots(inequality.members, entry, reading.main)
        if not any(reading.is_cured(spot) for spot in spots):
            spot = _blamed(inequality.members, policy, inequality.region, reading.main)
            built.infeasible.add(spot, str(inequality))
    for advice in feasibility.warnings(spec.setup):
        spot = _blamed(advice.members, policy, advice.region, reading.main)
        (built.warnings if advice.severity is Severity.WARNING else built.notes).add(
            spot, advice.text
        )
    _algorithms(built, spec, policy, reading.main)


def _spots(members: Sequence[str], entry: Entry, main: Spot) -> list[Spot]:
    """Every place where one of these members is, or could be, written for this issuer."""
    return [spot.at("policy", member) for member in members for spot in (entry.spot, main)]


def _blamed(members: Sequence[str], policy: Effective, region: str | None, main: Spot) -> Spot:
    """The place to look at first: the first member that is no default, or the region's own."""
    written = [policy.spots[member] for member in members if member in policy.spots]
    if region and (not written or not members):
        return main.at("regions", region, *(("jwks", "cache_control") if members else ()))
    return written[0] if written else main.at("policy", members[0])


def _algorithms(built: Built, spec: IssuerSpec, policy: Effective, main: Spot) -> None:
    algorithm = spec.setup.policy.algorithm
    for verifier in spec.setup.policy.verifiers:
        profile = profiles.find(verifier.name)
        if profile and profile.algorithms and algorithm not in profile.algorithms:
            readable = ", ".join(sorted(profile.algorithms))
            built.warnings.add(
                _blamed(("verifiers", "algorithm"), policy, None, main),
                f"{verifier.name} reads {readable} only and will refuse every token signed with {algorithm}",
            )
