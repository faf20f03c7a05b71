"""A removed key's story, and the archive that auditors get."""

from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from rotator.app.history import archive, signed_archive, stories, story
from rotator.app.world import Checkpoints
from rotator.domain.jwk import thumbprint
from rotator.domain.lifecycle import Event, advance
from rotator.domain.state import Revocation
from rotator.errors import NoSuchKey, UsageError
from tests.fakes.notary import MemoryNotary
from tests.scenarios.world import Regions


@pytest.fixture(scope="module")
def old() -> Regions:
    """The first key is gone, the second signs, a third stands by."""
    made = Regions()
    made.runs(days=1)
    made.ages(days=124)
    return made


def test_a_removed_key_is_told_from_the_log(old: Regions) -> None:
    first = old.key(0)
    told = story(old.world(), first.kid[:8])
    assert (told.status.phase, told.revocation) == ("removed", None)
    names = [event.event for event in told.events]
    wanted = [
        "staged_at",
        "published_at",
        "activated_at",
        "retired_at",
        "removed_at",
        "destroyed_at",
    ]
    assert [name for name in names if name in wanted] == wanted
    steps = {event.facts.get("step"): event.facts.get("reason_code") for event in told.events}
    assert (steps["generate"], steps["remove"]) == ("first_key", "tokens_dead")
    assert [event.number for event in told.events] == sorted(event.number for event in told.events)


def test_each_key_has_its_own_story(old: Regions) -> None:
    told = stories(old.world())
    assert [one.status.key for one in told] == [old.key(0), old.key(1), old.key(2)]
    owners = [{event.facts["kid"] for event in one.events if "kid" in event.facts} for one in told]
    assert owners == [{one.status.key.kid} for one in told]


def test_no_such_key(old: Regions) -> None:
    with pytest.raises(NoSuchKey):
        story(old.world(), "zzzzzz")
    with pytest.raises(UsageError):
        story(old.world(), "abc")


def test_a_former_key_is_archived_without_anything_private(old: Regions) -> None:
    document = archive(old.world())
    first = old.key(0)
    assert document["iss"] == "https://auth.example.com"
    (entry,) = document["keys"]
    assert entry["kid"] == first.kid
    assert entry["exp"] == int(first.moments.removed_at.timestamp())
    assert set(entry) == {"kty", "crv", "x", "y", "use", "alg", "kid", "iat", "exp"}


def test_a_retired_key_ends_when_its_last_token_does() -> None:
    regions = Regions()
    regions.runs(days=1)
    regions.ages(days=90)
    (entry,) = archive(regions.world())["keys"]
    retired = regions.key(0)
    assert entry["kid"] == retired.kid
    least = retired.moments.retired_at + timedelta(days=31)
    assert entry["exp"] >= int(least.timestamp())


def test_a_retired_key_whose_end_nobody_knows_yet_is_left_out() -> None:
    regions = Regions()
    regions.runs(days=1)
    regions.ages(days=90)
    evidence = regions.state.load_evidence("accounts")
    regions.state.save_evidence(replace(evidence, sightings={}))
    assert archive(regions.world())["keys"] == []


def test_a_revoked_key_says_when_and_why() -> None:
    regions = Regions()
    regions.apply()
    state, now = regions.remembered(), regions.clock.now()
    revoked = advance(regions.key(1), Event.REVOKE, now)
    word = Revocation(kid=revoked.kid, cold=False, reason="laptop stolen", owner="ann", at=now)
    lease = regions.state.acquire("ann", timedelta(minutes=1))
    regions.state.save(lease, replace(state.with_key(revoked), revocations=(word,)), [])
    regions.state.release(lease)
    told = story(regions.world(), revoked.kid)
    assert told.revocation == word
    (entry,) = archive(regions.world())["keys"]
    assert entry["revoked"] == {"revoked_at": int(now.timestamp()), "reason": "compromised"}


def test_the_archive_is_signed_by_the_checkpoint_key(old: Regions) -> None:
    notary = MemoryNotary()
    world = replace(old.world(), checkpoints=Checkpoints(notary))
    token = signed_archive(world)
    key = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": notary.public().x, "alg": "EdDSA"})
    assert jwt.decode(token, key, algorithms=["EdDSA"], options={"verify_iat": False}) == archive(
        old.world()
    )
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["kid"]) == ("jwk-set+jwt", thumbprint(notary.public()))


def test_without_such_a_key_nothing_is_signed(old: Regions) -> None:
    with pytest.raises(UsageError) as error:
        signed_archive(old.world())
    assert "audit.checkpoint_key" in error.value.hint


@pytest.mark.parametrize("issuers", [0, 2])
def test_an_archive_is_one_issuers(old: Regions, issuers: int) -> None:
    world = old.world()
    with pytest.raises(UsageError):
        archive(replace(world, issuers=world.issuers * issuers))
