"""The safety checker's part about evidence: fresh passes, reports and clocks (design T1, T2, T2b, T11)."""

from collections.abc import Iterable
from datetime import timedelta

from rotator.domain.evidence import CheckKind, Verdict
from rotator.domain.plan import Switch
from rotator.domain.policy import JWKS_URL, Special
from rotator.planning.propagation import Certainty, nothing_is_cached, publication
from rotator.planning.safety.world import World, has_live_tokens


def bad_switch(step: Switch, world: World) -> Iterable[tuple[str, str]]:
    """T2: every gate's evidence is fresh and passes, for the new key and for every key with live tokens."""
    policy, state = world.inventory.setup.policy, world.inventory.state
    live = [
        k.kid
        for k in state.keys
        if k.ever_signed and has_live_tokens(k, world) and not k.moments.removal_started_at
    ]
    for gate in world.inventory.setup.gates():
        for kid in dict.fromkeys((step.kid, *live)):
            seen = world.inventory.evidence.sighting(gate, kid)
            fresh = (
                seen.checked_at is not None
                and world.now - seen.checked_at <= policy.evidence_freshness
            )
            if seen.verdict is not Verdict.PASS or not fresh:
                yield "T2", f"no fresh pass of {gate} for {kid[:8]}"
        if world.inventory.evidence.sighting(gate, step.kid).passes < policy.passes_required:
            yield "T2", f"too few passes in a row at {gate}"
        yield from _unreported(step.kid, gate, world)
        key = world.key(step.kid)
        if key and publication(key, gate, world.inventory, world.now) is not Certainty.OMNIPRESENT:
            yield "T1", f"the lead of {step.kid[:8]} has not passed at {gate}"


def _unreported(kid: str, gate: str, world: World) -> Iterable[tuple[str, str]]:
    """T2 and T2b: whoever reports the keys he has, has this one; verifiers that wait for a restart are heard of."""
    look = world.inventory.evidence.looks.get(gate)
    checks = look.checks if look else ()
    for check in checks:
        reports = check.kind in {CheckKind.VERIFIER, CheckKind.CANARY}
        doubtful = check.kind is CheckKind.VERIFIER and check.verdict is Verdict.UNKNOWN
        if reports and (doubtful or check.keys.get(kid) is not Verdict.PASS):
            yield "T2", f"{check.target} does not report {kid[:8]}"
    state = world.inventory.state
    if gate == JWKS_URL or nothing_is_cached(world.inventory):
        return
    for verifier in world.inventory.setup.policy.verifiers:
        if verifier.learns not in {Special.UNBOUNDED, Special.MANUAL}:
            continue
        heard = any(
            check.kind is CheckKind.VERIFIER and verifier.name in (check.covers or (verifier.name,))
            for check in checks
        )
        told = any((a.kid, a.verifier) == (kid, verifier.name) for a in state.attestations)
        if not heard and not told:
            yield "T2b", f"nobody knows whether {verifier.name} in {gate} has {kid[:8]}"


def bad_clock(world: World) -> Iterable[tuple[str, str]]:
    """T11: every clock that somebody looked at agrees with this host's."""
    policy, evidence = world.inventory.setup.policy, world.inventory.evidence
    for gate in world.inventory.setup.gates():
        look = evidence.looks.get(gate)
        if look is None or world.now - look.at > policy.evidence_freshness:
            continue
        for check in look.checks:
            off, error = check.clock_offset or timedelta(), check.clock_error or timedelta()
            unsure = check.kind is CheckKind.CLOCK and check.verdict is not Verdict.PASS
            if unsure or abs(off) - error > policy.max_clock_drift:
                yield "T11", f"the clock of {check.target} does not agree with this host's"
