"""What `config show` and `config check` say: each issuer's numbers with their sources, and what binds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from rotator.config.settings import IssuerSpec, NotifySpec, Number, Settings
from rotator.domain.notice import Topic
from rotator.domain.policy import Policy, Special
from rotator.domain.times import say
from rotator.domain.timing import lead, slowest_verifier, staleness, unbounded_verifiers
from rotator.planning.feasibility import (
    history_needed,
    inequalities,
    keys_bound,
    least_signer_stop,
    worst_staleness,
)
from rotator.planning.inequalities import Inequality

_NO_END = {
    Special.UNBOUNDED: "at restart",
    Special.MANUAL: "by hand",
    Special.UNKNOWN: "nobody knows",
}


@dataclass(frozen=True, slots=True)
class IssuerShown:
    """One issuer: its keys and policy, the delays that follow from them, and the rules with both sides."""

    name: str
    url: str
    regions: tuple[str, ...]
    keys: tuple[Number, ...]
    numbers: tuple[Number, ...]
    delays: tuple[Number, ...]
    rules: tuple[Inequality, ...]


def explain(settings: Settings) -> tuple[IssuerShown, ...]:
    """Everything there is to say about the issuers' policies, in the configuration's order."""
    return tuple(
        IssuerShown(
            spec.name,
            spec.setup.url,
            tuple(region.name for region in spec.regions),
            spec.keys_written,
            spec.numbers,
            tuple(_delays(spec)),
            inequalities(spec.setup),
        )
        for spec in settings.issuers
    )


def show(settings: Settings) -> str:
    """The same as plain text, after the state: two columns and the source."""
    blocks = [["state", *_table(settings.state_written, "  ")]]
    sections = {
        "daemon": settings.daemon.written if settings.daemon.where else (),
        "audit": settings.audit.written,
        "notify": tuple(map(_reader, settings.notify)),
        "metrics": settings.metrics_written,
    }
    blocks += [[name, *_table(rows, "  ")] for name, rows in sections.items() if rows]
    blocks += [list(_lines(issuer)) for issuer in explain(settings)]
    return "\n".join("\n".join(lines) + "\n" for lines in blocks)


def _reader(spec: NotifySpec) -> Number:
    """Who is told of what and how often again; where to is a secret as often as not."""
    topics = ", ".join(topic for topic in Topic if topic in spec.topics)
    signed = "" if spec.secret else ", unsigned"
    return Number(spec.name, f"{spec.kind}: {topics}; every {say(spec.repeat)}{signed}", spec.where)


def _delays(spec: IssuerSpec) -> Iterator[Number]:
    policy = spec.setup.policy
    for gate in spec.setup.gates():
        oldest = staleness(policy, spec.setup.cache_of(gate))
        ahead = lead(policy, oldest.total)
        yield Number(f"staleness of {gate}", say(oldest.total), oldest.explain())
        yield Number(f"lead in {gate}", say(ahead.total), ahead.explain())
    for region in spec.setup.regions:
        if region.alias:
            yield Number(f"alias of {region.name}", region.alias, f"in {region.aws_region}")
    for served in spec.regions:
        if cdn := served.cdn:
            yield Number(f"edge of {served.name}", cdn.path, f"{cdn.kind} {cdn.distribution}")
    stop = least_signer_stop(spec.setup)
    yield Number("keys needed", str(history_needed(policy, stop)), "design T8")
    limit, tightest = keys_bound(policy)
    bound = f"verifiers.{tightest.name}.max_keys" if tightest else "history_max"
    yield Number("keys allowed", str(limit), bound)
    yield from _windows(spec)
    edge = spec.setup.cache_of(worst_staleness(spec.setup)[0]).max_age
    yield from _learned(policy, edge)
    yield from _dropped(policy, edge)


def _windows(spec: IssuerSpec) -> Iterator[Number]:
    schedule = spec.setup.schedule
    if schedule is None:
        return
    for window in schedule.windows:
        yield Number("switches begin", str(window), f"schedule, {schedule.zone_name}")
    for blackout in schedule.blackouts:
        yield Number("no switch begins", str(blackout), f"schedule, {schedule.zone_name}")


def _learned(policy: Policy, edge: timedelta) -> Iterator[Number]:
    """Which verifier learns a new key last, and which ones no lead covers (design T1, T2b)."""
    last, never = slowest_verifier(policy, edge), unbounded_verifiers(policy)
    if not policy.verifiers:
        yield Number("new keys known", f"within {say(last.value)}", "no verifier is named")
    elif len(never) < len(policy.verifiers):
        yield Number("new keys known", f"within {say(last.value)}", f"verifiers.{last.name}.add")
    for verifier in never:
        when = "at restart" if verifier.learns is Special.UNBOUNDED else "by hand"
        why = f"{verifier.name}: no lead covers it, its own evidence or rotator attest does (design T2b)"
        yield Number("new keys known", when, why)


def _dropped(policy: Policy, edge: timedelta) -> Iterator[Number]:
    """Which verifier trusts a removed key longest, and which ones without an end (design T6)."""
    times: dict[str, timedelta | Special] = {
        v.name: edge if v.drops is Special.HEADER else v.drops for v in policy.verifiers
    }
    bounded = {name: time for name, time in times.items() if isinstance(time, timedelta)}
    if bounded:
        last, longest = max(bounded.items(), key=lambda item: item[1])
        yield Number("removed keys dropped", f"within {say(longest)}", f"verifiers.{last}.remove")
    for name, time in times.items():
        if isinstance(time, Special):
            yield Number("removed keys dropped", _NO_END[time], f"{name} (design T6)")


def _table(rows: tuple[Number, ...], indent: str) -> Iterator[str]:
    left = max(len(row.member) for row in rows)
    middle = max(len(row.value) for row in rows)
    for row in rows:
        yield f"{indent}{row.member:{left}}  {row.value:{middle}}  {row.source}"


def _lines(issuer: IssuerShown) -> Iterator[str]:
    yield f"{issuer.name} · {issuer.url} · {', '.join(issuer.regions)}"
    for title, rows in (
        ("keys", issuer.keys),
        ("policy", issuer.numbers),
        ("what follows", issuer.delays),
    ):
        yield f"  {title}"
        yield from _table(rows, "    ")
    yield "  rules"
    for rule in issuer.rules:
        yield f"    {'✓' if rule.holds else '✗'} {rule}"
