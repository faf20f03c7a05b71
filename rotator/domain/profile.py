"""A known kind of JWKS consumer: what it does unless somebody configured it otherwise, and how that is known."""

from dataclasses import dataclass
from datetime import timedelta

from rotator.domain.jwk import Algorithm
from rotator.domain.policy import Effect, Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One consumer, or the worst of a family's `versions` (of one consumer there are none).

    `unknown_kid`, `cache_control` and `stale_on_error` say what it makes of a kid that it does not have, of the
    answer's header, and of a fetch that fails. Times None: there is none, or nobody knows it. `confidence`: `run` was
    observed, `code` read, `vendor-doc` documented, `issue` and `schema` are second hand.
    """

    verifier: Verifier
    title: str
    kind: str
    family: str | None
    versions: tuple[str, ...] = ()
    cache_ttl: timedelta | None
    unknown_kid: str
    cooldown: timedelta | None
    cache_control: str
    stale_on_error: str
    leeway: timedelta | None
    note: str
    source: str
    confidence: str


def cannot_read(verifier: Verifier) -> str:
    """The algorithms that break a verifier, as short as it can be said; empty when none is known to."""
    ignored = [b.algorithm.value for b in verifier.breaks if b.effect is Effect.IGNORED]
    voided = [b.algorithm.value for b in verifier.breaks if b.effect is Effect.VOIDED]
    readable = [a.value for a in Algorithm if a.value not in (*ignored, *voided)]
    parts = [", ".join(ignored)] if ignored else []
    if len(ignored) > len(readable):
        parts = [f"all but {', '.join(readable)}"]
    if voided:
        parts.append(f"{', '.join(voided)} (voids the whole set)")
    return "; ".join(parts)
