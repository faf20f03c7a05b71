"""The gate before a new algorithm: on a live issuer it is a migration of its own, planned and agreed to (design §3).

A key that a verifier cannot read may cost that key's tokens, or all of them. So before the first key of a new kind is
made, an operator accepts each break that is known of the configured verifiers, by its name: `node-jwks-rsa/EdDSA`.
"""

from dataclasses import dataclass

from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import FindingKind, Gate, Reason, Severity, Wait
from rotator.domain.policy import Break, Effect, IssuerSetup, Verifier
from rotator.domain.state import IssuerState
from rotator.domain.times import format_moment, say
from rotator.domain.timing import removal_delay
from rotator.planning.draft import Draft
from rotator.planning.situation import Situation, turn_of
from rotator.planning.unreadable import harm, unreadable


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """A configured verifier and what the policy's algorithm breaks in it; `accepted` by an operator or not."""

    verifier: Verifier
    broken: Break
    accepted: bool

    @property
    def name(self) -> str:
        """What an operator accepts: `node-jwks-rsa/EdDSA`."""
        return f"{self.verifier.name}/{self.broken.algorithm.value}"


def is_new_kind(setup: IssuerSetup, state: IssuerState) -> bool:
    """Whether verifiers know the issuer, and none of its keys is yet of the algorithm that the policy asks for.

    The issuer's very first key is not: nobody relies on anything yet.
    """
    served = {key.jwk.alg for key in state.in_documents()}
    return state.was_ever_active() and bool(served) and setup.policy.algorithm not in served


def incompatibilities(setup: IssuerSetup, state: IssuerState) -> tuple[Incompatibility, ...]:
    """What the first key of a new kind is known to break; nothing where the kind is not new."""
    if not is_new_kind(setup, state):
        return ()
    found = (Incompatibility(*pair, accepted=False) for pair in unreadable(setup.policy))
    return tuple(
        Incompatibility(one.verifier, one.broken, one.name in state.accepted) for one in found
    )


def report_migration(situation: Situation, draft: Draft) -> None:
    """Say from what to what the issuer goes, which keys stay until when, and what breaks on the way."""
    leaving = _leaving(situation)
    to = situation.policy.algorithm.value
    if leaving:
        kinds = ", ".join(dict.fromkeys(key.jwk.alg.value for key in leaving))
        stays = "; ".join(_stays(situation, key) for key in leaving)
        words = f"a migration from {kinds} to {to}: {stays}"
        draft.find(FindingKind.POLICY, Severity.INFO, words)
    for one in incompatibilities(situation.setup, situation.state):
        severity = Severity.ERROR if one.broken.effect is Effect.VOIDED else Severity.WARNING
        end = "accepted" if one.accepted else f"to accept that: rotator apply --accept {one.name}"
        draft.find(FindingKind.POLICY, severity, f"{harm(one.verifier, one.broken)}; {end}")


def unaccepted(situation: Situation) -> Wait | None:
    """What the first key of a new kind waits for, None when nothing known to break is left to accept."""
    missing = [
        one.name for one in incompatibilities(situation.setup, situation.state) if not one.accepted
    ]
    if not missing:
        return None
    options = " ".join(f"--accept {name}" for name in missing)
    words = (
        f"the first {situation.policy.algorithm.value} key breaks {', '.join(missing)}:"
        f" rotator apply {options}, or leave policy.algorithm as it was"
    )
    return Wait("generate", Gate.POLICY, Reason.ALGORITHM_UNREADABLE, words, blocked=True)


def _leaving(situation: Situation) -> tuple[Key, ...]:
    """The keys of another kind that sign or stand by, once verifiers know the issuer."""
    if not situation.state.was_ever_active():
        return ()
    return tuple(
        key
        for key in situation.state.in_documents()
        if key.jwk.alg is not situation.policy.algorithm and phase(key) is not Phase.RETIRED
    )


def _stays(situation: Situation, key: Key) -> str:
    name = f"{key.kid[:8]} ({key.jwk.alg.value})"
    if not key.ever_signed:
        return f"{name} stands by until a key of the new kind is warm"
    turn = format_moment(max(turn_of(situation)[0], situation.now))
    served = say(removal_delay(situation.policy, key).total)
    return f"{name} signs until a key of the new kind takes over, not before {turn}, and is served {served} after it"
