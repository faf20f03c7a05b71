"""OpenBao's JWT auth (go-oidc's key set): fetches the keys for an unknown kid, and never drops one before."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

from tests.servers.binaries import openbao_binary, required
from tests.servers.process import ServerProcess, accepts, free_port
from tests.servers.verifiers import AUDIENCE, Verifier, answers

_ROOT_TOKEN: Final = "root"
_ROLE: Final = "traffic"


@contextlib.contextmanager
def openbao(directory: Path, jwks_url: str, issuer: str) -> Iterator[Verifier]:
    """An OpenBao in memory in which a good token logs in. It reads `jwks_url` once now: that must be served."""
    directory.mkdir(parents=True, exist_ok=True)
    port = _free_pair()
    process = ServerProcess(
        [
            required(openbao_binary(), "OpenBao"),
            "server",
            "-dev",
            "-dev-no-store-token",
            f"-dev-root-token-id={_ROOT_TOKEN}",
            f"-dev-listen-address=127.0.0.1:{port}",
            "-log-level=warn",
        ],
        log=directory / "openbao.log",
        env={"HOME": str(directory)},
    )

    def start() -> None:
        process.kill()
        process.start(lambda: answers(port, "/v1/sys/health"))
        _configure(port, jwks_url, issuer)

    try:
        start()
        yield Verifier(
            "openbao",
            port,
            "/v1/auth/jwt/login",
            process,
            rejects=HTTPStatus.BAD_REQUEST,
            login={"role": _ROLE},
            restart=start,
        )
    finally:
        process.kill()


def _free_pair() -> int:
    """A port whose next one is free as well: a server in development mode listens there too."""
    port = free_port()
    return port if not accepts(port + 1) else _free_pair()


def _configure(port: int, jwks_url: str, issuer: str) -> None:
    _post(port, "sys/auth/jwt", {"type": "jwt"})
    _post(port, "auth/jwt/config", {"jwks_url": jwks_url, "bound_issuer": issuer})
    role: dict[str, object] = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": [AUDIENCE],
        # A batch token is not stored: a login leaves nothing behind.
        "token_type": "batch",
        "token_ttl": "60s",
    }
    _post(port, f"auth/jwt/role/{_ROLE}", role)


def _post(port: int, path: str, body: dict[str, object]) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/{path}",
        data=json.dumps(body).encode(),
        headers={"X-Vault-Token": _ROOT_TOKEN, "Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()
