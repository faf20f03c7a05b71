"""What other systems have when rotator comes: key sets and private keys in the shapes that they serve and keep.

The keys are always the same, so that a page may print their kids; nobody else has them, and nothing else uses them.
"""

from __future__ import annotations

import hashlib
import json
import math
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import count
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from rotator.config.template import template
from rotator.domain.jwk import RsaPublic, b64url
from rotator.jose.public import from_cryptography
from tests.docs.story import Story

REGIONS: Final = ("us-east-1", "eu-central-1", "ap-northeast-1")
Members = dict[str, Any]
_E: Final = 65537


def keycloak(story: Story) -> None:
    """A realm that signs RS256, with its key for encryption beside; certificates of one line each."""
    signs, wraps = _rsa("keycloak signs"), _rsa("keycloak wraps")
    keys = [
        _members(wraps, _hash_of_spki(wraps), use="enc", alg="RSA-OAEP") | _certificate(wraps),
        _members(signs, _hash_of_spki(signs), use="sig", alg="RS256") | _certificate(signs),
    ]
    url = "https://keycloak.example.com/realms/main/protocol/openid-connect/certs"
    _served(story, url, keys)
    _file(story, "realm-key.pem", _pem(signs, PrivateFormat.TraditionalOpenSSL))
    _configured(story)


def hydra(story: Story) -> None:
    """The private set of JWKs that the admin API hands out: the newest signs, the one before has living tokens."""
    signs, before = _rsa("hydra signs"), _rsa("hydra before")
    kids = ("0c2f7d51-6a0b-4c1e-9d3f-5b8a7e2f4c60", "f3b1c9aa-27d4-4e55-8a0e-9c6d1e7b2a18")
    keys = [
        _private(key, kid, use="sig", alg="RS256")
        for key, kid in zip((signs, before), kids, strict=True)
    ]
    _file(story, "hydra-keys.json", _json(keys))
    _configured(story)


def dex(story: Story) -> None:
    """The key of Dex's storage as a private JWK, and what it serves at /keys."""
    signs, before = _rsa("dex signs"), _rsa("dex before")
    kid, old = (hashlib.sha256(word).hexdigest()[:40] for word in (b"dex signs", b"dex before"))
    _file(story, "dex-key.json", json.dumps(_private(signs, kid, use="sig", alg="RS256")).encode())
    keys = [_members(key, k, use="sig", alg="RS256") for key, k in ((signs, kid), (before, old))]
    _served(story, "https://dex.example.com/keys", keys)
    _configured(story)


def static_file(story: Story) -> None:
    """A JWKS file as Auth0 serves one, in every region already; its key in a PKCS #12 file, the kid an `x5t`."""
    signs = _rsa("static signs")
    found = _certificate(signs)
    keys = [_members(signs, found["x5t"], alg="RS256", use="sig") | found]
    _configured(story)
    for region in REGIONS:
        _regional(story, f"{region}/accounts/jwks.json", _json(keys))
    _file(story, "jwks.json", _json(keys))
    locked = BestAvailableEncryption(b"a long passphrase")
    certificate = _made_certificate(signs)
    _file(
        story,
        "signing.p12",
        serialize_key_and_certificates(b"signing", signs, certificate, None, locked),
    )
    _file(story, "p12.passphrase", b"a long passphrase\n")


def kubernetes(story: Story) -> None:
    """A cluster whose issuer is a bucket: `sa.key`, and the public set at openid/v1/jwks beside the discovery document."""
    signs = _rsa("kubernetes signs")
    keys = [_members(signs, _hash_of_spki(signs), use="sig", alg="RS256")]
    _file(story, "sa.key", _pem(signs, PrivateFormat.TraditionalOpenSSL))
    text = _for_rs256(template(aws=False))
    for region in REGIONS:
        text = text.replace(
            f"regions/{region}/{{issuer}}/jwks.json", f"regions/{region}/openid/v1/jwks"
        )
        _regional(story, f"{region}/openid/v1/jwks", _json(keys))
    _file(story, "rotator.yaml", text.encode())
    _file(story, "jwks.json", _json(keys))


