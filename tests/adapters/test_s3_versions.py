"""What a versioned bucket still keeps of a document: an old signing target may hold a key that can still be opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from rotator.adapters.s3_target import S3Target
from rotator.errors import TargetDenied, TargetUnreachable
from tests.adapters.conftest import MakeTarget
from tests.servers.faulty import Answer, FaultyProxy, Reset
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NewBucket = Callable[[S3Endpoint, str], str]
Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
KEY = "accounts/jwks.json"


@pytest.fixture(
    params=[
        pytest.param("ministack", marks=pytest.mark.ministack),
        pytest.param("seaweedfs", marks=pytest.mark.s3),
    ]
)
def endpoint(request: pytest.FixtureRequest) -> S3Endpoint:
    if request.param == "seaweedfs":
        endpoint: S3Endpoint = request.getfixturevalue("seaweedfs_endpoint")
        return endpoint
    server: Ministack = request.getfixturevalue("ministack_server")
    return server.endpoint


def versions(client: S3Client, bucket: str) -> list[datetime]:
    listed = client.list_object_versions(Bucket=bucket, Prefix=KEY)["Versions"]
    return sorted(v["LastModified"] for v in listed if v["Key"] == KEY)


def test_the_oldest_version_counts_until_it_expires(
    endpoint: S3Endpoint, new_bucket: NewBucket, s3_target: MakeTarget
) -> None:
    bucket, client = new_bucket(endpoint, "versions"), endpoint.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    target: S3Target = s3_target(endpoint, bucket)
    client.put_object(Bucket=bucket, Key=KEY + ".older", Body=b"a neighbour")
    first = target.write(b"first", None)
    time.sleep(1.1)  # S3's dates have whole seconds
    second = target.write(b"second", first)

    written, last = versions(client, bucket)
    assert last > written
    assert target.oldest_version() == written.astimezone(UTC)
    client.delete_object(Bucket=bucket, Key=KEY)
    assert target.read() is None
    assert target.oldest_version() == written.astimezone(UTC)

    for version in client.list_object_versions(Bucket=bucket, Prefix=KEY)["Versions"]:
        if version["ETag"] == first:
            client.delete_object(Bucket=bucket, Key=KEY, VersionId=version["VersionId"])
    assert second != first
    assert target.oldest_version() == last.astimezone(UTC)


@pytest.mark.ministack
def test_pages_are_read_to_the_last_of_the_key(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(ministack_server.endpoint, "pages")
    target = s3_target(endpoint, bucket)
    target.write(b"document", None)
    page = (
        "<ListVersionsResult><IsTruncated>true</IsTruncated>"
        f"<NextKeyMarker>{KEY}</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>"
        f"<Version><Key>{KEY}</Key><VersionId>v1</VersionId>"
        "<LastModified>2026-01-02T03:04:05.000Z</LastModified></Version></ListVersionsResult>"
    )

    proxy.requests.clear()
    with proxy.failing(Answer(200, page.encode()), lambda request: request.number == 1):
        oldest = target.oldest_version()

    assert oldest == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert len(proxy.requests) == 2
    assert "version-id-marker=v1" in proxy.requests[1].target


@pytest.mark.ministack
def test_who_may_not_list_versions_is_told_what_to_grant(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(ministack_server.endpoint, "denied")
    target = s3_target(endpoint, bucket, patience=timedelta(seconds=2))

    with proxy.failing(Answer.s3_error(403, "AccessDenied")), pytest.raises(TargetDenied) as denied:
        target.oldest_version()
    with proxy.failing(Reset()), pytest.raises(TargetUnreachable) as lost:
        target.oldest_version()

    assert denied.value.message == f"cannot list the versions of s3://{bucket}/{KEY} in us-east-1"
    assert denied.value.hint == f"grant s3:ListBucketVersions on arn:aws:s3:::{bucket}"
    assert "effect" not in lost.value.detail
