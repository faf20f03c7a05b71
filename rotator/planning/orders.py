"""What `signing.json` must say, from policy and state: one function for the planner that compares and apply that writes."""

from datetime import datetime

from rotator.domain.keys import Key, reaches, signer_key
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
    *,
    written_at: datetime,
    aws_region: str | None,
) -> SigningDocument:
    """The signing document of a region that names `key` as active (design T9); the key must reach the region."""
    return SigningDocument(
        issuer=state.issuer,
        generation=generation,
        active=_signer(key, aws_region),
        standby=_signer(standby, aws_region)
        if standby and reaches(standby.handle, aws_region)
        else None,
        revoked=tuple(sorted(_revoked(state))),
        written_at=written_at,
        max_token_lifetime=policy.token_lifetime,
        refresh_after=policy.signer_refresh,
        stop_after=policy.signer_stop,
    )


def _revoked(state: IssuerState) -> set[str]:
    """Also keys that nobody has any more: what the regions told of a state that was lost."""
    keys = {key.kid for key in state.keys if phase(key) is Phase.REVOKED}
    return keys | {one.kid for one in state.revocations}


def _signer(key: Key, aws_region: str | None) -> Signer:
    return Signer(key.kid, key.jwk.alg.value, signer_key(key.handle, aws_region))
