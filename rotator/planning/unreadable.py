"""Which configured verifiers cannot read keys of the policy's algorithm, and what that does to tokens."""

from rotator.domain.policy import Break, Effect, Policy, Verifier


def unreadable(policy: Policy) -> tuple[tuple[Verifier, Break], ...]:
    """The configured verifiers that are known not to read keys of the policy's algorithm, each with what happens."""
    return tuple(
        (verifier, broken)
        for verifier in policy.verifiers
        for broken in verifier.breaks
        if broken.algorithm is policy.algorithm
    )


def harm(verifier: Verifier, broken: Break) -> str:
    """What becomes of tokens once a document holds a key that this verifier cannot read, in a sentence without its end."""
    name, algorithm = verifier.name, broken.algorithm.value
    if broken.effect is Effect.VOIDED:
        return (
            f"one {algorithm} key in the document makes all of it unreadable for {name}: EVERY token is refused there,"
            f" those of the old keys too ({broken.why})"
        )
    return (
        f"{name} passes over {algorithm} keys and refuses every token that they sign ({broken.why})"
    )
