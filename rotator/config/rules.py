"""What a well-formed configuration must still not say: checks this version cannot run, odd waves, URLs, edges."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from rotator.config.model import AwsModel, ConfigModel, FileModel, HttpCheckModel, S3StateModel
from rotator.config.places import Problems, Spot
from rotator.config.reading import Entry


def not_in_this_version(config: ConfigModel, main: Spot, problems: Problems) -> None:
    """Refuse what is understood but would silently be left out."""
    for name, region in config.regions.items():
        for i, check in enumerate(region.checks):
            spot = main.at("regions", name, "checks", i)
            if not isinstance(check, HttpCheckModel):
                text = f"{check.kind} is not in this version of rotator; use http"
                problems.add(spot.at("kind"), text)
            elif check.resolve:
                problems.add(spot.at("resolve"), "is not in this version of rotator; leave it out")


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
                " at the top of the file"
                + (
                    " or beside the url" if spot.path[-1] == "url" and "checks" in spot.path else ""
                ),
            )


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
    for entry in entries:
        yield entry.spot.at("url"), entry.model.url, False
        yield entry.spot.at("jwks_url"), entry.model.jwks_url, False


def _endpoints(spot: Spot, aws: AwsModel) -> Iterator[tuple[Spot, str | None, bool]]:
    for kind in ("s3", "kms", "sts"):
        yield spot.at("aws", "endpoints", kind), getattr(aws.endpoints, kind), False


def _insecure(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")
