"""Every metric that there is: its name, what it means in which unit, and its labels (`docs/metrics.md`).

Whatever belongs to a key, a step or a reason disappears with it, so their number is bounded by what is in the documents.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; `kept` ones outlast the process that counts them, in a textfile."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    counter: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one metric; the labels in the family's order."""

    name: str
    labels: tuple[str, ...]
    value: float


FAMILIES: Final = (
    Family("rotator_build_info", "Always 1; the version is a label.", ("version",)),
    Family(
        "rotator_observed_timestamp_seconds",
        "When the state behind these metrics was read, in seconds since 1970.",
    ),
    Family(
        "rotator_last_success_timestamp_seconds",
        "When a run of this command last went well, in seconds since 1970.",
        ("command",),
        kept=True,
    ),
    Family(
        "rotator_last_apply_timestamp_seconds",
        "When the last apply of this issuer began that left nothing undone, whoever ran it, in seconds since 1970.",
        ("issuer",),
    ),
    Family(
        "rotator_run_every_seconds",
        "How often rotator should run for this issuer (run_every), in seconds.",
        ("issuer",),
    ),
    Family(
        "rotator_errors",
        "How many errors there were, of runs and of single steps, by code.",
        ("code",),
        counter=True,
        kept=True,
    ),
    Family(
        "rotator_notices",
        "How many notices were told to a reader (told), or could not be (failed).",
        ("target", "outcome"),
        counter=True,
        kept=True,
    ),
    Family(
        "rotator_lease_holder_info",
        "1 while somebody holds the lease; who is a label.",
        ("owner",),
    ),
    Family("rotator_key_phase", "1 for the phase that a key is in.", ("issuer", "kid", "phase")),
    Family(
        "rotator_key_visible_since_timestamp_seconds",
        "Since when a key has been seen without a break at a region, in seconds since 1970.",
        ("issuer", "kid", "region"),
    ),
    Family(
        "rotator_key_visible_age_seconds",
        "How long a key has been seen without a break at a region, in seconds.",
        ("issuer", "kid", "region"),
    ),
    Family(
        "rotator_gate_verdict",
        "1 for the verdict of a region's last look: pass, fail or unknown.",
        ("issuer", "region", "verdict"),
    ),
    Family(
        "rotator_check_verdict",
        "1 for the verdict of one kind of check in a region's last look: pass, fail or unknown.",
        ("issuer", "region", "check", "verdict"),
    ),
    Family(
        "rotator_gate_looked_timestamp_seconds",
        "When a region was last looked at, in seconds since 1970.",
        ("issuer", "region"),
    ),
    Family(
        "rotator_clock_offset_seconds",
        "How far a region's clock is ahead of this host's, in seconds; the largest where there are several.",
        ("issuer", "region"),
    ),
    Family(
        "rotator_clock_error_seconds",
        "How far off that offset may be to either side, in seconds.",
        ("issuer", "region"),
    ),
    Family(
        "rotator_next_step_timestamp_seconds",
        "When the next step of a kind opens, in seconds since 1970; none where nobody can say.",
        ("issuer", "step", "kid"),
    ),
    Family(
        "rotator_next_step_seconds",
        "How long until the next step of a kind opens, in seconds; below zero when it is late.",
        ("issuer", "step", "kid"),
    ),
    Family("rotator_steps_due", "How many steps were due and not done.", ("issuer",)),
    Family(
        "rotator_overdue_seconds",
        "How long the most overdue step has been due, in seconds; 0 while nothing is overdue.",
        ("issuer",),
    ),
    Family(
        "rotator_blocked_waits",
        "How many due steps something else than time or a hold stops, by reason.",
        ("issuer", "region", "reason_code"),
    ),
    Family(
        "rotator_foreign_keys",
        "At how many places a region serves a key that nobody decided about.",
        ("issuer", "region"),
    ),
    Family("rotator_held", "1 while a hold stops the issuer's timers, else 0.", ("issuer",)),
    Family(
        "rotator_revoke_unfinished",
        "How many revoked keys are not withdrawn everywhere yet.",
        ("issuer",),
    ),
)
"""A counter is written with `_total` behind its name."""

BY_NAME: Final = {family.name: family for family in FAMILIES}


def exposed(family: Family) -> str:
    """The name under which it is scraped."""
    return f"{family.name}_total" if family.counter else family.name
