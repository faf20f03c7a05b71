"""What every `KeyStore` promises: signatures verify, what was made is found, what is destroyed signs no more."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.local_keys import LocalKeyStore, new_private_key
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.keys import KeyHandle, KmsHandle, LocalHandle, WrappedHandle
from rotator.errors import KeyStoreError
from rotator.jose.private import plain
from rotator.jose.public import from_cryptography, to_cryptography
from rotator.jose.tokens import assemble, check, signing_input
from rotator.ports import Generated, Held, KeyName, KeyStore, KmsArn, PlainHalf
from tests.adapters.aws_profiles import aws_environment
from tests.fakes.clock import START
from tests.fakes.keys import MemoryKeys
from tests.servers.kms import PRIMARY, KmsPlace, wrapping_key
from tests.servers.ministack import ANYBODY

SMALLEST = 2048
NOWHERE = f"arn:aws:kms:{PRIMARY}:000000000000:key/mrk-00000000000000000000000000000000"


@dataclass(frozen=True)
class Place:
    """A store, and in which of three ways it keeps keys.

    `by_name`: under the name itself, so that no name has two. `keeps`: it finds what it made. `never_was`: the handle
    of a key that it never made.
    """

    keys: KeyStore
    name: Callable[[int, str], KeyName]
    never_was: KeyHandle
    by_name: bool = True
    keeps: bool = True
    region: str | None = None

    def make(self, generation: int, algorithm: Algorithm = Algorithm.ES256) -> Generated:
        return self.keys.generate(self.name(generation, "accounts"), algorithm, SMALLEST)

    def find(self, generation: int) -> Generated | None:
        return self.keys.find(self.name(generation, "accounts"))

    def destroyed(self, handle: KeyHandle) -> KeyHandle:
        """The handle once its key is destroyed: a wrapped one is dropped by whoever holds it."""
        self.keys.destroy(handle)
        return WrappedHandle("", handle.context) if isinstance(handle, WrappedHandle) else handle


def _named(generation: int, issuer: str) -> KeyName:
    return KeyName(issuer, generation, "lineage", "intent", START)


def _memory(request: pytest.FixtureRequest) -> Place:
    return Place(MemoryKeys(), _named, LocalHandle("nowhere.pem"))


def _local(request: pytest.FixtureRequest, passphrase: bytes | None = None) -> Place:
    base: Path = request.getfixturevalue("tmp_path")
    store = LocalKeyStore(base / "keys", base, passphrase)
    return Place(store, _named, LocalHandle("nowhere/at/all.pem"))


def _local_given(request: pytest.FixtureRequest) -> Place:
    return _local(request, b"correct horse")


def _emulator(request: pytest.FixtureRequest) -> KmsPlace:
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in aws_environment(folder, {"tested": ANYBODY}).items():
        patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
    return KmsPlace(request.getfixturevalue("ministack_server").endpoint.url, "tested")


def _of(place: KmsPlace, generation: int, issuer: str) -> KeyName:
    asked_at = START - timedelta(hours=1)
    return KeyName(f"{issuer}-{place.lineage}", generation, place.lineage, "intent", asked_at)


def _kms(request: pytest.FixtureRequest) -> Place:
    place = _emulator(request)
    handle = KmsHandle(PRIMARY, {PRIMARY: NOWHERE})
    return Place(place.keys(), lambda n, i: _of(place, n, i), handle, by_name=False, region=PRIMARY)


def _wrapped(request: pytest.FixtureRequest) -> Place:
    place = _emulator(request)
    alias = "alias/wrapping"
    wrapping_key(place.url, alias)
    return Place(
        place.wrapped(alias),
        lambda n, i: _of(place, n, i),
        WrappedHandle("bm90aGluZw==", {}),
        by_name=False,
        keeps=False,
        region="eu-central-1",
    )


EVERY = {
    "memory": pytest.param(_memory, id="memory"),
    "local": pytest.param(_local, id="local"),
    "given": pytest.param(_local_given, id="local, passphrase given"),
    "kms": pytest.param(_kms, id="kms", marks=pytest.mark.ministack),
    "wrapped": pytest.param(_wrapped, id="kms-wrapped", marks=pytest.mark.ministack),
}


def those(*kinds: str) -> pytest.MarkDecorator:
    """The kinds of store that promise more than all do."""
    return pytest.mark.parametrize("place", [EVERY[kind] for kind in kinds], indirect=True)


every = those(*EVERY)
keeping = those("memory", "local", "given", "kms")
by_name = those("memory", "local", "given")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    make: Callable[[Any], Place] = request.param
    return make(request)


@every
@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_token_signed_by_the_store_verifies(place: Place, algorithm: Algorithm) -> None:
    made = place.make(1, algorithm)
    jwk = Jwk(thumbprint(made.public), algorithm, made.public)
    claims: dict[str, object] = {"iss": "us", "exp": int(START.timestamp()) + 60}
    signed = signing_input(algorithm, jwk.kid, claims)
    token = assemble(signed, place.keys.sign(made.handle, algorithm, signed, place.region))
    assert check(token, jwk, START, leeway=START - START) == claims


@keeping
def test_what_was_made_is_found(place: Place) -> None:
    assert place.find(1) is None
    made = place.make(1)
    assert place.find(1) == made
    assert place.find(2) is None


@by_name
def test_one_name_makes_one_key(place: Place) -> None:
    assert place.make(1) == place.make(1)


@those("wrapped")
def test_a_store_that_keeps_nothing_finds_nothing(place: Place) -> None:
    made = place.make(1)
    assert place.find(1) is None
    assert place.keys.all_of(place.name(1, "accounts").issuer) == ()
    assert isinstance(made.handle, WrappedHandle)


@every
@pytest.mark.parametrize("other", [(2, "accounts"), (1, "payments")])
def test_other_names_make_other_keys(place: Place, other: tuple[int, str]) -> None:
    made = place.make(1)
    another = place.keys.generate(place.name(*other), Algorithm.ES256, SMALLEST)
    assert another.public != made.public
    assert another.handle != made.handle


@keeping
def test_an_issuers_keys_are_all_there_and_no_others(place: Place) -> None:
    made = [(generation, place.make(generation)) for generation in (1, 2, 3)]
    place.keys.generate(place.name(1, "payments"), Algorithm.ES256, SMALLEST)
    place.keys.destroy(made[1][1].handle)
    found = place.keys.all_of(place.name(1, "accounts").issuer)
    assert list(found) == [
        Held(generation, thumbprint(one.public), one.public, one.handle)
        for generation, one in (made[0], made[2])
    ]


@every
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
    place: Place, made_for: Algorithm, asked_for: Algorithm
) -> None:
    made = place.make(1, made_for)
    if place.by_name:
        with pytest.raises(KeyStoreError, match="another kind"):
            place.make(1, asked_for)
    with pytest.raises(KeyStoreError, match="cannot sign"):
        place.keys.sign(made.handle, asked_for, b"message", place.region)


@by_name
def test_a_key_made_for_one_label_serves_the_other(place: Place) -> None:
    assert place.make(1, Algorithm.EDDSA) == place.make(1, Algorithm.ED25519)


@every
@pytest.mark.parametrize("bits", [0, 1024, 2047, 4097, 8192])
def test_rsa_keys_of_unsafe_or_unwieldy_sizes_are_refused(place: Place, bits: int) -> None:
    with pytest.raises(KeyStoreError, match="bits"):
        place.keys.generate(place.name(1, "accounts"), Algorithm.PS256, bits)
    assert place.find(1) is None


@those("kms", "wrapped")
@pytest.mark.parametrize("bits", [2049, 2560])
def test_kms_makes_three_sizes_of_rsa_keys(place: Place, bits: int) -> None:
    with pytest.raises(KeyStoreError, match="2048, 3072, 4096 bits"):
        place.keys.generate(place.name(1, "accounts"), Algorithm.RS256, bits)


@every
def test_what_was_made_can_be_used(place: Place) -> None:
    made = place.make(1)
    place.keys.prove(made.handle, place.region)
    with pytest.raises(KeyStoreError):
        place.keys.prove(place.destroyed(made.handle), place.region)


@every
def test_what_is_destroyed_signs_no_more(place: Place) -> None:
    made, other = place.make(1), place.make(2)
    place.keys.sign(made.handle, Algorithm.ES256, b"message", place.region)
    gone = place.destroyed(place.destroyed(made.handle))
    assert place.find(1) is None
    assert place.find(2) == (other if place.keeps else None)
    with pytest.raises(KeyStoreError):
        place.keys.sign(gone, Algorithm.ES256, b"message", place.region)
    assert place.keys.sign(other.handle, Algorithm.ES256, b"message", place.region)


@every
def test_destroying_what_never_was_is_fine(place: Place) -> None:
    place.keys.destroy(place.never_was)
    with pytest.raises(KeyStoreError):
        place.keys.sign(place.never_was, Algorithm.ES256, b"message", place.region)


@every
def test_what_is_handed_out_cannot_hold_a_private_half(place: Place) -> None:
    made = place.make(1)
    assert {field.name for field in fields(Generated)} == {"public", "handle"}
    assert to_cryptography(made.public).public_numbers()
    kept = {"path", "primary", "arns", "ciphertext", "context"}
    assert {field.name for field in fields(made.handle)} <= kept


EXISTING = new_private_key(Algorithm.ES256, SMALLEST)
PUBLIC = from_cryptography(EXISTING.public_key())


@those("memory", "local", "given", "wrapped")
@pytest.mark.parametrize("algorithm", [Algorithm.ES512, Algorithm.RS256, Algorithm.ED25519])
def test_what_was_made_elsewhere_signs_here(place: Place, algorithm: Algorithm) -> None:
    existing = new_private_key(algorithm, SMALLEST)
    public = from_cryptography(existing.public_key())
    handle = place.keys.take(place.name(1, "accounts"), PlainHalf(plain(existing)), public)
    place.keys.prove(handle, place.region)
    jwk, claims = Jwk("any kid", algorithm, public), {"exp": int(START.timestamp()) + 60}
    signed = signing_input(algorithm, jwk.kid, claims)
    token = assemble(signed, place.keys.sign(handle, algorithm, signed, place.region))
    assert check(token, jwk, START, leeway=START - START) == claims


@by_name
def test_what_is_taken_is_kept_under_its_name(place: Place) -> None:
    name, half = place.name(1, "accounts"), PlainHalf(plain(EXISTING))
    handle = place.keys.take(name, half, PUBLIC)
    assert place.keys.take(name, half, PUBLIC) == handle
    assert place.find(1) == Generated(PUBLIC, handle)
    assert [held.handle for held in place.keys.all_of(name.issuer)] == [handle]
    place.keys.destroy(handle)
    assert place.find(1) is None


@by_name
def test_another_key_is_never_overwritten(place: Place) -> None:
    made = place.make(1)
    with pytest.raises(KeyStoreError, match="already"):
        place.keys.take(place.name(1, "accounts"), PlainHalf(plain(EXISTING)), PUBLIC)
    assert place.find(1) == made


@those("memory", "local", "given", "wrapped")
def test_the_half_of_another_key_is_not_taken(place: Place) -> None:
    other = plain(new_private_key(Algorithm.ES256, SMALLEST))
    for junk in (other, b"junk"):
        with pytest.raises(KeyStoreError, match="cannot be taken"):
            place.keys.take(place.name(1, "accounts"), PlainHalf(junk), PUBLIC)
    assert place.find(1) is None


@those("memory", "local", "given", "wrapped")
def test_a_key_that_stays_in_kms_is_not_taken(place: Place) -> None:
    with pytest.raises(KeyStoreError, match="KMS"):
        place.keys.take(place.name(1, "accounts"), KmsArn(NOWHERE), PUBLIC)


def test_a_private_half_on_its_way_has_no_printed_form() -> None:
    assert "pkcs8" not in repr(PlainHalf(b"secret"))
