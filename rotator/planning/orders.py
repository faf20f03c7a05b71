"""What `signing.json` must say, from policy and state: one function for the planner that compares and apply that writes."""

from datetime import datetime

from rotator.domain.keys import Key, signer_key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.policy import Policy
from rotator.domain.signing import Signer, SigningDocument
from rotator.domain.state import IssuerState


def orders(
    state: IssuerState,
    policy: Policy,
    key: Key,
    standby: Key | None,
    generation: int,
    written_at: datetime,
) -> SigningDocument:
    """The signing document that names `key` as active (design T9)."""
    return SigningDocument(
        issuer=state.issuer,
        generation=generation,
        active=_signer(key),
        standby=_signer(standby) if standby else None,
        revoked=tuple(sorted(key.kid for key in state.keys if phase(key) is Phase.REVOKED)),
        written_at=written_at,
        max_token_lifetime=policy.token_lifetime,
        refresh_after=policy.signer_refresh,
        stop_after=policy.signer_stop,
    )


def _signer(key: Key) -> Signer:
    return Signer(key.kid, key.jwk.alg.value, signer_key(key.handle))
