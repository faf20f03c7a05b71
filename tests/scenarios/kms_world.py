"""Worlds with their keys in KMS, and what scenarios ask of them."""

from typing import Any

from rotator.domain.keys import Key
from rotator.domain.policy import Policy
from tests.fakes.kms import MemoryKms
from tests.scenarios.world import DAY, Regions


def with_kms(**policy: Any) -> tuple[Regions, MemoryKms]:
    """A world with its keys in KMS."""
    kms = MemoryKms()
    return Regions(policy=Policy(**policy), kms=kms), kms


def rotated(days: int) -> tuple[Regions, MemoryKms]:
    """A world with its keys in KMS, some days after its first run; it ran on the days that matter."""
    world, kms = with_kms()
    world.apply()
    begin = world.at()
    for day in (day for day in (90, days) if day <= days):
        world.clock.set(begin + day * DAY)
        world.apply()
    return world, kms


def steps(world: Regions) -> list[tuple[str, str | None]]:
    """Kind and region of every step of the plan of now."""
    return [(step.kind, getattr(step, "region", None)) for step in world.plan().steps]


def signs_with(world: Regions, key: Key) -> dict[str, bool]:
    """By region, whether `signing.json` names the key and the alias points at it."""
    return {
        name: world.signing(name).active.kid == world.pointed(name) == key.kid
        for name in world.names
    }
