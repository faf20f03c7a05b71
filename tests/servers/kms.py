"""KMS in three regions of one emulator, as a configuration reaches it, and directly."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from rotator.adapters.kms import KmsAlias, KmsKeys, WrappedKeys
from rotator.aws import AwsAccess, AwsClients
from rotator.ports import KeyName
from tests.fakes.clock import START, FakeClock
from tests.servers.faulty import Answer, Request

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

PRIMARY = "us-east-1"
REGIONS = (PRIMARY, "eu-central-1", "ap-northeast-1")
LONG_AGO = timedelta(hours=1)
_JSON = {"Content-Type": "application/x-amz-json-1.1"}
SHARED = AwsClients()
"""The emulators ask for no credentials, so that clients may be shared by tests, as they are by threads."""


@dataclass
class KmsPlace:
    """Adapters on `url`, whose requests may pass a proxy, with credentials from the environment.

    `profile` is the AWS profile to use; every place is a lineage of its own, so that keys of others do not matter.
    """

    url: str
    profile: str | None = None
    patience: timedelta = timedelta(seconds=10)
    clock: FakeClock = field(default_factory=FakeClock)
    lineage: str = field(default_factory=lambda: uuid.uuid4().hex)
    clients: AwsClients = SHARED

    @property
    def issuer(self) -> str:
        """An issuer that nobody else has keys of."""
        return f"accounts-{self.lineage}"

    def access(self, region: str, url: str | None = None) -> AwsAccess:
        """One region's access."""
        return AwsAccess(
            region,
            profile=self.profile,
            kms_endpoint=url or self.url,
            connect_timeout=self.patience,
            read_timeout=self.patience,
        )

    def accesses(self, elsewhere: Mapping[str, str] | None = None) -> dict[str, AwsAccess]:
        """Every region's access; `elsewhere` has other URLs for some."""
        urls = elsewhere or {}
        return {region: self.access(region, urls.get(region)) for region in REGIONS}

    def keys(
        self, *, policy: str | None = None, elsewhere: Mapping[str, str] | None = None
    ) -> KmsKeys:
        """A key store."""
        window, accesses = timedelta(days=7), self.accesses(elsewhere)
        return KmsKeys(self.clients, accesses, PRIMARY, policy, window, self.clock)

    def wrapped(self, wrapping_key: str) -> WrappedKeys:
        """A store of wrapped keys."""
        return WrappedKeys(self.clients, self.accesses(), PRIMARY, wrapping_key)

    def alias(self, name: str, region: str = PRIMARY) -> KmsAlias:
        """One region's alias."""
        return KmsAlias(self.clients, self.access(region), name)

    def name(
        self, generation: int, intent: str = "intent", *, asked_at: datetime = START - LONG_AGO
    ) -> KeyName:
        """What a key is asked for under."""
        return KeyName(self.issuer, generation, self.lineage, intent, asked_at)


@cache
def direct_kms(url: str, region: str = PRIMARY) -> KMSClient:
    """A boto3 client of the test's own."""
    session = boto3.session.Session("test", "test", region_name=region)
    return session.client(
        "kms", endpoint_url=url, config=Config(retries={"total_max_attempts": 1}, read_timeout=20)
    )


@cache
def wrapping_key(url: str, alias: str) -> str:
    """Make a multi-region encryption key with replicas and an alias in every region; its ARN."""
    client = direct_kms(url)
    arn = client.create_key(MultiRegion=True)["KeyMetadata"]["Arn"]
    client.create_alias(AliasName=alias, TargetKeyId=arn)
    for region in REGIONS[1:]:
        replica: Any = client.replicate_key(KeyId=arn, ReplicaRegion=region)["ReplicaKeyMetadata"]
        direct_kms(url, region).create_alias(AliasName=alias, TargetKeyId=replica["Arn"])
    return arn


def kms_answer(members: Mapping[str, Any]) -> Answer:
    """Answer as KMS does."""
    return Answer(200, json.dumps(members).encode(), _JSON)


def kms_error(code: str, message: str = "no", status: int = 400) -> Answer:
    """Refuse as KMS does."""
    return Answer(status, json.dumps({"__type": code, "message": message}).encode(), _JSON)


def is_call(*operations: str) -> Callable[[Request], bool]:
    """Pick the requests for these operations."""
    return lambda request: operation_of(request) in operations


def operation_of(request: Request) -> str:
    """What a request asks for: `CreateKey`."""
    return request.headers.get("x-amz-target", "").rpartition(".")[2]


def region_of(request: Request) -> str:
    """The region that a request was signed for."""
    return request.headers["authorization"].split("/")[2]
