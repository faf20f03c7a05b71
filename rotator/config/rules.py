"""What a well-formed configuration must still not say: verifiers, waves and edges that there are not, insecure URLs."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from rotator.config.model import (
    AwsModel,
    ConfigModel,
    FileModel,
    S3StateModel,
    VerifierCheckModel,
)
from rotator.config.places import Problems, Spot
from rotator.config.reading import Entry
from rotator.domain.hosts import is_loopback


def unknown_verifiers(
    config: ConfigModel, main: Spot, entries: Sequence[Entry], problems: Problems
) -> None:
    """Refuse verifier checks that speak for verifiers which no policy names."""
    policies = (config.policy, *(entry.model.policy for entry in entries))
    known = {v if isinstance(v, str) else v.name for policy in policies for v in policy.verifiers}
    for name, region in config.regions.items():
        for i, check in enumerate(region.checks):
            for j, covered in enumerate(
                check.covers if isinstance(check, VerifierCheckModel) else ()
            ):
                if covered not in known:
                    text = f"no policy has a verifier {covered!r}; they are {', '.join(sorted(known)) or 'none'}"
                    problems.add(main.at("regions", name, "checks", i, "covers", j), text)


def unknown_waves(
    config: ConfigModel, main: Spot, entries: Sequence[Entry], problems: Problems
) -> None:
    """Refuse waves of regions that there are not; an issuer may have fewer of them."""
    policies = [(main, config.policy), *((entry.spot, entry.model.policy) for entry in entries)]
    for spot, policy in policies:
        for i, wave in enumerate(policy.waves):
            for j, name in enumerate(wave):
                if name not in config.regions:
                    text = (
                        f"there is no region {name!r}; the regions are {', '.join(config.regions)}"
                    )
                    problems.add(spot.at("policy", "waves", i, j), text)


def paths_of_edges(config: ConfigModel, main: Spot, problems: Problems) -> None:
    """Refuse an edge of which nobody knows what it serves the JWKS as: a file has no key to tell it by."""
    for name, region in config.regions.items():
        if region.cdn and region.cdn.path is None and isinstance(region.jwks, FileModel):
            text = "needed where the JWKS is a file: what the distribution serves it as"
            problems.add(main.at("regions", name, "cdn", "path"), text)


def insecure_urls(
    config: ConfigModel, main: Spot, entries: Sequence[Entry], problems: Problems
) -> None:
    """Refuse http: for every host but this one, unless it is allowed there."""
    for spot, url, allowed in _urls(config, main, entries):
        if url and not allowed and not config.allow_insecure and _insecure(url):
            problems.add(
                spot,
                "http: lets anyone on the way put keys of their own there; write https:, or allow_insecure: true"
                " at the top of the file" + (" or beside the url" if "checks" in spot.path else ""),
            )


def insecure_readers(config: ConfigModel, main: Spot, problems: Problems) -> None:
    """Refuse to tell anybody over http: but on this host, unless it is allowed there."""
    for i, model in enumerate(config.notify):
        allowed = model.allow_insecure or config.allow_insecure
        if model.url and not allowed and _insecure(model.url):
            text = (
                "http: lets anyone on the way read what is told, and keep it from you; write https:, or"
                " allow_insecure: true beside the url"
            )
            problems.add(main.at("notify", i, "url"), text)


def _urls(
    config: ConfigModel, main: Spot, entries: Sequence[Entry]
) -> Iterator[tuple[Spot, str | None, bool]]:
    if isinstance(config.state, S3StateModel):
        yield from _endpoints(main.at("state"), config.state.aws)
    for name, region in config.regions.items():
        spot = main.at("regions", name)
        yield from _endpoints(spot, region.aws)
        for i, check in enumerate(region.checks):
            yield spot.at("checks", i, "url"), check.url, check.allow_insecure
            for j, url in enumerate(check.urls if isinstance(check, VerifierCheckModel) else ()):
                yield spot.at("checks", i, "urls", j), url, check.allow_insecure
    for entry in entries:
        yield entry.spot.at("url"), entry.model.url, False
        yield entry.spot.at("jwks_url"), entry.model.jwks_url, False


def _endpoints(spot: Spot, aws: AwsModel) -> Iterator[tuple[Spot, str | None, bool]]:
    for kind in ("s3", "kms", "sts"):
        yield spot.at("aws", "endpoints", kind), getattr(aws.endpoints, kind), False


def _insecure(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")
