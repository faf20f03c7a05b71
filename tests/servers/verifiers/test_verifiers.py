"""Each verifier starts, accepts a good token and no other, and learns and drops keys as its profile says."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests.servers.edges import Edge
from tests.servers.fixtures import StartEdge
from tests.servers.process import wait_until
from tests.servers.verifiers import AUDIENCE, Verifier
from tests.servers.verifiers.apache import apache
from tests.servers.verifiers.asking import accepted
from tests.servers.verifiers.envoy import envoy
from tests.servers.verifiers.openbao import openbao
from tests.servers.verifiers.pyjwt import pyjwt

pytestmark = pytest.mark.nginx
ISSUER = "https://auth.example.com"
CACHE_S = 1.5
"""How long those keep their copy whose time can be set."""
COOLDOWN_S = 1.0
Start = Callable[[Path, Edge], contextlib.AbstractContextManager[Verifier]]


@dataclass
class Issuer:
    """A key set in a folder behind an edge that keeps nothing, and tokens of its keys."""

    root: Path
    keys: dict[str, ec.EllipticCurvePrivateKey] = field(default_factory=dict)

    def publish(self, *kids: str) -> None:
        entries = []
        for kid in kids:
            key = self.keys.setdefault(kid, ec.generate_private_key(ec.SECP256R1()))
            public = json.loads(ECAlgorithm.to_jwk(key.public_key()))
            entries.append({**public, "kid": kid, "use": "sig", "alg": "ES256"})
        self.root.mkdir(exist_ok=True)
        (self.root / "jwks.json").write_text(json.dumps({"keys": entries}))

    def token(self, kid: str, *, lifetime_s: int = 300, signed_by: str | None = None) -> str:
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": AUDIENCE}
        times = {"iat": now, "exp": now + lifetime_s}
        return jwt.encode(
            {**claims, **times}, self.keys[signed_by or kid], "ES256", headers={"kid": kid}
        )


def start_envoy(folder: Path, edge: Edge) -> contextlib.AbstractContextManager[Verifier]:
    return envoy(folder, edge.url("jwks.json"), ISSUER, cache_duration_s=CACHE_S)


def start_pyjwt(folder: Path, edge: Edge) -> contextlib.AbstractContextManager[Verifier]:
    url = edge.url("jwks.json")
    return pyjwt(folder, url, ISSUER, lifespan_s=CACHE_S, cooldown_s=COOLDOWN_S)


def start_apache(folder: Path, edge: Edge) -> contextlib.AbstractContextManager[Verifier]:
    assert edge.certificate is not None
    return apache(folder.with_suffix(".log"), edge.https_url("jwks.json"), edge.certificate.chain)


def start_openbao(folder: Path, edge: Edge) -> contextlib.AbstractContextManager[Verifier]:
    return openbao(folder, edge.url("jwks.json"), ISSUER)


@dataclass(frozen=True)
class Manners:
    """How a verifier caches: the time after a fetch in which it learns no new kid; whether a removed key is dropped in time."""

    start: Start
    deaf_s: float
    drops: bool


EVERY = [
    pytest.param(Manners(start_envoy, CACHE_S, drops=True), id="envoy", marks=pytest.mark.envoy),
    pytest.param(Manners(start_pyjwt, COOLDOWN_S, drops=True), id="pyjwt"),
    pytest.param(Manners(start_apache, 0, drops=False), id="apache", marks=pytest.mark.apache),
    pytest.param(Manners(start_openbao, 0, drops=False), id="openbao", marks=pytest.mark.openbao),
]


@pytest.fixture(params=EVERY)
def manners(request: pytest.FixtureRequest) -> Manners:
    found: Manners = request.param
    return found


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    made = Issuer(tmp_path / "root")
    made.publish("first")
    return made


@pytest.fixture
def verifier(
    manners: Manners, issuer: Issuer, start_nginx: StartEdge, tmp_path: Path
) -> Iterator[Verifier]:
    edge = start_nginx(issuer.root, cache_control="no-store")
    with manners.start(tmp_path / "verifier", edge) as running:
        yield running


def test_a_good_token_and_no_other(verifier: Verifier, issuer: Issuer) -> None:
    assert accepted(verifier, issuer.token("first"))
    issuer.publish("first", "other")
    issuer.publish("first")
    assert not accepted(verifier, issuer.token("first", signed_by="other"))
    assert not accepted(verifier, issuer.token("first", lifetime_s=-600))
    assert not accepted(verifier, issuer.token("other"))
    assert accepted(verifier, issuer.token("first"))


def test_how_it_learns_and_drops(verifier: Verifier, issuer: Issuer, manners: Manners) -> None:
    assert accepted(verifier, issuer.token("first"))
    issuer.publish("first", "second")
    assert accepted(verifier, issuer.token("second")) is (manners.deaf_s == 0)
    token = issuer.token("second")
    wait_until(lambda: accepted(verifier, token), timeout_s=manners.deaf_s + 1, what="a new kid")

    issuer.publish("second")
    old = issuer.token("first")
    assert accepted(verifier, old), "it dropped a removed key at once"
    if manners.drops:
        wait_until(lambda: not accepted(verifier, old), timeout_s=CACHE_S + 1, what="dropping")
    else:
        time.sleep(1)
        assert accepted(verifier, old)


def test_a_sidecar_says_what_it_holds(
    issuer: Issuer, start_nginx: StartEdge, tmp_path: Path
) -> None:
    edge = start_nginx(issuer.root, cache_control="no-store")
    with pyjwt(tmp_path / "pyjwt", edge.url("jwks.json"), ISSUER, lifespan_s=60) as sidecar:
        assert held(sidecar) == ([], "empty")
        assert accepted(sidecar, issuer.token("first"))
        issuer.publish("first", "second")
        assert held(sidecar) == (["first"], "fresh")


def held(sidecar: Verifier) -> tuple[list[str], str]:
    url = f"http://127.0.0.1:{sidecar.port}/healthz/jwks"
    with urllib.request.urlopen(url, timeout=5) as answer:
        document = json.load(answer)
    assert document["format"] == "rotator.verifier/1"
    (copy,) = document["issuers"]
    assert copy["url"] == ISSUER
    return copy["kids"], copy["state"]
