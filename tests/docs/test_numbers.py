"""The numbers in README and in the design are those that the code computes from its defaults; every cited rule is explained."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from rotator.domain.jwk import Algorithm, EcPublic, Jwk
from rotator.domain.keys import Key, LocalHandle, Moments
from rotator.domain.policy import CacheLifetime, Policy
from rotator.domain.times import format_duration, parse_duration
from rotator.domain.timing import UNKNOWN_LEARNS, lead, removal_delay, staleness
from rotator.planning.feasibility import history_needed
from tests.docs.pages import ROOT

POLICY = Policy()
CACHE = CacheLifetime(POLICY.edge_cache)
SIGNING = Key(
    jwk=Jwk("kid", Algorithm.ES256, EcPublic("P-256", "", "")),
    generation=1,
    handle=LocalHandle("key"),
    moments=Moments(staged_at=datetime(2026, 1, 1, tzinfo=UTC)),
)
OLDEST = staleness(POLICY, CACHE).total


def _tables(page: str, columns: int) -> list[list[str]]:
    rows = [line.strip("|").split(" | ") for line in (ROOT / page).read_text("utf-8").splitlines()]
    return [[cell.strip() for cell in row] for row in rows if len(row) == columns]


def test_the_waits_in_readme_are_those_of_the_code() -> None:
    told = {row[0].split(",")[0].split(":")[0]: row[3] for row in _tables("README.md", 4)[2:]}
    assert told == {
        "staleness W": format_duration(OLDEST),
        "T1": format_duration(lead(POLICY, OLDEST).total),
        "T4": format_duration(removal_delay(POLICY, SIGNING).total),
        "T7": format_duration(max(POLICY.publish_lead, OLDEST) + 2 * POLICY.run_every),
        "T8": str(history_needed(POLICY)),
        "T2": format_duration(POLICY.evidence_freshness),
        "T10": format_duration(2 * POLICY.run_every),
    }


def test_the_defaults_in_the_design_are_those_of_the_code() -> None:
    rows = [row for row in _tables("docs/design.md", 4) if re.match(r"`[a-z_]+`", row[1])]
    told = {
        row[0]: parse_duration(row[2].split(" if ")[0].replace(" min", "m").replace(" ", ""))
        for row in rows
    }
    assert told == {
        "D_prop": POLICY.propagation,
        "C_edge": POLICY.edge_cache,
        "C_ver": UNKNOWN_LEARNS,
        "ε": POLICY.max_clock_drift,
        "ℓ": POLICY.leeway,
        "D_sign": POLICY.signer_stop,
        "L": POLICY.token_lifetime,
        "B": POLICY.safety_margin,
        "P": POLICY.run_every,
        "T": POLICY.rotate_every,
    }
    assert CACHE.stale == timedelta()


def test_every_rule_that_the_code_cites_stands_in_the_design() -> None:
    cited = {
        label
        for module in sorted((ROOT / "rotator").rglob("*.py"))
        for group in re.findall(r"design ((?:[TI]\d+b?(?:–|, )?)+)", module.read_text("utf-8"))
        for label in re.findall(r"[TI]\d+b?", group)
    }
    told = set(re.findall(r"\*\*([TI]\d+b?)\b", (ROOT / "docs/design.md").read_text("utf-8")))
    assert cited - told == set()
    assert {f"T{n}" for n in range(1, 12)} | {f"I{n}" for n in range(1, 9)} <= told
