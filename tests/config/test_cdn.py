"""A region's `cdn`: what it amounts to, what is refused, where it is seen."""

from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from rotator.bootstrap import build_world
from rotator.config.schema import schema
from rotator.config.settings import CloudFrontSpec
from rotator.config.show import show
from tests.config.files import FINE, TEAM, assert_refused, instead, issuers, loaded, refused, team
from tests.fakes.clock import FakeClock
from tests.fakes.reporter import RecordingReporter

ID = "E1A2B3C4D5E6F7"
VALID = Draft202012Validator(schema())


def one(members: str) -> tuple[str, str]:
    """A change of TEAM: its first region has this `cdn`, on line 12."""
    check = 'checks: [{kind: http, url: "https://one'
    return check, f"cdn: {members}\n    {check}"


def named(more: str = "") -> str:
    return f"{{kind: cloudfront, distribution: {ID}{more and ', ' + more}}}"


PATHS = [
    ("the key in S3", "", "/accounts/jwks.json"),
    ("nothing", "path: null", "/accounts/jwks.json"),
    ("of its own", 'path: "/auth/{issuer}.json"', "/auth/accounts.json"),
    ("one for all", "path: /.well-known/jwks.json", "/.well-known/jwks.json"),
]


@pytest.mark.parametrize(("more", "path"), [row[1:] for row in PATHS], ids=[r[0] for r in PATHS])
def test_what_the_edge_serves_a_key_set_as(tmp_path: Path, more: str, path: str) -> None:
    text = team(one(named(more)))
    first, second = loaded(tmp_path, text).issuers[0].regions
    assert (first.cdn, second.cdn) == (CloudFrontSpec(ID, path), None)
    VALID.validate(yaml.safe_load(text))


def test_an_edge_that_is_named_can_be_told_to_drop_its_copies(tmp_path: Path) -> None:
    settings = loaded(tmp_path, team(one(named())))
    reporter = RecordingReporter()
    world = build_world(settings, clock=FakeClock(), reporter=reporter, environ={})
    first, second = world.issuers[0].regions.values()
    assert first.edge is not None
    assert first.edge.location == f"CloudFront {ID} /accounts/jwks.json"
    assert second.edge is None
    assert [region.has_edge for region in world.issuers[0].setup.regions] == [True, False]


def test_each_issuer_has_its_own_path(tmp_path: Path) -> None:
    found = loaded(tmp_path, team(one(named()), issuers(""))).issuers
    assert [spec.regions[0].cdn for spec in found] == [
        CloudFrontSpec(ID, "/a/jwks.json"),
        CloudFrontSpec(ID, "/accounts/jwks.json"),
    ]


def test_an_edge_may_serve_a_file(tmp_path: Path) -> None:
    cdn = named('path: "/{issuer}/jwks.json"')
    (first, _) = loaded(tmp_path, instead("  one:", f"  one:\n    cdn: {cdn}")).issuers[0].regions
    assert first.cdn == CloudFrontSpec(ID, "/accounts/jwks.json")


def test_an_edge_may_be_null(tmp_path: Path) -> None:
    """So that a template can fill it in or not."""
    assert loaded(tmp_path, team(one("null"))).digest == loaded(tmp_path, TEAM).digest


def test_the_digest_sees_distribution_and_path_and_no_default(tmp_path: Path) -> None:
    written = (
        named(),
        named('path: "/{issuer}/jwks.json"'),
        named("path: /jwks.json"),
        named().replace(ID, "E2"),
    )
    digests = [loaded(tmp_path, team(one(cdn))).digest for cdn in written]
    assert digests[0] == digests[1]
    assert len({*digests, loaded(tmp_path, TEAM).digest}) == 4


def test_show_has_it_where_there_is_one(tmp_path: Path) -> None:
    shown = show(loaded(tmp_path, team(one(named()))))
    (line,) = [line for line in shown.splitlines() if "edge of" in line]
    assert line.split() == ["edge", "of", "one", "/accounts/jwks.json", "cloudfront", ID]
    assert "edge of" not in show(loaded(tmp_path, TEAM))


REFUSED = [
    ("no distribution", "{kind: cloudfront}", "cdn.distribution: is missing"),
    ("no kind", f"{{distribution: {ID}}}", "cdn.kind: is missing"),
    (
        "another edge",
        "{kind: fastly, distribution: E1}",
        "cdn.kind: cloudfront expected, not 'fastly'",
    ),
    ("no mapping", ID, f"cdn: a mapping expected, not '{ID}'"),
    ("an unknown member", named("paths: /x"), "cdn.paths: unknown member; did you mean path?"),
    (
        "a host's name",
        "{kind: cloudfront, distribution: d111111abcdef8.cloudfront.net}",
        "cdn.distribution: the id of a distribution such as E1A2B3C4D5E6F7 expected, not 'd111111abcdef8.",
    ),
    (
        "an ARN",
        '{kind: cloudfront, distribution: "arn:aws:cloudfront::111122223333:distribution/E1"}',
        "cdn.distribution: the id of a distribution",
    ),
    (
        "small letters",
        f"{{kind: cloudfront, distribution: {ID.lower()}}}",
        "the id of a distribution",
    ),
    (
        "a path without its slash",
        named("path: jwks.json"),
        "cdn.path: the path of a URL expected, such as /{issuer}/jwks.json, not 'jwks.json'",
    ),
    ("a URL", named('path: "https://x/jwks.json"'), "cdn.path: the path of a URL expected"),
    ("a query", named('path: "/jwks?x"'), "cdn.path: the path of a URL expected"),
    ("a pattern", named('path: "/*/jwks.json"'), "cdn.path: the path of a URL expected"),
    (
        "another placeholder",
        named('path: "/{region}/jwks.json"'),
        "has a placeholder that is not filled in; {issuer} is the only one",
    ),
]


@pytest.mark.parametrize(("cdn", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_refused(tmp_path: Path, cdn: str, words: str) -> None:
    assert_refused(tmp_path, team(one(cdn)), 11, words)


def test_a_file_has_no_key_to_tell_the_path_by(tmp_path: Path) -> None:
    text = instead("  one:", f"  one:\n    cdn: {named()}")
    assert refused(tmp_path, text) == [
        "rotator.yaml:6: regions.one.cdn.path: needed where the JWKS is a file: what the distribution serves it as"
    ]


def test_the_schema_knows_it() -> None:
    member = schema()["$defs"]["RegionModel"]["properties"]["cdn"]
    assert "how long copies of the JWKS are kept" in member["description"]
    assert not VALID.is_valid(yaml.safe_load(FINE.replace("  one:", "  one:\n    cdn: {kind: x}")))
