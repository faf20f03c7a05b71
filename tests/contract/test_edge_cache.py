"""What every `EdgeCache` promises, over the fake and over CloudFront's API."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.cloudfront_edge import CloudFrontEdge
from rotator.aws import AwsAccess, AwsClients
from rotator.errors import TargetDenied, TargetError, TargetMissing, TargetUnreachable
from rotator.ports import EdgeCache
from tests.adapters.aws_profiles import aws_environment
from tests.fakes.edges import MemoryEdge
from tests.servers.ministack import ANYBODY
from tests.servers.webserver import Reply, WebServer

PATH = "/accounts/jwks.json"


@dataclass(frozen=True)
class Place:
    """An edge, and how often it was told to drop which path."""

    edge: EdgeCache
    told: Callable[[], list[str]]


def _memory(_: pytest.FixtureRequest) -> Place:
    edge = MemoryEdge()
    return Place(edge, lambda: [PATH] * edge.purges)


def _cloudfront(request: pytest.FixtureRequest) -> Place:
    folder: Path = request.getfixturevalue("tmp_path")
    patch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    _as_tested(folder, patch, request.getfixturevalue("ministack_server").endpoint.url)
    clients = AwsClients()
    direct: Any = clients.writing("cloudfront", ACCESS)
    made = direct.create_distribution(DistributionConfig=_config())["Distribution"]["Id"]

    def told() -> list[str]:
        listed = direct.list_invalidations(DistributionId=made)["InvalidationList"]
        orders = [
            direct.get_invalidation(DistributionId=made, Id=one["Id"])["Invalidation"]
            for one in listed.get("Items", ())
        ]
        return [path for one in orders for path in one["InvalidationBatch"]["Paths"]["Items"]]

    return Place(CloudFrontEdge(clients, ACCESS, made, PATH), told)


ACCESS = AwsAccess(region="us-east-1", profile="tested")


def _as_tested(folder: Path, patch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in aws_environment(folder, {"tested": ANYBODY}).items():
        patch.delenv(name, raising=False) if value is None else patch.setenv(name, value)
    patch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", url.rstrip("/"))


def _config() -> dict[str, Any]:
    origin = {"Id": "o", "DomainName": "bucket.s3.amazonaws.com", "CustomHeaders": {"Quantity": 0}}
    return {
        "CallerReference": "contract",
        "Comment": "",
        "Enabled": True,
        "Origins": {"Quantity": 1, "Items": [origin]},
        "DefaultCacheBehavior": {"TargetOriginId": "o", "ViewerProtocolPolicy": "https-only"},
    }


@pytest.fixture(
    params=[
        pytest.param(_memory, id="memory"),
        pytest.param(_cloudfront, id="cloudfront", marks=pytest.mark.ministack),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    make: Callable[[Any], Place] = request.param
    return make(request)


def test_it_takes_the_order_as_often_as_it_is_given(place: Place) -> None:
    assert place.told() == []
    place.edge.purge()
    place.edge.purge()
    assert place.told() == [PATH, PATH]
    assert place.edge.location


def test_an_edge_that_was_told_serves_what_its_origin_holds_now() -> None:
    documents = [b"new", b"old"]
    edge = MemoryEdge(origin=documents.pop)
    assert [edge.serves(), edge.serves()] == [b"old", b"old"]
    edge.purge()
    assert edge.serves() == b"new"


def test_an_edge_that_is_down_takes_no_orders() -> None:
    edge = MemoryEdge(down=True)
    with pytest.raises(TargetUnreachable):
        edge.purge()
    assert edge.purges == 0


# ------------------------------------------------------------------------------- what CloudFront refuses


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    with WebServer(tmp_path) as web:
        _as_tested(tmp_path / "aws", monkeypatch, web.url())
        yield web


def refused(api: WebServer, status: int, code: str) -> TargetError:
    error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
    reply = Reply(status=status, body=body, headers={"Content-Type": "text/xml"})
    api.script("/2020-05-31/distribution/E1/invalidation", reply)
    with pytest.raises(TargetError) as caught:
        CloudFrontEdge(AwsClients(), ACCESS, "E1", PATH).purge()
    assert caught.value.message == f"CloudFront E1 {PATH} cannot be told to drop its copies"
    return caught.value


REFUSALS = [
    (403, "AccessDenied", TargetDenied, "grant cloudfront:CreateInvalidation on "),
    (404, "NoSuchDistribution", TargetMissing, "correct cdn.distribution"),
    (400, "TooManyInvalidationsInProgress", TargetUnreachable, "the next run tries again"),
    (400, "InvalidArgument", TargetError, "the next run tries again"),
    (503, "ServiceUnavailable", TargetUnreachable, "the next run tries again"),
]


@pytest.mark.parametrize(("status", "code", "kind", "hint"), REFUSALS)
def test_a_refusal_says_what_to_do(
    api: WebServer, status: int, code: str, kind: type[TargetError], hint: str
) -> None:
    error = refused(api, status, code)
    assert (type(error), code in error.detail) == (kind, True)
    assert error.hint.startswith(hint)


def test_an_order_is_sent_once(api: WebServer) -> None:
    refused(api, 503, "ServiceUnavailable")
    assert [seen.method for seen in api.seen] == ["POST"]
