"""Places for the tests of whole lives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.adapters.aws_profiles import aws_environment
from tests.e2e.place import REGIONS, Bucket, Config, Place, file_config, s3_config
from tests.servers.s3 import Credentials, S3Endpoint

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


@pytest.fixture
def s3_place(
    tmp_path: Path,
    aws: Callable[[Credentials], None],
    new_bucket: Callable[[S3Endpoint, str], str],
) -> MakeS3Place:
    """Make a place whose three regions are buckets: `s3_place(endpoint, …)`, one endpoint for each or for all."""

    def make(*endpoints: S3Endpoint, name: str = "place", **policy: object) -> Place:
        aws(endpoints[0].credentials)
        each = endpoints if len(endpoints) > 1 else endpoints * len(REGIONS)
        buckets = {
            region: Bucket(endpoint, new_bucket(endpoint, region))
            for region, endpoint in zip(REGIONS, each, strict=True)
        }
        config: Config = s3_config(buckets, **policy)
        return Place(tmp_path / name, config, buckets=buckets)

    return make
