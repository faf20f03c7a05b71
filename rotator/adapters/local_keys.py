"""Private keys in files: `<directory>/<issuer>/<generation>.pem`, encrypted PKCS #8, mode 0600 in folders 0700.

Order of a new key: passphrase safe on disk, key written aside and synced, then linked into place exclusively. So
a crash leaves no half of a key, and of two that make the same key one wins and both return it.
"""

import os
import re
import secrets
import threading
from collections.abc import Mapping, Sequence
from glob import escape
from pathlib import Path
from typing import Final, cast

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from rotator.domain.jwk import Algorithm, PublicKey, thumbprint
from rotator.domain.keys import KeyHandle, LocalHandle
from rotator.errors import KeyLocked, KeyStoreError
from rotator.jose import pkcs8
from rotator.jose.private import opened
from rotator.jose.public import CURVES, RSA_BITS, curve_of, fits, from_cryptography
from rotator.jose.signatures import PrivateKey, sign_with
from rotator.ports import ExistingHalf, Generated, Held, KeyName, PlainHalf

VARIABLE: Final = "ROTATOR_KEY_PASSPHRASE"
FILE_VARIABLE: Final = "ROTATOR_KEY_PASSPHRASE_FILE"

_CHOSEN_ROUNDS: Final = 600_000
"""The cost of one guess at a passphrase that a person may have chosen (OWASP's figure for PBKDF2-SHA-256)."""
_GENERATED_ROUNDS: Final = 2_048
"""A generated passphrase has 256 random bits: nobody guesses, however cheap it is."""
_ISSUER: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class LocalKeyStore:
    """Implements `ports.KeyStore` on a folder; `base` is the folder that handles are relative to.

    `passphrase` None: one is generated and kept beside the keys, of which `warnings` speaks. Opened keys stay in
    memory, and can only be used through `sign`.
    """

    def __init__(self, directory: Path, base: Path, passphrase: bytes | None) -> None:
        self._directory = directory.absolute()
        self._base = base.absolute()
        self._given = passphrase
        self._opened: dict[Path, PrivateKey] = {}
        self._opening = threading.Lock()

    def generate(self, name: KeyName, algorithm: Algorithm, rsa_bits: int) -> Generated:
        """Make the pair, or return the one that has that name already."""
        path = self._path(name.issuer, name.generation)
        if not path.exists():
            self._keep(path, new_private_key(algorithm, rsa_bits))
        made = self._generated(path)
        if not fits(made.public, algorithm):
            raise KeyStoreError(
                f"the key of {name.issuer}/{name.generation} is of another kind than {algorithm} needs",
                detail=f"{path} was made before, for another algorithm",
            )
        return made

    def take(self, name: KeyName, half: ExistingHalf, public: PublicKey) -> KeyHandle:
        """Encrypt the private half into the file of that name, unless it holds it already."""
        if not isinstance(half, PlainHalf):
            raise KeyStoreError(
                f"{half.arn} is a key in KMS, and this issuer's keys are files in {self._directory}",
                hint="set the issuer's keys to kind kms, or import with --private-key",
            )
        path = self._path(name.issuer, name.generation)
        try:
            key = opened(half.pkcs8, public)
        except ValueError as error:
            raise KeyStoreError("the private key cannot be taken", detail=str(error)) from None
        if not path.exists():
            self._keep(path, key)
        kept = self._generated(path)
        if kept.public != public:
            raise KeyStoreError(
                f"{path} holds another key already",
                detail="it was made for this issuer before, and rotator remembers nothing of it",
                hint="move it away",
            )
        return kept.handle

    def find(self, name: KeyName) -> Generated | None:
        """The pair of that name, if it was made."""
        path = self._path(name.issuer, name.generation)
        return self._generated(path) if path.exists() else None

    def all_of(self, issuer: str) -> Sequence[Held]:
        """Every pair of the issuer, by generation."""
        files = self._path(issuer, 0).parent.glob("*.pem")
        found = sorted((int(file.stem), file) for file in files if file.stem.isdecimal())
        return [_held(generation, self._generated(file)) for generation, file in found]

    def prove(self, handle: KeyHandle, aws_region: str | None) -> None:  # noqa: ARG002 - signers read the same file
        """Open the key."""
        self._open(self._file_of(handle))

    def sign(
        self,
        handle: KeyHandle,
        algorithm: Algorithm,
        message: bytes,
        aws_region: str | None = None,  # noqa: ARG002 - the same key everywhere
    ) -> bytes:
        """The JWS signature over `message`."""
        path = self._file_of(handle)
        try:
            return sign_with(self._open(path), algorithm, message)
        except ValueError as error:
            raise KeyStoreError(f"cannot sign with {path}", detail=str(error)) from None

    def destroy(self, handle: KeyHandle) -> None:
        """Delete the file. Overwriting it first would prove nothing on disks that copy on write."""
        path = self._file_of(handle)
        self._opened.pop(path, None)
        try:
            path.unlink(missing_ok=True)
            # A run that was killed while it made the key may have left the same file under its other name.
            for aside in path.parent.glob(f".{escape(path.name)}.*"):
                aside.unlink(missing_ok=True)
            if path.parent.exists():
                _sync_folder(path.parent)
        except OSError as error:
            raise _failed("delete", path, error) from error

    def warnings(self) -> tuple[str, ...]:
        """A passphrase beside the keys protects from nothing that can read the keys."""
        if self._given is not None:
            return ()
        both = f"the passphrase of the private keys lies beside them ({self._passphrase_file})"
        cure = f"move it away and set {FILE_VARIABLE} to where it is, or {VARIABLE} to it"
        return (f"{both}: whoever can copy the folder has both; {cure}",)

    @property
    def _passphrase_file(self) -> Path:
        return self._directory / "passphrase"

    def _file_of(self, handle: KeyHandle) -> Path:
        if not isinstance(handle, LocalHandle):
            raise KeyStoreError(
                f"a key of this issuer is kept in {handle.kind}, not in {self._directory}",
                hint="put the issuer's `keys` back to the kind it had",
            )
        return self._base / handle.path

    def _path(self, issuer: str, generation: int) -> Path:
        if not _ISSUER.fullmatch(issuer):
            raise KeyStoreError(f"{issuer!r} cannot name a folder of keys")
        return self._directory / issuer / f"{generation}.pem"

    def _keep(self, path: Path, key: PrivateKey) -> None:
        _make_folders(path.parent, self._directory)
        rounds = _GENERATED_ROUNDS if self._given is None else _CHOSEN_ROUNDS
        salt, iv = os.urandom(pkcs8.SALT_BYTES), os.urandom(pkcs8.IV_BYTES)
        _create(path, pkcs8.encrypt(key, self._passphrase(make=True), rounds, salt, iv))

    def _generated(self, path: Path) -> Generated:
        public = from_cryptography(self._open(path).public_key())
        inside = path.is_relative_to(self._base)
        return Generated(
            public, LocalHandle((path.relative_to(self._base) if inside else path).as_posix())
        )

    def _open(self, path: Path) -> PrivateKey:
        # Thirty regions that ask for one key at once must not each stretch the passphrase: that takes a processor's time.
        with self._opening:
            key = self._opened.get(path)
            if key is None or not path.exists():
                key = _decrypt(path, _read_private(path), self._passphrase(make=False))
                self._opened[path] = key
            return key

    def _passphrase(self, *, make: bool) -> bytes:
        if self._given is not None:
            return self._given
        path = self._passphrase_file
        # Looked for first: another process may be making the passphrase, then a key, at this moment.
        keys = make and any(self._directory.glob("*/*.pem"))
        if make and not path.exists():
            if keys:
                raise KeyStoreError(
                    f"{path} is gone while keys that it opens are there",
                    hint=f"put it back, or set {VARIABLE} or {FILE_VARIABLE}",
                )
            _create(path, secrets.token_urlsafe(32).encode() + b"\n")
        return _passphrase_in(path)


