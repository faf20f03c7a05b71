"""What KMS and the buckets show of a place, and what signers and verifiers make of it, without rotator.

A test has an AWS account of its own: every key that comes into it while a place lives is the place's.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import boto3

from tests.e2e.alias_signer import AliasSigner
from tests.e2e.consumers import Issued, Verifiers, issued, key_set
from tests.e2e.place import ISSUER, URL, Place
from tests.servers.s3 import Credentials, S3Endpoint

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

LIFETIME = timedelta(days=30)
ENDING = {"PendingDeletion", "PendingReplicaDeletion"}
_accounts = itertools.count(700_000_000_001)


def own_account(store: S3Endpoint) -> S3Endpoint:
    """The endpoint as somebody of an account that nobody else uses: ministack takes twelve digits for one."""
    return S3Endpoint(store.url, Credentials(str(next(_accounts)), "test"), store.region)


@cache
def kms_client(store: S3Endpoint, region: str) -> KMSClient:
    """A client of the tests' own, in the account of the endpoint's credentials."""
    return boto3.client(
        "kms",
        region_name=region,
        endpoint_url=store.url,
        aws_access_key_id=store.credentials.access_key,
        aws_secret_access_key=store.credentials.secret_key,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """A key as one region's KMS shows it; no kid when it carries none."""

    arn: str
    kid: str | None
    state: str


@dataclass
class Onlooker:
    """Looks at a place from its beginning; `store` is the endpoint that answers, not one that is broken on purpose."""

    place: Place
    store: S3Endpoint
    verifiers: Verifiers = field(default_factory=lambda: Verifiers(timedelta(seconds=30)))
    _kids: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.regions: Sequence[str] = tuple(self.place.config["regions"])
        self.alias = self.place.config["keys"]["alias"].replace("{issuer}", ISSUER)
        self.kms = {name: kms_client(self.store, name) for name in self.regions}
        self.signers = {
            name: AliasSigner(client, self.alias, partial(self.place.signing, name))
            for name, client in self.kms.items()
        }
        self._others = {arn for client in self.kms.values() for arn in _listed(client)}

    def keys(self, region: str) -> list[Seen]:
        """Every key that there is of the place in a region."""
        client = self.kms[region]
        return [self._seen(client, arn) for arn in _listed(client) if arn not in self._others]

    def target(self, region: str) -> str | None:
        """The ARN that the region's alias points at."""
        client = self.kms[region]
        try:
            return client.describe_key(KeyId=self.alias)["KeyMetadata"]["Arn"]
        except client.exceptions.NotFoundException:
            return None

    def sign(self, now: datetime) -> list[Issued]:
        """A token of the longest life from every region that can sign yet."""
        tokens = [
            issued(text, region)
            for region, signer in self.signers.items()
            if self.target(region) and (text := signer.token(URL, now, LIFETIME))
        ]
        self.verifiers.take(tokens)
        return tokens

    def everything_verifies(self, now: datetime, when: str) -> None:
        """Each region signs, and every token that lives verifies in every region (I1, I2)."""
        documents = {name: self.place.jwks(name) for name in self.regions}
        tokens = self.sign(now)
        if not tokens and None in documents.values():
            return  # the very first apply: nobody signs yet
        served = {name: body or b"" for name, body in documents.items()}
        self.verifiers.check_all(served, now)
        assert self.verifiers.refused == [], when

    def is_settled(self, phases: Sequence[str], now: datetime, when: str) -> None:
        """Where an apply ends: documents agree, aliases follow, every key is known and in its state (I3, I7)."""
        history = self.place.history()
        assert [key["phase"] for key in history] == list(phases), when
        active = next(key["kid"] for key in history if key["phase"] == "active")
        assert len({self.place.jwks(name) for name in self.regions}) == 1, when
        served = {key["kid"] for key in history if key["phase"] not in {"removed", "revoked"}}
        assert key_set(self.place.jwks(self.regions[0]) or b"").keys() == served, when
        for region in self.regions:
            self._region_is_settled(region, active, {key["kid"]: key for key in history}, when)
        self.everything_verifies(now, when)
        verified = self.place.run("verify")
        assert verified.code == 0, (when, verified)

    def _region_is_settled(
        self, region: str, active: str, history: Mapping[str, Mapping[str, Any]], when: str
    ) -> None:
        found = self.keys(region)
        kids = [str(key.kid) for key in found]
        assert sorted(kids) == sorted(history), f"orphans, losses or doubles in {region}: {when}"
        states = dict(zip(kids, (key.state for key in found), strict=True))
        wrong = {
            kid: (states[kid], key)
            for kid, key in history.items()
            if states[kid] not in _right(key)
        }
        assert not wrong, (when, region, wrong)
        orders = json.loads(self.place.signing(region) or b"{}")
        assert orders["active"]["kid"] == active, (when, region)
        arn = next(key.arn for key in found if key.kid == active)
        assert orders["active"]["key"]["key_id"] == arn == self.target(region), (when, region)

    def _seen(self, client: KMSClient, arn: str) -> Seen:
        if arn not in self._kids:
            tags = client.list_resource_tags(KeyId=arn)["Tags"]
            marked = [tag["TagValue"] for tag in tags if tag["TagKey"] == "rotator:kid"]
            self._kids.update(dict.fromkeys([arn] if marked else [], "".join(marked)))
        state = client.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
        return Seen(arn, self._kids.get(arn), state)


def _listed(client: KMSClient) -> list[str]:
    pages = client.get_paginator("list_keys").paginate()
    return [key["KeyArn"] for page in pages for key in page["Keys"]]


def _right(key: Mapping[str, Any]) -> set[str]:
    """The states that a key may be in, going by its history."""
    match key["phase"]:
        case "active" | "published":
            return {"Enabled"}
        case "retired":
            return {"Enabled", "Disabled"}
        case _:
            return ENDING
