"""What `config show` and `config check` say: each issuer's numbers with their sources, and what binds them."""

from collections.abc import Iterator
from dataclasses import dataclass

from rotator.config.settings import IssuerSpec, Number, Settings
from rotator.domain.times import say
from rotator.domain.timing import lead, staleness
from rotator.planning.feasibility import (
    Inequality,
    history_needed,
    inequalities,
    keys_limit,
    least_signer_stop,
)


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
    blocks += [list(_lines(issuer)) for issuer in explain(settings)]
    return "\n".join("\n".join(lines) + "\n" for lines in blocks)


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
    yield Number(
        "keys allowed", str(keys_limit(policy)), "history_max, and what the verifiers read"
    )


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
