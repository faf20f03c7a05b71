"""ministack: S3 (and KMS) that starts in a quarter of a second and whose clock can travel. Checks no signatures."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from tests.servers.process import ServerFailedError, ServerProcess, accepts, free_port
from tests.servers.s3 import Credentials, S3Endpoint

ANYBODY: Final = Credentials("test", "test")
_VENV: Final = Path(__file__).parents[2] / ".venv-ministack"


def ministack_binary() -> Path | None:
    """Return the command of ministack's own environment (it pins botocore)."""
    binary = _VENV / "bin" / "ministack"
    return binary if binary.exists() else None


def faketime_library() -> Path | None:
    """Return the library that PyPI's libfaketime carries (Debian's `faketime` hangs CPython's waits)."""
    found = sorted(_VENV.glob("lib/python*/site-packages/libfaketime/**/libfaketime.so.1"))
    return found[0] if found else None


class Ministack:
    """One server; a context manager. With `time_travel` its clock follows `travel_to`."""

    def __init__(self, directory: Path, *, time_travel: bool = False) -> None:
        self.port = free_port()
        self._clock = directory / "clock"
        environment = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "SERVICES": "s3,kms,iam,sts,cloudfront",
            "IOT_MTLS_ENABLED": "0",
            "TZ": "UTC",
        }
        if time_travel:
            library = faketime_library()
            if library is None:
                raise ServerFailedError("libfaketime is not installed")
            self.travel_to(datetime.now(UTC))
            environment |= {
                # By name: a path in LD_PRELOAD may hold no space.
                "LD_PRELOAD": library.name,
                "LD_LIBRARY_PATH": str(library.parent),
                "FAKETIME_TIMESTAMP_FILE": str(self._clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        binary = ministack_binary()
        if binary is None:
            raise ServerFailedError("ministack is not installed")
        self.process = ServerProcess([binary], log=directory / "ministack.log", env=environment)

    def __enter__(self) -> Self:
        self.process.start(lambda: accepts(self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()

    @property
    def endpoint(self) -> S3Endpoint:
        """The S3 endpoint; any credentials will do."""
        return S3Endpoint(f"http://127.0.0.1:{self.port}", ANYBODY)

    def travel_to(self, moment: datetime) -> None:
        """Set the server's clock; from there it runs on at the usual speed."""
        # An offset, not a date: libfaketime counts a date from the start of the process.
        offset = (moment - datetime.now(UTC)).total_seconds()
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{offset:+.3f}\n")
        fresh.replace(self._clock)


@contextlib.contextmanager
def ministack(directory: Path, *, time_travel: bool = False) -> Iterator[Ministack]:
    """Run a server in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    with Ministack(directory, time_travel=time_travel) as server:
        yield server
