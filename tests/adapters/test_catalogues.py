"""Catalogues: what they cover, what they send, how they go through pages, when they give up and with what words."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rotator.adapters.kms import KmsAlias
from rotator.adapters.kms_catalogue import KmsAliasCatalogue, kms_catalogues
from rotator.adapters.s3_catalogue import S3Catalogue, s3_catalogues
from rotator.adapters.s3_target import S3Target
from rotator.aws import AwsAccess, AwsClients
from rotator.errors import TargetDenied, TargetError, TargetMissing, TargetUnreachable
from tests.adapters.conftest import HURRIED, Profiles
from tests.servers.faulty import Answer, Fault, FaultyProxy, Refuse, Reset
from tests.servers.ministack import ANYBODY, Ministack
from tests.servers.s3 import S3Endpoint

NewBucket = Callable[[S3Endpoint, str], str]
Faulty = Callable[[S3Endpoint], tuple[FaultyProxy, S3Endpoint]]

NEAR, FAR = AwsAccess("eu-central-1"), AwsAccess("us-east-1")
OTHER = replace(NEAR, role_arn="arn:aws:iam::111122223333:role/other")
CLIENTS = AwsClients()
ISSUERS = ("accounts", "payments")


# ------------------------------------------------------------------------------------ which catalogues there are


def _keys(template: str) -> list[str]:
    return [template.format(issuer=issuer) for issuer in ISSUERS]


def _in(bucket: str, *templates: str, access: AwsAccess = NEAR) -> list[tuple[AwsAccess, str, str]]:
    return [(access, bucket, key) for template in templates for key in _keys(template)]


SPLITS = {
    "none": ([], [], set()),
    "a bucket each": (
        _in("jwks", "{issuer}/jwks.json"),
        _in("signing", "{issuer}/signing.json"),
        {("eu-central-1", "jwks", "", 2), ("eu-central-1", "signing", "", 2)},
    ),
    "one bucket, side by side": (
        _in("both", "{issuer}/jwks.json"),
        _in("both", "{issuer}/signing.json"),
        {("eu-central-1", "both", "", 4)},
    ),
    "one bucket, apart": (
        _in("both", "public/{issuer}.json"),
        _in("both", "private/{issuer}.json"),
        {("eu-central-1", "both", "public/", 2), ("eu-central-1", "both", "private/", 2)},
    ),
    "one prefix below the other": (
        _in("both", "auth/{issuer}/jwks.json"),
        _in("both", "auth/signing/{issuer}.json"),
        {("eu-central-1", "both", "auth/", 4)},
    ),
    "a region each": (
        [*_in("one", "{issuer}"), *_in("two", "{issuer}", access=FAR)],
        [],
        {("eu-central-1", "one", "", 2), ("us-east-1", "two", "", 2)},
    ),
    "one issuer": (
        [(NEAR, "jwks", "accounts/jwks.json")],
        [],
        {("eu-central-1", "jwks", "accounts/jwks.json", 1)},
    ),
}


@pytest.mark.parametrize(("jwks", "signing", "expected"), SPLITS.values(), ids=SPLITS.keys())
def test_the_fewest_listings_that_cover_all(
    jwks: list[tuple[AwsAccess, str, str]],
    signing: list[tuple[AwsAccess, str, str]],
    expected: set[tuple[str, str, str, int]],
) -> None:
    catalogues = s3_catalogues(CLIENTS, jwks, signing)

    assert {(c.access.where, c.bucket, c.prefix, len(c.keys)) for c in catalogues} == expected
    for access, bucket, key in (*jwks, *signing):
        location = S3Target(CLIENTS, access, bucket, key, "").location
        assert [c.covers(location) for c in catalogues].count(True) == 1


def test_two_ways_into_one_bucket_are_two_listings() -> None:
    mine, theirs = s3_catalogues(CLIENTS, [(NEAR, "b", "accounts"), (OTHER, "b", "payments")])

    assert (mine.access, set(mine.keys)) == (NEAR, {"accounts"})
    assert (theirs.access, set(theirs.keys)) == (OTHER, {"payments"})


def test_one_listing_of_aliases_per_way_in() -> None:
    near, far, other = kms_catalogues(
        CLIENTS, [(NEAR, "alias/a"), (FAR, "alias/a"), (NEAR, "alias/b"), (OTHER, "alias/c")]
    )

    assert (near.access, set(near.names)) == (NEAR, {"alias/a", "alias/b"})
    assert (far.access, set(far.names)) == (FAR, {"alias/a"})
    assert (other.access, set(other.names)) == (OTHER, {"alias/c"})


LOCAL = replace(NEAR, endpoint="http://127.0.0.1:9000")
UNCOVERED = {
    "another bucket": S3Target(CLIENTS, NEAR, "jwks-2", "accounts/jwks.json", ""),
    "another key": S3Target(CLIENTS, NEAR, "jwks", "payments/jwks.json", ""),
    "a longer key": S3Target(CLIENTS, NEAR, "jwks", "accounts/jwks.json.old", ""),
    "another store": S3Target(CLIENTS, LOCAL, "jwks", "accounts/jwks.json", ""),
}


@pytest.mark.parametrize("target", UNCOVERED.values(), ids=UNCOVERED.keys())
def test_what_it_does_not_list_it_does_not_cover(target: S3Target) -> None:
    catalogue = S3Catalogue(CLIENTS, NEAR, "jwks", frozenset({"accounts/jwks.json"}))

    assert not catalogue.covers(target.location)


def test_a_store_of_ones_own_does_not_answer_for_aws() -> None:
    catalogue = S3Catalogue(CLIENTS, LOCAL, "jwks", frozenset({"k"}))

    assert catalogue.covers(S3Target(CLIENTS, LOCAL, "jwks", "k", "").location)
    assert not catalogue.covers(S3Target(CLIENTS, NEAR, "jwks", "k", "").location)
    assert not catalogue.covers("/var/lib/rotator/jwks.json")


def test_aliases_are_covered_by_region_and_name() -> None:
    catalogue = KmsAliasCatalogue(CLIENTS, NEAR, frozenset({"alias/rotator/accounts"}))
    alias = KmsAlias(CLIENTS, NEAR, "alias/rotator/accounts")

    assert catalogue.covers(alias.location)
    assert not catalogue.covers(replace(alias, access=FAR).location)
    assert not catalogue.covers(replace(alias, name="alias/rotator/payments").location)


# ------------------------------------------------------------------------------------ pages


@dataclass
class Scripted:
    """A server that gives one answer after the other and keeps what it was asked."""

    url: str
    asked: list[str]


@contextlib.contextmanager
def scripted(answers: Sequence[bytes]) -> Iterator[Scripted]:
    """Answer 200 with `answers` in turn, the last of them for ever."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(self.path)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def _answer(self, question: str) -> None:
            body = answers[min(len(asked), len(answers) - 1)]
            asked.append(question)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Scripted(f"http://127.0.0.1:{server.server_port}", asked)
        server.shutdown()


