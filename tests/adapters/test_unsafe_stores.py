"""Stores that ignore conditions are recognised before anything of value is written to them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from rotator.adapters.s3_target import S3Target
from rotator.errors import TargetDenied, TargetUnreachable, TargetUnsafe
from tests.adapters.conftest import MakeTarget
from tests.servers.faulty import Answer, FaultyProxy, Request
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint
from tests.servers.seaweedfs import READER

NewBucket = Callable[[S3Endpoint, str], str]
Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]


def keys(endpoint: S3Endpoint, bucket: str) -> list[str]:
    """Return what lies in the bucket."""
    return [
        entry["Key"]
        for entry in endpoint.client().list_objects_v2(Bucket=bucket).get("Contents", [])
    ]


@pytest.fixture
def s3rver_target(
    s3rver_endpoint: S3Endpoint, new_bucket: NewBucket, s3_target: MakeTarget
) -> S3Target:
    return s3_target(s3rver_endpoint, new_bucket(s3rver_endpoint, "unsafe"))


@pytest.mark.s3rver
def test_s3rver_is_refused(s3rver_target: S3Target, s3rver_endpoint: S3Endpoint) -> None:
    with pytest.raises(TargetUnsafe) as caught:
        s3rver_target.prove_conditional_writes()

    assert s3rver_endpoint.url in caught.value.message
    assert "ignores If-None-Match: of 20 writers at once 20 would win" in caught.value.detail
    assert keys(s3rver_endpoint, s3rver_target.bucket) == []


@pytest.mark.s3rver
def test_the_refusal_is_right(s3rver_target: S3Target) -> None:
    with ThreadPoolExecutor(20) as pool:
        written = list(pool.map(lambda n: s3rver_target.write(str(n).encode(), None), range(20)))

    assert len(written) == 20


@pytest.mark.s3
def test_a_sound_store_keeps_nothing_of_the_proof(
    seaweedfs_endpoint: S3Endpoint, new_bucket: NewBucket, s3_target: MakeTarget
) -> None:
    bucket = new_bucket(seaweedfs_endpoint, "proof")
    s3_target(seaweedfs_endpoint, bucket).prove_conditional_writes()

    assert keys(seaweedfs_endpoint, bucket) == []


@pytest.mark.ministack
def test_proofs_at_the_same_time_do_not_accuse_a_sound_store(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget
) -> None:
    endpoint = ministack_server.endpoint
    target = s3_target(endpoint, new_bucket(endpoint, "together"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: target.prove_conditional_writes(), range(20)))


@pytest.mark.ministack
def test_a_stray_of_an_earlier_proof_is_no_flaw(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    sound: S3Endpoint = ministack_server.endpoint
    bucket = new_bucket(sound, "stray")
    proxy, endpoint = faulty_proxy(sound)
    target = s3_target(endpoint, bucket)

    with proxy.failing(Answer.s3_error(403, "AccessDenied"), lambda r: r.method == "DELETE"):
        target.prove_conditional_writes()
        target.prove_conditional_writes()

    assert keys(sound, bucket) == ["accounts/jwks.json.conditional-write-probe"]


@pytest.mark.ministack
@pytest.mark.parametrize(
    ("ignored", "flaw"),
    [
        ("if-none-match", "ignores If-None-Match"),
        ("if-match", "ignores If-Match"),
    ],
)
def test_half_of_the_conditions_is_not_enough(
    ministack_server: Ministack,
    new_bucket: NewBucket,
    s3_target: MakeTarget,
    faulty_proxy: Faulty,
    ignored: str,
    flaw: str,
) -> None:
    sound: S3Endpoint = ministack_server.endpoint
    proxy, endpoint = faulty_proxy(sound)
    target = s3_target(endpoint, new_bucket(sound, "half"))

    def carries(request: Request) -> bool:
        return ignored in request.headers

    with (
        proxy.failing(Answer(200, headers={"ETag": '"made-up"'}), carries),
        pytest.raises(TargetUnsafe) as caught,
    ):
        target.prove_conditional_writes()

    assert flaw in caught.value.detail


@pytest.mark.ministack
def test_a_store_that_forgets_its_own_etags_is_refused(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    sound: S3Endpoint = ministack_server.endpoint
    proxy, endpoint = faulty_proxy(sound)
    target = s3_target(endpoint, new_bucket(sound, "quotes"))

    with (
        proxy.failing(
            Answer.s3_error(412, "PreconditionFailed"), lambda r: "if-match" in r.headers
        ),
        pytest.raises(TargetUnsafe, match="cannot be trusted") as caught,
    ):
        target.prove_conditional_writes()

    assert "its own ETag" in caught.value.detail


@pytest.mark.ministack
def test_a_header_that_is_not_implemented_is_unsafe(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    sound: S3Endpoint = ministack_server.endpoint
    proxy, endpoint = faulty_proxy(sound)
    target = s3_target(endpoint, new_bucket(sound, "old"))

    with (
        proxy.failing(Answer.s3_error(501, "NotImplemented"), lambda r: r.method == "PUT"),
        pytest.raises(TargetUnsafe),
    ):
        target.prove_conditional_writes()


@pytest.mark.ministack
def test_a_store_that_is_down_is_not_called_unsafe(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    sound: S3Endpoint = ministack_server.endpoint
    proxy, endpoint = faulty_proxy(sound)
    target = s3_target(endpoint, new_bucket(sound, "down"))

    with (
        proxy.failing(Answer.s3_error(500, "InternalError")),
        pytest.raises(TargetUnreachable),
    ):
        target.prove_conditional_writes()


@pytest.mark.s3
def test_who_may_not_write_learns_it_from_the_proof(
    seaweedfs_endpoint: S3Endpoint, new_bucket: NewBucket, s3_target: MakeTarget
) -> None:
    bucket = new_bucket(seaweedfs_endpoint, "reader")
    target = s3_target(seaweedfs_endpoint, bucket, credentials=READER)

    with pytest.raises(TargetDenied, match="cannot write"):
        target.prove_conditional_writes()
