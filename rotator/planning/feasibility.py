"""Whether a policy can work at all (design T7, T8, T9): each inequality with its numbers, and what to know about it.

Judged on configured numbers only; a measured excess closes a gate later and never makes a policy infeasible.
"""

from collections.abc import Iterator
from datetime import timedelta

from rotator.domain.keys import KMS_SIGNER_STOP
from rotator.domain.plan import Severity
from rotator.domain.policy import CacheLifetime, IssuerSetup, Policy, Special, Verifier
from rotator.domain.times import say
from rotator.domain.timing import (
    LATE_WRITE,
    UNKNOWN_LEARNS,
    Delay,
    Term,
    staleness,
    unbounded_verifiers,
)
from rotator.planning.inequalities import Advice, Inequality, Infeasible
from rotator.planning.unreadable import harm, unreadable
from rotator.planning.windows import closures, window_advice

LEEWAY_MAX = timedelta(seconds=120)
"""Above it expired tokens live on for too long (design §4, ℓ)."""

LEAD_ADVISED = timedelta(hours=24)
"""A shorter publish_lead is allowed, with a warning (contract §2)."""

_LEAD_MEMBERS = ("publish_lead", "propagation", "edge_cache", "verifiers", "safety_margin")
_HISTORY_MEMBERS = (
    "rotate_every",
    "standby_keys",
    "signer_stop",
    "access_token_lifetime",
    "refresh_token_lifetime",
    "leeway",
    "max_clock_drift",
    "safety_margin",
    "run_every",
)


def problems(setup: IssuerSetup) -> tuple[Infeasible, ...]:
    """The inequalities that the policy breaks; none means feasible."""
    return tuple(inequality for inequality in inequalities(setup) if not inequality.holds)


def inequalities(setup: IssuerSetup) -> tuple[Inequality, ...]:
    """Every rule that binds the policy, whether it holds or not."""
    policy = setup.policy
    rules: list[Inequality] = [_interval(setup), *_edges(setup), *_clocks(policy), _signers(policy)]
    rules.extend(_bakes(setup))
    if policy.rotate_every > timedelta():
        rules.extend(_history(policy, least_signer_stop(setup)))
    rules.extend(closures(setup))
    return tuple(rules)


def warnings(setup: IssuerSetup) -> tuple[Advice, ...]:
    """What is allowed but worth knowing, such as a lead under 24 h or a verifier nobody has measured."""
    return (
        *_lead_advice(setup),
        *_verifier_advice(setup.policy),
        *_region_advice(setup),
        *_kms_advice(setup),
        *_wave_advice(setup),
        *window_advice(setup),
    )


