"""Child processes that never outlive the tests, and ports for them."""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

# Below the ephemeral range, so that no outgoing connection takes the port between choosing and listening.
_PORTS = range(11_000, 21_000)
_GRPC_OFFSET = 10_000  # SeaweedFS puts its gRPC listeners there
_POLL_S = 0.02
_chosen: set[int] = set()


class ServerFailedError(RuntimeError):
    """A server did not come up; carries the end of its log."""


def free_port(*, with_grpc: bool = False) -> int:
    """Choose a port nobody listens on (and the one 10,000 above it, for SeaweedFS)."""
    choose = random.SystemRandom()  # not the seeded generator: xdist workers share a seed
    for _ in range(500):
        port = choose.choice(_PORTS)
        wanted = [port, port + _GRPC_OFFSET] if with_grpc else [port]
        if port not in _chosen and all(_is_free(candidate) for candidate in wanted):
            _chosen.add(port)
            return port
    raise ServerFailedError("no free port on loopback")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(ready: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Poll until `ready()`; raises ServerFailedError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise ServerFailedError(f"{what}: not ready after {timeout_s:g} s")
        time.sleep(_POLL_S)


def accepts(port: int) -> bool:
    """Tell whether something listens on the port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class ServerProcess:
    """One server in a process group of its own; its output goes to a log file."""

    def __init__(
        self, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self._command = [*_tied_to_parent(), *(str(part) for part in command)]
        self._env = {**_clean_environment(), **(env or {})}
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; also the id of the process group."""
        if self._process is None:
            raise ServerFailedError("not started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self, ready: Callable[[], bool], *, timeout_s: float = 30) -> None:
        """Start and wait until `ready()`; a process that ends meanwhile is an error at once."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self._env,
                cwd=self.log.parent,
                start_new_session=True,
            )
        atexit.register(self.kill)
        try:
            self._wait_for(ready, timeout_s)
        except ServerFailedError as problem:
            self.kill()
            raise ServerFailedError(f"{problem}\n{self.log_tail()}") from problem

    def _wait_for(self, ready: Callable[[], bool], timeout_s: float) -> None:
        what = " ".join(self._command)
        wait_until(lambda: not self.running or ready(), timeout_s=timeout_s, what=what)
        if not self.running:
            raise ServerFailedError(f"{what}: ended at once")

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def pause(self) -> None:
        """Stop answering without closing connections (SIGSTOP): a region that hangs."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Go on after `pause`."""
        os.killpg(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group with SIGKILL and wait for it; harmless when already dead."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=10)
        atexit.unregister(self.kill)

    def ask_to_end(self) -> None:
        """SIGTERM to the whole group, and no waiting."""
        self.resume()
        os.killpg(self.pid, signal.SIGTERM)

    def stop(self, *, grace_s: float = 3) -> None:
        """Ask politely (SIGTERM), then kill the group."""
        if self.running:
            self.ask_to_end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.pid_wait(grace_s)
        self.kill()

    def pid_wait(self, timeout_s: float) -> None:
        """Wait for the end of the process."""
        if self._process is not None:
            self._process.wait(timeout=timeout_s)


def _tied_to_parent() -> list[str]:
    """Have the kernel end the server when the test process is killed (util-linux, without a wrapper process)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


def _clean_environment() -> dict[str, str]:
    """Keep what a program needs to run; drop proxies, credentials and Python settings of the caller."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ"}
    }
