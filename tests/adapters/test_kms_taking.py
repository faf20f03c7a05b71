"""A key that somebody made in KMS by hand becomes an issuer's own, or is refused with what is in the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from rotator.adapters.kms import KmsKeys
from rotator.adapters.kms.specs import public_half
from rotator.domain.jwk import Algorithm, PublicKey, thumbprint
from rotator.domain.keys import KeyHandle, KmsHandle
from rotator.errors import KeyStoreError
from rotator.ports import KmsArn, PlainHalf
from tests.adapters.conftest import Profiles
from tests.servers.kms import PRIMARY, KmsPlace, direct_kms
from tests.servers.ministack import ANYBODY, Ministack

EUROPE = "eu-central-1"
NOWHERE = f"arn:aws:kms:{PRIMARY}:000000000000:key/mrk-00000000000000000000000000000000"
pytestmark = pytest.mark.ministack


@pytest.fixture
def place(ministack_server: Ministack, profiles: Profiles) -> KmsPlace:
    profiles({"tested": ANYBODY})
    return KmsPlace(ministack_server.endpoint.url, "tested")


def made(place: KmsPlace, region: str = PRIMARY, **changes: Any) -> str:
    """Somebody makes a key by hand; its ARN."""
    asked: dict[str, Any] = {
        "KeyUsage": "SIGN_VERIFY",
        "KeySpec": "ECC_NIST_P256",
        "MultiRegion": True,
    }
    return direct_kms(place.url, region).create_key(**asked | changes)["KeyMetadata"]["Arn"]


def public(place: KmsPlace, arn: str, region: str = PRIMARY) -> PublicKey:
    return public_half(direct_kms(place.url, region).get_public_key(KeyId=arn)["PublicKey"])


def taken(place: KmsPlace, arn: str, key: PublicKey) -> KeyHandle:
    return place.keys().take(place.name(1), KmsArn(arn), key)


def test_a_key_becomes_the_issuers_own(place: KmsPlace) -> None:
    arn = made(place)
    key, keys = public(place, arn), place.keys()
    handle = taken(place, arn, key)
    assert handle == KmsHandle(PRIMARY, {PRIMARY: arn})
    assert taken(place, arn, key) == handle
    keys.prove(handle, PRIMARY)
    assert keys.sign(handle, Algorithm.ES256, b"message", PRIMARY)
    assert keys.replicate(handle, EUROPE).startswith(f"arn:aws:kms:{EUROPE}:")
    (held,) = keys.all_of(place.name(1).issuer)
    assert (held.generation, held.kid, held.public) == (1, thumbprint(key), key)


def test_its_replicas_come_along(place: KmsPlace) -> None:
    arn = made(place)
    direct_kms(place.url).replicate_key(KeyId=arn, ReplicaRegion=EUROPE)
    handle = taken(place, arn, public(place, arn))
    assert isinstance(handle, KmsHandle)
    assert set(handle.arns) == {PRIMARY, EUROPE}
    for region, there in handle.arns.items():
        tags = direct_kms(place.url, region).list_resource_tags(KeyId=there)["Tags"]
        assert {"rotator:issuer", "rotator:kid"} <= {tag["TagKey"] for tag in tags}


def alone(place: KmsPlace) -> KmsKeys:
    """A store whose issuer has one AWS region."""
    window = timedelta(days=7)
    accesses = {PRIMARY: place.access(PRIMARY)}
    return KmsKeys(place.clients, accesses, PRIMARY, None, window, place.clock)


def test_a_key_of_one_region_is_enough_where_there_is_one(place: KmsPlace) -> None:
    arn = made(place, MultiRegion=False)
    handle = alone(place).take(place.name(1), KmsArn(arn), public(place, arn))
    assert handle == KmsHandle(PRIMARY, {PRIMARY: arn})


def refused(place: KmsPlace, arn: str, key: PublicKey, words: str) -> str:
    with pytest.raises(KeyStoreError, match=words) as error:
        taken(place, arn, key)
    assert list(place.keys().all_of(place.name(1).issuer)) == []
    return error.value.hint


def test_what_is_in_the_way(place: KmsPlace) -> None:
    arn = made(place)
    key = public(place, arn)
    refused(place, made(place), key, "another key than the one that is served")
    refused(place, "alias/signing", key, "no ARN of a KMS key")
    refused(place, NOWHERE, key, "cannot be used in us-east-1")
    refused(place, made(place, MultiRegion=False), key, "no multi-region key")
    refused(
        place, made(place, KeyUsage="ENCRYPT_DECRYPT", KeySpec="RSA_2048"), key, "not for signing"
    )
    assert f"primary_region: {EUROPE}" in refused(
        place, made(place, EUROPE), key, f"is in {EUROPE}"
    )


def test_a_disabled_key(place: KmsPlace) -> None:
    arn = made(place)
    key = public(place, arn)
    direct_kms(place.url).disable_key(KeyId=arn)
    assert "enable-key" in refused(place, arn, key, "cannot be used")


def test_a_replica_names_its_primary(place: KmsPlace) -> None:
    arn = made(place, EUROPE)
    direct_kms(place.url, EUROPE).replicate_key(KeyId=arn, ReplicaRegion=PRIMARY)
    replica = arn.replace(EUROPE, PRIMARY)
    assert arn in refused(place, replica, public(place, arn, EUROPE), "is a replica")


def test_a_key_of_another_issuer(place: KmsPlace) -> None:
    arn = made(place, Tags=[{"TagKey": "rotator:issuer", "TagValue": "payments"}])
    refused(place, arn, public(place, arn), "belongs to the issuer payments")


def test_a_private_key_in_a_file_is_not_for_kms(place: KmsPlace) -> None:
    arn = made(place)
    with pytest.raises(KeyStoreError, match="cannot be given to KMS"):
        place.keys().take(place.name(1), PlainHalf(b""), public(place, arn))
