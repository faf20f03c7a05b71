"""Keys of somebody else, and how they get into a region's document."""

import json
from dataclasses import replace
from functools import cache

from rotator.domain.jwk import Algorithm, Jwk, PublicKey
from rotator.domain.jwks import ServedKey, own_entry, render
from tests.fakes.keys import MemoryKeys, named
from tests.scenarios.world import JWKS, Regions

KID = "legacy-2024"


@cache
def _material(number: int) -> PublicKey:
    return MemoryKeys().generate(named("somebody", number), Algorithm.ES256, 2048).public


def stranger(kid: str = KID, number: int = 1) -> ServedKey:
    """A key that rotator does not own; another number is other material."""
    return own_entry(Jwk(kid, Algorithm.ES256, _material(number)))


def unreadable(kid: str, note: str = "") -> ServedKey:
    """A key of a kind that rotator cannot read."""
    members = {"kid": kid, "kty": "AKP", "note": note, "pub": "AAAA"}
    return ServedKey(kid, None, json.dumps(members, sort_keys=True, separators=(",", ":")))


def relabelled(entry: ServedKey) -> ServedKey:
    """The same key, written differently."""
    return replace(entry, text=entry.text.replace('"use":"sig"', '"use":"sig","x-team":"old"'))


def plant(world: Regions, region: str, *entries: ServedKey) -> None:
    """Somebody writes these behind what the region serves."""
    documents = world.regions[region].documents
    there = world.document(region).keys if JWKS in documents else ()
    documents[JWKS] = render([*there, *entries])


def uproot(world: Regions, region: str, *kids: str) -> None:
    """Somebody takes these out."""
    kept = [entry for entry in world.document(region).keys if entry.kid not in kids]
    world.regions[region].documents[JWKS] = render(kept)
