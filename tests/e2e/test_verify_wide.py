"""Many regions with every kind of check: all are looked at together, and those that hang take nothing from the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.clock import SystemClock
from rotator.adapters.http_probe import HttpProbe
from tests.e2e.place import Place, file_config
from tests.servers.wide import Wide, wide

MANY = tuple(f"region-{number:02}" for number in range(12))
HANGING = MANY[::2]
REQUESTS = 5
"""That a region is asked at once: twice for its URL, once each by the verifier, clock and canary checks."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Wide]:
    with wide(tmp_path / "place", tmp_path / "wide.log") as server:
        yield server


@pytest.fixture
def place(tmp_path: Path, server: Wide) -> Place:
    """A standby key is served by all regions, whose URLs are given up after two seconds."""
    config = file_config(MANY, passes_required=1)
    for name in MANY:
        config["regions"][name]["checks"] = server.checks(name)
    probe = HttpProbe(patience=timedelta(seconds=2), deadline=timedelta(seconds=4))
    made = Place(
        tmp_path / "place", config, SystemClock(), wiring=lambda world: replace(world, probe=probe)
    )
    made.ok("apply", "--yes")
    return made


def test_all_checks_of_all_regions_are_made_together(place: Place, server: Wide) -> None:
    """Nobody is answered before everybody has asked: a check that waited for another would wait until it is given up."""
    server.answer(meeting=REQUESTS * len(MANY))
    report = place.json("verify")
    assert report["verdict"] == "pass", report
    checked = {
        region["region"]: [c["kind"] for c in region["checks"]] for region in report["regions"]
    }
    kinds = ["origin", "http", "verifier", "clock", "canary"]
    assert checked == {name: kinds for name in MANY}  # noqa: C420 - a list of its own for each


def test_half_the_regions_hang(place: Place, server: Wide) -> None:
    server.answer(hanging=HANGING)
    report = place.json("verify")
    assert report["verdict"] == "unknown"
    verdicts = {
        region["region"]: [check["verdict"] for check in region["checks"]]
        for region in report["regions"]
    }
    well, hanging = ["pass"] * 5, ["pass", *["unknown"] * 4]
    assert verdicts == {name: hanging if name in HANGING else well for name in MANY}
