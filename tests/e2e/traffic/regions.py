"""Three regions on loopback: an edge before each one's origin, and verifiers behind the edge.

us-east-1       nginx that honours max-age and purges → Envoy, jose, Apache (over TLS)
eu-central-1    Caddy before an nginx with stale-while-revalidate → Envoy, jwks-rsa, PyJWT, OpenBao
ap-northeast-1  nginx that keeps every answer for its own time and purges nothing → Envoy, jose, jwks-rsa, PyJWT
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.e2e.place import ISSUER, REGIONS, URL
from tests.e2e.traffic import numbers
from tests.servers.edges import Caching, Edge, caddy_edge, nginx_edge
from tests.servers.process import free_port
from tests.servers.verifiers import Verifier
from tests.servers.verifiers.apache import apache
from tests.servers.verifiers.envoy import envoy
from tests.servers.verifiers.openbao import openbao
from tests.servers.verifiers.pyjwt import pyjwt

US, EU, AP = REGIONS
DOCUMENT: Final = f"{ISSUER}/jwks.json"
Spec = dict[str, Any]
"""A verifier as the traffic program reads it: `weight` is its share of a region's tokens, `width` how many at once."""


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges by region; `front` is what consumers ask, `tls` the one that speaks TLS."""

    front: Mapping[str, Edge]
    tls: Edge

    def url(self, region: str) -> str:
        """The JWKS URL of a region."""
        return self.front[region].url(DOCUMENT)

    def purge(self) -> None:
        """What a deployment does after it wrote: ask every edge for fresh copies."""
        for edge in self.front.values():
            edge.purge(DOCUMENT)


@contextlib.contextmanager
def edges(folder: Path, roots: Mapping[str, Path]) -> Iterator[Edges]:
    """The edges of all regions before the folders that hold their documents."""
    seconds = numbers.EDGE_S
    with contextlib.ExitStack() as stack:
        honours = stack.enter_context(
            nginx_edge(
                folder / US,
                roots[US],
                cache_control=f"public, max-age={seconds}",
                caching=Caching(purges=True),
            )
        )
        revalidates = stack.enter_context(
            nginx_edge(
                folder / EU,
                roots[EU],
                cache_control=f"public, max-age={seconds - 1}, stale-while-revalidate=2",
            )
        )
        caddy = stack.enter_context(caddy_edge(folder / "caddy", roots[EU], upstream=revalidates))
        stubborn = stack.enter_context(
            nginx_edge(
                folder / AP,
                roots[AP],
                cache_control="public, max-age=1",
                caching=Caching(keeps_s=seconds),
            )
        )
        yield Edges({US: honours, EU: caddy, AP: stubborn}, honours)


@dataclass(frozen=True, slots=True)
class Verifiers:
    """The verifiers by region, and the URLs at which some of them say which keys they hold.

    `longest` are those that keep a key for minutes or until they are restarted.
    """

    specs: Mapping[str, list[Spec]]
    health: Mapping[str, list[str]]
    longest: tuple[Verifier, ...]


@contextlib.contextmanager
def verifiers(folder: Path, at: Edges) -> Iterator[Verifiers]:
    """The verifiers of all regions; their documents must be served already."""
    with contextlib.ExitStack() as stack:
        kinds = {
            region: stack.enter_context(
                envoy(
                    folder / f"envoy-{region}",
                    at.url(region),
                    URL,
                    cache_duration_s=numbers.ENVOY_S,
                )
            )
            for region in REGIONS
        }
        pyjwts = {
            region: stack.enter_context(
                pyjwt(
                    folder / f"pyjwt-{region}",
                    at.url(region),
                    URL,
                    lifespan_s=numbers.PYJWT_S,
                    cooldown_s=numbers.PYJWT_COOLDOWN_S,
                    leeway_s=numbers.LEEWAY_S,
                )
            )
            for region in (EU, AP)
        }
        certificate = at.tls.certificate
        assert certificate is not None
        log = folder / "apache.log"
        module = stack.enter_context(apache(log, at.tls.https_url(DOCUMENT), certificate.chain))
        bao = stack.enter_context(openbao(folder / "openbao", at.url(EU), URL))
        specs = {
            US: [_asked(kinds[US], 5, 4), _jose(at.url(US), 4), _asked(module, 2, 4)],
            EU: [
                _asked(kinds[EU], 5, 4),
                _jwks_rsa(at.url(EU), 4),
                _asked(pyjwts[EU], 2, 2),
                _asked(bao, 1, 2),
            ],
            AP: [
                _asked(kinds[AP], 5, 4),
                _jose(at.url(AP), 2),
                _jwks_rsa(at.url(AP), 2),
                _asked(pyjwts[AP], 2, 2),
            ],
        }
        health = {name: list(_health(specs[name])) for name in REGIONS}
        yield Verifiers(specs, health, (module, bao))


def _health(specs: list[Spec]) -> Iterator[str]:
    for spec in specs:
        if spec["kind"] == "pyjwt":
            yield f"http://127.0.0.1:{spec['port']}/healthz/jwks"
        elif spec["kind"] == "jose":
            yield f"http://127.0.0.1:{spec['health']}/healthz/jwks"


def _asked(verifier: Verifier, weight: int, width: int) -> Spec:
    return {**verifier.endpoint, "weight": weight, "width": width}


def _jose(jwks_url: str, weight: int) -> Spec:
    own = {"cooldown_s": numbers.JOSE_COOLDOWN_S, "health": free_port()}
    return {**_library("jose", jwks_url, weight, numbers.JOSE_S), **own}


def _jwks_rsa(jwks_url: str, weight: int) -> Spec:
    return _library("jwks-rsa", jwks_url, weight, numbers.JWKS_RSA_S)


def _library(kind: str, jwks_url: str, weight: int, cache_s: float) -> Spec:
    times = {"cache_s": cache_s, "leeway_s": numbers.LEEWAY_S}
    return {"kind": kind, "jwks_url": jwks_url, "weight": weight, "width": 4, **times}