def _xml(keys: Sequence[str], token: str | None, *, quote: str = "&quot;") -> bytes:
    items = "".join(
        f"<Contents><Key>{key}</Key><ETag>{quote}{key}{quote}</ETag></Contents>" for key in keys
    )
    more = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    truncated = "true" if token else "false"
    return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{items}{more}</ListBucketResult>".encode()


def _aliases(names: Sequence[str], marker: str | None) -> bytes:
    listed = [
        {"AliasName": name, "AliasArn": f"arn:aws:kms:eu-central-1:1:{name}", "TargetKeyId": "k"}
        for name in names
    ]
    listed.append(
        {"AliasName": "alias/aws/s3", "AliasArn": "arn:aws:kms:eu-central-1:1:alias/aws/s3"}
    )
    more = {"Truncated": True, "NextMarker": marker} if marker else {"Truncated": False}
    return json.dumps({"Aliases": listed, **more}).encode()


@pytest.fixture
def anybody(profiles: Profiles) -> AwsAccess:
    profiles({"tested": ANYBODY})
    return replace(NEAR, profile="tested", connect_timeout=HURRIED, read_timeout=HURRIED)


def _bucket(access: AwsAccess, url: str, keys: Sequence[str]) -> S3Catalogue:
    return S3Catalogue(CLIENTS, replace(access, endpoint=url), "jwks", frozenset(keys))


