"""An issuer's former keys for auditors, in the shape of OpenID Federation 1.0's historical keys (§8.7 there).

The payload of a JWT of type `jwk-set+jwt`: `iss`, `iat`, and `keys`, each a public JWK with `iat` (made), `exp` (from
then on no token of it is to be believed) and, where it was revoked, `revoked`. Times are NumericDates (RFC 7519 §2).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rotator.domain.jwk import Algorithm, b64url, jwk_members
from rotator.domain.keys import Key

TYPE: Final = "jwk-set+jwt"
COMPROMISED: Final = "compromised"
"""Why, of the three reasons that the specification has; an operator's own words stay in the log."""


@dataclass(frozen=True, slots=True)
class Former:
    """A key that signs no more; `ends` is when the last of its tokens is, or was, dead."""

    key: Key
    ends: datetime


def payload(iss: str, former: Iterable[Former], now: datetime) -> dict[str, Any]:
    """The archive of an issuer's URL; never a private member."""
    return {"iss": iss, "iat": _date(now), "keys": [_entry(one) for one in former]}


def to_sign(claims: Mapping[str, Any], kid: str) -> bytes:
    """What is signed by the Ed25519 key of that kid, ASCII."""
    header = {"alg": Algorithm.EDDSA.value, "kid": kid, "typ": TYPE}
    parts = (json.dumps(part, separators=(",", ":")).encode("ascii") for part in (header, claims))
    return ".".join(map(b64url, parts)).encode("ascii")


def ended(key: Key) -> datetime | None:
    """When a key that left stopped being trusted: revoked, or out of the last document; None while it is served."""
    return key.moments.revoked_at or key.moments.removed_at


def _entry(one: Former) -> dict[str, Any]:
    moments = one.key.moments
    entry: dict[str, Any] = {
        **jwk_members(one.key.jwk),
        "iat": _date(moments.staged_at),
        "exp": _date(one.ends),
    }
    if moments.revoked_at:
        entry["revoked"] = {"revoked_at": _date(moments.revoked_at), "reason": COMPROMISED}
    return entry


def _date(moment: datetime) -> int:
    return int(moment.timestamp())
