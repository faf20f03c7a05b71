"""Access to S3 servers as a configuration gives it: by profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.s3_target import AwsAccess, AwsClients, S3Target
from tests.adapters.aws_profiles import aws_environment
from tests.servers.s3 import Credentials, S3Endpoint

HURRIED = timedelta(seconds=1)
Profiles = Callable[[Mapping[str, Credentials]], None]
MakeTarget = Callable[..., S3Target]


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profiles:
    """Set the only AWS profiles there are."""

    def use(named: Mapping[str, Credentials]) -> None:
        for name, value in aws_environment(tmp_path / "aws", named).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return use


@pytest.fixture
def s3_target(profiles: Profiles) -> MakeTarget:
    """Make a target: `s3_target(endpoint, bucket, credentials=…, role_arn=…)`; more goes into the access."""

    def make(
        endpoint: S3Endpoint,
        bucket: str,
        *,
        credentials: Credentials | None = None,
        patience: timedelta = timedelta(seconds=10),
        **access: str,
    ) -> S3Target:
        profiles({"tested": credentials or endpoint.credentials})
        usual = AwsAccess(
            region="us-east-1",
            profile="tested",
            endpoint=endpoint.url,
            connect_timeout=patience,
            read_timeout=patience,
        )
        reached = replace(usual, **access)  # type: ignore[arg-type]
        key, content_type = "accounts/jwks.json", "application/jwk-set+json"
        return S3Target(AwsClients(), reached, bucket, key, content_type)

    return make
