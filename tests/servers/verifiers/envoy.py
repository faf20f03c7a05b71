"""Envoy's jwt_authn filter: fetches the keys at a request when its copy has expired, and never for an unknown kid."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.servers.binaries import envoy_binary, required
from tests.servers.process import ServerProcess, free_port
from tests.servers.verifiers import Verifier, answers

_EXTENSIONS: Final = "type.googleapis.com/envoy.extensions.filters"


@contextlib.contextmanager
def envoy(
    directory: Path, jwks_url: str, issuer: str, *, cache_duration_s: float = 600
) -> Iterator[Verifier]:
    """An Envoy that answers 200 to whoever brings a good token."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    file = directory / "envoy.json"
    file.write_text(json.dumps(_config(port, jwks_url, issuer, cache_duration_s), indent=1))
    command: list[str | Path] = [required(envoy_binary(), "Envoy"), "-c", file, "-l", "warning"]
    # A hot restart would share memory with every other Envoy of this machine; each worker keeps a copy of its own.
    command += ["--disable-hot-restart", "--concurrency", "1"]
    process = ServerProcess(command, log=directory / "envoy.log")
    process.start(lambda: answers(port))
    try:
        yield Verifier("envoy", port, "/", process)
    finally:
        process.kill()


def _config(port: int, jwks_url: str, issuer: str, cache_duration_s: float) -> dict[str, Any]:
    where = urlsplit(jwks_url)
    manager = {
        "@type": f"{_EXTENSIONS}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_ROUTE]}]},
        "http_filters": [_jwt_authn(jwks_url, issuer, cache_duration_s), _ROUTER],
    }
    chain = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }
    listener = {"name": "in", "address": _address("127.0.0.1", port), "filter_chains": [chain]}
    host = where.hostname or "127.0.0.1"
    endpoint = {"endpoint": {"address": _address(host, where.port or 80)}}
    cluster = {
        "name": "jwks",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "jwks", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _jwt_authn(jwks_url: str, issuer: str, cache_duration_s: float) -> dict[str, Any]:
    provider = {
        "issuer": issuer,
        "remote_jwks": {
            "http_uri": {"uri": jwks_url, "cluster": "jwks", "timeout": "5s"},
            "cache_duration": f"{cache_duration_s:g}s",
        },
    }
    rule = {"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}
    typed = {
        "@type": f"{_EXTENSIONS}.http.jwt_authn.v3.JwtAuthentication",
        "providers": {"issuer": provider},
        "rules": [rule],
    }
    return {"name": "envoy.filters.http.jwt_authn", "typed_config": typed}


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


_ROUTE: Final = {
    "match": {"prefix": "/"},
    "direct_response": {"status": 200, "body": {"inline_string": "accepted\n"}},
}
_ROUTER: Final = {
    "name": "envoy.filters.http.router",
    "typed_config": {"@type": f"{_EXTENSIONS}.http.router.v3.Router"},
}
