"""Wrapped keys from the first to the last: signers decrypt what `signing.json` carries; old versions keep a key undestroyed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import jwt
import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.serialization import load_der_private_key

from tests.e2e.consumers import Verifiers, issued
from tests.e2e.place import REGIONS, URL, Place
from tests.e2e.year import DAY, LEEWAY
from tests.fakes.clock import START, FakeClock
from tests.servers.ministack import Ministack

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.timetravel

WRAPPING = "alias/rotator-wrapping"


@pytest.fixture
def kms(time_machine: Ministack) -> dict[str, KMSClient]:
    """Each region's KMS, with a multi-region wrapping key behind the same alias everywhere."""
    clients = {region: _client("kms", time_machine, region) for region in REGIONS}
    primary = clients[REGIONS[0]]
    key = primary.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    for region in REGIONS[1:]:
        primary.replicate_key(KeyId=key, ReplicaRegion=region)
    for client in clients.values():
        try:
            client.create_alias(AliasName=WRAPPING, TargetKeyId=key)
        except client.exceptions.AlreadyExistsException:
            client.update_alias(AliasName=WRAPPING, TargetKeyId=key)
    return clients


@pytest.fixture
def place(kms_place: Callable[..., Place], time_machine: Ministack) -> Place:
    """Signing targets in buckets that keep every version."""
    made = kms_place(time_machine.endpoint)
    made.config["keys"] = {
        "kind": "kms-wrapped",
        "primary_region": REGIONS[0],
        "wrapping_key": WRAPPING,
    }
    for region in REGIONS:
        name = f"versioned-{made.buckets[region].folder}-{region}"
        endpoint = made.buckets[region].endpoint
        endpoint.make_bucket(name)
        endpoint.client().put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
        made.config["regions"][region]["signing"]["bucket"] = name
    made.write_config()
    return made


def _client(service: Any, server: Ministack, region: str) -> Any:
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=server.endpoint.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def signing(place: Place, region: str) -> dict[str, Any]:
    where = place.config["regions"][region]["signing"]
    bucket = replace(place.buckets[region], name=where["bucket"])
    body = bucket.read(where["key"].replace("{issuer}", "accounts"))
    assert body is not None
    found: dict[str, Any] = json.loads(body)
    return found


def sign(place: Place, kms: Mapping[str, KMSClient], region: str) -> str:
    """What a region's signer does at its start: decrypt the key in its own region, then sign as often as it likes."""
    active = signing(place, region)["active"]
    opened = kms[region].decrypt(
        CiphertextBlob=base64.b64decode(active["key"]["ciphertext"]),
        EncryptionContext=active["key"]["context"],
    )
    key: Any = load_der_private_key(opened["Plaintext"], None)
    now = place.clock.now()
    claims = {"iss": URL, "iat": now, "exp": now + timedelta(minutes=15)}
    return jwt.encode(claims, key, algorithm=active["alg"], headers={"kid": active["kid"]})


def at(place: Place, days: float, server: Ministack) -> None:
    """A run so many days after the first, which the server's versions are dated by."""
    place.clock = FakeClock(START + days * DAY)
    server.travel_to(place.clock.now())
    ran = place.run("apply", "--yes")
    assert ran.code == 0, ran


def versions(place: Place, region: str) -> Iterator[tuple[S3Client, dict[str, Any]]]:
    """The noncurrent versions of a region's signing target."""
    where = place.config["regions"][region]["signing"]
    client = place.buckets[region].client
    for version in client.list_object_versions(Bucket=where["bucket"])["Versions"]:
        if not version["IsLatest"]:
            yield (
                client,
                {
                    "Bucket": where["bucket"],
                    "Key": version["Key"],
                    "VersionId": version["VersionId"],
                },
            )


def test_signers_decrypt_and_every_region_accepts(
    place: Place, kms: dict[str, KMSClient], time_machine: Ministack
) -> None:
    verifiers = Verifiers(LEEWAY)
    for days in (0, 91):
        at(place, days, time_machine)
        tokens = [sign(place, kms, region) for region in REGIONS]
        tokens += [place.token(region) for region in REGIONS]
        verifiers.take([issued(token, "signer") for token in tokens])
        documents = {region: place.jwks(region) or b"" for region in REGIONS}
        verifiers.check_all(documents, place.clock.now())
    assert verifiers.refused == []
    assert verifiers.checked == 2 * 6 * 3


def test_a_ciphertext_opens_only_in_the_context_of_its_issuer(
    place: Place, kms: dict[str, KMSClient], time_machine: Ministack
) -> None:
    at(place, 0, time_machine)
    key = signing(place, REGIONS[1])["active"]["key"]
    assert key["context"]["issuer"] == "accounts"
    contexts: list[dict[str, str]] = [{}, key["context"] | {"issuer": "payments"}]
    for context in contexts:
        with pytest.raises(ClientError, match="InvalidCiphertext"):
            kms[REGIONS[1]].decrypt(
                CiphertextBlob=base64.b64decode(key["ciphertext"]), EncryptionContext=context
            )


def test_destroyed_only_when_no_version_is_left(
    place: Place, kms: dict[str, KMSClient], time_machine: Ministack
) -> None:
    at(place, 0, time_machine)
    first = place.history()[0]["kid"]
    ciphertext = signing(place, REGIONS[0])["active"]["key"]["ciphertext"]
    at(place, 91, time_machine)
    at(place, 124, time_machine)
    assert place.phases()[0] == "removed"
    (wait,) = [
        wait for wait in place.json("plan")["issuers"][0]["waiting"] if wait["kind"] == "destroy"
    ]
    assert (wait["reason_code"], wait["kid"]) == ("old_versions", first)
    assert ciphertext in place.ok("state", "export")

    for region in REGIONS:
        for client, version in list(versions(place, region)):
            client.delete_object(**version)
    at(place, 125, time_machine)
    assert ciphertext not in place.ok("state", "export")
    assert [key["destroyed_at"] is not None for key in _keys(place)] == [True, False, False]


def _keys(place: Place) -> list[dict[str, Any]]:
    (state,) = json.loads(place.ok("state", "export"))["issuers"]
    return [key["moments"] for key in state["keys"]]
