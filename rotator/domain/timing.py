"""Policy → delays (design §4): every delay is a sum of named terms, so that a reader can add it up again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from rotator.domain.keys import Key, least_signer_stop
from rotator.domain.policy import CacheLifetime, Policy, Special, Verifier
from rotator.domain.times import say

UNKNOWN_LEARNS = timedelta(hours=2)
"""What a verifier counts as that nobody named or measured (contract §2)."""

LATE_WRITE = timedelta(minutes=5)
"""More than a lease, a request's timeout and ε together: nothing that was sent may land later (design I6)."""


@dataclass(frozen=True, slots=True)
class Term:
    """One named part of a delay; `name` is a word for people, `symbol` the member in `numbers`."""

    name: str
    symbol: str
    value: timedelta


@dataclass(frozen=True, slots=True)
class Delay:
    """A sum of terms."""

    terms: tuple[Term, ...]

    @property
    def total(self) -> timedelta:
        """All terms added up."""
        return sum((term.value for term in self.terms), timedelta())

    def explain(self) -> str:
        """`24 h lead + 5 s drift`, without the terms that are zero."""
        return " + ".join(f"{say(t.value)} {t.name}" for t in self.terms if t.value) or "0 s"

    def numbers(self) -> Mapping[str, float]:
        """The terms in seconds, as `plan --json` prints them."""
        return {f"{term.symbol}_s": term.value.total_seconds() for term in self.terms}


def slowest_verifier(policy: Policy, edge: timedelta) -> Term:
    """C_ver: the configured verifier that learns a new key last, of those whose time has an end."""
    times = {v.name: _seconds(v.learns, edge) for v in policy.verifiers}
    bounded = {name: time for name, time in times.items() if time is not None}
    if not policy.verifiers:
        bounded = {"verifiers (none named)": UNKNOWN_LEARNS}
    name, value = max(bounded.items(), key=lambda item: item[1], default=("verifiers", timedelta()))
    return Term(name, "verifier_cache", value)


def unbounded_verifiers(policy: Policy) -> tuple[Verifier, ...]:
    """The configured verifiers that no lead can cover (design T2b)."""
    return tuple(v for v in policy.verifiers if v.learns in (Special.UNBOUNDED, Special.MANUAL))


def staleness(policy: Policy, cache: CacheLifetime) -> Delay:
    """W: the oldest copy that any verifier may still use; layers add (design §4)."""
    return Delay(
        (
            Term("propagation", "propagation", policy.propagation),
            Term("edge cache", "edge_cache", cache.max_age),
            slowest_verifier(policy, cache.max_age),
            Term("stale allowance", "stale", cache.stale),
            Term("margin", "safety_margin", policy.safety_margin),
        )
    )


def lead(policy: Policy, staleness_: timedelta) -> Delay:
    """max(publish_lead, W) + ε: how long a key is visible before it may sign (design T1)."""
    drift = Term("drift", "max_clock_drift", policy.max_clock_drift)
    if staleness_ > policy.publish_lead:
        return Delay((Term("staleness", "staleness", staleness_), drift))
    return Delay((Term("lead", "publish_lead", policy.publish_lead), drift))


def first_key_wait(policy: Policy, cache: CacheLifetime) -> Delay:
    """How long an answer without the key may be cached where a public URL gave one before (design §3)."""
    return Delay(
        (
            Term("propagation", "propagation", policy.propagation),
            Term("edge cache", "edge_cache", cache.max_age),
            Term("drift", "max_clock_drift", policy.max_clock_drift),
        )
    )


def removal_delay(policy: Policy, key: Key) -> Delay:
    """D_sign + L + ℓ + ε + B: from the last switch away to the last token's death (design T3, T4).

    A key that still signs counts the policy too; one that stopped counts what it was allowed while it signed.
    """
    stop, lifetime = key.max_signer_stop, key.max_token_lifetime
    if key.moments.retired_at is None:
        stop = max(stop, policy.signer_stop, least_signer_stop(key.handle))
        lifetime = max(lifetime, policy.token_lifetime)
    return Delay(
        (
            Term("signers", "signer_stop", stop),
            Term("tokens", "token_lifetime", lifetime),
            Term("leeway", "leeway", policy.leeway),
            Term("drift", "max_clock_drift", policy.max_clock_drift),
            Term("margin", "safety_margin", policy.safety_margin),
        )
    )


def disable_delay(key: Key, rollback_window: timedelta) -> Delay:
    """D_sign + rollback window + what a write that was under way may be late: until a private half may be disabled.

    Design T5 and I6: an alias could last point at the key that much after the last read that showed another.
    """
    return Delay(
        (
            Term("signers", "signer_stop", max(key.max_signer_stop, least_signer_stop(key.handle))),
            Term("rollback", "rollback_window", rollback_window),
            Term("late writes", "late_write", LATE_WRITE),
        )
    )


def _seconds(value: timedelta | Special, edge: timedelta) -> timedelta | None:
    match value:
        case Special.HEADER:
            return edge
        case Special.UNKNOWN:
            return UNKNOWN_LEARNS
        case Special.UNBOUNDED | Special.MANUAL:
            return None
        case timedelta():
            return value
        case _:
            assert_never(value)
