"""What every document target must do, run over the fake, files, and S3 on two real servers."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.file_target import FileTarget
from rotator.adapters.s3_target import AwsAccess, AwsClients, S3Target
from rotator.domain.jwks import MAX_BYTES
from rotator.errors import TargetConflict
from rotator.ports import DocumentTarget
from tests.adapters.aws_profiles import aws_environment
from tests.fakes.targets import MemoryRegion
from tests.servers.s3 import S3Endpoint

_WRITERS = 20
_ROUNDS = 3
_CACHE_CONTROL = "public, max-age=300"
_JWKS_TYPE = "application/jwk-set+json"


@dataclass(frozen=True)
class Place:
    """An empty place for one document: more handles on it, and a way behind their backs."""

    handle: Callable[[], DocumentTarget]
    tamper: Callable[[bytes], object]
    keeps_headers: bool
    keeps_times: bool = True


def _memory(request: pytest.FixtureRequest) -> Place:
    region = MemoryRegion("nowhere")

    def handle() -> DocumentTarget:
        return region.target("jwks.json", content_type=_JWKS_TYPE, cache_control=_CACHE_CONTROL)

    return Place(handle, lambda body: region.documents.update({"jwks.json": body}), True, False)


def _file(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    path = folder / "region" / "accounts" / "jwks.json"

    def tamper(body: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    return Place(lambda: FileTarget(path), tamper, False)


def _s3(request: pytest.FixtureRequest, endpoint: S3Endpoint) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name, value in aws_environment(folder, {"admin": endpoint.credentials}).items():
        patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
    bucket = request.getfixturevalue("new_bucket")(endpoint, "contract")
    # SeaweedFS makes writers that meet wait, a second each time.
    patient = timedelta(seconds=60)
    access = AwsAccess("us-east-1", "admin", endpoint=endpoint.url, read_timeout=patient)
    clients, direct = AwsClients(), endpoint.client()

    def handle() -> DocumentTarget:
        key = "accounts/jwks.json"
        return S3Target(clients, access, bucket, key, _JWKS_TYPE, _CACHE_CONTROL)

    def tamper(body: bytes) -> None:
        direct.put_object(Bucket=bucket, Key="accounts/jwks.json", Body=body)

    return Place(handle, tamper, True)


def _seaweedfs(request: pytest.FixtureRequest) -> Place:
    return _s3(request, request.getfixturevalue("seaweedfs_endpoint"))


def _ministack(request: pytest.FixtureRequest) -> Place:
    return _s3(request, request.getfixturevalue("ministack_server").endpoint)


@pytest.fixture(
    params=[
        pytest.param(_memory, id="memory"),
        pytest.param(_file, id="file"),
        pytest.param(_seaweedfs, id="seaweedfs", marks=pytest.mark.s3),
        pytest.param(_ministack, id="ministack", marks=pytest.mark.ministack),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    make: Callable[[Any], Place] = request.param
    return make(request)


def test_what_does_not_exist_reads_as_none(place: Place) -> None:
    assert place.handle().read() is None


def test_a_document_reads_back_as_it_was_written(place: Place) -> None:
    target = place.handle()
    etag = target.write(b'{"keys":[]}', None)

    stored = place.handle().read()

    assert stored is not None
    assert (stored.body, stored.etag) == (b'{"keys":[]}', etag)
    if place.keeps_headers:
        assert stored.content_type == _JWKS_TYPE
        assert stored.cache_control == _CACHE_CONTROL


def test_making_it_anew_conflicts_when_it_exists(place: Place) -> None:
    first = place.handle().write(b"first", None)

    with pytest.raises(TargetConflict):
        place.handle().write(b"second", None)

    assert _now(place) == (b"first", first)


def test_the_right_etag_replaces(place: Place) -> None:
    target = place.handle()
    first = target.write(b"first", None)
    second = target.write(b"second", first)

    assert second != first
    assert _now(place) == (b"second", second)


def test_the_etag_that_was_read_replaces_too(place: Place) -> None:
    place.tamper(b"somebody else's")
    stored = place.handle().read()
    assert stored is not None

    place.handle().write(b"ours", stored.etag)

    assert _now(place)[0] == b"ours"


def test_a_stale_etag_conflicts_and_leaves_the_document(place: Place) -> None:
    target = place.handle()
    first = target.write(b"first", None)
    second = target.write(b"second", first)

    with pytest.raises(TargetConflict):
        target.write(b"third", first)

    assert _now(place) == (b"second", second)


def test_an_etag_conflicts_where_nothing_is_left(place: Place) -> None:
    with pytest.raises(TargetConflict):
        place.handle().write(b"late", '"0123456789abcdef0123456789abcdef"')

    assert place.handle().read() is None


def test_of_many_writers_one_wins_each_round(place: Place) -> None:
    etag = None
    with ThreadPoolExecutor(_WRITERS) as pool:
        for number in range(_ROUNDS):
            bodies = [f"{number}:{writer}".encode() for writer in range(_WRITERS)]
            outcomes = list(pool.map(lambda body, seen=etag: _try(place, body, seen), bodies))
            winners = [pair for pair in zip(bodies, outcomes, strict=True) if pair[1] is not None]
            assert len(winners) == 1
            assert _now(place) == winners[0]
            etag = winners[0][1]


def test_a_huge_document_is_cut_just_above_the_limit(place: Place) -> None:
    place.tamper(b"x" * (10 * 1024 * 1024))

    stored = place.handle().read()

    assert stored is not None
    assert len(stored.body) == MAX_BYTES + 1


def test_an_empty_document_is_a_document(place: Place) -> None:
    place.tamper(b"")

    stored = place.handle().read()

    assert stored is not None
    assert stored.body == b""


def test_a_store_that_keeps_conditions_passes_the_proof(place: Place) -> None:
    target = place.handle()
    etag = target.write(b"document", None)

    target.prove_conditional_writes()
    target.prove_conditional_writes()

    assert _now(place) == (b"document", etag)


def test_how_old_a_document_is(place: Place) -> None:
    target = place.handle()
    assert target.oldest_version() is None
    if place.keeps_times:
        before = datetime.now(UTC)
        target.write(b"document", None)
        written = place.handle().oldest_version()
        assert written is not None
        assert abs(written - before) < timedelta(minutes=1)


def test_every_handle_on_a_document_names_it_alike(place: Place) -> None:
    assert place.handle().location == place.handle().location
    assert "jwks.json" in place.handle().location


def _now(place: Place) -> tuple[bytes, str]:
    stored = place.handle().read()
    assert stored is not None
    return stored.body, stored.etag


def _try(place: Place, body: bytes, expected_etag: str | None) -> str | None:
    try:
        return place.handle().write(body, expected_etag)
    except TargetConflict:
        return None
