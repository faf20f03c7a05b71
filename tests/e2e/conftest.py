"""Places for the tests of whole lives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.adapters.aws_profiles import aws_environment
from tests.e2e.place import REGIONS, Bucket, Config, Place, file_config, s3_config
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
        folder = f"place-{next(_numbers)}"
        each = endpoints or (store,) * len(REGIONS)
        buckets = {
            region: Bucket(endpoint, bucket_names(store)[region], folder)
            for region, endpoint in zip(REGIONS, each, strict=True)
        }
        config: Config = s3_config(buckets, **policy)
        return Place(tmp_path / name, config, buckets=buckets)

    return make
