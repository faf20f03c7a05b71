"""`rotator doctor` of a region that names its CloudFront distribution, whose API a server here answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.adapters.aws_doctor import EdgeUse
from rotator.aws import AwsAccess, AwsClients
from rotator.config.load import load
from rotator.doctors import LazyAwsDoctor, doctors_for
from tests.adapters.aws_profiles import aws_environment
from tests.cli.runner import CONFIG, Cli
from tests.fakes.clock import FakeClock
from tests.servers.s3 import Credentials
from tests.servers.webserver import Reply, WebServer

API = "/2020-05-31"
"""CloudFront's only version."""
EDGE = """\
  us-east-1:
    aws: {region: eu-west-1, profile: edges, endpoints: {s3: "http://127.0.0.1:9"}}
    cdn: {kind: cloudfront, distribution: E1A2B3C, path: "/{issuer}/jwks.json"}
"""
DISTRIBUTION = """\
<DistributionConfig>
  <CacheBehaviors><Quantity>1</Quantity><Items><CacheBehavior>
    <PathPattern>*/jwks.json</PathPattern><CachePolicyId>keys</CachePolicyId>
  </CacheBehavior></Items></CacheBehaviors>
  <DefaultCacheBehavior><CachePolicyId>rest</CachePolicyId></DefaultCacheBehavior>
</DistributionConfig>
"""
DAY_S = 86_400
"""The default publish_lead."""


@dataclass
class Edge:
    """CloudFront's API as the command sees it."""

    web: WebServer

    def answers(self, path: str, xml: str, status: int = 200) -> None:
        reply = Reply(status=status, body=xml.encode(), headers={"Content-Type": "text/xml"})
        self.web.script(f"{API}/{path}", reply)

    def keeps(self, policy: str, **ttls: int) -> None:
        members = "".join(f"<{name}>{seconds}</{name}>" for name, seconds in ttls.items())
        config = f"<CachePolicyConfig><Name>{policy}</Name>{members}</CachePolicyConfig>"
        self.answers(
            f"cache-policy/{policy}", f"<CachePolicy><Id>{policy}</Id>{config}</CachePolicy>"
        )

    def refuses(self, path: str, status: int, code: str) -> None:
        error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        self.answers(path, f"<ErrorResponse>{error}</ErrorResponse>", status)


@pytest.fixture
def edge(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edge]:
    """A distribution that sends key sets one way and everything else another; a configuration that names it."""
    cli.write_config(CONFIG.replace("  us-east-1:\n", EDGE))
    folder = tmp_path.parent / f"{tmp_path.name}-aws"
    for name, value in aws_environment(folder, {"edges": Credentials("AKIAEDGE", "s")}).items():
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    with WebServer(tmp_path) as web:
        monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", web.url().rstrip("/"))
        found = Edge(web)
        found.answers("distribution/E1A2B3C/config", DISTRIBUTION)
        yield found


TTLS = [
    # MinTTL of the key sets' behaviour, exit code, the mark, words of the finding
    (0, 0, "✓", "0 s (cache policy keys): the origin's Cache-Control counts"),
    (1, 0, "!", "1 s (cache policy keys): the edge keeps documents that long"),
    (DAY_S, 0, "!", "24 h (cache policy keys): the edge keeps documents that long"),
    (DAY_S + 1, 3, "✗", "24 h 1 s (cache policy keys): longer than publish_lead 24 h"),
]


@pytest.mark.parametrize(("least", "code", "mark", "words"), TTLS)
def test_how_long_the_edge_keeps_a_key_set(
    cli: Cli, edge: Edge, least: int, code: int, mark: str, words: str
) -> None:
    edge.keeps("keys", MinTTL=least, DefaultTTL=300)
    edge.keeps("rest", MinTTL=7 * DAY_S)
    result = cli.run("doctor")
    (line,) = [line for line in result.out.splitlines() if "E1A2B3C: MinTTL" in line]
    assert (result.code, line.split()[0]) == (code, mark)
    assert words in line


def test_an_edge_is_held_against_the_lead_that_is_configured(cli: Cli, edge: Edge) -> None:
    edge.keeps("keys", MinTTL=7200, DefaultTTL=300)
    assert cli.run("doctor").code == 0
    lead = "policy: {publish_lead: 1h, edge_cache: 5m, verifiers: [pyjwt], safety_margin: 0}\n"
    cli.write_config(cli.config.read_text() + lead)
    result = cli.run("doctor")
    assert result.code == 3
    assert (
        "longer than publish_lead 1 h: an edge may miss a new key for all of its lead" in result.out
    )


def test_who_may_not_look_is_told_what_to_grant(cli: Cli, edge: Edge) -> None:
    edge.refuses("cache-policy/keys", 403, "AccessDenied")
    result = cli.run("doctor")
    assert result.code == 0
    assert "grant cloudfront:GetCachePolicy on * to profile edges" in result.out


def test_a_distribution_that_does_not_exist_is_an_error(cli: Cli, edge: Edge) -> None:
    edge.refuses("distribution/E1A2B3C/config", 404, "NoSuchDistribution")
    result = cli.run("doctor")
    assert result.code == 3
    assert "answered 404 NoSuchDistribution" in result.out


def test_each_issuer_of_a_region_has_its_edge_looked_at(cli: Cli) -> None:
    more = '  payments: {url: "https://pay.example.com", policy: {publish_lead: 2d}}\n'
    cli.write_config(CONFIG.replace("  us-east-1:\n", EDGE) + more)
    settings = load(cli.config, {})
    (lazy,) = doctors_for(
        settings.issuers,
        settings.state,
        FakeClock(),
        lambda spec: AwsAccess(region=spec.region, profile=spec.profile),
        AwsClients,
    )
    assert isinstance(lazy, LazyAwsDoctor)
    ours = AwsAccess(region="eu-west-1", profile="edges")
    assert lazy.doctor().edges == tuple(
        EdgeUse(name, "us-east-1", ours, "E1A2B3C", f"/{name}/jwks.json", timedelta(days=lead))
        for name, lead in (("accounts", 1), ("payments", 2))
    )
