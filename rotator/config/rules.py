"""What a well-formed configuration must still not say: kinds this version cannot run, insecure URLs, shared objects."""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from rotator.config.model import ConfigModel, HttpCheckModel, LocalKeysModel, SqliteModel
from rotator.config.places import Problems, Spot
from rotator.config.reading import Entry


def not_in_this_version(
    config: ConfigModel, main: Spot, entries: Sequence[Entry], problems: Problems
) -> None:
    """Refuse what is understood but would silently be left out."""
    if not isinstance(config.state, SqliteModel):
        problems.add(main.at("state", "kind"), _later(config.state.kind, "sqlite"))
    keys = [(main, config.keys), *((entry.spot, entry.model.keys) for entry in entries)]
    for spot, model in keys:
        if model is not None and not isinstance(model, LocalKeysModel):
            problems.add(spot.at("keys", "kind"), _later(model.kind, "local"))
    for name, region in config.regions.items():
        for i, check in enumerate(region.checks):
            spot = main.at("regions", name, "checks", i)
            if not isinstance(check, HttpCheckModel):
                problems.add(spot.at("kind"), _later(check.kind, "http"))
            elif check.resolve:
                problems.add(spot.at("resolve"), "is not in this version of rotator; leave it out")


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
    for name, region in config.regions.items():
        spot = main.at("regions", name)
        for kind in ("s3", "kms", "sts"):
            yield spot.at("aws", "endpoints", kind), getattr(region.aws.endpoints, kind), False
        for i, check in enumerate(region.checks):
            yield spot.at("checks", i, "url"), check.url, check.allow_insecure
    for entry in entries:
        yield entry.spot.at("url"), entry.model.url, False
        yield entry.spot.at("jwks_url"), entry.model.jwks_url, False


def _insecure(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    host = parts.hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def _later(kind: str, instead: str) -> str:
    return f"{kind} is not in this version of rotator; use {instead}"
