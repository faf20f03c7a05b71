"""A set that lies in buckets, signed with by somebody else: PyJWT takes every token before, during and after the takeover."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rotator.adapters.kms.specs import public_half
from rotator.aws import AwsClients
from rotator.domain.jwk import Algorithm, Jwk, PublicKey
from rotator.domain.jwks import own_entry
from rotator.jose.public import from_cryptography
from tests.e2e.kms_onlooker import kms_client, own_account
from tests.e2e.place import REGIONS, URL, Place
from tests.fakes.clock import FakeClock
from tests.scenarios.strangers import stranger
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint

KID = "5oEN4kuGz0P9-q3.legacy"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
pytestmark = pytest.mark.slow


def the_set(public: PublicKey | None = None, alg: Algorithm = Algorithm.RS256) -> bytes:
    """As somebody wrote it: their order, their white space."""
    entry = own_entry(Jwk(KID, alg, public or from_cryptography(KEY.public_key())))
    return json.dumps(
        {"keys": [json.loads(e.text) for e in (stranger(), entry)]}, indent=4
    ).encode()


def served(place: Place, region: str) -> bytes:
    bucket = place.buckets[region]
    body = bucket.read(f"{bucket.folder}/accounts/jwks.json")
    assert body is not None
    return body


def serve(place: Place, body: bytes) -> None:
    for bucket in place.buckets.values():
        key = f"{bucket.folder}/accounts/jwks.json"
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body)


def everybody_takes(place: Place, *tokens: str) -> None:
    """A PyJWT that has just fetched a region's document takes these tokens, in every region."""
    for region in REGIONS:
        keys = jwt.PyJWKSet.from_json(served(place, region).decode())
        for token in tokens:
            key = keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token, key, issuer=URL, options={"verify_exp": False, "verify_iat": False}
            )
            assert claims["iss"] == URL


@pytest.mark.s3
def test_from_the_first_bucket_to_a_lost_state(
    s3_place: Callable[..., Place], seaweedfs_endpoint: S3Endpoint, tmp_path: Path
) -> None:
    place = s3_place(seaweedfs_endpoint, algorithm="RS256", rsa_bits=2048)
    place.clients = AwsClients()
    clock = place.clock = FakeClock(datetime.now(UTC))
    serve(place, the_set())
    (tmp_path / "jwks.json").write_bytes(the_set())
    (tmp_path / "sa.key").write_bytes(PEM)
    before = jwt.encode({"iss": URL}, KEY, algorithm="RS256", headers={"kid": KID})
    everybody_takes(place, before)

    words = (
        "--jwks",
        tmp_path / "jwks.json",
        "--active",
        KID,
        "--private-key",
        tmp_path / "sa.key",
    )
    place.ok("import", "accounts", *words, "--yes")
    assert {served(place, region) for region in REGIONS} == {the_set()}
    place.ok("apply", "--yes")
    tokens = [before, *(place.token(region) for region in REGIONS)]
    assert {jwt.get_unverified_header(token)["kid"] for token in tokens} == {KID}

    place.ok("release", "accounts")
    for _ in range(7):
        clock.advance(timedelta(days=14))
        place.ok("apply", "--yes")
        tokens.append(place.token(REGIONS[1]))
        everybody_takes(place, *tokens)
    assert jwt.get_unverified_header(tokens[-1])["kid"] != KID

    for path in place.state_file.parent.glob("state.db*"):
        path.unlink()
    said = place.ok("state", "import", "--from-regions", "--yes")
    assert f"retired  {KID}" in said
    assert f"foreign  {stranger().kid}" in said
    place.ok("adopt", "accounts", stranger().kid)
    place.ok("apply", "--yes")
    everybody_takes(place, *tokens, place.token(REGIONS[2]))


@pytest.mark.ministack
def test_a_key_that_is_in_kms_already(
    kms_place: Callable[..., Place], ministack_server: Ministack, tmp_path: Path
) -> None:
    store = own_account(ministack_server.endpoint)
    place = kms_place(store)
    kms = kms_client(store, REGIONS[0])
    asked = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="ECC_NIST_P256", MultiRegion=True)
    arn = asked["KeyMetadata"]["Arn"]
    public = public_half(kms.get_public_key(KeyId=arn)["PublicKey"])
    body = the_set(public, Algorithm.ES256)
    serve(place, body)
    (tmp_path / "jwks.json").write_bytes(body)
    words = ("--jwks", tmp_path / "jwks.json", "--active", KID, "--kms-key", arn)
    place.ok("import", "accounts", *words, "--yes")
    place.ok("apply", "--yes")
    tokens = [place.token(region) for region in REGIONS]
    everybody_takes(place, *tokens)
    assert {jwt.get_unverified_header(token)["kid"] for token in tokens} == {KID}
    place.ok("release", "accounts")
    place.ok("apply", "--yes")
    assert place.phases() == ["active", "published"]
