"""Files as targets: what the operating system can do to them, and two processes at once."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.file_target import PRIVATE_MODE, FileTarget, explain
from rotator.errors import (
    TargetConflict,
    TargetDenied,
    TargetError,
    TargetMissing,
    TargetUnreachable,
    TargetUnsafe,
)

_NOBODY = 65_534


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while when the tests run as root, whom permissions do not bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def child(script: str, *arguments: Path) -> subprocess.Popen[str]:
    """Start a Python process that has `FileTarget` and `Path` at hand."""
    head = "import sys, os, time\nfrom pathlib import Path\nfrom rotator.adapters.file_target import *\n"
    command = [sys.executable, "-c", head + textwrap.dedent(script), *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line that the process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


# ------------------------------------------------------------------------------------ how it lies there


def test_the_web_server_may_read_a_jwks_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    before = os.umask(0o077)
    try:
        FileTarget(path).write(b"{}", None)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_private_document_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "signing.json"
    etag = FileTarget(path, mode=PRIVATE_MODE).write(b"1", None)
    path.chmod(0o644)

    FileTarget(path, mode=PRIVATE_MODE).write(b"2", etag)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "jwks.json"
    link.symlink_to(tmp_path / "real" / "jwks.json")

    etag = FileTarget(link).write(b"one", None)

    assert link.is_symlink()
    assert FileTarget(tmp_path / "real" / "jwks.json").write(b"two", etag)
    assert link.read_bytes() == b"two"


def test_the_etag_is_the_contents(tmp_path: Path) -> None:
    first = FileTarget(tmp_path / "a").write(b"same", None)

    assert FileTarget(tmp_path / "b").write(b"same", None) == first
    assert first.startswith('"sha256-')


# ------------------------------------------------------------------------------------ what can go wrong


def test_a_folder_in_its_place_is_named(tmp_path: Path) -> None:
    target = FileTarget(tmp_path)

    for use in (target.read, lambda: target.write(b"{}", None)):
        with pytest.raises(TargetMissing) as caught:
            use()
        assert str(tmp_path) in caught.value.message
        assert "ordinary file" in caught.value.hint


def test_a_pipe_in_its_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jwks.json")

    with pytest.raises(TargetMissing):
        FileTarget(tmp_path / "jwks.json").read()


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "region").write_text("not a folder")

    with pytest.raises(TargetMissing):
        FileTarget(tmp_path / "region" / "jwks.json").write(b"{}", None)


def test_without_permission_it_is_denied(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    etag = FileTarget(path).write(b"{}", None)
    path.chmod(0)
    tmp_path.chmod(0o500)
    with unprivileged():
        for use in (FileTarget(path).read, lambda: FileTarget(path).write(b"[]", etag)):
            with pytest.raises(TargetDenied) as caught:
                use()
            assert "right to read and write" in caught.value.hint
    tmp_path.chmod(0o700)
    path.chmod(0o600)

    assert path.read_bytes() == b"{}"


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    FileTarget(path).write(b"old", None)
    script = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        target = FileTarget(Path(sys.argv[1]))
        try:
            target.write(b"x" * 10_000, target.read().etag)
        except Exception as error:
            print(type(error).__name__, error.detail)
    """

    said, _ = child(script, path).communicate(timeout=30)

    assert said.startswith("TargetDenied File too large; the document there is unchanged")
    assert path.read_bytes() == b"old"
    assert not (tmp_path / ".jwks.json.new").exists()


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (errno.EACCES, TargetDenied, "right to read and write"),
        (errno.EROFS, TargetDenied, "mount the file system writable"),
        (errno.ENOSPC, TargetDenied, "free some space"),
        (errno.EDQUOT, TargetDenied, "quota"),
        (errno.ELOOP, TargetMissing, "ordinary file"),
        (errno.ENAMETOOLONG, TargetMissing, "ordinary file"),
        (errno.ENOLCK, TargetUnsafe, "local file system"),
        (errno.EIO, TargetUnreachable, "tries again"),
        (errno.ESTALE, TargetUnreachable, "tries again"),
    ],
)
def test_each_error_of_the_system_says_what_to_do(
    code: int, kind: type[TargetError], hint: str
) -> None:
    error = explain(OSError(code, os.strerror(code)), "cannot write /srv/jwks.json")

    assert type(error) is kind
    assert os.strerror(code) in error.detail
    assert hint in error.hint


# ------------------------------------------------------------------------------------ more than one


def test_of_many_processes_one_wins_each_round(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    script = """
        target = FileTarget(Path(sys.argv[1]))
        print("ready", flush=True)
        for seen in sys.stdin:
            try:
                target.write(os.urandom(8), seen.strip() or None)
                print("won", flush=True)
            except TargetConflict:
                print("lost", flush=True)
    """
    writers = [child(script, path) for _ in range(5)]
    assert {line(writer) for writer in writers} == {"ready"}
    for _ in range(20):
        stored = FileTarget(path).read()
        for writer in writers:
            assert writer.stdin is not None
            print(stored.etag if stored else "", file=writer.stdin, flush=True)
        assert sorted(line(writer) for writer in writers) == ["lost"] * 4 + ["won"]
    for writer in writers:
        writer.communicate(timeout=10)


def test_what_a_killed_writer_left_is_swept_away(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    etag = FileTarget(path).write(b"old", None)
    script = """
        target = FileTarget(Path(sys.argv[1]))
        with target._locked(target._real()):
            target._real().with_name(".jwks.json.new").write_bytes(b"half a docu")
            print("ready", flush=True)
            time.sleep(60)
    """
    writer = child(script, path)
    assert line(writer) == "ready"
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate(timeout=10)

    assert FileTarget(path).read() is not None
    FileTarget(path).write(b"new", etag)

    assert path.read_bytes() == b"new"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".jwks.json.lock", "jwks.json"]


def test_a_lock_that_stays_is_reported(tmp_path: Path) -> None:
    with (tmp_path / ".jwks.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = FileTarget(tmp_path / "jwks.json", lock_patience=timedelta(milliseconds=50))
        with pytest.raises(TargetUnreachable) as caught:
            target.write(b"{}", None)

    assert "locked by another process" in caught.value.message


def test_a_lock_file_that_was_removed_excludes_nobody(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    FileTarget(path).write(b"1", None)
    with (tmp_path / ".jwks.json.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (tmp_path / ".jwks.json.lock").unlink()
        with pytest.raises(TargetConflict):
            FileTarget(path).write(b"2", None)
