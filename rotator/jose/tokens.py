"""Tokens: put together here around a signature made elsewhere, and checked by joserfc, which made none of it.

A token must name exactly the algorithm and the kid of the key it is checked with (RFC 8725 §3.1), and must end.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from joserfc.errors import JoseError, UnsupportedAlgorithmError, UnsupportedHeaderError
from joserfc.jwk import Key, import_key
from joserfc.jws import JWSRegistry
from joserfc.jwt import JWTClaimsRegistry, decode

from rotator.domain.jwk import Algorithm, Jwk, b64url, jwk_members


class InvalidTokenError(ValueError):
    """The token does not verify, and why; the text never quotes the token."""


def signing_input(alg: Algorithm, kid: str, claims: Mapping[str, Any], typ: str = "JWT") -> bytes:
    """What is signed: the header and the claims (RFC 7515 §5.1), ASCII."""
    header = {"alg": alg.value, "typ": typ, "kid": kid}
    return ".".join(b64url(_json(part)) for part in (header, dict(claims))).encode("ascii")


def assemble(signed: bytes, signature: bytes) -> str:
    """The token in compact form."""
    return f"{signed.decode('ascii')}.{b64url(signature)}"


def check(token: str, jwk: Jwk, now: datetime, leeway: timedelta) -> Mapping[str, Any]:
    """The claims of a token that `jwk` signed and that is valid at `now`; raises InvalidTokenError.

    `exp` must be there; `exp`, `nbf` and `iat` are judged with `leeway`.
    """
    # A NumericDate may have a fraction (RFC 7519 §2); the library only adds and compares.
    times = JWTClaimsRegistry(
        now=cast("int", now.timestamp()),
        leeway=cast("int", leeway.total_seconds()),
        exp={"essential": True},
    )
    try:
        claims = decode(token, _key(jwk), registry=_OnlyThisKey(jwk)).claims
        times.validate(claims)
    except JoseError as error:
        raise InvalidTokenError(f"{error.error}: {error.description}".strip(": ")) from None
    except (ValueError, RecursionError):
        raise InvalidTokenError("not a token, or a key that cannot be") from None
    return claims


class _OnlyThisKey(JWSRegistry):
    """Lets one algorithm and one kid through; `EdDSA` too, of which the library otherwise warns (RFC 9864)."""

    max_header_length = 4096

    def __init__(self, jwk: Jwk) -> None:
        super().__init__(algorithms=[jwk.alg.value])
        self._jwk = jwk

    def get_alg(self, name: str) -> Any:
        if name != self._jwk.alg.value:
            raise UnsupportedAlgorithmError(f"the token is not signed with {self._jwk.alg}")
        return self.algorithms[name]

    def check_header(self, header: dict[str, Any]) -> None:
        super().check_header(header)
        if "crit" in header or "b64" in header:
            raise UnsupportedHeaderError("the token asks for extensions that a JWT has not")
        if header.get("kid") != self._jwk.kid:
            raise UnsupportedHeaderError("the token names another kid")


@lru_cache(maxsize=256)
def _key(jwk: Jwk) -> Key:
    return import_key(dict(jwk_members(jwk)))


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
