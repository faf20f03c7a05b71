"""Each way S3 can fail: which error it becomes, and that it says what to do. Real servers, or a proxy that breaks them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from rotator.adapters.s3_target import AwsAccess, AwsClients, S3Target
from rotator.errors import (
    TargetConflict,
    TargetDenied,
    TargetError,
    TargetMissing,
    TargetUnreachable,
    TargetUnsafe,
)
from tests.adapters.conftest import HURRIED, MakeTarget, Profiles
from tests.adapters.rawserver import raw_server
from tests.servers.faulty import (
    Answer,
    Fault,
    FaultyProxy,
    Garbage,
    Hang,
    LoseAnswer,
    Refuse,
    Request,
    Reset,
)
from tests.servers.ministack import Ministack, faketime_library
from tests.servers.s3 import Credentials, S3Endpoint
from tests.servers.seaweedfs import ADMIN, READER, STRANGER

NewBucket = Callable[[S3Endpoint, str], str]
Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]


def read_error(target: S3Target) -> TargetError:
    with pytest.raises(TargetError) as caught:
        target.read()
    assert caught.value.message == f"cannot read s3://{target.bucket}/{target.key} in us-east-1"
    return caught.value


def write_error(target: S3Target, etag: str | None = None) -> TargetError:
    with pytest.raises(TargetError) as caught:
        target.write(b"{}", etag)
    return caught.value


# ------------------------------------------------------------------------------------ a server that checks


@pytest.fixture
def bucket(seaweedfs_endpoint: S3Endpoint, new_bucket: NewBucket) -> str:
    return new_bucket(seaweedfs_endpoint, "errors")


@pytest.mark.s3
@pytest.mark.parametrize(
    ("credentials", "why", "hint"),
    [
        (
            replace(ADMIN, secret_key="wrong"),
            "secret key does not belong",
            "correct the access key",
        ),
        (STRANGER, "access key is unknown", "correct the access key of profile tested"),
    ],
    ids=["wrong secret", "unknown key"],
)
def test_who_is_not_recognised_is_denied(
    seaweedfs_endpoint: S3Endpoint,
    bucket: str,
    s3_target: MakeTarget,
    credentials: Credentials,
    why: str,
    hint: str,
) -> None:
    target = s3_target(seaweedfs_endpoint, bucket, credentials=credentials)

    for error in (read_error(target), write_error(target)):
        assert type(error) is TargetDenied
        assert why in error.detail
        assert hint in error.hint


@pytest.mark.s3
def test_who_may_only_read_is_told_what_to_grant(
    seaweedfs_endpoint: S3Endpoint, bucket: str, s3_target: MakeTarget
) -> None:
    target = s3_target(seaweedfs_endpoint, bucket, credentials=READER)

    assert target.read() is None
    error = write_error(target)

    assert type(error) is TargetDenied
    assert error.hint == f"grant s3:PutObject on arn:aws:s3:::{bucket}/accounts/jwks.json"


@pytest.mark.s3
def test_no_bucket_is_missing_for_a_read(
    seaweedfs_endpoint: S3Endpoint, s3_target: MakeTarget
) -> None:
    error = read_error(s3_target(seaweedfs_endpoint, "there-is-none"))

    assert type(error) is TargetMissing
    assert "no bucket there-is-none" in error.detail


@pytest.mark.ministack
def test_no_bucket_is_missing_for_a_write(
    ministack_server: Ministack, s3_target: MakeTarget
) -> None:  # SeaweedFS would make the bucket
    for etag in (None, '"etag"'):
        error = write_error(s3_target(ministack_server.endpoint, "there-is-none"), etag)
        assert type(error) is TargetMissing
        assert "create the bucket" in error.hint


@pytest.mark.s3
@pytest.mark.timetravel
def test_a_clock_that_is_wrong_is_said(
    seaweedfs_endpoint: S3Endpoint, bucket: str, profiles: Profiles
) -> None:
    profiles({"tested": ADMIN})
    script = (
        "from rotator.adapters.s3_target import *\n"
        f"access = AwsAccess('us-east-1', 'tested', endpoint={seaweedfs_endpoint.url!r})\n"
        f"try: S3Target(AwsClients(), access, {bucket!r}, 'k', 't').read()\n"
        "except Exception as error: print(type(error).__name__, error.detail, error.hint)\n"
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": str(faketime_library()),
        "FAKETIME": "+2h",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    ).stdout

    assert said.startswith(
        "TargetDenied s3:GetObject: the clocks of this machine and of the region differ"
    )
    assert "NTP" in said


# ------------------------------------------------------------------------------------ answers that AWS gives


@dataclass(frozen=True)
class Case:
    """An answer; what it means for a read and for a write; words in detail and hint."""

    answer: Answer
    read: type[TargetError]
    write: type[TargetError]
    why: str
    hint: str


def _moved(status: int, code: str, *, header: str | None = None, member: str = "") -> Answer:
    xml = f"<Error><Code>{code}</Code><Message>elsewhere</Message>{member}</Error>"
    return Answer(status, xml.encode(), {"x-amz-bucket-region": header} if header else {})


CASES = {
    "no permission": Case(
        Answer.s3_error(403, "AccessDenied"), TargetDenied, TargetDenied, "may not", "grant s3:"
    ),
    "bare 403": Case(Answer(403), TargetDenied, TargetDenied, "403", "grant s3:"),
    "expired token": Case(
        Answer.s3_error(400, "ExpiredToken"), TargetDenied, TargetDenied, "expired", "aws sso login"
    ),
    "invalid token": Case(
        Answer.s3_error(400, "InvalidToken"), TargetDenied, TargetDenied, "token", "fresh"
    ),
    "skewed": Case(
        Answer.s3_error(403, "RequestTimeTooSkewed"), TargetDenied, TargetDenied, "clocks", "NTP"
    ),
    "moved, by header": Case(
        _moved(301, "PermanentRedirect", header="eu-west-1"),
        TargetMissing,
        TargetMissing,
        "is in region eu-west-1, not in us-east-1",
        "aws.region",
    ),
    "moved, by member": Case(
        _moved(400, "AuthorizationHeaderMalformed", member="<Region>eu-west-1</Region>"),
        TargetMissing,
        TargetMissing,
        "is in region eu-west-1",
        "aws.region",
    ),
    "moved, bare 301": Case(
        Answer(301), TargetMissing, TargetMissing, "is in another region", "aws.region"
    ),
    "slow down": Case(
        Answer.s3_error(503, "SlowDown"),
        TargetUnreachable,
        TargetUnreachable,
        "SlowDown",
        "next run",
    ),
    "internal error": Case(
        Answer.s3_error(500, "InternalError"),
        TargetUnreachable,
        TargetUnreachable,
        "500",
        "next run",
    ),
    "a gateway's page": Case(
        Answer(502, b"<html>Bad <b>Gateway"),
        TargetUnreachable,
        TargetUnreachable,
        "502",
        "next run",
    ),
    "not S3 at all": Case(
        Answer(404, b"<html>nothing here</html>"),
        TargetMissing,
        TargetMissing,
        "not S3's",
        "does not speak",
    ),
    "200 of a login page": Case(
        Answer(200, b"<html>log in</html>"),
        TargetUnreachable,
        TargetUnreachable,
        "no ETag",
        "next run",
    ),
    "precondition failed": Case(
        Answer.s3_error(412, "PreconditionFailed"),
        TargetError,
        TargetConflict,
        "Precondition",
        "run",
    ),
    "conditional conflict": Case(
        Answer.s3_error(409, "ConditionalRequestConflict"),
        TargetError,
        TargetConflict,
        "409",
        "run",
    ),
    "not implemented": Case(
        Answer.s3_error(501, "NotImplemented"), TargetError, TargetUnsafe, "NotImpl", ""
    ),
    "a long message": Case(
        Answer(400, b"<Error><Code>Odd</Code><Message>" + b"a\x07b" * 999 + b"</Message></Error>"),
        TargetError,
        TargetError,
        "400",
        "",
    ),
}


@pytest.mark.ministack
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_answer_means_one_thing(
    ministack_server: Ministack,
    new_bucket: NewBucket,
    s3_target: MakeTarget,
    faulty_proxy: Faulty,
    case: Case,
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(endpoint, new_bucket(ministack_server.endpoint, "answers"))

    with proxy.failing(case.answer):
        errors = read_error(target), write_error(target, '"etag"')

    assert [type(error) for error in errors] == [case.read, case.write]
    for error in errors:
        assert case.why in error.detail + error.message or case.write is TargetConflict
        assert case.hint in error.hint
        assert error.detail.isprintable()
        assert len(error.detail) < 500


@pytest.mark.ministack
def test_an_object_that_is_gone_conflicts_as_on_aws(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(endpoint, new_bucket(ministack_server.endpoint, "gone"))

    with proxy.failing(Answer.s3_error(404, "NoSuchKey")):
        assert target.read() is None
        assert type(write_error(target, '"etag"')) is TargetConflict


# ------------------------------------------------------------------------------------ no usable answer

SILENCES: dict[str, tuple[Fault, bool]] = {  # the fault, and whether a write may have taken effect
    "refuses": (Refuse(), False),
    "hangs": (Hang(), True),
    "resets": (Reset(), True),
    "talks nonsense": (Garbage(), True),
    "answers 500": (Answer.s3_error(500, "InternalError"), True),
}


@pytest.mark.ministack
@pytest.mark.parametrize(("fault", "open_end"), SILENCES.values(), ids=SILENCES.keys())
def test_a_region_that_does_not_answer_is_unreachable(
    ministack_server: Ministack,
    new_bucket: NewBucket,
    s3_target: MakeTarget,
    faulty_proxy: Faulty,
    fault: Fault,
    open_end: bool,
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(ministack_server.endpoint, "silence")
    target = s3_target(endpoint, bucket, patience=HURRIED)

    with proxy.failing(fault):
        errors = read_error(target), write_error(target)

    assert [type(error) for error in errors] == [TargetUnreachable, TargetUnreachable]
    assert "effect" not in errors[0].detail
    assert ("whether it took effect is unknown" in errors[1].detail) is open_end
    proxy.heal()
    assert target.read() is None


@pytest.mark.ministack
def test_a_write_is_sent_once_and_a_read_three_times(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(endpoint, new_bucket(ministack_server.endpoint, "once"))

    for fault in (Answer.s3_error(503, "SlowDown"), Reset(), _moved(301, "PermanentRedirect")):
        proxy.requests.clear()
        with proxy.failing(fault):
            write_error(target)
        assert [request.method for request in proxy.requests] == ["PUT"]
    proxy.requests.clear()
    with proxy.failing(Answer.s3_error(500, "InternalError")):
        read_error(target)
    assert [request.method for request in proxy.requests] == ["GET"] * 3


@pytest.mark.ministack
def test_an_answer_that_is_lost_leaves_the_effect_to_be_read_back(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(endpoint, new_bucket(ministack_server.endpoint, "lost"))

    with proxy.failing(LoseAnswer()):
        error = write_error(target)

    assert "whether it took effect is unknown" in error.detail
    stored = target.read()
    assert stored is not None
    assert stored.body == b"{}"


@pytest.mark.ministack
def test_a_wrong_region_is_reported_and_not_followed(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(endpoint, new_bucket(ministack_server.endpoint, "moved"))

    with proxy.failing(_moved(301, "PermanentRedirect", header="eu-west-1")):
        read_error(target)

    assert [request.method for request in proxy.requests] == ["GET"]


@pytest.mark.parametrize("length", [b"Content-Length: 99\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_an_object_cut_short_is_not_read(s3_target: MakeTarget, length: bytes) -> None:
    sent = b'HTTP/1.1 200 OK\r\nETag: "e"\r\n' + length + b'\r\n5\r\n{"key'
    with raw_server([sent]) as port:
        nowhere = S3Endpoint(f"http://127.0.0.1:{port}", ADMIN)
        assert type(read_error(s3_target(nowhere, "cut"))) is TargetUnreachable


# ------------------------------------------------------------------------------------ before anything is sent

NOWHERE = S3Endpoint("http://127.0.0.1:9", ADMIN)


def test_a_profile_that_is_not_there_is_named(s3_target: MakeTarget) -> None:
    error = read_error(s3_target(NOWHERE, "bucket", profile="nobody"))

    assert type(error) is TargetDenied
    assert "nobody" in error.detail
    assert "profile" in error.hint


@pytest.mark.parametrize("role_arn", [None, "arn:aws:iam::123456789012:role/rotator"])
def test_without_credentials_it_says_how_to_give_some(
    profiles: Profiles, role_arn: str | None
) -> None:
    profiles({})
    access = AwsAccess("us-east-1", role_arn=role_arn, endpoint=NOWHERE.url)
    error = write_error(S3Target(AwsClients(), access, "bucket", "key", "text/plain"))

    assert type(error) is TargetDenied
    assert "AWS_PROFILE" in error.hint


def test_a_sso_session_that_ended_says_log_in(
    profiles: Profiles, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    config = home / "config"
    config.write_text(
        "[profile sso]\nsso_start_url = https://example.invalid/start\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = rotator\nregion = us-east-1\n"
    )
    profiles({})
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("HOME", str(home))
    access = AwsAccess("us-east-1", profile="sso", endpoint=NOWHERE.url)

    error = read_error(S3Target(AwsClients(), access, "bucket", "key", "text/plain"))

    assert type(error) is TargetDenied
    assert error.hint == "log in: aws sso login"


@pytest.mark.parametrize("bucket", ["", "Not A Bucket", "a/b"])
def test_a_bucket_that_cannot_be_one_is_missing(s3_target: MakeTarget, bucket: str) -> None:
    assert type(write_error(s3_target(NOWHERE, bucket))) is TargetMissing


# ------------------------------------------------------------------------------------ roles

ROLE = "arn:aws:iam::000000000000:role/rotator"


@pytest.mark.ministack
def test_a_role_is_assumed_once_and_its_session_is_used(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    bucket = new_bucket(ministack_server.endpoint, "role")
    s3, s3_endpoint = faulty_proxy(ministack_server.endpoint)
    sts, sts_endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(
        s3_endpoint,
        bucket,
        role_arn=ROLE,
        external_id="agreed",
        sts_endpoint=sts_endpoint.url,
    )

    target.write(b"{}", None)
    target.read()

    assert [request.method for request in sts.requests] == ["POST"]
    assert all("x-amz-security-token" in request.headers for request in s3.requests)


STS_REFUSALS = {
    "AccessDenied": ("cannot be assumed", "trust policy"),
    "ValidationError": ("cannot be assumed", "role_arn"),
    "ExpiredToken": ("expired", "fresh credentials"),
    "InvalidClientTokenId": ("unknown", "access key"),
}


@pytest.mark.ministack
@pytest.mark.parametrize(("code", "words"), STS_REFUSALS.items(), ids=STS_REFUSALS.keys())
def test_a_role_that_cannot_be_assumed_is_denied(
    ministack_server: Ministack,
    new_bucket: NewBucket,
    s3_target: MakeTarget,
    faulty_proxy: Faulty,
    code: str,
    words: tuple[str, str],
) -> None:
    sts, sts_endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(ministack_server.endpoint, "norole")
    target = s3_target(
        ministack_server.endpoint, bucket, role_arn=ROLE, sts_endpoint=sts_endpoint.url
    )
    xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"

    with sts.failing(Answer(403, xml.encode(), {"Content-Type": "text/xml"})):
        error = write_error(target)

    assert type(error) is TargetDenied
    assert words[0] in error.detail
    assert words[1] in error.hint


@pytest.mark.ministack
def test_sts_that_is_down_makes_the_region_unreachable(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget, faulty_proxy: Faulty
) -> None:
    sts, sts_endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(ministack_server.endpoint, "nosts")
    target = s3_target(
        ministack_server.endpoint, bucket, role_arn=ROLE, sts_endpoint=sts_endpoint.url
    )

    with sts.failing(Refuse()):
        assert type(read_error(target)) is TargetUnreachable


# ------------------------------------------------------------------------------------ what is sent and kept


@pytest.mark.ministack
@pytest.mark.parametrize("cache_control", ["public, max-age=300", "no-store"])
def test_what_a_write_sends(
    ministack_server: Ministack,
    new_bucket: NewBucket,
    s3_target: MakeTarget,
    faulty_proxy: Faulty,
    cache_control: str,
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    target = s3_target(endpoint, new_bucket(ministack_server.endpoint, "sent"))
    target = replace(target, cache_control=cache_control)

    etag = target.write(b"{}", None)
    target.write(b"[]", etag)

    first, second = (_headers(request) for request in proxy.requests)
    assert first["if-none-match"] == "*"
    assert second["if-match"] == etag
    for headers in (first, second):
        assert headers["content-type"] == "application/jwk-set+json"
        assert headers["cache-control"] == cache_control
        assert len(headers["x-amz-content-sha256"]) == 64
        assert not {"expect", "x-amz-trailer", "x-amz-checksum-crc32"} & headers.keys()
        assert "rotator/" in headers["user-agent"]


@pytest.mark.ministack
def test_a_read_carries_the_servers_date(
    ministack_server: Ministack, new_bucket: NewBucket, s3_target: MakeTarget
) -> None:
    target = s3_target(ministack_server.endpoint, new_bucket(ministack_server.endpoint, "date"))
    target.write(b"{}", None)

    stored = target.read()

    assert stored is not None
    assert stored.server_date is not None
    assert abs(stored.server_date - datetime.now(UTC)) < timedelta(seconds=5)
    assert stored.cache_control is None


def test_no_aws_library_is_imported_before_the_first_call() -> None:
    script = (
        "import sys\nfrom rotator.adapters.s3_target import *\n"
        "S3Target(AwsClients(), AwsAccess(), 'b', 'k', 't').location\n"
        "print([name for name in ('boto3', 'botocore', 'urllib3') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert said.stdout == b"[]\n"


def _headers(request: Request) -> dict[str, str]:
    return dict(request.headers)
