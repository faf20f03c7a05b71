"""Tokens refused while keys rotate, before real verifiers: with rotator's gate, in the naive order, and in a drill.

`python -m benchmarks.traffic` takes three minutes and prints what `benchmarks/README.md` shows; `tests/e2e/traffic` has the
regions and the numbers.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.e2e.traffic.drill import drill
from tests.e2e.traffic.runs import gated, naive
from tests.e2e.traffic.tables import drill_table, gated_table, naive_table


def main() -> None:
    """The three runs, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        with_gate = gated(Path(folder) / "gated", tokens=100_000, removals=2, limit_s=240)
        without = naive(Path(folder) / "naive", rotations=2, every_s=9)
        theft = drill(Path(folder) / "drill")
    took = f"{with_gate.report.elapsed_s:.0f} s"
    print(f"rotator: {with_gate.rotated} rotations, {with_gate.removed} old keys removed, {took}\n")
    print(gated_table(with_gate))
    rotations = len(without.switches) - 1
    print(f"\nnaive order: {rotations} rotations, {without.report.elapsed_s:.0f} s\n")
    print(naive_table(without))
    print("\na stolen key, revoked\n")
    print(drill_table(theft))


if __name__ == "__main__":
    main()
