"""What is particular to keys in files: where they lie, who can read them, what opens them."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed448

from rotator.adapters.local_keys import LocalKeyStore, new_private_key, passphrase_from
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import LocalHandle
from rotator.errors import KeyLocked, KeyStoreError
from rotator.jose.public import from_cryptography
from rotator.ports import Generated
from tests.fakes.keys import named

ROOT = Path(__file__).parents[2]
PASSPHRASE = b"correct horse"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".rotator" / "keys"


def given(folder: Path, passphrase: bytes | None = PASSPHRASE) -> LocalKeyStore:
    return LocalKeyStore(folder, folder.parent.parent, passphrase)


def made(store: LocalKeyStore, generation: int = 1) -> Generated:
    return store.generate(named("accounts", generation), Algorithm.ES256, 2048)


# ---------------------------------------------------------------------------------- on the disk


def test_files_and_folders_are_for_their_owner_alone(folder: Path) -> None:
    made(given(folder, None))
    modes = {str(p.relative_to(folder)): p.stat().st_mode & 0o777 for p in folder.rglob("*")}
    assert modes == {"accounts": 0o700, "accounts/1.pem": 0o600, "passphrase": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_handle_is_relative_to_the_configuration_where_it_can_be(
    folder: Path, tmp_path: Path
) -> None:
    inside = given(folder)
    assert made(inside).handle == LocalHandle(".rotator/keys/accounts/1.pem")
    outside = LocalKeyStore(folder, tmp_path / "elsewhere", PASSPHRASE)
    assert made(outside).handle == LocalHandle(str(folder / "accounts" / "1.pem"))
    for store in (inside, outside):
        assert store.sign(made(store).handle, Algorithm.ES256, b"message")


def test_other_tools_open_the_key_with_the_passphrase(folder: Path) -> None:
    public = made(given(folder)).public
    pem = (folder / "accounts" / "1.pem").read_bytes()
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    opened = serialization.load_pem_private_key(pem, PASSPHRASE)
    assert from_cryptography(opened.public_key()) == public


def test_a_name_that_leaves_the_folder_is_refused(folder: Path) -> None:
    for name in ("../accounts", "a/b", "", ".", "a" * 65):
        with pytest.raises(KeyStoreError, match="cannot name"):
            given(folder).find(named(name, 1))


def test_an_opened_key_is_kept_but_not_beyond_its_file(folder: Path) -> None:
    store = given(folder)
    handle = made(store).handle
    store.sign(handle, Algorithm.ES256, b"message")
    given(folder).destroy(handle)
    with pytest.raises(KeyStoreError, match="does not exist"):
        store.sign(handle, Algorithm.ES256, b"message")


@pytest.mark.parametrize("exposed", ["accounts/1.pem", "passphrase"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_an_exposed_file_is_refused(folder: Path, exposed: str, mode: int) -> None:
    handle = made(given(folder, None)).handle
    (folder / exposed).chmod(mode)
    with pytest.raises(KeyStoreError, match="others than its owner") as caught:
        given(folder, None).sign(handle, Algorithm.ES256, b"message")
    assert "chmod 600" in caught.value.hint


def _plain_pem() -> bytes:
    return new_private_key(Algorithm.ES256, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _ed448_pem() -> bytes:
    return ed448.Ed448PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda pem: b"",
        lambda pem: b"\x00\xff" * 200,
        lambda pem: pem[:150],
        lambda pem: pem.replace(b"M", b"*"),
        lambda pem: pem[:120] + pem[124:],
        lambda pem: _plain_pem(),
        lambda pem: _ed448_pem(),
    ],
    ids=["empty", "junk", "cut", "not base64", "a piece missing", "not encrypted", "other kind"],
)
def test_a_file_that_is_no_encrypted_key_is_said(
    folder: Path, spoil: Callable[[bytes], bytes]
) -> None:
    handle = made(given(folder)).handle
    file = folder / "accounts" / "1.pem"
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(KeyStoreError, match="no encrypted private key") as caught:
        given(folder).sign(handle, Algorithm.ES256, b"message")
    assert not isinstance(caught.value, KeyLocked)


def test_a_folder_that_cannot_be_made_is_an_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("in the way")
    store = LocalKeyStore(tmp_path / "keys", tmp_path, PASSPHRASE)
    with pytest.raises(KeyStoreError, match="cannot") as caught:
        made(store)
    assert caught.value.detail
    with pytest.raises(KeyStoreError, match="cannot delete"):
        store.destroy(LocalHandle("keys/accounts"))


def test_two_processes_that_make_the_same_keys_end_up_with_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.adapters.maker", str(tmp_path / "keys")]
    makers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    outputs = [maker.communicate(timeout=60)[0] for maker in makers]
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert len(outputs[0].splitlines()) == 20
    names = sorted(file.name for file in (tmp_path / "keys" / "accounts").iterdir())
    assert names == sorted(f"{generation}.pem" for generation in range(1, 21))


# -------------------------------------------------------------------------------- the passphrase


def test_another_passphrase_does_not_open_a_key(folder: Path) -> None:
    handle = made(given(folder)).handle
    with pytest.raises(KeyLocked, match=r"1\.pem"):
        given(folder, b"battery staple").sign(handle, Algorithm.ES256, b"message")
    with pytest.raises(KeyLocked):
        given(folder, b"battery staple").find(named("accounts", 1))


def test_a_generated_passphrase_is_warned_of_and_a_given_one_is_not(folder: Path) -> None:
    (warning,) = given(folder, None).warnings()
    assert str(folder / "passphrase") in warning
    assert "ROTATOR_KEY_PASSPHRASE_FILE" in warning
    assert given(folder).warnings() == ()


def test_keys_made_with_a_generated_passphrase_go_on_when_it_moves(
    folder: Path, tmp_path: Path
) -> None:
    before = made(given(folder, None))
    moved = tmp_path / "secret"
    shutil.move(folder / "passphrase", moved)
    passphrase = passphrase_from({"ROTATOR_KEY_PASSPHRASE_FILE": str(moved)})
    assert given(folder, passphrase).find(named("accounts", 1)) == before


def test_a_lost_passphrase_is_never_replaced(folder: Path) -> None:
    made(given(folder, None))
    (folder / "passphrase").unlink()
    with pytest.raises(KeyStoreError, match="is gone while keys"):
        made(given(folder, None), generation=2)
    with pytest.raises(KeyStoreError, match="does not exist"):
        given(folder, None).find(named("accounts", 1))
    assert [file.name for file in folder.iterdir()] == ["accounts"]


@pytest.mark.parametrize(
    ("content", "passphrase"),
    [
        (b"secret", b"secret"),
        (b"secret\n", b"secret"),
        (b"secret\r\n", b"secret"),
        (b" secret \n\n", b" secret \n"),
        ("schlüssel\n".encode(), "schlüssel".encode()),
    ],
)
def test_a_passphrase_file_loses_one_line_end(
    tmp_path: Path, content: bytes, passphrase: bytes
) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    file.chmod(0o600)
    assert passphrase_from({"ROTATOR_KEY_PASSPHRASE_FILE": str(file)}) == passphrase


def test_the_environment_gives_the_passphrase_itself() -> None:
    assert passphrase_from({}) is None
    assert passphrase_from({"ROTATOR_KEY_PASSPHRASE": "schlüssel\n"}) == "schlüssel\n".encode()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"ROTATOR_KEY_PASSPHRASE": ""}, "is empty"),
        ({"ROTATOR_KEY_PASSPHRASE_FILE": "empty"}, "is empty"),
        ({"ROTATOR_KEY_PASSPHRASE_FILE": "line"}, "is empty"),
        ({"ROTATOR_KEY_PASSPHRASE_FILE": "exposed"}, "others than its owner"),
        ({"ROTATOR_KEY_PASSPHRASE_FILE": "missing"}, "does not exist"),
        ({"ROTATOR_KEY_PASSPHRASE_FILE": "."}, "cannot read"),
        ({"ROTATOR_KEY_PASSPHRASE": "a", "ROTATOR_KEY_PASSPHRASE_FILE": "b"}, "both set"),
    ],
)
def test_a_passphrase_that_cannot_be_meant_is_refused(
    tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    for name, content, mode in (
        ("empty", "", 0o600),
        ("line", "\n", 0o600),
        ("exposed", "x", 0o644),
    ):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    placed = {
        name: str(tmp_path / value) if name.endswith("_FILE") else value
        for name, value in environment.items()
    }
    with pytest.raises(KeyStoreError, match=words):
        passphrase_from(placed)