def _region(access: AwsAccess, url: str, names: Sequence[str]) -> KmsAliasCatalogue:
    return KmsAliasCatalogue(CLIENTS, replace(access, kms_endpoint=url), frozenset(names))


MANY = [f"issuer-{number:02}/jwks.json" for number in range(32)]


def test_pages_of_objects_are_put_together(anybody: AwsAccess) -> None:
    pages = [_xml([*MANY[:20], "issuer-old"], "2/next+="), _xml(MANY[20:31], None)]
    with scripted(pages) as server:
        versions = _bucket(anybody, server.url, MANY).versions()

    assert sorted(versions.values()) == [f'"{key}"' for key in MANY[:31]]
    first, second = server.asked
    assert "list-type=2" in first
    assert "prefix=issuer-" in first
    assert "max-keys=1000" in first
    assert "continuation-token=2%2Fnext%2B%3D" in second


def test_pages_of_aliases_are_put_together(anybody: AwsAccess) -> None:
    pages = [_aliases(["alias/a", "alias/foreign"], "more"), _aliases(["alias/b"], None)]
    with scripted(pages) as server:
        versions = _region(anybody, server.url, ["alias/a", "alias/b", "alias/c"]).versions()

    assert versions == {
        "alias/a in eu-central-1": "arn:aws:kms:eu-central-1:1:key/k",
        "alias/b in eu-central-1": "arn:aws:kms:eu-central-1:1:key/k",
    }
    assert [json.loads(asked) for asked in server.asked] == [
        {"Limit": 100},
        {"Limit": 100, "Marker": "more"},
    ]


def test_nothing_more_is_asked_once_all_are_found(anybody: AwsAccess) -> None:
    with (
        scripted([_xml(["a", "b"], "more")]) as bucket,
        scripted([_aliases(["alias/a"], "m")]) as kms,
    ):
        assert len(_bucket(anybody, bucket.url, ["a", "b"]).versions()) == 2
        assert len(_region(anybody, kms.url, ["alias/a"]).versions()) == 1

    assert (len(bucket.asked), len(kms.asked)) == (1, 1)


def test_a_bucket_full_of_other_things_is_given_up(anybody: AwsAccess) -> None:
    with scripted([_xml(["issuer-old", MANY[0]], "more")]) as server:
        catalogue = _bucket(anybody, server.url, MANY)
        with pytest.raises(TargetError) as caught:
            catalogue.versions()

    assert len(server.asked) == 2
    assert caught.value.message == "cannot list s3://jwks/issuer- in eu-central-1"
    assert caught.value.detail == "s3:ListBucket: 2000 objects showed 1 of 32 documents"
    assert "a prefix of their own" in caught.value.hint


def test_a_region_full_of_other_aliases_is_given_up(anybody: AwsAccess) -> None:
    with scripted([_aliases(["alias/foreign"], "more")]) as server:
        catalogue = _region(anybody, server.url, ["alias/a", "alias/b"])
        with pytest.raises(TargetError) as caught:
            catalogue.versions()

    assert len(server.asked) == 2
    assert caught.value.message == "cannot list the aliases in eu-central-1"
    assert caught.value.detail == "kms:ListAliases: 2 pages showed 0 of 2 aliases"


def test_etags_without_quotes_get_those_that_a_read_shows(anybody: AwsAccess) -> None:
    with scripted([_xml(["a"], None, quote="")]) as server:
        versions = _bucket(anybody, server.url, ["a"]).versions()

    assert list(versions.values()) == ['"a"']


NOT_A_LIST = {
    "a login page": b"<html><body>log in</body></html>",
    "nothing": b"",
    "cut short": _xml(["a"], None)[:60],
    "no token for more": _xml(["a"], "x").replace(b"NextContinuationToken", b"NextMarker"),
}


