"""A folder with a configuration, in which the real commands run: in this process with a clock of the test's own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotator.app.world import World
from rotator.aws import AwsClients
from rotator.cli import main
from rotator.ports import Clock
from tests.fakes.clock import FakeClock
from tests.servers.s3 import S3Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGIONS = ("us-east-1", "eu-central-1", "ap-northeast-1")
ISSUER = "accounts"
ALIAS = "alias/rotator/{issuer}"
URL = "https://auth.example.com"
PASSPHRASE = "correct-horse-battery-staple-9381"
Config = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str


@cache
def _client_of(endpoint: S3Endpoint) -> S3Client:
    return endpoint.client()


@dataclass(frozen=True)
class Bucket:
    """Where a region's two documents lie: an endpoint as rotator reaches it, a bucket there, a folder in that."""

    endpoint: S3Endpoint
    name: str
    folder: str

    @property
    def client(self) -> S3Client:
        """A client of the tests' own, made once for an endpoint."""
        return _client_of(self.endpoint)

    def read(self, key: str) -> bytes | None:
        try:
            return self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except self.client.exceptions.NoSuchKey:
            return None


@dataclass
class Place:
    """One configuration with its regions.

    `wiring` changes the ports of every run in this process; `clients` are used by all of them, as in a daemon.
    """

    folder: Path
    config: Config
    clock: Clock = field(default_factory=FakeClock)
    environ: Mapping[str, str] = field(default_factory=dict)
    wiring: Callable[[World], World] | None = None
    buckets: Mapping[str, Bucket] = field(default_factory=dict)
    clients: AwsClients | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_config()

    @property
    def file(self) -> Path:
        return self.folder / "rotator.yaml"

    @property
    def state_file(self) -> Path:
        return self.folder / ".rotator" / "state.db"

    def write_config(self) -> None:
        self.file.write_text(json.dumps(self.config, indent=1))

    def policy(self, **changes: object) -> None:
        """The operator edits the policy."""
        self.config["policy"] = {**self.config.get("policy", {}), **changes}
        self.write_config()

    def run(self, *argv: str | Path) -> Ran:
        """Run a command line in this process."""
        words = ["--config", str(self.file), *map(str, argv)]
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(
                words,
                clock=self.clock,
                environ=self.environ,
                wiring=self.wiring,
                clients=self.clients,
            )
        return Ran(code, out.getvalue(), err.getvalue())

    def ok(self, *argv: str | Path) -> str:
        """Run a command that must succeed; its stdout."""
        ran = self.run(*argv)
        assert ran.code == 0, ran
        return ran.out

    def json(self, *argv: str | Path) -> Any:
        """Run a command with --json, whatever its exit code; its document."""
        return json.loads(self.run(*argv, "--json").out)

    def start(self, *argv: str | Path) -> subprocess.Popen[str]:
        """Start a command in a process of its own, at the real time."""
        return subprocess.Popen(
            [sys.executable, "-m", "rotator", "--config", self.file, *argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environ},
        )

    def history(self) -> list[dict[str, Any]]:
        """Every key there ever was, as `history` tells it, oldest first."""
        (issuer,) = self.json("history")["issuers"]
        keys: list[dict[str, Any]] = issuer["keys"]
        return keys

    def phases(self) -> list[str]:
        return [key["phase"] for key in self.history()]

    def token(self, region: str, *words: str) -> str:
        """A token of a signer in the region, by the real command."""
        return self.ok("token", ISSUER, "--region", region, *words).strip()

    def jwks(self, region: str) -> bytes | None:
        """The bytes of a region's document, read without rotator."""
        return self._document(region, "jwks")

    def signing(self, region: str) -> bytes | None:
        """The bytes of a region's signing target, read without rotator."""
        return self._document(region, "signing")

    def pems(self) -> dict[str, Path]:
        """The private files there are, by generation."""
        folder = self.folder / ".rotator" / "keys" / ISSUER
        return {path.stem: path for path in folder.glob("*.pem")}

    def _document(self, region: str, which: str) -> bytes | None:
        where = self.config["regions"][region][which]
        if where["kind"] == "file":
            path: Path = self.folder / where["path"].replace("{issuer}", ISSUER)
            return path.read_bytes() if path.exists() else None
        return self.buckets[region].read(where["key"].replace("{issuer}", ISSUER))


def moment(text: str) -> datetime:
    """A moment as rotator prints it."""
    return datetime.fromisoformat(text)


def file_config(regions: tuple[str, ...] = REGIONS, **policy: object) -> Config:
    """Regions in folders; every number of the policy that is not given is the default."""
    return _config({name: _file_region(name) for name in regions}, policy)


def s3_config(buckets: Mapping[str, Bucket], **policy: object) -> Config:
    """Regions in buckets, reached with the profile `tests` (see the fixture `aws`)."""
    return _config({name: _s3_region(bucket) for name, bucket in buckets.items()}, policy)


def kms_config(buckets: Mapping[str, Bucket], kms: Mapping[str, str], **policy: object) -> Config:
    """Keys in KMS (the endpoint of each region in `kms`), regions in buckets, the state in the first one's bucket."""
    config = s3_config(buckets, **policy)
    for name, bucket in buckets.items():
        endpoints = {"s3": bucket.endpoint.url, "kms": kms[name], "sts": bucket.endpoint.url}
        aws = {"region": name, "profile": "tests", "endpoints": endpoints}
        config["regions"][name]["aws"] = aws
    first = REGIONS[0]
    config["keys"] = {"kind": "kms", "primary_region": first, "alias": ALIAS}
    config["state"] = {
        "kind": "s3",
        "bucket": buckets[first].name,
        "prefix": f"{buckets[first].folder}/state",
        "aws": config["regions"][first]["aws"],
    }
    return config


def _config(regions: Config, policy: Config) -> Config:
    issuers = {ISSUER: {"url": URL}}
    return {"version": 1, "policy": policy, "regions": regions, "issuers": issuers}


def _file_region(name: str) -> Config:
    folder = f"regions/{name}/{{issuer}}"
    return {
        "jwks": {"kind": "file", "path": f"{folder}/jwks.json"},
        "signing": {"kind": "file", "path": f"{folder}/signing.json"},
    }


def _s3_region(bucket: Bucket) -> Config:
    endpoints, public = {"s3": bucket.endpoint.url}, f"{bucket.folder}/{{issuer}}"
    return {
        "aws": {"region": bucket.endpoint.region, "profile": "tests", "endpoints": endpoints},
        "jwks": {"kind": "s3", "bucket": bucket.name, "key": f"{public}/jwks.json"},
        "signing": {"kind": "s3", "bucket": bucket.name, "key": f"private/{public}/signing.json"},
    }
