"""`rotator apply --accept`: what a new algorithm breaks is named, refused, and taken by an operator's word."""

import json

import pytest

from tests.cli.runner import CONFIG, Cli

NAME = "node-jwks-rsa/EdDSA"


@pytest.fixture
def migrating(cli: Cli) -> Cli:
    """An issuer that signs with ES256 and is configured for EdDSA, which node-jwks-rsa does not read."""
    policy = "version: 1\npolicy: {{verifiers: [node-jwks-rsa], algorithm: {0}}}"
    cli.write_config(CONFIG.replace("version: 1", policy.format("ES256")))
    cli.first_keys()
    cli.write_config(CONFIG.replace("version: 1", policy.format("EdDSA")))
    return cli


def test_the_plan_names_it_and_ends_with_three(migrating: Cli) -> None:
    plan = migrating.run("plan")
    assert plan.code == 3
    assert "a migration from ES256 to EdDSA" in plan.out
    assert f"rotator apply --accept {NAME}" in plan.out
    assert migrating.run("apply", "--yes").code == 3
    (wait,) = [
        wait
        for wait in json.loads(migrating.run("plan", "--json").out)["issuers"][0]["waiting"]
        if wait["kind"] == "generate"
    ]
    assert (wait["gate"], wait["reason_code"]) == ("policy", "algorithm_unreadable")


def test_accepted_it_is_done(migrating: Cli) -> None:
    done = migrating.run("apply", "--yes", "--accept", NAME)
    assert done.code == 0, done
    keys = json.loads(migrating.ok("status", "--json"))["issuers"][0]["keys"]
    assert [key["algorithm"] for key in keys] == ["ES256", "ES256", "EdDSA"]
    log = json.loads(migrating.ok("audit", "--json"))["records"]
    assert [r["facts"]["finding"] for r in log if r["event"] == "accepted"] == [NAME]
    assert migrating.run("apply", "--yes", "--accept", NAME).code == 0


def test_a_name_that_is_not_there(migrating: Cli) -> None:
    refused = migrating.run("apply", "--yes", "--accept", "pyjwt/EdDSA", "--accept", NAME)
    assert refused.code == 64
    assert "there is nothing to accept by the name of pyjwt/EdDSA" in refused.err
    assert f"there is {NAME}" in refused.err
    assert migrating.run("plan").code == 3


def test_not_with_a_saved_plan(migrating: Cli) -> None:
    path = migrating.folder / "new.plan"
    migrating.run("plan", "--out", path)
    refused = migrating.run("apply", path, "--accept", NAME)
    assert (refused.code, "exclude each other" in refused.err) == (64, True)
    assert migrating.run("plan").code == 3
