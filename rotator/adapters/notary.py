"""`ports.Notary` on an Ed25519 key in a PEM file; copies of checkpoints go to the end of another file."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rotator.domain.jwk import OkpPublic
from rotator.errors import KeyStoreError

if TYPE_CHECKING:
    from rotator.jose.notary import SigningKey

VARIABLE: Final = "ROTATOR_CHECKPOINT_PASSPHRASE"
_MOST: Final = 64 * 1024
_MODE: Final = 0o640


class FileNotary:
    """Opens the key at its first use; the passphrase, where it has one, is in `VARIABLE`."""

    def __init__(self, key: Path, copies: Path | None, environ: Mapping[str, str]) -> None:
        self._path = key
        self._copies = copies
        self._environ = environ

    def public(self) -> OkpPublic:
        """The public half."""
        return self._key.public

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`."""
        return self._key.sign(message)

    def keep(self, checkpoint: str) -> None:
        """Append a checkpoint, a line of its own, to the file of copies; synced."""
        if self._copies is None:
            return
        try:
            handle = os.open(self._copies, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE)
            with os.fdopen(handle, "wb") as file:
                file.write(f"{checkpoint}\n".encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise KeyStoreError(
                f"its copy cannot be written to {self._copies}", detail=error.strerror or ""
            ) from None

    @cached_property
    def _key(self) -> "SigningKey":
        from rotator.jose.notary import open_private

        passphrase = self._environ.get(VARIABLE)
        try:
            with self._path.open("rb") as file:
                return open_private(file.read(_MOST), passphrase.encode() if passphrase else None)
        except OSError as error:
            why = error.strerror or type(error).__name__
        except ValueError as error:
            why = str(error)
        raise KeyStoreError(
            f"the checkpoint key {self._path} cannot be used",
            detail=why,
            hint="make one: openssl genpkey -algorithm ed25519 -out FILE",
        )
