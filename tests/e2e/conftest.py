"""Places for the tests of whole lives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rotator.aws import AwsClients
from tests.adapters.aws_profiles import aws_environment
from tests.e2e.aws_hooks import HookedClients
from tests.e2e.kms_life import Lives
from tests.e2e.kms_onlooker import own_account
from tests.e2e.place import REGIONS, Bucket, Place, file_config, kms_config, s3_config
from tests.servers.ministack import Ministack
from tests.servers.s3 import Credentials, S3Endpoint

_numbers = itertools.count(1)
MakeS3Place = Callable[..., Place]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Three regions in folders, the default policy."""
    return Place(tmp_path / "place", file_config())


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Credentials], None]:
    """Make the profile `tests` the only credentials that boto3 can find, also in child processes."""

    def use(credentials: Credentials) -> None:
        for name, value in aws_environment(tmp_path / "aws", {"tests": credentials}).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return use


@pytest.fixture(scope="session")
def bucket_names() -> Callable[[S3Endpoint], Mapping[str, str]]:
    """A bucket for each region, made once in a store: a store of the tests has room for some hundred buckets."""
    made: dict[str, dict[str, str]] = {}

    def names(store: S3Endpoint) -> Mapping[str, str]:
        if store.url not in made:
            made[store.url] = {name: store.make_bucket(f"e2e-{name}") for name in REGIONS}
        return made[store.url]

    return names


@pytest.fixture(scope="session")
def regional_buckets() -> Callable[[S3Endpoint], tuple[S3Endpoint, ...]]:
    """The endpoints of a store that knows regions, with a bucket `ACCESS_KEY-NAME` in each: one set per account."""
    made: dict[tuple[str, Credentials], tuple[S3Endpoint, ...]] = {}

    def endpoints(store: S3Endpoint) -> tuple[S3Endpoint, ...]:
        whose = store.url, store.credentials
        if whose not in made:
            made[whose] = tuple(replace(store, region=name) for name in REGIONS)
            for endpoint in made[whose]:
                endpoint.make_bucket(_regional(endpoint, endpoint.region))
        return made[whose]

    return endpoints


def _regional(store: S3Endpoint, region: str) -> str:
    return f"{store.credentials.access_key}-{region}"


@pytest.fixture
def s3_place(
    tmp_path: Path,
    aws: Callable[[Credentials], None],
    bucket_names: Callable[[S3Endpoint], Mapping[str, str]],
) -> MakeS3Place:
    """Make a place whose three regions are buckets of a store: `s3_place(store)`, each behind an endpoint if given."""

    def make(
        store: S3Endpoint,
        endpoints: tuple[S3Endpoint, ...] = (),
        name: str = "place",
        **policy: object,
    ) -> Place:
        aws(store.credentials)
        buckets = _buckets(endpoints or (store,) * len(REGIONS), bucket_names(store))
        return Place(tmp_path / name, s3_config(buckets, **policy), buckets=buckets)

    return make


@pytest.fixture
def kms_place(
    tmp_path: Path,
    aws: Callable[[Credentials], None],
    regional_buckets: Callable[[S3Endpoint], tuple[S3Endpoint, ...]],
) -> MakeS3Place:
    """Make a place with keys, documents and state in AWS's services: `kms_place(server.endpoint)`.

    `kms` gives other endpoints to the KMS of some regions. Aliases are the place's own, so that places do not meet.
    """

    def make(
        store: S3Endpoint,
        kms: Mapping[str, str] | None = None,
        name: str = "place",
        **policy: object,
    ) -> Place:
        aws(store.credentials)
        names = {region: _regional(store, region) for region in REGIONS}
        buckets = _buckets(regional_buckets(store), names)
        endpoints = dict.fromkeys(REGIONS, store.url) | dict(kms or {})
        config = kms_config(buckets, endpoints, **policy)
        config["keys"]["alias"] = f"alias/rotator-{next(_numbers)}/{{issuer}}"
        return Place(tmp_path / name, config, buckets=buckets, clients=AwsClients())

    return make


def _buckets(endpoints: tuple[S3Endpoint, ...], names: Mapping[str, str]) -> dict[str, Bucket]:
    """A folder of this place's own in each region's bucket."""
    folder = f"place-{next(_numbers)}"
    return {
        region: Bucket(endpoint, names[region], folder)
        for region, endpoint in zip(REGIONS, endpoints, strict=True)
    }


@pytest.fixture(scope="module")
def account(ministack_server: Ministack) -> tuple[S3Endpoint, HookedClients]:
    """An AWS account of a module's own, and clients for it, which take half a second to make."""
    return own_account(ministack_server.endpoint), HookedClients()


@pytest.fixture
def lives(kms_place: MakeS3Place, account: tuple[S3Endpoint, HookedClients]) -> Lives:
    """Places with keys in KMS, one after the other, whose every AWS call passes the test's hands."""
    store, clients = account
    return Lives(store, kms_place, clients)
