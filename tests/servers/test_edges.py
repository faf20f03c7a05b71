"""The edges do to a document what the tests of propagation rely on."""

from __future__ import annotations

import ssl
import time
import urllib.request
from pathlib import Path

import pytest

from tests.servers.edges import JWKS_TYPE, Caching, Edge
from tests.servers.fixtures import StartEdge

OLD, NEW = b'{"keys":["old"]}', b'{"keys":["new"]}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder"
    folder.mkdir()
    publish(folder, OLD)
    return folder


def publish(root: Path, body: bytes) -> None:
    (root / "jwks.json").write_bytes(body)


def served(edge: Edge) -> bytes:
    with urllib.request.urlopen(edge.url("jwks.json"), timeout=5) as answer:
        assert answer.headers["Content-Type"] == JWKS_TYPE
        return bytes(answer.read())


@pytest.mark.nginx
def test_nginx_keeps_a_copy_until_it_is_purged(root: Path, start_nginx: StartEdge) -> None:
    edge = start_nginx(root, cache_control="public, max-age=60", caching=Caching(purges=True))
    assert served(edge) == OLD
    publish(root, NEW)
    assert served(edge) == OLD
    edge.purge("jwks.json")
    assert served(edge) == NEW


@pytest.mark.nginx
def test_nginx_that_ignores_headers_and_purges(root: Path, start_nginx: StartEdge) -> None:
    edge = start_nginx(root, cache_control="no-store", caching=Caching(keeps_s=60))
    assert served(edge) == OLD
    publish(root, NEW)
    edge.purge("jwks.json")
    assert served(edge) == OLD


@pytest.mark.nginx
def test_nginx_serves_a_stale_copy_while_it_fetches_another(
    root: Path, start_nginx: StartEdge
) -> None:
    edge = start_nginx(root, cache_control="public, max-age=1, stale-while-revalidate=30")
    assert served(edge) == OLD
    publish(root, NEW)
    time.sleep(2.1)  # whole seconds: a copy of a second lives for up to two
    assert served(edge) == OLD
    time.sleep(0.2)
    assert served(edge) == NEW


@pytest.mark.nginx
def test_nginx_serves_the_same_copy_over_tls(root: Path, start_nginx: StartEdge) -> None:
    edge = start_nginx(root, cache_control="public, max-age=60")
    assert served(edge) == OLD
    publish(root, NEW)
    assert edge.certificate is not None
    trusting = ssl.create_default_context(cafile=str(edge.certificate.chain))
    with urllib.request.urlopen(edge.https_url("jwks.json"), timeout=5, context=trusting) as answer:
        assert answer.read() == OLD
    with pytest.raises(urllib.error.URLError, match="certificate verify failed"):
        urllib.request.urlopen(edge.https_url("jwks.json"), timeout=5)


@pytest.mark.caddy
def test_caddy_passes_on_what_the_origin_says(root: Path, start_caddy: StartEdge) -> None:
    edge = start_caddy(root, cache_control="public, max-age=7")
    assert served(edge) == OLD
    publish(root, NEW)
    assert served(edge) == NEW
    with urllib.request.urlopen(edge.url("jwks.json"), timeout=5) as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=7"


@pytest.mark.nginx
@pytest.mark.caddy
def test_caddy_before_an_edge_with_a_cache(
    root: Path, start_nginx: StartEdge, start_caddy: StartEdge
) -> None:
    behind = start_nginx(root, cache_control="public, max-age=60", caching=Caching(purges=True))
    edge = start_caddy(root, upstream=behind)
    assert served(edge) == OLD
    publish(root, NEW)
    assert served(edge) == OLD
    edge.purge("jwks.json")
    assert served(edge) == NEW
