"""No two documents in one place, no URL for two regions: what is written or seen there would count for both.

Places are told apart by where they are, so links in the folders that lead there are followed.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rotator.config.model import ConfigModel, FileModel, SqliteModel
from rotator.config.places import Problems, Spot
from rotator.config.reading import Entry
from rotator.config.settings import IssuerSpec, location_of, normal_path
from rotator.config.values import ISSUER


def shared_places(
    specs: Sequence[IssuerSpec], config: ConfigModel, main: Spot, base: Path, problems: Problems
) -> None:
    """Refuse two documents in one place, a document inside another, and one among private keys (design I3, I6)."""
    _Places(config, main, base, problems).check(specs)


def shared_urls(
    specs: Sequence[IssuerSpec], entries: Sequence[Entry], main: Spot, problems: Problems
) -> None:
    """Refuse one URL for two regions or two issuers."""
    urls = _Urls(problems)
    for spec, entry in zip(specs, entries, strict=True):
        urls.claim(spec.setup.url, spec.name, "its url", entry.spot.at("url"))
        for region in spec.regions:
            for i, url in enumerate(region.urls):
                spot = main.at("regions", region.name, "checks", i, "url")
                urls.claim(url, spec.name, f"a check of {region.name}", spot)
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
    def __init__(self, config: ConfigModel, main: Spot, base: Path, problems: Problems) -> None:
        self._config, self._main, self._base, self._problems = config, main, base, problems
        self._real: Callable[[str], str] = cache(os.path.realpath)
        self._claims: dict[str, _Claim] = {}
        self._taken: dict[str, str] = {
            self._file(normal_path(Path(), main.label), ""): "this configuration"
        }
        if isinstance(config.state, SqliteModel):
            self._taken[self._file(config.state.path, "")] = "the state"

    def check(self, specs: Sequence[IssuerSpec]) -> None:
        keys = {self._file(spec.keys.path, "") for spec in specs if spec.keys.path}
        for spec in specs:
            for region in spec.regions:
                model = self._config.regions[region.name]
                for document, written, at in (
                    ("jwks", model.jwks, region.jwks),
                    ("signing", model.signing, region.signing),
                ):
                    place = (
                        self._file(written.path, spec.name)
                        if isinstance(written, FileModel)
                        else location_of(self._base, at)
                    )
                    spot = self._main.at("regions", region.name, document)
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