TAKEOVERS: Final[dict[str, Callable[[Story], None]]] = {
    "a realm of Keycloak": keycloak,
    "an installation of Hydra": hydra,
    "an installation of Dex": dex,
    "a JWKS file of our own": static_file,
    "a cluster whose issuer is a bucket": kubernetes,
}


def _configured(story: Story) -> None:
    _file(story, "rotator.yaml", _for_rs256(template(aws=False)).encode())


def _for_rs256(text: str) -> str:
    """The template with the algorithm that these systems sign with."""
    return text.replace("algorithm: ES256 ", "algorithm: RS256 ")


def _served(story: Story, url: str, keys: list[Members]) -> None:
    body = _json(keys)
    story.probe.serve(url, lambda: body)


def _regional(story: Story, name: str, content: bytes) -> None:
    path = story.folder / "regions" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


def _file(story: Story, name: str, content: bytes) -> None:
    (story.folder / name).write_bytes(content)


def _json(keys: list[Members]) -> bytes:
    return json.dumps({"keys": keys}, indent=2).encode()


def _members(key: rsa.RSAPrivateKey, kid: str, **labels: str) -> Members:
    public = from_cryptography(key.public_key())
    assert isinstance(public, RsaPublic)
    return {"kty": "RSA", "kid": kid, **labels, "n": public.n, "e": public.e}


def _private(key: rsa.RSAPrivateKey, kid: str, **labels: str) -> Members:
    numbers = key.private_numbers()
    named = {
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    octets = {n: v.to_bytes((v.bit_length() + 7) // 8, "big") for n, v in named.items()}
    return _members(key, kid, **labels) | {name: b64url(value) for name, value in octets.items()}


def _pem(key: rsa.RSAPrivateKey, form: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


def _hash_of_spki(key: rsa.RSAPrivateKey) -> str:
    """The kid that Keycloak and Kubernetes compute: SHA-256 over the DER public key, base64url."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64url(hashlib.sha256(der).digest())


@cache
def _made_certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "main")])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2034, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )


def _certificate(key: rsa.RSAPrivateKey) -> Members:
    """The members x5c (RFC 7517 §4.7), x5t and x5t#S256."""
    der = _made_certificate(key).public_bytes(Encoding.DER)
    return {
        "x5c": [b64encode(der).decode()],
        "x5t": b64url(hashlib.sha1(der, usedforsecurity=False).digest()),
        "x5t#S256": b64url(hashlib.sha256(der).digest()),
    }


@cache
def _rsa(seed: str) -> rsa.RSAPrivateKey:
    """A key of 2048 bits that is the same for the same seed."""
    primes = (_prime(f"{seed} p"), _prime(f"{seed} q"))
    p, q = max(primes), min(primes)
    d = pow(_E, -1, math.lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(_E, p * q)
    numbers = rsa.RSAPrivateNumbers(
        p=p, q=q, d=d, dmp1=d % (p - 1), dmq1=d % (q - 1), iqmp=pow(q, -1, p), public_numbers=public
    )
    return numbers.private_key()


def _prime(seed: str) -> int:
    return next(n for n in _candidates(seed) if _is_prime(n))


def _candidates(seed: str) -> Iterator[int]:
    """Odd numbers of 1024 bits whose two highest bits are set, so that a product has 2048."""
    start = int.from_bytes(
        b"".join(hashlib.sha256(f"{seed} {n}".encode()).digest() for n in range(4))
    )
    first = start | 3 << 1022 | 1
    small = [p for p in range(3, 2000, 2) if all(p % q for q in range(3, int(p**0.5) + 1, 2))]
    for step in count(0, 2):
        if all((first + step) % p for p in small) and math.gcd(first + step - 1, _E) == 1:
            yield first + step


def _is_prime(n: int) -> bool:
    """Fermat's test, to the bases in which a random number of this size passes it by chance never."""
    return all(pow(base, n - 1, n) == 1 for base in (2, 3, 5, 7))
