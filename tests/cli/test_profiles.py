"""`rotator profiles`: the whole catalogue, one of it, and what it means for a rotation."""

import json

import pytest

from tests.cli.runner import Cli
from tests.render.schemas import valid
from tests.render.snapshots import matches


@pytest.fixture
def bare(cli: Cli) -> Cli:
    """A folder without a configuration."""
    cli.config.unlink()
    return cli


def test_all(bare: Cli) -> None:
    matches("profiles", bare.ok("profiles"))


@pytest.mark.parametrize("name", ["pyjwt", "node-jwks-rsa", "auth0-go-jwt-middleware", "joserfc"])
def test_one(bare: Cli, name: str) -> None:
    matches(f"profiles-{name}", bare.ok("profiles", name))


MEANS = [
    # the profile, what it means for a new key, and for one that is removed
    ("pyjwt-2.13", "is known at once: the lead covers it", "is refused within 5 m"),
    ("envoy-jwt-authn", "is known within 10 m: the lead covers it", "is refused within 10 m"),
    ("hasura", "is known once max-age is over", "is refused once max-age is over"),
    (
        "nginx-plus",
        "nobody knows when; 2 h are assumed. If you know: {name: nginx-plus, add: …}",
        "nobody knows how long it passes: after a revoke restart it",
    ),
    (
        "joserfc",
        (
            "no lead covers it (design T2b): restart it once the key is published, then let a verifier check see it,"
            " or say so: rotator attest ISSUER KID --verifier joserfc --reason …"
        ),
        "may pass until it is restarted: after a revoke restart it",
    ),
    (
        "kong-jwt",
        "no lead covers it (design T2b): load the key into it once it is published",
        "passes until somebody takes it out: after a revoke do",
    ),
]


@pytest.mark.parametrize(("name", "new", "removed"), MEANS, ids=[row[0] for row in MEANS])
def test_what_it_means_for_a_rotation(bare: Cli, name: str, new: str, removed: str) -> None:
    rows = bare.ok("profiles", name).splitlines()
    (learns,) = [row for row in rows if " a new key " in row]
    (drops,) = [row for row in rows if " a removed key " in row]
    assert new in learns
    assert removed in drops


def test_json(bare: Cli) -> None:
    every = json.loads(bare.ok("profiles", "--json"))
    one = json.loads(bare.ok("profiles", "aws-alb-jwt", "--json"))
    for document in (every, one):
        valid("profiles", document)
    assert len(every["profiles"]) >= 51
    assert one["profiles"] == [p for p in every["profiles"] if p["name"] == "aws-alb-jwt"]
    assert (one["profiles"][0]["learns"], one["profiles"][0]["learns_s"]) == ("unknown", None)
    node = next(p for p in every["profiles"] if p["name"] == "node-jwks-rsa")
    assert (node["drops"], node["drops_s"], node["max_keys"]) == ("10m", 600, 5)


@pytest.mark.parametrize(
    ("name", "detail"), [("pyjw", "nearest: pyjwt, pyjwt-2.13, php-jwt"), ("@@@@", "")]
)
def test_an_unknown_name(bare: Cli, name: str, detail: str) -> None:
    refused = bare.run("profiles", name)
    assert refused.code == 64
    assert f"{name!r} is no known verifier" in refused.err
    assert detail in refused.err
    assert "rotator profiles lists them all" in refused.err
    error = json.loads(bare.run("profiles", name, "--json").out)["error"]
    assert (error["code"], error["detail"]) == ("E_USAGE", detail)
