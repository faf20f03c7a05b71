"""A state moves between a file and a bucket by `state export` and `state import`, and rotation goes on there."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.sqlite_state import SqliteState
from rotator.app.apply import apply
from rotator.app.state_ops import export, import_
from rotator.app.world import World
from rotator.domain.audit import verify_chain
from rotator.domain.lifecycle import Phase, phase
from rotator.ports import StateStore
from tests.adapters.states import Bench, Team
from tests.scenarios.world import Regions
from tests.servers.ministack import Ministack

pytestmark = pytest.mark.ministack


@pytest.fixture
def team(ministack_server: Ministack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    return Bench(ministack_server.endpoint, "moving-state", tmp_path).team(monkeypatch)


def kept_in(regions: Regions, store: StateStore) -> World:
    return replace(regions.world(), state=store)


def move(regions: Regions, source: StateStore, target: StateStore) -> None:
    """`state export` here, `state import` there."""
    document = json.loads(json.dumps(export(kept_in(regions, source))))
    import_(kept_in(regions, target), document)


def test_there_and_back_while_rotation_goes_on(team: Team, tmp_path: Path) -> None:
    regions = Regions()
    file = SqliteState(tmp_path / "state.db", regions.clock)
    bucket = team.state(regions.clock)
    apply(kept_in(regions, file))

    move(regions, file, bucket)
    before, moved = file.load("accounts"), bucket.load("accounts")
    assert before is not None
    assert moved == replace(before, serial=1)
    (first, *others) = bucket.audit()
    assert (first.number, first.entry.event, others) == (1, "imported", [])
    assert first.entry.facts["serial"] == before.serial

    regions.clock.advance(timedelta(days=100))
    while phase(bucket.load("accounts").keys[0]) is not Phase.RETIRED:
        assert not apply(kept_in(regions, bucket)).failed
        regions.clock.advance(timedelta(days=1))
    rotated = bucket.load("accounts")
    assert rotated is not None

    move(regions, bucket, file)
    back = file.load("accounts")
    assert back == replace(rotated, serial=before.serial + 1)
    assert verify_chain(file.audit()) is None
    assert verify_chain(bucket.audit()) is None
    assert list(file.audit())[-1].entry.event == "imported"
    assert bucket.holder() is None
