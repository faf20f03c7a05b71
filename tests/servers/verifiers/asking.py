"""Asks a verifier about one token."""

from __future__ import annotations

import http.client
import json

from tests.servers.verifiers import NoVerdictError, Verifier


def accepted(verifier: Verifier, token: str) -> bool:
    """Whether the verifier accepts the token; NoVerdictError when it says neither yes nor no."""
    connection = http.client.HTTPConnection("127.0.0.1", verifier.port, timeout=10)
    try:
        if verifier.login:
            body = json.dumps({**verifier.login, "jwt": token})
            headers = {"Content-Type": "application/json"}
            connection.request("POST", verifier.path, body, headers)
        else:
            connection.request("GET", verifier.path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    finally:
        connection.close()
    if answer.status not in (verifier.accepts, verifier.rejects):
        raise NoVerdictError(f"{verifier.kind} answered {answer.status}: {text[:200]}")
    return answer.status == verifier.accepts
