"""s3rver: an S3 server that ignores conditional writes. A store like this must be recognised and refused."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.servers.process import ServerFailedError, ServerProcess, accepts, free_port
from tests.servers.s3 import Credentials, S3Endpoint

ONLY_USER: Final = Credentials("S3RVER", "S3RVER")
NODE_MODULES: Final = Path(__file__).parents[1] / "node" / "node_modules"


@contextlib.contextmanager
def s3rver(directory: Path) -> Iterator[S3Endpoint]:
    """Run a server that keeps its objects in `directory`."""
    node = shutil.which("node")
    if node is None:
        raise ServerFailedError("node is not installed")
    directory.mkdir(parents=True, exist_ok=True)
    port = free_port()
    script = NODE_MODULES / "s3rver" / "bin" / "s3rver.js"
    process = ServerProcess(
        [
            node,
            "--no-deprecation",
            script,
            "-d",
            directory / "data",
            "-a",
            "127.0.0.1",
            "-p",
            str(port),
        ],
        log=directory / "s3rver.log",
    )
    (directory / "data").mkdir()
    process.start(lambda: accepts(port))
    try:
        yield S3Endpoint(f"http://127.0.0.1:{port}", ONLY_USER)
    finally:
        process.kill()
