"""What every catalogue must tell, as reading one by one tells it: S3 on two real servers, aliases on one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rotator.adapters.kms import KmsAlias
from rotator.adapters.kms_catalogue import kms_catalogues
from rotator.adapters.s3_catalogue import s3_catalogues
from rotator.adapters.s3_target import S3Target
from rotator.aws import AwsAccess, AwsClients
from rotator.ports import Catalogue
from tests.adapters.aws_profiles import aws_environment
from tests.servers.s3 import S3Endpoint

NAMES = ("accounts", "payments", "machines")
ODD = "gehälter & co+%41"
CLIENTS = AwsClients()


@dataclass(frozen=True)
class Place:
    """A catalogue of NAMES and ODD, and for each name: where it is, what it is by a read of it alone, a new version."""

    catalogue: Catalogue
    location: Callable[[str], str]
    read: Callable[[str], str | None]
    change: Callable[[str], object]


def _access(request: pytest.FixtureRequest, server: str, endpoint: S3Endpoint) -> AwsAccess:
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in aws_environment(folder, {server: endpoint.credentials}).items():
        patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
    return AwsAccess(
        endpoint.region, profile=server, endpoint=endpoint.url, kms_endpoint=endpoint.url
    )


def _s3(request: pytest.FixtureRequest, server: str, endpoint: S3Endpoint) -> Place:
    access = _access(request, server, endpoint)
    bucket = request.getfixturevalue("new_bucket")(endpoint, "catalogue")
    direct = endpoint.client()
    direct.put_object(Bucket=bucket, Key="accounts/jwks.json.old", Body=b"somebody else's")
    targets = {
        name: S3Target(CLIENTS, access, bucket, f"{name}/jwks.json", "application/json")
        for name in (*NAMES, ODD)
    }
    versions = iter(range(100))

    def read(name: str) -> str | None:
        stored = targets[name].read()
        return stored.etag if stored else None

    def change(name: str) -> None:
        body = str(next(versions)).encode()
        direct.put_object(Bucket=bucket, Key=targets[name].key, Body=body)

    documents = [(access, bucket, target.key) for target in targets.values()]
    (catalogue,) = s3_catalogues(CLIENTS, documents)
    return Place(catalogue, lambda name: targets[name].location, read, change)


def _seaweedfs(request: pytest.FixtureRequest) -> Place:
    return _s3(request, "seaweedfs", request.getfixturevalue("seaweedfs_endpoint"))


def _ministack(request: pytest.FixtureRequest) -> Place:
    return _s3(request, "ministack", request.getfixturevalue("ministack_server").endpoint)


def _aliases(request: pytest.FixtureRequest) -> Place:
    access = _access(request, "ministack", request.getfixturevalue("ministack_server").endpoint)
    test = request.node.name.partition("[")[0]
    kms = CLIENTS.kms_for_writing(access)

    def new_key() -> str:
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", MultiRegion=True)
        return key["KeyMetadata"]["Arn"]

    odd = {ODD: "a/b_c-d"}  # an alias may hold less than an object's key
    aliases = {
        name: KmsAlias(CLIENTS, access, f"alias/{test}/{odd.get(name, name)}")
        for name in (*NAMES, ODD)
    }
    KmsAlias(CLIENTS, access, f"alias/{test}/accounts-too").point(new_key())
    (catalogue,) = kms_catalogues(CLIENTS, [(access, alias.name) for alias in aliases.values()])
    return Place(
        catalogue,
        lambda name: aliases[name].location,
        lambda name: aliases[name].read(),
        lambda name: aliases[name].point(new_key()),
    )


@pytest.fixture(
    params=[
        pytest.param(_seaweedfs, id="seaweedfs", marks=pytest.mark.s3),
        pytest.param(_ministack, id="ministack", marks=pytest.mark.ministack),
        pytest.param(_aliases, id="aliases", marks=pytest.mark.ministack),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    make: Callable[[pytest.FixtureRequest], Place] = request.param
    return make(request)


def test_nothing_is_listed_where_nothing_is(place: Place) -> None:
    assert place.catalogue.versions() == {}


def test_it_tells_what_a_read_tells_and_nothing_else(place: Place) -> None:
    for name in (*NAMES, ODD):
        place.change(name)

    versions = place.catalogue.versions()

    assert versions == {place.location(name): place.read(name) for name in (*NAMES, ODD)}


def test_what_is_missing_is_not_listed_but_covered(place: Place) -> None:
    place.change("accounts")

    assert list(place.catalogue.versions()) == [place.location("accounts")]
    assert place.catalogue.covers(place.location("payments"))


def test_a_change_shows_and_only_there(place: Place) -> None:
    for name in NAMES:
        place.change(name)
    before = place.catalogue.versions()

    place.change("payments")

    after = place.catalogue.versions()
    changed = {location for location in before if before[location] != after[location]}
    assert changed == {place.location("payments")}
    assert after[place.location("payments")] == place.read("payments")
