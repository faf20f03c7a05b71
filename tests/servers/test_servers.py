"""The servers of the tests do what the tests rely on: real conditional writes, real refusals, real faults."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers.faulty import (
    Answer,
    Delay,
    Fault,
    FaultyProxy,
    Garbage,
    Hang,
    LoseAnswer,
    Refuse,
    Request,
    Reset,
)
from tests.servers.ministack import Ministack
from tests.servers.s3 import S3Endpoint
from tests.servers.seaweedfs import READER, STRANGER, Gateway
from tests.servers.webserver import Reply, WebServer

NewBucket = Callable[[S3Endpoint, str], str]
Proxied = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]
Outcome = Literal["won", "lost"]


def race(endpoint: S3Endpoint, bucket: str, contenders: int = 8) -> list[Outcome]:
    """Let several clients create the same object at once."""
    clients = [endpoint.client() for _ in range(contenders)]

    def attempt(number: int) -> Outcome:
        try:
            clients[number].put_object(
                Bucket=bucket, Key="k", Body=str(number).encode(), IfNoneMatch="*"
            )
        except ClientError as error:
            if status_of(error) not in {409, 412}:
                raise
            return "lost"
        return "won"

    with ThreadPoolExecutor(contenders) as pool:
        return list(pool.map(attempt, range(contenders)))


def status_of(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.s3
def test_seaweedfs_lets_one_of_many_win(
    seaweedfs_endpoint: S3Endpoint, new_bucket: NewBucket
) -> None:
    bucket = new_bucket(seaweedfs_endpoint, "race")
    assert race(seaweedfs_endpoint, bucket, contenders=4).count("won") == 1


@pytest.mark.s3
def test_seaweedfs_compares_etags(seaweedfs_endpoint: S3Endpoint, new_bucket: NewBucket) -> None:
    bucket = new_bucket(seaweedfs_endpoint, "etag")
    client = seaweedfs_endpoint.client()
    first = client.put_object(Bucket=bucket, Key="k", Body=b"1", CacheControl="max-age=300")["ETag"]
    client.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)
    with pytest.raises(ClientError) as caught:
        client.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first)
    assert status_of(caught.value) == 412


@pytest.mark.s3
def test_seaweedfs_checks_who_asks(seaweedfs_endpoint: S3Endpoint, new_bucket: NewBucket) -> None:
    bucket = new_bucket(seaweedfs_endpoint, "who")
    seaweedfs_endpoint.client().put_object(Bucket=bucket, Key="k", Body=b"1")
    assert (
        seaweedfs_endpoint.client(READER).get_object(Bucket=bucket, Key="k")["Body"].read() == b"1"
    )
    for who in (READER, STRANGER):
        with pytest.raises(ClientError) as caught:
            seaweedfs_endpoint.client(who).put_object(Bucket=bucket, Key="k", Body=b"2")
        assert status_of(caught.value) == 403


@pytest.mark.s3
def test_a_killed_gateway_comes_back_with_its_data(
    seaweedfs_gateways: Callable[[str], Gateway], new_bucket: NewBucket
) -> None:
    gateway = seaweedfs_gateways("victim")
    bucket = new_bucket(gateway.endpoint, "crash")
    gateway.endpoint.client().put_object(Bucket=bucket, Key="k", Body=b"kept")
    gateway.kill()
    with pytest.raises(BotoCoreError):
        gateway.endpoint.client().get_object(Bucket=bucket, Key="k")
    gateway.start()
    got = gateway.endpoint.client().get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == b"kept"


@pytest.mark.s3
def test_a_proxy_keeps_signatures_valid(
    seaweedfs_endpoint: S3Endpoint, faulty_proxy: Proxied, new_bucket: NewBucket
) -> None:
    proxy, endpoint = faulty_proxy(seaweedfs_endpoint)
    bucket = new_bucket(endpoint, "proxied")
    endpoint.client().put_object(Bucket=bucket, Key="k", Body=b"x" * 200_000, IfNoneMatch="*")
    assert len(endpoint.client().get_object(Bucket=bucket, Key="k")["Body"].read()) == 200_000
    assert [request.method for request in proxy.requests] == ["PUT", "PUT", "GET"]


@pytest.mark.ministack
@pytest.mark.parametrize(
    "fault",
    [
        Refuse(),
        Reset(),
        Garbage(),
        LoseAnswer(),
        Answer.s3_error(500, "InternalError"),
        Answer.s3_error(403, "AccessDenied"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_a_fault_is_an_error_until_it_heals(
    ministack_server: Ministack, faulty_proxy: Proxied, new_bucket: NewBucket, fault: Fault
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(endpoint, "fault")
    with proxy.failing(fault), pytest.raises((BotoCoreError, ClientError)):
        endpoint.client().put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")
    there = ministack_server.endpoint.client().list_objects_v2(Bucket=bucket)["KeyCount"]
    assert there == (1 if isinstance(fault, LoseAnswer) else 0)
    endpoint.client().put_object(Bucket=bucket, Key="other", Body=b"1", IfNoneMatch="*")


@pytest.mark.ministack
def test_a_fault_may_pick_its_requests(
    ministack_server: Ministack, faulty_proxy: Proxied, new_bucket: NewBucket
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(endpoint, "pick")

    def is_signing(request: Request) -> bool:
        return request.method == "PUT" and request.target.endswith("signing.json")

    with proxy.failing(Answer.s3_error(503, "SlowDown"), when=is_signing):
        endpoint.client().put_object(Bucket=bucket, Key="jwks.json", Body=b"1")
        with pytest.raises(ClientError):
            endpoint.client().put_object(Bucket=bucket, Key="signing.json", Body=b"1")
    with proxy.failing(Delay(0.2)):
        endpoint.client().put_object(Bucket=bucket, Key="signing.json", Body=b"1")


@pytest.mark.ministack
def test_a_hanging_endpoint_runs_into_the_clients_timeout(
    ministack_server: Ministack, faulty_proxy: Proxied
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    with proxy.failing(Hang()), pytest.raises(TimeoutError):
        urllib.request.urlopen(endpoint.url, timeout=0.3)


@pytest.mark.ministack
def test_ministack_lets_one_of_many_win(ministack_server: Ministack, new_bucket: NewBucket) -> None:
    bucket = new_bucket(ministack_server.endpoint, "race")
    assert race(ministack_server.endpoint, bucket).count("won") == 1


@pytest.mark.timetravel
def test_a_clock_travels_while_the_server_runs(
    time_machine: Ministack, new_bucket: NewBucket
) -> None:
    bucket = new_bucket(time_machine.endpoint, "time")
    client = time_machine.endpoint.client()
    for days in (0, 30, 400):
        moment = datetime.now(UTC) + timedelta(days=days)
        time_machine.travel_to(moment)
        client.put_object(Bucket=bucket, Key="k", Body=b"1")
        written = client.head_object(Bucket=bucket, Key="k")
        assert abs(written["LastModified"] - moment) < timedelta(seconds=5)


@pytest.mark.s3rver
def test_s3rver_ignores_conditions(s3rver_endpoint: S3Endpoint, new_bucket: NewBucket) -> None:
    bucket = new_bucket(s3rver_endpoint, "race")
    assert set(race(s3rver_endpoint, bucket)) == {"won"}


def fetch(url: str, timeout: float = 5) -> tuple[int, bytes, dict[str, str]]:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        return response.status, response.read(), dict(response.headers.items())


def test_the_web_server_serves_files_with_caching_headers(web: WebServer) -> None:
    write(web.directory / "accounts" / "jwks.json", b'{"keys":[]}')
    web.age_s = 12
    status, body, headers = fetch(web.url("accounts/jwks.json"))
    assert (status, body) == (200, b'{"keys":[]}')
    assert headers["Cache-Control"] == "public, max-age=300"
    assert headers["Age"] == "12"
    assert web.seen[0].path == "/accounts/jwks.json"


def test_the_web_server_misbehaves_as_told(web: WebServer) -> None:
    write(web.directory / "a", b"file")
    web.script("a", Reply(status=503, body=b"down"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(web.url("a"))
    assert caught.value.code == 503
    caught.value.close()
    web.script("a", Reply.redirect(web.url("b")))
    web.script("b", Reply(body=b"elsewhere", headers={"Cache-Control": "no-store"}))
    assert fetch(web.url("a"))[1] == b"elsewhere"
    web.script("a", Reply(huge=1_000_000))
    assert len(fetch(web.url("a"))[1]) == 1_000_000
    for reply in (Reply(hang=True), Reply(delay_s=1)):
        web.script("a", reply)
        with pytest.raises(TimeoutError):
            fetch(web.url("a"), timeout=0.2)
    web.heal()
    assert fetch(web.url("a"))[1] == b"file"


def test_the_web_server_stays_in_its_directory(web: WebServer) -> None:
    write(web.directory.parent / "secret", b"secret")
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(web.url("%2e%2e/secret"))
    caught.value.close()


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
