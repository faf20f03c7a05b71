"""No two documents in one place, no URL for two regions: what is written or seen there would count for both.

Places are told apart by where they are, so links in the folders that lead there are followed.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from rotator.config.model import FileModel, KmsModel, S3StateModel, SqliteModel
from rotator.config.places import Problems, Spot
from rotator.config.reach import aws_spec
from rotator.config.reading import Entry, Reading
from rotator.config.settings import (
    AwsSpec,
    DocumentSpec,
    FileSpec,
    IssuerSpec,
    LocalKeysSpec,
    S3Spec,
    location_of,
    normal_path,
)
from rotator.config.values import ISSUER
from rotator.domain.checks import HttpCheck

_AWS = (".amazonaws.com", ".amazonaws.com.cn")


def shared_places(
    specs: Sequence[IssuerSpec], reading: Reading, base: Path, problems: Problems
) -> None:
    """Refuse two documents in one place, one inside another, among private keys or in the state (design I3, I6)."""
    _Places(reading, base, problems).check(specs)


def shared_urls(
    specs: Sequence[IssuerSpec], entries: Sequence[Entry], main: Spot, problems: Problems
) -> None:
    """Refuse one URL for two regions or two issuers."""
    urls = _Urls(problems)
    for spec, entry in zip(specs, entries, strict=True):
        urls.claim(spec.setup.url, spec.name, "its url", entry.spot.at("url"))
        for region in spec.regions:
            for i, check in enumerate(region.checks):
                if isinstance(check, HttpCheck):
                    spot = main.at("regions", region.name, "checks", i, "url")
                    urls.claim(check.url, spec.name, f"a check of {region.name}", spot)
        if spec.jwks_url:
            urls.claim(spec.jwks_url, spec.name, "its jwks_url", entry.spot.at("jwks_url"))


class _Urls:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._seen: dict[str, tuple[str, str, Spot]] = {}

    def claim(self, url: str, issuer: str, what: str, spot: Spot) -> None:
        first = self._seen.setdefault(url, (issuer, what, spot))
        owner, owned, at = first
        # The URL that clients are told may well be that of the only region.
        if at is spot or (owner == issuer and what == "its jwks_url"):
            return
        if at == spot:
            why = f"{owner} and {issuer} would share {url}: put {ISSUER} into it"
        elif owner == issuer:
            why = (
                f"{url} is {owned} too; a URL in front of several regions is the issuer's jwks_url"
            )
        else:
            why = f"{url} belongs to {owner} too ({owned}, {at.where}); each issuer needs its own"
        self._problems.add(spot, why)


@dataclass(frozen=True, slots=True)
class _Claim:
    issuer: str
    region: str
    document: str
    spot: Spot


class _Places:
    def __init__(self, reading: Reading, base: Path, problems: Problems) -> None:
        self._config, self._main = reading.config, reading.main
        self._base, self._problems = base, problems
        self._real: Callable[[str], str] = cache(os.path.realpath)
        self._claims: dict[str, _Claim] = {}
        self._taken: dict[str, str] = {
            self._file(normal_path(Path(), self._main.label), ""): "this configuration"
        }
        for file in _policy_files(reading):
            self._taken[self._file(file, "")] = "a key policy"
        self._stores = {
            name: _known_by(aws_spec(model.aws)) for name, model in self._config.regions.items()
        }
        self._state: S3Spec | None = None
        match self._config.state:
            case SqliteModel(path=path):
                self._taken[self._file(path, "")] = "the state"
            case S3StateModel(aws=aws, bucket=bucket, prefix=prefix):
                self._state = S3Spec(_known_by(aws_spec(aws)), bucket, prefix)

    def check(self, specs: Sequence[IssuerSpec]) -> None:
        folders = [spec.keys.path for spec in specs if isinstance(spec.keys, LocalKeysSpec)]
        keys = {self._file(folder, "") for folder in folders if folder}
        for spec in specs:
            for region in spec.regions:
                model = self._config.regions[region.name]
                for document, written, at in (
                    ("jwks", model.jwks, region.jwks),
                    ("signing", model.signing, region.signing),
                ):
                    spot = self._main.at("regions", region.name, document)
                    place = (
                        self._file(written.path, spec.name)
                        if isinstance(written, FileModel)
                        else self._object(at, region.name, spot)
                    )
                    self._claim(place, _Claim(spec.name, region.name, document, spot))
        self._nested(keys)

    def _file(self, template: str, issuer: str) -> str:
        """A file's identity: links in the folders that all issuers share are followed, once."""
        folder, slash, _ = template.partition(ISSUER)[0].rpartition("/")
        real = self._real(normal_path(self._base, folder or slash or "."))
        return os.path.normpath(
            f"{real.rstrip('/')}/{template[len(folder) :].replace(ISSUER, issuer)}"
        )

    def _claim(self, place: str, claim: _Claim) -> None:
        if taken := self._taken.get(place):
            self._problems.add(claim.spot, f"{place} is {taken}")
        first = self._claims.setdefault(place, claim)
        if first is claim:
            return
        if first.spot == claim.spot:
            why = f"{first.issuer} and {claim.issuer} would share one object ({place}): put {ISSUER} into it"
        elif (first.issuer, first.region) == (claim.issuer, claim.region):
            why = f"{place} is also the region's {first.document}; each document needs a place of its own"
        else:
            why = (
                f"two regions share one object: {place} is also the {first.document} of {first.issuer}"
                f" in {first.region} (line {first.spot.line})"
            )
        self._problems.add(claim.spot, why)

    def _object(self, at: DocumentSpec, region: str, spot: Spot) -> str:
        """An object's identity; told to the state's keeper on the way."""
        if isinstance(at, FileSpec):
            return location_of(self._base, at)
        at = S3Spec(self._stores[region], at.bucket, at.key)
        self._beside_the_state(at, spot)
        return location_of(self._base, at)

    def _beside_the_state(self, at: S3Spec, spot: Spot) -> None:
        state = self._state
        if state is None or (state.bucket, state.aws) != (at.bucket, at.aws):
            return
        if f"{at.key}/".startswith(f"{state.key}/") or state.key.startswith(f"{at.key}/"):
            text = f"s3://{at.bucket}/{at.key} collides with the state, which is below {state.key}/ there"
            self._problems.add(spot, text)

    def _nested(self, keys: set[str]) -> None:
        for place, claim in self._claims.items():
            folder = place if place.startswith("/") else ""
            while folder:
                if folder in keys:
                    self._problems.add(
                        claim.spot, f"{place} lies among the private keys; put it elsewhere"
                    )
                folder = folder.rpartition("/")[0]
                if other := self._claims.get(folder):
                    self._problems.add(
                        claim.spot,
                        f"{place} would lie inside {folder}, which is the {other.document} of {other.issuer}"
                        f" in {other.region} (line {other.spot.line})",
                    )


def _policy_files(reading: Reading) -> Iterator[str]:
    for keys in (reading.config.keys, *(entry.model.keys for entry in reading.entries)):
        if isinstance(keys, KmsModel) and keys.policy_file:
            yield keys.policy_file


def _known_by(aws: AwsSpec) -> AwsSpec:
    """Buckets of one name are one bucket, at whichever of AWS's own endpoints; at another store they are others."""
    host = urlsplit(aws.s3_endpoint or "").hostname or ""
    return AwsSpec(s3_endpoint=None if host.endswith(_AWS) else aws.s3_endpoint)
