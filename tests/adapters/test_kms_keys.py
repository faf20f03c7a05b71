"""Keys in KMS on an emulator: what a key carries, where it is, what each state lets signers do, who can check it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import jwt
import pytest

from rotator.adapters.kms import KmsKeys
from rotator.domain.jwk import Algorithm, Jwk, jwk_members, thumbprint
from rotator.domain.keys import KmsHandle, LocalHandle, WrappedHandle
from rotator.errors import InternalError, KeyStoreError
from rotator.jose.tokens import assemble, signing_input
from rotator.ports import Generated, Held
from tests.adapters.conftest import Profiles
from tests.servers.faulty import Answer, FaultyProxy
from tests.servers.kms import (
    PRIMARY,
    REGIONS,
    KmsPlace,
    direct_kms,
    is_call,
    kms_error,
    region_of,
    wrapping_key,
)
from tests.servers.ministack import ANYBODY, Ministack
from tests.servers.s3 import S3Endpoint

EUROPE, ASIA = REGIONS[1:]
Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
pytestmark = pytest.mark.ministack


@pytest.fixture
def place(ministack_server: Ministack, profiles: Profiles) -> KmsPlace:
    profiles({"tested": ANYBODY})
    return KmsPlace(ministack_server.endpoint.url, "tested")


def everywhere(keys: KmsKeys, made: Generated) -> KmsHandle:
    """The handle once the key is replicated to every region."""
    handle = made.handle
    assert isinstance(handle, KmsHandle)
    for region in REGIONS:
        handle = handle.with_replica(region, keys.replicate(handle, region))
    return handle


def state(place: KmsPlace, handle: KmsHandle, region: str) -> str:
    described = direct_kms(place.url, region).describe_key(KeyId=handle.arns[region])
    return described["KeyMetadata"]["KeyState"]


def states(place: KmsPlace, handle: KmsHandle) -> list[str]:
    return [state(place, handle, region) for region in REGIONS]


def tags(place: KmsPlace, handle: KmsHandle, region: str) -> dict[str, str]:
    answer = direct_kms(place.url, region).list_resource_tags(KeyId=handle.arns[region])
    return {tag["TagKey"]: tag["TagValue"] for tag in answer["Tags"]}


# ------------------------------------------------------------------------------------ what a key is


@pytest.mark.parametrize("policy", [None, '{"Version":"2012-10-17","Statement":[]}'])
def test_a_key_and_its_replicas_carry_whose_they_are(place: KmsPlace, policy: str | None) -> None:
    keys = place.keys(policy=policy)
    made = keys.generate(place.name(7, "intent-1"), Algorithm.ES384, 2048)
    handle = everywhere(keys, made)

    for region in REGIONS:
        client, arn = direct_kms(place.url, region), handle.arns[region]
        described = client.describe_key(KeyId=arn)["KeyMetadata"]
        assert described["MultiRegion"] is True
        assert (described["KeyUsage"], described["KeySpec"]) == ("SIGN_VERIFY", "ECC_NIST_P384")
        assert tags(place, handle, region) == {
            "rotator:issuer": place.issuer,
            "rotator:generation": "7",
            "rotator:lineage": place.lineage,
            "rotator:intent": "intent-1",
            "rotator:kid": thumbprint(made.public),
        }
        held = json.loads(client.get_key_policy(KeyId=arn)["Policy"])
        assert (held["Statement"] == []) is (policy is not None)
    assert f"{place.issuer}/7" in str(described_primary(place, handle))


def described_primary(place: KmsPlace, handle: KmsHandle) -> str:
    answer = direct_kms(place.url).describe_key(KeyId=handle.arns[PRIMARY])
    return answer["KeyMetadata"].get("Description", "")


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "algorithm", ["RS256", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
def test_pyjwt_accepts_what_each_region_signs(
    place: KmsPlace, algorithm: str, region: str, made_once: dict[str, Generated]
) -> None:
    keys, alg = place.keys(), Algorithm(algorithm)
    if algorithm not in made_once:
        made = keys.generate(place.name(1), alg, 2048)
        made_once[algorithm] = replace(made, handle=everywhere(keys, made))
    made = made_once[algorithm]
    jwk = Jwk(thumbprint(made.public), alg, made.public)
    unsigned = signing_input(alg, jwk.kid, {"sub": "me"})

    token = assemble(unsigned, keys.sign(made.handle, alg, unsigned, region))

    public = jwt.PyJWK(dict(jwk_members(jwk)))
    assert jwt.decode(token, public, algorithms=[algorithm]) == {"sub": "me"}


@pytest.fixture(scope="module")
def made_once() -> dict[str, Generated]:
    return {}


def test_a_message_that_kms_cannot_take_is_refused_before_it_is_sent(place: KmsPlace) -> None:
    made = place.keys().generate(place.name(1), Algorithm.ED25519, 2048)
    assert place.keys().sign(made.handle, Algorithm.ED25519, b"x" * 4096)
    with pytest.raises(KeyStoreError, match="4097 bytes is too long"):
        place.keys().sign(made.handle, Algorithm.ED25519, b"x" * 4097)


def test_a_signature_of_another_key_is_refused(
    ministack_server: Ministack, place: KmsPlace, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    made = place.keys().generate(place.name(1), Algorithm.ES256, 2048)
    other = f"arn:aws:kms:{PRIMARY}:000000000000:key/mrk-other"
    body = json.dumps({"KeyId": other, "Signature": "AAAA", "SigningAlgorithm": "ECDSA_SHA_256"})

    with proxy.failing(Answer(200, body.encode())), pytest.raises(KeyStoreError) as caught:
        place.keys(elsewhere={PRIMARY: endpoint.url}).sign(made.handle, Algorithm.ES256, b"m")

    assert f"signed with {other} instead" in caught.value.detail


@pytest.mark.parametrize("handle", [LocalHandle("a.pem"), WrappedHandle("AAAA", {})])
def test_keys_of_other_kinds_are_not_kms_keys(
    place: KmsPlace, handle: LocalHandle | WrappedHandle
) -> None:
    with pytest.raises(InternalError):
        place.keys().destroy(handle)


# ------------------------------------------------------------------------------------ replicas


def test_replicating_again_changes_nothing(place: KmsPlace) -> None:
    keys = place.keys()
    made = keys.generate(place.name(1), Algorithm.ES256, 2048)
    handle = everywhere(keys, made)

    assert everywhere(keys, made) == handle
    assert {arn.split(":")[3] for arn in handle.arns.values()} == set(REGIONS)
    assert len({arn.rpartition("/")[2] for arn in handle.arns.values()}) == 1


def test_a_region_without_a_replica_cannot_sign(place: KmsPlace) -> None:
    made = place.keys().generate(place.name(1), Algorithm.ES256, 2048)

    for use in (
        lambda: place.keys().sign(made.handle, Algorithm.ES256, b"m", EUROPE),
        lambda: place.keys().prove(made.handle, EUROPE),
    ):
        with pytest.raises(KeyStoreError, match=f"cannot be used in {EUROPE}") as caught:
            use()
        assert "no replica" in caught.value.detail


def test_after_the_state_is_lost_every_key_is_found_with_its_replicas(place: KmsPlace) -> None:
    keys = place.keys()
    first = keys.generate(place.name(1), Algorithm.ES256, 2048)
    handle = everywhere(keys, first)
    second = keys.generate(place.name(2), Algorithm.EDDSA, 2048)
    keys.disable(handle)
    never_finished = direct_kms(place.url).create_key(
        MultiRegion=True, Tags=[{"TagKey": "rotator:issuer", "TagValue": place.issuer}]
    )

    found = keys.all_of(place.issuer)

    # KMS shows no public half of a disabled key.
    assert found == [
        Held(1, thumbprint(first.public), None, handle),
        Held(2, thumbprint(second.public), second.public, second.handle),
    ]
    assert never_finished["KeyMetadata"]["Arn"] not in str(found)


def test_a_region_that_is_down_hides_its_replica_and_nothing_else(
    ministack_server: Ministack, place: KmsPlace, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    handle = everywhere(place.keys(), place.keys().generate(place.name(1), Algorithm.ES256, 2048))
    lost = place.keys(elsewhere={ASIA: endpoint.url})

    with proxy.failing(Answer(503)):
        (found,) = lost.all_of(place.issuer)

    assert isinstance(found.handle, KmsHandle)
    assert found.handle.arns == {r: a for r, a in handle.arns.items() if r != ASIA}


# ------------------------------------------------------------------------------------ states


def test_what_is_disabled_signs_nowhere_until_it_is_enabled(place: KmsPlace) -> None:
    keys = place.keys()
    handle = everywhere(keys, keys.generate(place.name(1), Algorithm.ES256, 2048))

    keys.disable(handle)
    keys.disable(handle)

    assert states(place, handle) == ["Disabled"] * 3
    for region in REGIONS:
        with pytest.raises(KeyStoreError) as signing:
            keys.sign(handle, Algorithm.ES256, b"m", region)
        with pytest.raises(KeyStoreError, match=f"cannot be used in {region}") as proving:
            keys.prove(handle, region)
        cure = f"aws kms enable-key --key-id {handle.arns[region]} --region {region}"
        assert cure in signing.value.hint
        assert proving.value.hint == cure
        assert proving.value.detail == "its state is Disabled"
    with pytest.raises(KeyStoreError, match="cannot be used"):
        keys.replicate(handle, EUROPE)

    keys.enable(handle)
    keys.enable(handle)
    assert states(place, handle) == ["Enabled"] * 3
    assert keys.sign(handle, Algorithm.ES256, b"m", ASIA)


def test_a_key_about_to_be_deleted_stays_so_and_says_how_to_save_it(place: KmsPlace) -> None:
    keys = place.keys()
    handle = everywhere(keys, keys.generate(place.name(1), Algorithm.ES256, 2048))

    keys.destroy(handle)
    keys.destroy(handle)
    keys.disable(handle)

    assert states(place, handle) == ["PendingDeletion"] * 3
    with pytest.raises(KeyStoreError) as caught:
        keys.enable(handle)
    assert "aws kms cancel-key-deletion" in caught.value.hint
    assert states(place, handle) == ["PendingDeletion"] * 3


def test_deletion_takes_the_configured_window_and_begins_with_the_replicas(
    ministack_server: Ministack, place: KmsPlace, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    seen = replace(place, url=endpoint.url)
    handle = everywhere(place.keys(), place.keys().generate(place.name(1), Algorithm.ES256, 2048))

    seen.keys().destroy(handle)

    asked = [region_of(r) for r in proxy.requests if is_call("ScheduleKeyDeletion")(r)]
    assert set(asked[:2]) == {EUROPE, ASIA}
    assert asked[2:] == [PRIMARY]
    for region in (EUROPE, ASIA):
        client = direct_kms(place.url, region)
        described = client.describe_key(KeyId=handle.arns[region])["KeyMetadata"]
        left = described["DeletionDate"] - described["CreationDate"]
        assert timedelta(days=6, hours=23) < left < timedelta(days=7, hours=1)


def test_replicas_that_nobody_recorded_are_deleted_too(place: KmsPlace) -> None:
    keys = place.keys()
    made = keys.generate(place.name(1), Algorithm.ES256, 2048)
    handle = everywhere(keys, made)

    keys.destroy(made.handle)

    assert states(place, handle) == ["PendingDeletion"] * 3


@pytest.mark.parametrize(("do", "reached"), [("disable", "Disabled"), ("destroy", "Pending")])
def test_a_region_that_fails_keeps_no_other_from_being_done(
    ministack_server: Ministack, place: KmsPlace, faulty_proxy: Faulty, do: str, reached: str
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    keys = place.keys(elsewhere={EUROPE: endpoint.url})
    handle = everywhere(keys, keys.generate(place.name(1), Algorithm.ES256, 2048))

    with (
        proxy.failing(
            kms_error("AccessDeniedException"), is_call("DisableKey", "ScheduleKeyDeletion")
        ),
        pytest.raises(KeyStoreError, match=EUROPE),
    ):
        getattr(keys, do)(handle)

    assert state(place, handle, EUROPE) == "Enabled"
    assert state(place, handle, PRIMARY).startswith(reached)
    assert state(place, handle, ASIA).startswith(reached)
    getattr(keys, do)(handle)
    assert all(now.startswith(reached) for now in states(place, handle))


def test_a_region_that_left_the_configuration_is_still_reached(place: KmsPlace) -> None:
    handle = everywhere(place.keys(), place.keys().generate(place.name(1), Algorithm.ES256, 2048))
    accesses = {PRIMARY: place.access(PRIMARY)}
    alone = KmsKeys(place.clients, accesses, PRIMARY, None, timedelta(days=7), place.clock)

    alone.destroy(handle)

    assert states(place, handle) == ["PendingDeletion"] * 3


# ------------------------------------------------------------------------------------ wrapped keys


def test_a_wrapped_key_opens_only_under_its_own_context(place: KmsPlace) -> None:
    keys = place.wrapped(wrapping_key(place.url, "alias/wrapping"))
    made = keys.generate(place.name(3), Algorithm.ES256, 2048)
    assert isinstance(made.handle, WrappedHandle)
    assert made.handle.context == {
        "issuer": place.issuer,
        "generation": "3",
        "lineage": place.lineage,
    }

    for region in REGIONS:
        keys.prove(made.handle, region)
        assert keys.sign(made.handle, Algorithm.ES256, b"m", region)
    other = replace(made.handle, context={**made.handle.context, "issuer": "payments"})
    with pytest.raises(KeyStoreError) as caught:
        keys.sign(other, Algorithm.ES256, b"m", EUROPE)
    assert "under this context" in caught.value.detail


@pytest.mark.parametrize(
    ("ciphertext", "why"),
    [("", "destroyed"), ("not base64!", "damaged"), ("AAAA", "not encrypted")],
)
def test_a_ciphertext_that_is_none_is_said_to_be(
    place: KmsPlace, ciphertext: str, why: str
) -> None:
    keys = place.wrapped(wrapping_key(place.url, "alias/wrapping"))
    with pytest.raises(KeyStoreError) as caught:
        keys.sign(WrappedHandle(ciphertext, {}), Algorithm.ES256, b"m")
    assert why in caught.value.detail


def test_a_wrapping_key_that_cannot_open_is_no_proof(place: KmsPlace) -> None:
    alias = f"alias/wrapping-{place.lineage}"
    wrapping_key(place.url, alias)
    made = place.wrapped(alias).generate(place.name(1), Algorithm.ES256, 2048)
    client = direct_kms(place.url, EUROPE)
    client.disable_key(KeyId=client.describe_key(KeyId=alias)["KeyMetadata"]["Arn"])
    signing = place.keys().generate(place.name(2), Algorithm.ES256, 2048).handle
    assert isinstance(signing, KmsHandle)

    for keys, region, why in (
        (place.wrapped(alias), EUROPE, "its state is Disabled"),
        (place.wrapped("alias/nowhere"), PRIMARY, "no such key or alias"),
        (place.wrapped(signing.arns[PRIMARY]), PRIMARY, "another kind"),
    ):
        with pytest.raises(KeyStoreError) as caught:
            keys.prove(made.handle, region)
        assert why in caught.value.message + caught.value.detail
    place.wrapped(alias).prove(made.handle, ASIA)