def _held(generation: int, made: Generated) -> Held:
    return Held(generation, thumbprint(made.public), made.public, made.handle)


def passphrase_from(environ: Mapping[str, str]) -> bytes | None:
    """The passphrase that the environment gives or points to, None when it does neither.

    One line end after it is dropped. Raises KeyStoreError when it is empty, exposed, or given twice.
    """
    given, file = environ.get(VARIABLE), environ.get(FILE_VARIABLE)
    if given is not None and file is not None:
        raise KeyStoreError(
            f"{VARIABLE} and {FILE_VARIABLE} are both set", hint="unset one of them"
        )
    if file is not None:
        return _passphrase_in(Path(file))
    if given == "":
        raise KeyStoreError(f"{VARIABLE} is empty", hint="set it to the passphrase, or unset it")
    return os.fsencode(given) if given is not None else None


def new_private_key(algorithm: Algorithm, rsa_bits: int) -> PrivateKey:
    """A fresh key of the algorithm's kind; `rsa_bits` counts for RSA only. Raises KeyStoreError."""
    curve = curve_of(algorithm)
    if curve is None:
        if rsa_bits not in RSA_BITS:
            raise KeyStoreError(
                f"an RSA key has {RSA_BITS[0]} to {RSA_BITS[-1]} bits, not {rsa_bits}"
            )
        return rsa.generate_private_key(public_exponent=65537, key_size=rsa_bits)
    return (
        ec.generate_private_key(CURVES[curve])
        if curve in CURVES
        else ed25519.Ed25519PrivateKey.generate()
    )


def _decrypt(path: Path, pem: bytes, passphrase: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, passphrase)
        from_cryptography(key.public_key())
    except (ValueError, TypeError) as error:
        if pkcs8.is_whole(pem):
            raise KeyLocked(f"the passphrase does not open {path}") from error
        raise KeyStoreError(f"{path} holds no encrypted private key that can be read") from error
    return cast("PrivateKey", key)


def _passphrase_in(path: Path) -> bytes:
    passphrase = _read_private(path).removesuffix(b"\n").removesuffix(b"\r")
    if not passphrase:
        raise KeyStoreError(f"the passphrase file {path} is empty")
    return passphrase


def _read_private(path: Path) -> bytes:
    """The bytes of a file that nobody but its owner can read."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
            content = file.read()
    except FileNotFoundError:
        raise KeyStoreError(f"{path} does not exist") from None
    except OSError as error:
        raise _failed("read", path, error) from error
    if mode & 0o077:
        raise KeyStoreError(
            f"{path} can be read or changed by others than its owner",
            detail=f"its mode is {mode:04o}",
            hint=f"chmod 600 {path}, and ask who may have copied it",
        )
    return content


def _create(path: Path, content: bytes) -> None:
    """Put a whole file in place for its owner alone; one that is there already stays as it is."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            _link(aside, path)
        finally:
            aside.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise _failed("write", path, error) from error


def _link(aside: Path, path: Path) -> None:
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return


def _make_folders(folder: Path, top: Path) -> None:
    try:
        top.parent.mkdir(parents=True, exist_ok=True)
        for made in (top, folder):
            if not made.exists():
                made.mkdir(mode=0o700, exist_ok=True)
                _sync_folder(made.parent)
    except OSError as error:
        raise _failed("make", folder, error) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(verb: str, path: Path, error: OSError) -> KeyStoreError:
    return KeyStoreError(f"cannot {verb} {path}", detail=error.strerror or str(error))
