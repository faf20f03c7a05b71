"""`configs/aws/signer_example.py` signs as `docs/aws.md` says, with keys in ministack's KMS."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from configs.aws.signer_example import MustNotSignError, Signer
from tests.servers.ministack import Ministack

ALIAS = "alias/rotator/accounts"
CONTEXT = {"issuer": "accounts", "generation": "1"}
CLAIMS = {"iss": "https://auth.example.com", "sub": "alice"}
SPECS = {
    "RS256": "RSA_2048",
    "PS256": "RSA_2048",
    "ES256": "ECC_NIST_P256",
    "ES384": "ECC_NIST_P384",
    "ES512": "ECC_NIST_P521",
    "EdDSA": "ECC_NIST_EDWARDS25519",
}
pytestmark = pytest.mark.ministack


@dataclass
class Place:
    """A region: a bucket with a signing target, and KMS."""

    clients: Mapping[str, Any]
    bucket: str
    now_s: float = 1000.0
    public: dict[str, bytes] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.clients[service]

    def signer(self, kms: Any = None, alias: str | None = None) -> Signer:
        used = kms or self.client("kms")
        return Signer(
            self.client("s3"), used, self.bucket, "signing.json", alias, lambda: self.now_s
        )

    def orders(self, kid: str, alg: str, key: dict[str, Any], **others: Any) -> None:
        members = {
            "format": "rotator.signing/1",
            "generation": 1,
            "active": {"kid": kid, "alg": alg, "key": key},
            "revoked": [],
            "max_token_lifetime_s": 3600,
            "refresh_after_s": 60,
            "stop_after_s": 300,
            **others,
        }
        body = json.dumps(members).encode()
        self.client("s3").put_object(Bucket=self.bucket, Key="signing.json", Body=body)

    def kms_key(self, kid: str, alg: str) -> dict[str, Any]:
        """A key in KMS and what signing.json says of it."""
        kms = self.client("kms")
        made = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec=SPECS[alg])["KeyMetadata"]
        self.public[kid] = kms.get_public_key(KeyId=made["KeyId"])["PublicKey"]
        return {"kind": "kms", "key_id": made["Arn"], "region": "eu-central-1"}

    def wrapped_key(self, kid: str, alg: str) -> dict[str, Any]:
        """A pair that KMS made and wrapped, and what signing.json says of it."""
        kms = self.client("kms")
        wrapping = kms.create_key()["KeyMetadata"]["KeyId"]
        pair = kms.generate_data_key_pair_without_plaintext(
            KeyId=wrapping, KeyPairSpec=SPECS[alg], EncryptionContext=CONTEXT
        )
        self.public[kid] = pair["PublicKey"]
        ciphertext = base64.b64encode(pair["PrivateKeyCiphertextBlob"]).decode()
        return {"kind": "kms-wrapped", "ciphertext": ciphertext, "context": CONTEXT}

    def verified(self, token: str) -> tuple[str, dict[str, Any]]:
        """The kid that a token names and its claims, checked with the key of that kid."""
        header = jwt.get_unverified_header(token)
        public = load_der_public_key(self.public[header["kid"]])
        return header["kid"], jwt.decode(token, public, algorithms=[header["alg"]])  # type: ignore[arg-type]


@dataclass
class MovesTheAlias:
    """KMS for a signer to whom the alias moves after it has chosen the kid."""

    kms: Any
    to: str

    def sign(self, **request: Any) -> Any:
        self.kms.update_alias(AliasName=ALIAS, TargetKeyId=self.to)
        return self.kms.sign(**request)


@pytest.fixture(scope="module")
def clients(ministack_server: Ministack) -> Mapping[str, Any]:
    session = boto3.session.Session("test", "test", region_name="eu-central-1")
    url = ministack_server.endpoint.url
    return {
        "s3": session.client("s3", endpoint_url=url),
        "kms": session.client("kms", endpoint_url=url),
    }


@pytest.fixture
def place(ministack_server, new_bucket, clients) -> Place:
    return Place(clients, new_bucket(ministack_server.endpoint, "signer"))


@pytest.mark.parametrize("alg", SPECS)
def test_a_token_signed_by_kms_verifies(place, alg):
    place.orders("k1", alg, place.kms_key("k1", alg))
    assert place.verified(place.signer().token(CLAIMS, 60))[0] == "k1"


@pytest.mark.parametrize("alg", SPECS)
def test_a_token_signed_with_an_unwrapped_key_verifies(place, alg):
    place.orders("k1", alg, place.wrapped_key("k1", alg))
    assert place.verified(place.signer().token(CLAIMS, 60))[0] == "k1"


def test_a_token_lives_no_longer_than_allowed(place):
    place.orders("k1", "ES256", place.kms_key("k1", "ES256"), max_token_lifetime_s=600)
    _, claims = place.verified(place.signer().token(CLAIMS, 86_400))
    assert claims["exp"] - claims["iat"] == 600


def test_kid_and_key_stay_together_when_the_alias_moves_in_between(place):
    """Design T9b: the kid of one key over the signature of another is the classic failure."""
    old, new = place.kms_key("old", "ES256"), place.kms_key("new", "ES256")
    kms = place.client("kms")
    # Its own alone: the server is shared with other tests.
    if ALIAS in {alias["AliasName"] for alias in kms.list_aliases()["Aliases"]}:
        kms.delete_alias(AliasName=ALIAS)
    kms.create_alias(AliasName=ALIAS, TargetKeyId=old["key_id"])
    place.orders("old", "ES256", old)
    signer = place.signer(MovesTheAlias(kms, new["key_id"]), ALIAS)
    assert place.verified(signer.token(CLAIMS, 60))[0] == "old"
    place.orders("new", "ES256", new)
    place.now_s += 60
    assert place.verified(signer.token(CLAIMS, 60))[0] == "new"


def test_new_orders_are_followed_when_they_are_due(place):
    place.orders("k1", "ES256", place.wrapped_key("k1", "ES256"))
    signer = place.signer()
    assert place.verified(signer.token(CLAIMS, 60))[0] == "k1"
    place.orders("k2", "ES256", place.wrapped_key("k2", "ES256"), generation=2)
    place.now_s += 59
    assert place.verified(signer.token(CLAIMS, 60))[0] == "k1"
    place.now_s += 1
    assert place.verified(signer.token(CLAIMS, 60))[0] == "k2"


def test_older_orders_are_not_followed(place):
    place.orders("k2", "ES256", place.kms_key("k2", "ES256"), generation=2)
    signer = place.signer()
    signer.token(CLAIMS, 60)
    place.orders("k1", "ES256", place.kms_key("k1", "ES256"), generation=1)
    place.now_s += 60
    assert place.verified(signer.token(CLAIMS, 60))[0] == "k2"
    place.now_s += 240
    with pytest.raises(MustNotSignError, match="too long"):
        signer.token(CLAIMS, 60)


def test_without_fresh_orders_a_signer_goes_on_until_it_must_stop(place):
    place.orders("k1", "ES256", place.kms_key("k1", "ES256"))
    signer = place.signer()
    signer.token(CLAIMS, 60)
    place.client("s3").delete_object(Bucket=place.bucket, Key="signing.json")
    place.now_s += 299
    assert place.verified(signer.token(CLAIMS, 60))[0] == "k1"
    place.now_s += 1
    with pytest.raises(MustNotSignError, match="too long"):
        signer.token(CLAIMS, 60)


def test_a_signer_starts_when_there_are_orders(place):
    signer = place.signer()
    with pytest.raises(MustNotSignError, match="too long"):
        signer.token(CLAIMS, 60)
    place.orders("k1", "ES256", place.kms_key("k1", "ES256"))
    place.now_s += 5
    assert place.verified(signer.token(CLAIMS, 60))[0] == "k1"


def test_a_revoked_key_signs_nothing(place):
    place.orders("k1", "ES256", place.kms_key("k1", "ES256"), revoked=["k1"])
    with pytest.raises(MustNotSignError, match="revoked"):
        place.signer().token(CLAIMS, 60)
