"""Canaries: tokens that prove, by being accepted, that a verifier has a key before anybody depends on it.

They are marked twice, so that no service takes one for a user's: by type (RFC 8725 §3.11) and by an audience that
nobody else may have.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase, wanted
from rotator.domain.state import IssuerState

CANARY_TYPE = "rotator-canary+jwt"
"""The `typ` of a canary's header."""
CANARY_AUDIENCE = "urn:rotator:canary"
"""The one audience of a canary."""
CANARY_LIFETIME = timedelta(seconds=60)


def canary_claims(issuer_url: str, now: datetime, jti: str) -> Mapping[str, object]:
    """The claims of a canary: who, for whom, from `now` for a minute, once."""
    issued = int(now.timestamp())
    return {
        "iss": issuer_url,
        "aud": [CANARY_AUDIENCE],
        "iat": issued,
        "exp": issued + int(CANARY_LIFETIME.total_seconds()),
        "jti": jti,
    }


def canary_keys(state: IssuerState) -> tuple[Key, ...]:
    """The keys that wait for promotion or are being switched to; where there is none, the active one."""
    waiting = tuple(
        key for key in state.keys if phase(key) is Phase.PUBLISHED and wanted(key) and key.usable
    )
    active = state.active()
    return waiting or ((active,) if active else ())