@pytest.mark.parametrize("body", NOT_A_LIST.values(), ids=NOT_A_LIST.keys())
def test_what_is_no_list_never_reads_as_an_empty_one(anybody: AwsAccess, body: bytes) -> None:
    with scripted([body]) as server:
        bucket = _bucket(anybody, server.url, ["a", "b"])
        region = _region(anybody, server.url, ["alias/a"])
        for catalogue in (bucket, region):
            with pytest.raises(TargetUnreachable, match="cannot list"):
                catalogue.versions()


# ------------------------------------------------------------------------------------ a real server, and faults


@pytest.mark.ministack
def test_a_second_page_of_a_real_store(
    ministack_server: Ministack, new_bucket: NewBucket, anybody: AwsAccess
) -> None:
    endpoint = ministack_server.endpoint
    bucket, client = new_bucket(endpoint, "pages"), endpoint.client()
    access = replace(anybody, region=endpoint.region, endpoint=endpoint.url)
    keys = frozenset(MANY)
    for key in ("issuer-old", *MANY):
        client.put_object(Bucket=bucket, Key=key)

    versions = S3Catalogue(CLIENTS, access, bucket, keys, page=20).versions()

    assert len(versions) == len(MANY)


DENIED_S3 = Answer.s3_error(403, "AccessDenied")
DENIED_KMS = Answer(
    400,
    json.dumps(
        {
            "__type": "AccessDeniedException",
            "message": "User: arn:aws:iam::111122223333:user/ci is not authorized to perform: kms:ListAliases"
            " because no identity-based policy allows the kms:ListAliases action",
        }
    ).encode(),
)


@pytest.mark.ministack
@pytest.mark.parametrize("fault", [Refuse(), Reset(), Answer(503)], ids=lambda f: type(f).__name__)
def test_no_answer_is_an_error_after_three_tries(
    ministack_server: Ministack, faulty_proxy: Faulty, anybody: AwsAccess, fault: Fault
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    catalogue = _region(anybody, endpoint.url, ["alias/a"])

    with proxy.failing(fault), pytest.raises(TargetUnreachable, match="eu-central-1"):
        catalogue.versions()

    assert len(proxy.requests) == (0 if isinstance(fault, Refuse) else 3)


@pytest.mark.ministack
def test_one_lost_answer_costs_nothing(
    ministack_server: Ministack, new_bucket: NewBucket, faulty_proxy: Faulty, anybody: AwsAccess
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = new_bucket(ministack_server.endpoint, "lost")
    access = replace(anybody, region=endpoint.region, endpoint=endpoint.url)
    catalogue = S3Catalogue(CLIENTS, access, bucket, frozenset({"a"}))

    with proxy.failing(Reset(), when=lambda request: request.number == 1):
        assert catalogue.versions() == {}

    assert len(proxy.requests) == 2


@pytest.mark.ministack
def test_who_may_not_list_is_told_what_to_grant(
    ministack_server: Ministack, faulty_proxy: Faulty, anybody: AwsAccess
) -> None:
    proxy, endpoint = faulty_proxy(ministack_server.endpoint)
    bucket = _bucket(anybody, endpoint.url, _keys("{issuer}/jwks.json"))
    region = _region(anybody, endpoint.url, ["alias/a"])

    with proxy.failing(DENIED_S3), pytest.raises(TargetDenied) as objects:
        bucket.versions()
    with proxy.failing(DENIED_KMS), pytest.raises(TargetDenied) as aliases:
        region.versions()

    assert objects.value.hint == "grant s3:ListBucket on arn:aws:s3:::jwks"
    assert aliases.value.hint == "grant kms:ListAliases on *"


@pytest.mark.ministack
def test_no_bucket_is_an_error_and_not_an_empty_list(
    ministack_server: Ministack, anybody: AwsAccess
) -> None:
    catalogue = _bucket(anybody, ministack_server.endpoint.url, ["a"])

    with pytest.raises(TargetMissing, match="cannot list s3://jwks/a"):
        catalogue.versions()
