"""What every `KeyStore` promises: a name makes one key, signatures verify, what is destroyed is gone."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from rotator.adapters.local_keys import LocalKeyStore
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.keys import LocalHandle
from rotator.errors import KeyStoreError
from rotator.jose.public import to_cryptography
from rotator.jose.tokens import assemble, check, signing_input
from rotator.ports import Generated, KeyStore
from tests.fakes.clock import START
from tests.fakes.keys import MemoryKeys

SMALLEST = 2048


@pytest.fixture(params=["memory", "local", "local, passphrase given"])
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    match request.param:
        case "memory":
            return MemoryKeys()
        case "local":
            return LocalKeyStore(tmp_path / "keys", tmp_path, None)
        case _:
            return LocalKeyStore(tmp_path / "keys", tmp_path, b"correct horse")


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_token_signed_by_the_store_verifies(keys: KeyStore, algorithm: Algorithm) -> None:
    made = keys.generate("accounts", 1, algorithm, SMALLEST)
    jwk = Jwk(thumbprint(made.public), algorithm, made.public)
    claims: Mapping[str, object] = {"iss": "us", "exp": int(START.timestamp()) + 60}
    signed = signing_input(algorithm, jwk.kid, claims)
    token = assemble(signed, keys.sign(made.handle, algorithm, signed))
    assert check(token, jwk, START, leeway=START - START) == claims


def test_one_name_makes_one_key(keys: KeyStore) -> None:
    assert keys.find("accounts", 1) is None
    made = keys.generate("accounts", 1, Algorithm.ES256, SMALLEST)
    assert keys.generate("accounts", 1, Algorithm.ES256, SMALLEST) == made
    assert keys.find("accounts", 1) == made


@pytest.mark.parametrize("other", [("accounts", 2), ("payments", 1)])
def test_other_names_make_other_keys(keys: KeyStore, other: tuple[str, int]) -> None:
    made = keys.generate("accounts", 1, Algorithm.ES256, SMALLEST)
    another = keys.generate(*other, Algorithm.ES256, SMALLEST)
    assert another.public != made.public
    assert another.handle != made.handle


@pytest.mark.parametrize(
    ("made_for", "asked_for"),
    [
        (Algorithm.ES256, Algorithm.ES384),
        (Algorithm.EDDSA, Algorithm.ES256),
        (Algorithm.ES512, Algorithm.RS256),
        (Algorithm.RS256, Algorithm.ED25519),
    ],
)
def test_a_key_is_never_used_for_another_kind_of_algorithm(
    keys: KeyStore, made_for: Algorithm, asked_for: Algorithm
) -> None:
    made = keys.generate("accounts", 1, made_for, SMALLEST)
    with pytest.raises(KeyStoreError, match="another kind"):
        keys.generate("accounts", 1, asked_for, SMALLEST)
    with pytest.raises(KeyStoreError, match="cannot sign"):
        keys.sign(made.handle, asked_for, b"message")


def test_a_key_made_for_one_label_serves_the_other(keys: KeyStore) -> None:
    made = keys.generate("accounts", 1, Algorithm.EDDSA, SMALLEST)
    assert keys.generate("accounts", 1, Algorithm.ED25519, SMALLEST) == made


@pytest.mark.parametrize("bits", [0, 1024, 2047, 4097, 8192])
def test_rsa_keys_of_unsafe_or_unwieldy_sizes_are_refused(keys: KeyStore, bits: int) -> None:
    with pytest.raises(KeyStoreError, match="bits"):
        keys.generate("accounts", 1, Algorithm.PS256, bits)
    assert keys.find("accounts", 1) is None


def test_what_is_destroyed_signs_no_more(keys: KeyStore) -> None:
    made = keys.generate("accounts", 1, Algorithm.ES256, SMALLEST)
    other = keys.generate("accounts", 2, Algorithm.ES256, SMALLEST)
    keys.sign(made.handle, Algorithm.ES256, b"message")
    keys.destroy(made.handle)
    keys.destroy(made.handle)
    assert keys.find("accounts", 1) is None
    assert keys.find("accounts", 2) == other
    with pytest.raises(KeyStoreError):
        keys.sign(made.handle, Algorithm.ES256, b"message")


def test_destroying_what_never_was_is_fine(keys: KeyStore) -> None:
    keys.destroy(LocalHandle("nowhere/at/all.pem"))


def test_what_is_handed_out_cannot_hold_a_private_half(keys: KeyStore) -> None:
    made = keys.generate("accounts", 1, Algorithm.ES256, SMALLEST)
    assert {field.name for field in fields(Generated)} == {"public", "handle"}
    assert to_cryptography(made.public).public_numbers()
    assert set(made.handle.__slots__) == {"path"}
