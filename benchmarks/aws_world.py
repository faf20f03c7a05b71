"""rotator over AWS regions that an emulator plays: real configuration, real adapters, and every call counted."""

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

import boto3

from rotator.app.looking import side_by_side
from rotator.app.world import World
from rotator.bootstrap import build_world
from rotator.config.load import load
from rotator.config.settings import Settings
from rotator.domain.codec import decode
from rotator.domain.state import IssuerState
from rotator.domain.stored import text_of
from rotator.ports import Clock
from tests.fakes.reporter import RecordingReporter

REGIONS = ("us-east-1", "eu-central-1", "ap-northeast-1")
FIRST = "issuer-0000"
WRAPPING = "alias/wrapping"
STATE_BUCKET = "state"
_PASSPHRASE = {"ROTATOR_KEY_PASSPHRASE": "benchmarks need no secrets"}
_KEYS: Mapping[str, Mapping[str, Any]] = {
    "local": {"kind": "local", "path": "keys"},
    "kms": {"kind": "kms", "primary_region": REGIONS[0], "alias": "alias/rotator/{issuer}"},
    "kms-wrapped": {
        "kind": "kms-wrapped",
        "primary_region": REGIONS[0],
        "wrapping_key": WRAPPING,
    },
}


@dataclass
class Setup:
    """One way to keep keys and state; `urls` are the endpoints of the regions, the first one's serves the state."""

    folder: Path
    keys: str
    state: str
    clock: Clock
    urls: Mapping[str, str]
    policy: Mapping[str, Any] = field(default_factory=dict)
    bucket_prefix: str = ""

    def settings(self, issuers: Sequence[str]) -> Settings:
        """The configuration, read from a file as a command reads it."""
        file = self.folder / f"{self.keys}-{self.state}-{len(issuers)}.yaml"
        file.write_text(json.dumps(self._config(issuers)))
        return load(file, os.environ)

    def world(self, settings: Settings) -> World:
        """A world as one command gets it: no session, client or connection of an earlier one."""
        return build_world(
            settings, clock=self.clock, reporter=RecordingReporter(), environ=_PASSPHRASE
        )

    def bucket(self, region: str, document: str) -> str:
        """The bucket of a kind of document in a region."""
        return f"{self.bucket_prefix}{self.keys}-{self.state}-{document}-{region}"

    @property
    def state_bucket(self) -> str:
        """The bucket of the state."""
        return f"{self.bucket_prefix}{self.keys}-{STATE_BUCKET}"

    def prepare(self) -> None:
        """Buckets, and the key that wraps others, in every region."""
        (first, *others), made = self.urls, None
        for region in self.urls:
            for bucket in (self.bucket(region, "jwks"), self.bucket(region, "signing")):
                make_bucket(self.client("s3", region), bucket)
        make_bucket(self.client("s3", first), self.state_bucket)
        if self.keys == "kms-wrapped":
            made = self.client("kms", first).create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
            for region in others:
                self.client("kms", first).replicate_key(KeyId=made, ReplicaRegion=region)
            for region in self.urls:
                kms = self.client("kms", region)
                kms.create_alias(AliasName=WRAPPING, TargetKeyId=made)

    def client(self, service: str, region: str) -> Any:
        """A client of the benchmark's own."""
        return boto3.client(
            cast("Any", service), region_name=region, endpoint_url=self.urls[region]
        )

    def copy_first(self, names: Sequence[str]) -> None:
        """Give every other issuer what the first one has: documents, aliases, state and evidence."""
        world = self.world(self.settings([FIRST, *names]))
        state, evidence = world.state.load(FIRST), world.state.load_evidence(FIRST)
        assert state is not None
        clients = {r: (self.client("s3", r), self.client("kms", r)) for r in self.urls}
        lease = world.state.acquire("benchmark", timedelta(hours=1))

        copies = side_by_side(lambda name: self._copied(name, state, clients), names)
        for name, copied in zip(names, copies, strict=True):
            world.state.save(lease, copied, ())
            seen = text_of(evidence).replace(FIRST, name)
            world.state.save_evidence(decode(type(evidence), json.loads(seen)))
        world.state.release(lease)

    def _copied(self, name: str, first: IssuerState, clients: Mapping[str, Any]) -> IssuerState:
        renamed = decode(IssuerState, json.loads(text_of(first).replace(FIRST, name)))
        records = {}
        for region, record in renamed.regions.items():
            s3, kms = clients[region]
            source = {"Bucket": self.bucket(region, "jwks"), "Key": f"{FIRST}/jwks.json"}
            s3.copy_object(CopySource=source, Bucket=source["Bucket"], Key=f"{name}/jwks.json")
            etag = s3.put_object(
                Bucket=self.bucket(region, "signing"),
                Key=f"{name}/signing.json",
                Body=str(record.signing_body).encode(),
            )["ETag"]
            if record.alias_arn:
                kms.create_alias(
                    AliasName=f"alias/rotator/{name}", TargetKeyId=record.alias_arn.split("/")[-1]
                )
            records[region] = replace(record, signing_etag=etag)
        return replace(renamed, regions=records, serial=0)

    def _config(self, issuers: Sequence[str]) -> dict[str, Any]:
        ways = {
            region: {"region": region, "endpoints": {"s3": url, "kms": url}}
            for region, url in self.urls.items()
        }
        in_s3 = {
            "kind": "s3",
            "bucket": self.state_bucket,
            "aws": next(iter(ways.values())),
        }
        in_file = {"kind": "sqlite", "path": f"{self.keys}.db"}
        return {
            "version": 1,
            "state": in_s3 if self.state == "s3" else in_file,
            "keys": _KEYS[self.keys],
            "policy": self.policy,
            "regions": {
                region: {
                    "aws": way,
                    "jwks": self._document(region, "jwks"),
                    "signing": self._document(region, "signing"),
                }
                for region, way in ways.items()
            },
            "issuers": {name: {"url": f"https://{name}.example.com"} for name in issuers},
        }

    def _document(self, region: str, document: str) -> dict[str, str]:
        key = "{issuer}/" + f"{document}.json"
        return {"kind": "s3", "bucket": self.bucket(region, document), "key": key}


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the part of rotator's work that it belongs to, AWS's name for it, what it was about, and as it was sent."""

    part: str
    operation: str
    region: str
    bucket: str = ""
    key: str = ""
    size: int = 0
    sent: Any = None


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """The calls that botocore sends meanwhile, each attempt once.

    Those that prove a store which is not AWS's own to honour conditions are left out: AWS is believed.
    """
    calls: list[Call] = []
    told = _Told(calls)
    log = logging.getLogger("botocore.endpoint")
    log.addHandler(told)
    log.setLevel(logging.DEBUG)
    try:
        yield calls
    finally:
        log.setLevel(logging.NOTSET)
        log.removeHandler(told)


class _Told(logging.Handler):
    """Listens to what botocore says about each request that it sends."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self._calls = calls

    def emit(self, record: logging.LogRecord) -> None:
        if str(record.msg).startswith("Sending http request") and isinstance(record.args, tuple):
            request: Any = record.args[0]
            if ".conditional-write-probe" not in request.url:
                self._calls.append(_call(request))


