"""A year of keys that live in KMS: five algorithms over three regions, tokens signed by each region's KMS through its alias.

State, key sets and signing targets are S3 objects. Nothing of a token passes through rotator: signers read
`signing.json`, verifiers read the key sets.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import jwt
import pytest

from tests.consumers.libraries import Case, node
from tests.e2e.alias_signer import AliasSigner
from tests.e2e.consumers import Verifiers, issued
from tests.e2e.place import REGIONS, Place, moment
from tests.e2e.year import DAY, LEEWAY, REMOVAL, STOP
from tests.fakes.clock import FakeClock
from tests.servers.ministack import Ministack
from tests.servers.webserver import WebServer

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")
"""EdDSA is an Ed25519 key under the label that PyJWT reads."""
LONGEST = 30 * DAY
ROLLBACK = 7 * DAY
LATE_WRITE = timedelta(minutes=5)


@dataclass
class Issuer:
    """One issuer of the place with its signers and verifiers."""

    place: Place
    name: str
    url: str
    signers: Mapping[str, AliasSigner]
    verifiers: Verifiers
    for_node: list[Case] = field(default_factory=list)

    def document(self, region: str, which: str) -> bytes | None:
        where = self.place.config["regions"][region][which]
        return self.place.buckets[region].read(where["key"].replace("{issuer}", self.name))

    def sign(self, now: datetime) -> None:
        """A token of the longest life from each region's KMS."""
        for region, signer in self.signers.items():
            text = signer.token(self.url, now, LONGEST)
            assert text
            self.verifiers.take([issued(text, f"{self.name} in {region}")])

    def check(self, now: datetime) -> None:
        documents = {region: self.document(region, "jwks") or b"" for region in REGIONS}
        self.verifiers.check_all(documents, now)

    def history(self) -> list[dict[str, Any]]:
        (found,) = self.place.json("history", "--issuer", self.name)["issuers"]
        keys: list[dict[str, Any]] = found["keys"]
        return keys


def kms_client(server: Ministack, region: str) -> KMSClient:
    return boto3.client(
        "kms",
        region_name=region,
        endpoint_url=server.endpoint.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def kms(time_machine: Ministack) -> dict[str, KMSClient]:
    return {region: kms_client(time_machine, region) for region in REGIONS}


@pytest.fixture
def place(kms_place: Callable[..., Place], time_machine: Ministack) -> Place:
    """Five issuers, one of each algorithm; rotator runs every five days at most."""
    made = kms_place(time_machine.endpoint, rotate_every="60d", run_every="5d", rsa_bits=2048)
    made.config["issuers"] = {
        alg.lower(): {"url": f"https://{alg.lower()}.example.com", "policy": {"algorithm": alg}}
        for alg in ALGORITHMS
    }
    made.write_config()
    return made


def issuers_of(place: Place, kms: Mapping[str, KMSClient]) -> list[Issuer]:
    found = []
    for name, spec in place.config["issuers"].items():
        issuer = Issuer(place, name, spec["url"], {}, Verifiers(LEEWAY, spec["url"]))
        alias = place.config["keys"]["alias"].replace("{issuer}", name)
        issuer.signers = {
            region: AliasSigner(kms[region], alias, _reader(issuer, region)) for region in REGIONS
        }
        found.append(issuer)
    return found


def _reader(issuer: Issuer, region: str) -> Callable[[], bytes | None]:
    return lambda: issuer.document(region, "signing")


@pytest.mark.slow
@pytest.mark.timetravel
@pytest.mark.node
def test_a_year_in_kms(
    place: Place, time_machine: Ministack, kms: dict[str, KMSClient], web: WebServer
) -> None:
    clock, dice = FakeClock(), random.Random(11)
    place.clock = clock
    time_machine.travel_to(clock.now())
    issuers, end = issuers_of(place, kms), clock.now() + 400 * DAY
    while clock.now() < end:
        ran = place.run("apply", "--yes")
        assert ran.code == 0, ran
        for issuer in issuers:
            issuer.sign(clock.now())
            issuer.check(clock.now())
            keep_for_node(issuer, dice, clock.now(), web)
        gap = dice.choice((3, 4, 5, 5)) * DAY + timedelta(minutes=dice.randrange(-90, 0))
        time_machine.travel_to(clock.advance(gap))
        for issuer in issuers:
            issuer.check(clock.now())

    for issuer in issuers:
        assert issuer.verifiers.refused == [], issuer.name
        assert issuer.verifiers.checked > 10_000
    keys_end_as_they_should(issuers, kms, clock.now())
    node_accepts(issuers)
    assert place.run("verify").code == 0
    place.ok("audit", "--verify")


def keep_for_node(issuer: Issuer, dice: random.Random, now: datetime, web: WebServer) -> None:
    """Some living token with the document that some region serves now, for node to judge in one go at the end."""
    token = dice.choice(issuer.verifiers.alive)
    body = issuer.document(dice.choice(REGIONS), "jwks")
    assert body
    name = f"{hashlib.sha256(body).hexdigest()}.json"
    (web.directory / name).write_bytes(body)
    alg = jwt.get_unverified_header(token.text)["alg"]
    at = int(min(now, token.exp).timestamp())
    issuer.for_node.append(Case(web.url(name), token.text, alg, issuer.url, at))


def node_accepts(issuers: Sequence[Issuer]) -> None:
    cases = [case for issuer in issuers for case in issuer.for_node]
    answers = node("jose")(cases)
    refused = [(c, a.why) for c, a in zip(cases, answers, strict=True) if not a.ok]
    assert len(cases) > 400
    assert not refused, refused[:3]


def keys_end_as_they_should(
    issuers: Sequence[Issuer], kms: Mapping[str, KMSClient], now: datetime
) -> None:
    """Every key of KMS is known to a history, and in each region in the state that its life has come to."""
    expected = {key["kid"]: _state_of(key, now) for issuer in issuers for key in issuer.history()}
    removed = [key for issuer in issuers for key in issuer.history() if key["removed_at"]]
    assert len(removed) >= 3 * len(issuers)
    for key in removed:
        assert moment(key["removed_at"]) >= moment(key["retired_at"]) + REMOVAL
    for region, client in kms.items():
        found = {
            _kid(client, key["KeyId"]): client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            for page in client.get_paginator("list_keys").paginate()
            for key in page["Keys"]
        }
        states = {kid: {metadata["KeyState"]} for kid, metadata in found.items()}
        assert states.keys() == expected.keys(), f"orphans or losses in {region}"
        wrong = {
            kid: (states[kid], want) for kid, want in expected.items() if not states[kid] <= want
        }
        assert not wrong, region


def _state_of(key: Mapping[str, Any], now: datetime) -> set[str]:
    match key["phase"]:
        case "active" | "published":
            return {"Enabled"}
        case "retired":
            disabled = moment(key["retired_at"]) + STOP + ROLLBACK + LATE_WRITE
            # The last run may have been five days ago.
            if disabled <= now - 5 * DAY:
                return {"Disabled"}
            return {"Enabled"} if disabled > now else {"Enabled", "Disabled"}
        case _:
            return {"PendingDeletion", "PendingReplicaDeletion"}


def _kid(client: KMSClient, key: str) -> str:
    tags = client.list_resource_tags(KeyId=key)["Tags"]
    return next(tag["TagValue"] for tag in tags if tag["TagKey"] == "rotator:kid")
