"""Private keys in every form that other systems keep them in; what is none is refused, and never quoted."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509 import load_pem_x509_certificate
from joserfc.jwk import ECKey, OKPKey, RSAKey

from rotator.jose.private import UnreadableHalfError, opened, plain, read_private
from rotator.jose.public import from_cryptography
from rotator.jose.signatures import PrivateKey
from tests.servers.certificates import make_certificate

RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, PrivateKey] = {
    "RSA": RSA,
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
PASSPHRASE = b"correct horse"
LOCKED = BestAvailableEncryption(PASSPHRASE)
every = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def written(
    key: PrivateKey,
    encoding: Encoding = Encoding.PEM,
    form: PrivateFormat = PrivateFormat.PKCS8,
    lock: KeySerializationEncryption | None = None,
) -> bytes:
    return key.private_bytes(encoding, form, lock or NoEncryption())


def jwk(key: PrivateKey) -> dict[str, Any]:
    match key:
        case rsa.RSAPrivateKey():
            return dict(RSAKey.import_key(written(key)).as_dict(private=True))
        case ec.EllipticCurvePrivateKey():
            return dict(ECKey.import_key(written(key)).as_dict(private=True))
        case _:
            return dict(OKPKey.import_key(written(key)).as_dict(private=True))


def same(found: PrivateKey, key: PrivateKey) -> bool:
    return found.public_key() == key.public_key()


def refused(data: bytes, passphrase: bytes | None = None, kid: str = "") -> UnreadableHalfError:
    with pytest.raises(UnreadableHalfError) as caught:
        read_private(data, passphrase, kid)
    assert caught.value.__cause__ is None
    return caught.value


@every
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_pkcs8(key: PrivateKey, encoding: Encoding, passphrase: bytes | None) -> None:
    assert same(read_private(written(key, encoding), passphrase), key)


@every
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_encrypted_pkcs8(key: PrivateKey, encoding: Encoding) -> None:
    data = written(key, encoding, lock=LOCKED)
    assert same(read_private(data, PASSPHRASE), key)
    assert "encrypted" in str(refused(data))
    assert "the passphrase does not open it" in str(refused(data, b"wrong"))
    assert refused(data, b"wrong").locked


@pytest.mark.parametrize("name", ["RSA", "P-256"])
@pytest.mark.parametrize("lock", [NoEncryption(), LOCKED], ids=["plain", "encrypted"])
def test_pkcs1_and_sec1(name: str, lock: KeySerializationEncryption) -> None:
    data = written(KEYS[name], form=PrivateFormat.TraditionalOpenSSL, lock=lock)
    assert same(read_private(data, PASSPHRASE), KEYS[name])


def test_the_format_of_openssh_is_named() -> None:
    data = written(KEYS["P-256"], form=PrivateFormat.OpenSSH)
    assert "ssh-keygen -p -m PKCS8" in str(refused(data, PASSPHRASE))


@every
def test_pkcs12(key: PrivateKey) -> None:
    assert isinstance(
        key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    )
    data = serialize_key_and_certificates(b"signing", key, None, None, LOCKED)
    assert same(read_private(data, PASSPHRASE), key)
    assert refused(data).locked
    assert "does not open it, or it is damaged" in str(refused(data, b"wrong"))
    assert refused(data, b"wrong").locked


@every
def test_a_jwk_alone_and_in_a_set(key: PrivateKey) -> None:
    members = jwk(key) | {"kid": "a"}
    other = jwk(KEYS["P-521"]) | {"kid": "b"}
    assert same(read_private(json.dumps(members, indent=2).encode()), key)
    both = json.dumps({"keys": [other, "junk", members]}).encode()
    assert same(read_private(both, kid="a"), key)
    assert "does not stand once" in str(refused(both, kid="c"))


def test_an_rsa_jwk_without_its_primes() -> None:
    members = {name: value for name, value in jwk(RSA).items() if name in {"kty", "n", "e", "d"}}
    assert same(read_private(json.dumps(members).encode()), RSA)


def test_what_stands_around_a_pem_does_not_matter() -> None:
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    data = (
        b"Bag Attributes\n"
        + parameters
        + written(KEYS["P-256"], form=PrivateFormat.TraditionalOpenSSL)
    )
    assert same(read_private(data), KEYS["P-256"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "neither PEM"),
        (b"junk", "neither PEM"),
        (b"[]", "neither PEM"),
        (b"0\x82", "damaged"),
        (b"{", "no JSON"),
        (b'{"kty":"RSA","kty":"EC"}', "no JSON"),
        (b"{}", "cannot sign"),
        (b'{"kty":["RSA"]}', "cannot sign"),
        (b'{"kty":"oct","k":"AAAA","d":""}', "cannot sign"),
        (b'{"keys":"none"}', "does not stand once"),
        (b'{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}', "public JWK"),
        (b'{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}', "do not make a key"),
        (b'{"kty":"RSA","n":5,"e":"AQAB","d":[]}', "do not make a key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "without a private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "damaged"),
        (written(KEYS["RSA"]) + written(KEYS["P-256"]), "2 private keys"),
    ],
)
def test_what_is_no_private_key(data: bytes, words: str) -> None:
    assert words in str(refused(data))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (ed448.Ed448PrivateKey.generate(), "kind"),
        (ec.generate_private_key(ec.SECP256K1()), "curve"),
        (ec.generate_private_key(ec.SECP224R1()), "curve"),
    ],
    ids=["Ed448", "secp256k1", "P-224"],
)
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_kinds_that_rotator_does_not_sign_with(key, words: str, encoding: Encoding) -> None:
    assert words in str(refused(written(key, encoding)))


def test_a_jwk_on_a_curve_that_rotator_does_not_sign_with() -> None:
    members = jwk(ec.generate_private_key(ec.SECP256K1()))
    assert "curve" in str(refused(json.dumps(members).encode()))


def test_pkcs12_without_a_key(tmp_path: Path) -> None:
    certificate = load_pem_x509_certificate(make_certificate(tmp_path).chain.read_bytes())
    data = serialize_key_and_certificates(None, None, certificate, None, LOCKED)
    assert "without a private key" in str(refused(data, PASSPHRASE))


def test_no_error_quotes_what_it_read() -> None:
    secret = "c2VjcmV0LXNlY3JldA"
    for data in (
        f'{{"kty":"RSA","d":"{secret}"}}',
        f"-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----",
    ):
        assert secret not in str(refused(data.encode()))


@every
def test_the_plain_form_opens_for_its_own_public_half_alone(key: PrivateKey) -> None:
    public = from_cryptography(key.public_key())
    assert same(opened(plain(key), public), key)
    other = KEYS["P-521"] if key is not KEYS["P-521"] else RSA
    with pytest.raises(UnreadableHalfError, match="another key"):
        opened(plain(other), public)
    with pytest.raises(UnreadableHalfError, match="no private key"):
        opened(b"junk", public)