def _call(request: Any) -> Call:
    scope = re.search(r"/([a-z0-9-]+)/([a-z0-9]+)/aws4_request", _text(request, "Authorization"))
    assert scope is not None
    if scope[2] == "kms":
        return Call(
            "keys", _text(request, "X-Amz-Target").partition(".")[2], scope[1], sent=request
        )
    parts = urlsplit(request.url)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    query = parse_qs(parts.query, keep_blank_values=True)
    operation = {"GET": "GetObject", "PUT": "PutObject", "DELETE": "DeleteObject"}[request.method]
    if not key:
        operation = "ListObjectVersions" if "versions" in query else "ListObjectsV2"
    part = "state" if bucket.endswith(f"-{STATE_BUCKET}") else "documents"
    size = int(_text(request, "Content-Length") or 0)
    return Call(part, operation, scope[1], bucket, key, size, request)


def _text(request: Any, header: str) -> str:
    value = request.headers.get(header, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def make_bucket(s3: Any, name: str) -> None:
    """Make a bucket where the client's region has it."""
    region = s3.meta.region_name
    where = {} if region == "us-east-1" else {"LocationConstraint": region}
    s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": where} if where else {}))


@contextmanager
def anybody() -> Iterator[None]:
    """Credentials that an emulator takes, and nothing of this machine's own configuration."""
    names = {name for name in os.environ if name.startswith("AWS_")}
    kept = {name: os.environ.pop(name) for name in names}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ |= kept