def history_needed(policy: Policy, least_stop: timedelta = timedelta()) -> int:
    """T8: how many keys a JWKS must have room for. `rotate_every` must be positive, D_sign is `least_stop` at least."""
    retired = -(-_retirement(policy, least_stop).total // policy.rotate_every)
    return 1 + max(1, policy.standby_keys) + retired


def least_signer_stop(setup: IssuerSetup) -> timedelta:
    """The shortest D_sign that may be counted on: signers may go through a KMS alias (design §4)."""
    through_alias = any(region.alias for region in setup.regions)
    return KMS_SIGNER_STOP if through_alias else timedelta()


def switch_waves(setup: IssuerSetup) -> tuple[tuple[str, ...], ...]:
    """The waves as they count for this issuer: of its own regions, those that no wave names after all others."""
    names = [region.name for region in setup.regions]
    named = {name for wave in setup.policy.waves for name in wave}
    waves = (*setup.policy.waves, tuple(name for name in names if name not in named))
    mine = (tuple(name for name in wave if name in names) for wave in waves)
    return tuple(wave for wave in mine if wave)


def keys_limit(policy: Policy) -> int:
    """The most keys that every configured verifier reads, `history_max` at most (design T8, I3)."""
    return keys_bound(policy)[0]


def keys_bound(policy: Policy) -> tuple[int, Verifier | None]:
    """That limit and the verifier that sets it, None where `history_max` does."""
    limits = [(v.max_keys, v) for v in policy.verifiers if v.max_keys]
    limit, tightest = min(limits, key=lambda found: found[0], default=(policy.history_max, None))
    return (limit, tightest) if limit < policy.history_max else (policy.history_max, None)


def worst_staleness(setup: IssuerSetup) -> tuple[str, Delay]:
    """The region whose copies live longest, and its W (design §4)."""
    policy = setup.policy
    each = [
        (region.name, staleness(policy, setup.cache_of(region.name))) for region in setup.regions
    ]
    return max(
        each,
        key=lambda item: item[1].total,
        default=("no region", staleness(policy, CacheLifetime(policy.edge_cache))),
    )


def _least_interval(setup: IssuerSetup) -> timedelta:
    """max(publish_lead, W) + 2P (design T7)."""
    policy = setup.policy
    return max(policy.publish_lead, worst_staleness(setup)[1].total) + 2 * policy.run_every


def _interval(setup: IssuerSetup) -> Inequality:
    policy = setup.policy
    region, oldest = worst_staleness(setup)
    needed = _least_interval(setup)
    holds = policy.rotate_every >= needed
    lead = f"publish_lead {say(policy.publish_lead)}"
    if oldest.total > policy.publish_lead:
        lead = f"staleness {say(oldest.total)} of {region} ({oldest.explain()})"
    return Inequality(
        "T7",
        ("rotate_every", "run_every", *_LEAD_MEMBERS),
        f"rotate_every {say(policy.rotate_every)} {'≥' if holds else '<'} {lead}"
        f" + 2 × run_every {say(policy.run_every)} = {say(needed)}",
        holds,
    )


def _bakes(setup: IssuerSetup) -> Iterator[Inequality]:
    """Each wave after the first waits for a bake, and then for the next run."""
    policy, later = setup.policy, len(switch_waves(setup)) - 1
    if later < 1:
        return
    takes, room = later * (policy.bake + policy.run_every), _least_interval(setup)
    holds = takes <= policy.rotate_every - room
    yield Inequality(
        "T7",
        ("bake", "waves", "rotate_every", "run_every", *_LEAD_MEMBERS),
        f"{later} × (bake {say(policy.bake)} + run_every {say(policy.run_every)}) = {say(takes)}"
        f" {'≤' if holds else '>'} rotate_every {say(policy.rotate_every)} − {say(room)} for the next key's lead"
        + ("" if holds else ": the last wave would switch when the next switch is due"),
        holds,
    )


def _edges(setup: IssuerSetup) -> Iterator[Inequality]:
    lead = setup.policy.publish_lead
    edge = setup.policy.edge_cache
    yield _edge("edge_cache", edge, lead, ("edge_cache", "publish_lead"), None)
    for region in setup.regions:
        if age := region.cache.max_age:
            yield _edge(
                f"max-age of {region.name}'s JWKS", age, lead, ("publish_lead",), region.name
            )


def _edge(
    what: str, age: timedelta, lead: timedelta, members: tuple[str, ...], region: str | None
) -> Inequality:
    holds = age <= lead
    return Inequality(
        "T7",
        members,
        f"{what} {say(age)} {'≤' if holds else '>'} publish_lead {say(lead)}",
        holds,
        region,
    )


def _clocks(policy: Policy) -> Iterator[Inequality]:
    drift, leeway = policy.max_clock_drift, policy.leeway
    holds = drift <= leeway
    yield Inequality(
        "T7",
        ("max_clock_drift", "leeway"),
        f"max_clock_drift {say(drift)} {'≤' if holds else '>'} leeway {say(leeway)}"
        + ("" if holds else ": tokens of a clock that is allowed would come from the future"),
        holds,
    )
    holds = leeway <= LEEWAY_MAX
    yield Inequality(
        "T7",
        ("leeway",),
        f"leeway {say(leeway)} {'≤' if holds else 'is above'} 120 s"
        + (
            "" if holds else ": mend the clocks instead, a longer leeway keeps expired tokens alive"
        ),
        holds,
    )


def _signers(policy: Policy) -> Inequality:
    refresh, stop = policy.signer_refresh, policy.signer_stop
    holds = refresh < stop
    return Inequality(
        "T9",
        ("signer_refresh", "signer_stop"),
        f"signer_refresh {say(refresh)} {'<' if holds else '≥'} signer_stop {say(stop)}"
        + ("" if holds else ": signers would stop between two looks"),
        holds,
    )


def _history(policy: Policy, least_stop: timedelta) -> Iterator[Inequality]:
    needed, standby = history_needed(policy, least_stop), max(1, policy.standby_keys)
    keys = (
        f"1 active + {standby} standby + ⌈({_retirement(policy, least_stop).explain()}) / "
        f"rotate_every {say(policy.rotate_every)}⌉ = {needed} keys"
    )
    yield _at_most(
        keys, needed, "history_max", policy.history_max, ("history_max", *_HISTORY_MEMBERS)
    )
    for verifier in policy.verifiers:
        if verifier.max_keys:
            limit = f"what {verifier.name} reads,"
            yield _at_most(keys, needed, limit, verifier.max_keys, (*_HISTORY_MEMBERS, "verifiers"))
    if policy.history is not None:
        yield from _configured_history(policy, policy.history, keys, needed)


def _configured_history(
    policy: Policy, history: int, keys: str, needed: int
) -> Iterator[Inequality]:
    holds = history >= needed
    yield Inequality(
        "T8",
        ("history", *_HISTORY_MEMBERS),
        f"history {history} {'≥' if holds else '<'} {keys}",
        holds,
    )
    members = ("history", "history_max", "verifiers")
    yield _at_most(
        f"history {history}", history, "the largest readable", keys_limit(policy), members
    )


def _at_most(what: str, count: int, name: str, limit: int, members: tuple[str, ...]) -> Inequality:
    holds = count <= limit
    return Inequality("T8", members, f"{what} {'≤' if holds else '>'} {name} {limit}", holds)


def _retirement(policy: Policy, least_stop: timedelta) -> Delay:
    # D_sign + L + ℓ + ε + B + 2P: how long a retired key stays served, two runs late.
    return Delay(
        (
            Term("signers", "signer_stop", max(policy.signer_stop, least_stop)),
            *_last_tokens(policy).terms,
            Term("two runs", "runs", 2 * policy.run_every),
        )
    )


def _last_tokens(policy: Policy) -> Delay:
    # L + ℓ + ε + B: from a key's last signature to its removal (design T4).
    return Delay(
        (
            Term("tokens", "token_lifetime", policy.token_lifetime),
            Term("leeway", "leeway", policy.leeway),
            Term("drift", "max_clock_drift", policy.max_clock_drift),
            Term("margin", "safety_margin", policy.safety_margin),
        )
    )


def _lead_advice(setup: IssuerSetup) -> Iterator[Advice]:
    policy = setup.policy
    if policy.publish_lead < LEAD_ADVISED:
        yield Advice(
            Severity.WARNING,
            ("publish_lead",),
            f"publish_lead {say(policy.publish_lead)} is under 24 h: a verifier that looks once a day misses a new key",
        )
    region, oldest = worst_staleness(setup)
    if oldest.total > policy.publish_lead:
        yield Advice(
            Severity.INFO,
            _LEAD_MEMBERS,
            f"a new key leads {say(oldest.total)}, longer than publish_lead {say(policy.publish_lead)}:"
            f" copies in {region} live that long ({oldest.explain()})",
        )


def _verifier_advice(policy: Policy) -> Iterator[Advice]:
    members = ("verifiers",)
    if not policy.verifiers:
        yield Advice(
            Severity.INFO,
            members,
            f"no verifiers are named: they are taken to learn a new key within {say(UNKNOWN_LEARNS)}",
        )
    for verifier in policy.verifiers:
        if verifier.learns is Special.UNKNOWN:
            yield Advice(
                Severity.WARNING,
                members,
                f"nobody has measured when {verifier.name} learns a new key: {say(UNKNOWN_LEARNS)} is assumed",
            )
    for verifier in unbounded_verifiers(policy):
        when = "at restart" if verifier.learns is Special.UNBOUNDED else "when somebody loads it"
        yield Advice(
            Severity.WARNING,
            members,
            f"{verifier.name} learns a new key only {when}: each switch waits until its evidence is in or "
            f"somebody attests it (rotator attest ISSUER KID --verifier {verifier.name} --reason …)",
        )
    for verifier, broken in unreadable(policy):
        yield Advice(Severity.WARNING, ("verifiers", "algorithm"), harm(verifier, broken))


def _region_advice(setup: IssuerSetup) -> Iterator[Advice]:
    for region in setup.regions:
        if not region.has_public_url:
            yield Advice(
                Severity.WARNING,
                (),
                "no http check: the region is judged by its origin alone, not by what its consumers are served",
                region.name,
            )


def _kms_advice(setup: IssuerSetup) -> Iterator[Advice]:
    policy, least = setup.policy, least_signer_stop(setup)
    if policy.signer_stop < least:
        yield Advice(
            Severity.INFO,
            ("signer_stop",),
            f"signer_stop {say(policy.signer_stop)} counts as {say(least)}: a KMS alias may lead to the old key that"
            " long after it was moved",
        )
    window, tokens = setup.rollback_window, _last_tokens(policy)
    if window is not None and window + LATE_WRITE >= tokens.total:
        yield Advice(
            Severity.INFO,
            ("rollback_window",),
            f"rollback_window {say(window)} does not end before a key is removed, {say(tokens.total)} after its last"
            f" signature ({tokens.explain()}): the way back closes with the removal, and no key is disabled before",
        )


def _wave_advice(setup: IssuerSetup) -> Iterator[Advice]:
    policy, waves = setup.policy, switch_waves(setup)
    if policy.waves and len(waves) == 1 < len(setup.regions):
        yield Advice(
            Severity.WARNING,
            ("waves",),
            f"all regions of {setup.name} are in one wave, so all switch together: {', '.join(waves[0])}",
        )
    named = {name for wave in policy.waves for name in wave}
    rest = [region.name for region in setup.regions if region.name not in named]
    if policy.waves and len(waves) > 1 and rest:
        yield Advice(
            Severity.INFO,
            ("waves",),
            f"no wave names {', '.join(rest)}: switched after all others",
        )
