"""What every `AliasTarget` promises, over the fake and over KMS."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KmsHandle
from rotator.ports import AliasTarget, KeyName
from tests.adapters.aws_profiles import aws_environment
from tests.fakes.clock import START
from tests.fakes.kms import MemoryKms
from tests.servers.kms import PRIMARY, REGIONS, KmsPlace
from tests.servers.ministack import ANYBODY


@dataclass(frozen=True)
class Place:
    """Keys to point at, and a handle on an alias nobody made, in any region."""

    keys: Any
    alias: Callable[[str], AliasTarget]

    def key(self, region: str, generation: int = 1) -> str:
        """The ARN of a new key in a region."""
        asked_at = START - timedelta(hours=1)
        name = KeyName("accounts", generation, "lineage", "intent", asked_at)
        handle = self.keys.generate(name, Algorithm.ES256, 2048).handle
        assert isinstance(handle, KmsHandle)
        return handle.arns[PRIMARY] if region == PRIMARY else self.keys.replicate(handle, region)


def _memory(request: pytest.FixtureRequest) -> Place:
    kms = MemoryKms(PRIMARY)
    return Place(kms, lambda region: kms.alias("alias/rotator/accounts", region))


def _kms(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in aws_environment(folder, {"tested": ANYBODY}).items():
        patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
    place = KmsPlace(request.getfixturevalue("ministack_server").endpoint.url, "tested")
    return Place(place.keys(), lambda region: place.alias(f"alias/rotator/{place.issuer}", region))


@pytest.fixture(
    params=[
        pytest.param(_memory, id="memory"),
        pytest.param(_kms, id="kms", marks=pytest.mark.ministack),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    make: Callable[[Any], Place] = request.param
    return make(request)


def test_an_alias_that_nobody_made_reads_as_none(place: Place) -> None:
    assert place.alias(PRIMARY).read() is None


def test_it_is_made_and_then_moved(place: Place) -> None:
    first, second = place.key(PRIMARY, 1), place.key(PRIMARY, 2)
    for arn in (first, second, second, first):
        place.alias(PRIMARY).point(arn)
        assert place.alias(PRIMARY).read() == arn


def test_every_region_has_its_own(place: Place) -> None:
    here, there = place.key(PRIMARY, 1), place.key(REGIONS[1], 2)
    place.alias(PRIMARY).point(here)
    assert place.alias(REGIONS[1]).read() is None
    place.alias(REGIONS[1]).point(there)
    assert place.alias(PRIMARY).read() == here
    assert place.alias(REGIONS[1]).read() == there


def test_its_location_names_alias_and_region(place: Place) -> None:
    assert place.alias(REGIONS[1]).location.startswith("alias/rotator/accounts")
    assert place.alias(REGIONS[1]).location.endswith(f" in {REGIONS[1]}")
