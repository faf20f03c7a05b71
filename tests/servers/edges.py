"""Edges between a region's origin and its verifiers: nginx with a cache, and Caddy, each with an origin of its own.

The origin serves a directory and names a Cache-Control; what the edge makes of that is `Caching`. nginx counts whole
seconds, so a copy may live up to one second longer than it says.
"""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.servers.binaries import caddy_binary, nginx_binary, required, user_name
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.process import ServerProcess, accepts, free_port

JWKS_TYPE: Final = "application/jwk-set+json"
_START_S: Final = 20.0
PURGE_HEADER: Final = "X-Purge"


@dataclass(frozen=True, slots=True)
class Caching:
    """What an nginx edge does: honours Cache-Control (`stale-while-revalidate` too), unless `keeps_s` is set.

    `keeps_s`: every answer is kept so long, whatever the origin says. `purges`: a request with the header X-Purge
    fetches a fresh copy for everybody; else nothing makes it forget one.
    """

    keeps_s: int | None = None
    purges: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """A running edge. `url` is what consumers ask, `https_url` the same cache over TLS (trust `certificate`)."""

    port: int
    origin_port: int
    process: ServerProcess
    tls_port: int | None = None
    certificate: Certificate | None = None
    behind: tuple[ServerProcess, ...] = field(default=())

    def url(self, path: str = "") -> str:
        """The URL of a file of the directory, as the edge serves it."""
        return _http(self.port, path)

    def https_url(self, path: str = "") -> str:
        """The same over TLS, for clients that want it."""
        return f"https://127.0.0.1:{self.tls_port}/{path.lstrip('/')}"

    def origin_url(self, path: str = "") -> str:
        """The URL of a file past the edge."""
        return _http(self.origin_port, path)

    def purge(self, path: str) -> None:
        """Ask the edge to forget its copy; one that does not purge goes on as before."""
        request = urllib.request.Request(self.url(path), headers={PURGE_HEADER: "1"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()


@contextlib.contextmanager
def nginx_edge(
    directory: Path,
    root: Path,
    *,
    cache_control: str = "public, max-age=300",
    caching: Caching = Caching(),
) -> Iterator[Edge]:
    """An nginx in `directory` that serves `root` through its cache, over HTTP and TLS."""
    directory.mkdir(parents=True, exist_ok=True)
    edge, origin, tls = free_port(), free_port(), free_port()
    certificate = make_certificate(directory)
    config = _NGINX.format(
        user=user_name(),
        folder=directory,
        root=root,
        origin=origin,
        edge=edge,
        tls=tls,
        chain=certificate.chain,
        key=certificate.key,
        type=JWKS_TYPE,
        cache_control=cache_control,
        keeps=_KEEPS.format(seconds=caching.keeps_s) if caching.keeps_s is not None else "",
        purges=_PURGES if caching.purges else "",
    )
    file = directory / "nginx.conf"
    file.write_text(config)
    process = ServerProcess(
        [required(nginx_binary(), "nginx"), "-p", directory, "-e", "stderr", "-c", file],
        log=directory / "nginx.log",
    )
    process.start(lambda: accepts(edge) and accepts(tls), timeout_s=_START_S)
    try:
        yield Edge(edge, origin, process, tls, certificate)
    finally:
        process.stop()


@contextlib.contextmanager
def caddy_edge(
    directory: Path,
    root: Path,
    *,
    cache_control: str = "public, max-age=300",
    upstream: Edge | None = None,
) -> Iterator[Edge]:
    """A Caddy in `directory` before another edge, or before an origin of its own for `root`. It keeps no copies."""
    directory.mkdir(parents=True, exist_ok=True)
    port, origin = free_port(), free_port()
    behind = upstream.port if upstream else origin
    servers: dict[str, Any] = {"edge": _caddy_server(port, [_caddy_proxy(behind)])}
    if upstream is None:
        servers["origin"] = _caddy_server(origin, _caddy_files(root, cache_control))
    config = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "apps": {"http": {"servers": servers}},
    }
    file = directory / "caddy.json"
    file.write_text(json.dumps(config, indent=1))
    home = {"HOME": str(directory), "XDG_DATA_HOME": str(directory)}
    process = ServerProcess(
        [required(caddy_binary(), "Caddy"), "run", "--config", file],
        log=directory / "caddy.log",
        env=home,
    )
    process.start(lambda: accepts(port), timeout_s=_START_S)
    try:
        yield Edge(
            port,
            upstream.origin_port if upstream else origin,
            process,
            behind=(upstream.process,) if upstream else (),
        )
    finally:
        process.stop()


def _http(port: int, path: str) -> str:
    return f"http://127.0.0.1:{port}/{path.lstrip('/')}"


def _caddy_server(port: int, handlers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "listen": [f"127.0.0.1:{port}"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": handlers}],
    }


def _caddy_proxy(port: int) -> dict[str, Any]:
    return {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{port}"}]}


def _caddy_files(root: Path, cache_control: str) -> list[dict[str, Any]]:
    headers = {"Cache-Control": [cache_control], "Content-Type": [JWKS_TYPE]}
    return [
        {"handler": "headers", "response": {"set": headers}},
        {"handler": "file_server", "root": str(root)},
    ]


# No `use_stale updating`: that would serve a copy of any age to the first who asks after a silence. What the header
# allows (stale-while-revalidate) nginx does by itself.
_NGINX: Final = """\
user {user};
worker_processes 1;
daemon off;
pid "{folder}/nginx.pid";
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path "{folder}/client";
  proxy_temp_path "{folder}/proxy";
  fastcgi_temp_path "{folder}/fastcgi";
  uwsgi_temp_path "{folder}/uwsgi";
  scgi_temp_path "{folder}/scgi";
  proxy_cache_path "{folder}/cache" keys_zone=jwks:1m inactive=1h use_temp_path=off;
  types {{ }}
  default_type {type};
  server {{
    listen 127.0.0.1:{origin};
    root "{root}";
    add_header Cache-Control "{cache_control}";
  }}
  server {{
    listen 127.0.0.1:{edge};
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate "{chain}";
    ssl_certificate_key "{key}";
    location / {{
      proxy_pass http://127.0.0.1:{origin};
      proxy_cache jwks;
      proxy_cache_key $uri;
      proxy_cache_lock on;
      proxy_cache_background_update on;
      add_header X-Cache $upstream_cache_status always;
{keeps}{purges}    }}
  }}
}}
"""
_KEEPS: Final = """\
      proxy_ignore_headers Cache-Control Expires;
      proxy_cache_valid any {seconds}s;
"""
_PURGES: Final = """\
      proxy_cache_bypass $http_x_purge;
"""
