"""`attest`: an operator's word that verifiers which nobody can look at have a key (design T2b)."""

from dataclasses import replace

from rotator.app.apply import lease_of
from rotator.app.gather import load_state, with_lineage
from rotator.app.token import key_by_prefix
from rotator.app.world import IssuerWorld, World, issuer_named
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase, wanted
from rotator.domain.state import Attestation
from rotator.domain.timing import unbounded_verifiers
from rotator.errors import DecisionRefused, UsageError
from rotator.ports import AuditEntry


def attest(
    world: World, issuer: str, prefix: str, *, verifier: str, reason: str, owner: str
) -> Attestation:
    """Record that every verifier of that name has the key; again for the same two replaces it.

    Raises UsageError, NoSuchKey, DecisionRefused (the key is not served everywhere), LeaseHeld.
    """
    chosen = issuer_named(world, issuer)
    if not reason.strip():
        raise UsageError("an attestation needs a reason: how it is known that they have the key")
    _require_unbounded(chosen, verifier)
    with lease_of(world) as lease:
        state, now = load_state(world, chosen), world.clock.now()
        key = key_by_prefix(state.keys, prefix)
        _require_served(key)
        given = Attestation(kid=key.kid, verifier=verifier, reason=reason, owner=owner, at=now)
        kept = (a for a in state.attestations if (a.kid, a.verifier) != (key.kid, verifier))
        facts = {"kid": key.kid, "verifier": verifier, "reason": reason, "owner": owner}
        attested = replace(state, attestations=(*kept, given))
        entry = AuditEntry(now, state.issuer, "attested", facts)
        world.state.save(lease, with_lineage(attested), [entry])
        return given


def _require_unbounded(issuer: IssuerWorld, name: str) -> None:
    names = [verifier.name for verifier in unbounded_verifiers(issuer.setup.policy)]
    if name not in names:
        raise UsageError(
            f"{issuer.name} has no verifier {name!r} that learns keys at restart or by hand",
            detail="time covers every other verifier, so nobody's word is needed",
            hint=f"those that need it: {', '.join(names) or 'none'}",
        )


def _require_served(key: Key) -> None:
    """Nobody can have learned a key that some region's document lacks."""
    if not wanted(key) or phase(key) is Phase.STAGED:
        reached = "not published yet" if wanted(key) else "withdrawn"
        raise DecisionRefused(
            f"{key.kid[:8]} is {reached}: no verifier can be said to have it",
            detail="it has to stand in every region's document first",
            hint="rotator status shows the phase of each key",
        )
