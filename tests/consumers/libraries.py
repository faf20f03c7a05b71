"""The consumers: each fetches a document over HTTP and says whether it accepts a token, and why not."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import jwt
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from tests.consumers.published import ISSUER
from tests.servers.s3rver import NODE_MODULES


@dataclass(frozen=True, slots=True)
class Case:
    """One token to be checked against one document, by the algorithm that the service expects.

    `now`: at another moment than this one (seconds since the epoch; node's libraries only).
    """

    url: str
    token: str
    alg: str
    issuer: str = ISSUER
    now: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the consumer accepted the token; `why` has its own words when it did not."""

    ok: bool
    why: str = ""


Consumer = Callable[[Sequence[Case]], list[Answer]]


def pyjwt(cases: Sequence[Case]) -> list[Answer]:
    """PyJWT with its own JWKS client, as its documentation shows."""
    return [_answer(_pyjwt, case) for case in cases]


def joserfc(cases: Sequence[Case]) -> list[Answer]:
    """Joserfc has no client of its own: the document is fetched, the key is found by its kid."""
    return [_answer(_joserfc, case) for case in cases]


def node(consumer: str) -> Consumer:
    """A node library; one process answers the whole table."""

    def ask(cases: Sequence[Case]) -> list[Answer]:
        asked = json.dumps([{"consumer": consumer, **asdict(case)} for case in cases])
        program = shutil.which("node")
        assert program is not None
        script = NODE_MODULES.parent / "verify.mjs"
        done = subprocess.run(
            [program, str(script)],
            input=asked,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return [Answer(found["ok"], found.get("error", "")) for found in json.loads(done.stdout)]

    return ask


CONSUMERS: Final[dict[str, Consumer]] = {
    "pyjwt": pyjwt,
    "joserfc": joserfc,
    "jose": node("jose"),
    "jwks-rsa": node("jwks-rsa"),
}


def _answer(check: Callable[[Case], None], case: Case) -> Answer:
    try:
        check(case)
    # NotImplementedError is how PyJWT says that it does not know an algorithm.
    except (jwt.PyJWTError, JoseError, ValueError, NotImplementedError) as error:
        return Answer(ok=False, why=f"{type(error).__name__}: {error}")
    return Answer(ok=True)


def _pyjwt(case: Case) -> None:
    key = jwt.PyJWKClient(case.url).get_signing_key_from_jwt(case.token)
    jwt.decode(case.token, key, algorithms=[case.alg], issuer=case.issuer)


def _joserfc(case: Case) -> None:
    with urllib.request.urlopen(case.url, timeout=5) as response:
        keys = KeySet.import_key_set(json.load(response))
    with warnings.catch_warnings():
        # It verifies `EdDSA` and says that the label is deprecated (RFC 9864), which is known.
        warnings.simplefilter("ignore", SecurityWarning)
        registry = JWSRegistry(algorithms=[case.alg])
        decoded = joserfc_jwt.decode(case.token, keys, registry=registry)
    joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": case.issuer}, exp={"essential": True}
    ).validate(decoded.claims)
