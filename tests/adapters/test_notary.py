"""The checkpoint key in a file: opened, refused with a reason, and copies appended."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from rotator.adapters.notary import VARIABLE, FileNotary
from rotator.domain.checkpoints import Checkpoint, entry_of, read_fact, to_sign
from rotator.domain.jwk import thumbprint
from rotator.errors import KeyStoreError
from rotator.jose.notary import open_private, open_public, signed_by
from tests.unit.logs import NOW

KEY = ed25519.Ed25519PrivateKey.generate()
OTHER = ec.generate_private_key(ec.SECP256R1())
CHECKPOINT = Checkpoint(3, "ab" * 32, NOW)


def pem(key, passphrase: bytes | None = None) -> bytes:
    how = (
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption()
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return bytes(key.private_bytes(encoding, form, how))


def public_pem(key) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))


def notary(folder: Path, data: bytes, environ: dict[str, str] | None = None) -> FileNotary:
    path = folder / "cp.pem"
    path.write_bytes(data)
    return FileNotary(path, folder / "copies", environ or {})


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_signs_what_its_public_half_verifies(tmp_path: Path, passphrase: bytes | None) -> None:
    environ = {VARIABLE: passphrase.decode()} if passphrase else {}
    signer = notary(tmp_path, pem(KEY, passphrase), environ)
    kid = thumbprint(signer.public())
    signed = read_fact(entry_of(CHECKPOINT, kid, signer.sign(to_sign(CHECKPOINT, kid))))
    assert signed is not None
    assert signer.public() == open_public(public_pem(KEY))
    assert signed_by(signer.public(), signed)


def test_a_signature_of_another_key_or_over_something_else_does_not_verify() -> None:
    public, other = open_public(public_pem(KEY)), ed25519.Ed25519PrivateKey.generate()
    kid = thumbprint(public)
    for key, name in ((other, kid), (KEY, "another"), (KEY, kid)):
        signature = key.sign(to_sign(Checkpoint(4, "ab" * 32, NOW), name))
        forged = read_fact(entry_of(CHECKPOINT, name, signature))
        assert forged is not None
        assert not signed_by(public, forged)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "load PEM"),
        (b"junk", "load PEM"),
        (pem(OTHER), "no Ed25519 key"),
        (public_pem(KEY), "."),
        (pem(KEY, b"correct horse"), "[Pp]assword"),
    ],
)
def test_what_is_no_such_key_is_refused_with_a_reason(tmp_path: Path, data, why) -> None:
    with pytest.raises(KeyStoreError, match="cannot be used") as error:
        notary(tmp_path, data).public()
    assert error.value.detail
    with pytest.raises(ValueError, match=why):
        open_private(data)


@pytest.mark.parametrize("data", [b"", pem(KEY), public_pem(OTHER)])
def test_what_is_no_public_key_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        open_public(data)


def test_a_key_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyStoreError) as error:
        FileNotary(tmp_path / "none.pem", None, {}).sign(b"")
    assert error.value.detail == "No such file or directory"
    assert "openssl genpkey" in error.value.hint


def test_copies_go_to_the_end_of_a_file(tmp_path: Path) -> None:
    signer = notary(tmp_path, pem(KEY))
    signer.keep("one")
    signer.keep("two")
    assert (tmp_path / "copies").read_text() == "one\ntwo\n"
    FileNotary(tmp_path / "cp.pem", None, {}).keep("three")
    with pytest.raises(KeyStoreError, match="cannot be written"):
        FileNotary(tmp_path / "cp.pem", tmp_path, {}).keep("four")


def test_an_opened_key_does_not_show_itself() -> None:
    assert repr(open_private(pem(KEY))) == "SigningKey()"
