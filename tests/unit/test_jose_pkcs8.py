"""Encrypted PKCS #8: opened by `cryptography` and by Node, and known to be whole."""

import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rotator.adapters.local_keys import new_private_key
from rotator.domain.jwk import Algorithm
from rotator.jose import pkcs8
from rotator.jose.signatures import PrivateKey

SALT, IV = bytes(range(16)), bytes(range(100, 116))


def private_key(algorithm: Algorithm) -> PrivateKey:
    return new_private_key(algorithm, 4096 if algorithm is Algorithm.RS512 else 2048)


@pytest.mark.parametrize(
    "algorithm", [Algorithm.RS256, Algorithm.RS512, Algorithm.ES256, Algorithm.ES512, "Ed25519"]
)
@pytest.mark.parametrize("rounds", [1, 127, 128, 2048, 600_000])
def test_any_cost_is_written_and_opened_again(algorithm: str, rounds: int) -> None:
    key = private_key(Algorithm(algorithm))
    pem = pkcs8.encrypt(key, b"pass phrase", rounds, SALT, IV)
    opened = load_pem_private_key(pem, b"pass phrase", unsafe_skip_rsa_key_validation=True)
    assert opened.public_key() == key.public_key()
    assert pkcs8.is_whole(pem)
    with pytest.raises(ValueError):  # noqa: PT011 - what it finds depends on what decrypting gave
        load_pem_private_key(pem, b"other")


@pytest.mark.node
@pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.ES384, Algorithm.EDDSA])
def test_node_opens_it_too(algorithm: Algorithm) -> None:
    pem = pkcs8.encrypt(private_key(algorithm), b"secret", 600_000, SALT, IV)
    script = (
        "const key = require('crypto').createPrivateKey("
        "{key: require('fs').readFileSync(0), passphrase: 'secret'}); console.log(key.type)"
    )
    opened = subprocess.run(["node", "-e", script], input=pem, capture_output=True, check=True)
    assert opened.stdout == b"private\n"


def test_the_same_salt_and_iv_make_the_same_bytes() -> None:
    key = private_key(Algorithm.ED25519)
    first, second = (pkcs8.encrypt(key, b"x", 10, SALT, IV) for _ in range(2))
    assert first == second
    assert pkcs8.encrypt(key, b"x", 10, IV, SALT) != first


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n****\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
    ],
)
def test_what_is_cut_or_something_else_is_not_whole(spoilt: bytes) -> None:
    assert not pkcs8.is_whole(spoilt)


def test_any_cut_is_noticed() -> None:
    pem = pkcs8.encrypt(private_key(Algorithm.ES256), b"x", 10, SALT, IV)
    assert not any(pkcs8.is_whole(pem[:end]) for end in range(len(pem) - 1))
    assert pkcs8.is_whole(b"\n" + pem.replace(b"\n", b"\r\n"))
