"""What an auditor brings along: exported logs, checkpoints, the public key that they are signed with."""

from pathlib import Path

from rotator.cli.files import read_bounded
from rotator.domain.audit_export import Link
from rotator.domain.audit_proof import Held, read_lines, whole
from rotator.domain.jwk import OkpPublic
from rotator.errors import UsageError

MAX_BYTES = 512 * 1024 * 1024


def read_held_file(path: Path) -> list[Held]:
    """The records or checkpoints that somebody kept. Raises UsageError with what is wrong with them."""
    held = _read(path)
    try:
        whole(held)
    except ValueError as error:
        raise _useless(path, str(error)) from None
    return held


def read_log(path: Path) -> list[Link]:
    """An exported log, as it is. Raises UsageError, also for a file of checkpoints."""
    links = [one for one in _read(path) if isinstance(one, Link)]
    if not links:
        raise _useless(path, "it holds checkpoints only, and no records")
    return links


def read_public_key(path: Path) -> OkpPublic:
    """The Ed25519 public key in a PEM file. Raises UsageError."""
    from rotator.jose.notary import open_public

    try:
        return open_public(read_bounded(path, MAX_BYTES))
    except ValueError as error:
        raise UsageError(
            f"{path} holds no Ed25519 public key",
            detail=str(error),
            hint="openssl pkey -in checkpoint.pem -pubout -out public.pem",
        ) from None


def _read(path: Path) -> list[Held]:
    raw = read_bounded(path, MAX_BYTES)
    if len(raw) > MAX_BYTES:
        raise _useless(path, f"it is larger than {MAX_BYTES} bytes")
    try:
        held = read_lines([line for line in raw.split(b"\n") if line.strip()])
    except ValueError as error:
        raise _useless(path, str(error)) from None
    if not held:
        raise _useless(path, "it is empty")
    return held


def _useless(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} proves nothing", detail=why, hint="take the file as it was exported")
