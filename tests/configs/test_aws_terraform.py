"""The Terraform module in `configs/aws/terraform`: it hangs together, and has the protections that it promises.

Terraform itself is not needed, and what the provider would say is not known here.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.configs.modules import Module, read
from tests.configs.policies import FOLDER, IDENTITY, RESOURCE

EVERY_BUCKET = "${local.buckets}"


@pytest.fixture(scope="module")
def module() -> Module:
    return read(FOLDER / "terraform")


def only(module: Module, *labels: str) -> Any:
    (block,) = module.of("resource", *labels)
    return block.body


def test_what_is_used_is_declared_and_what_is_declared_is_used(module):
    declared = {name for block in module.of("locals") for name in block.body}
    assert {name.partition(".")[0] for name in module.referred("var")} == module.names("variable")
    assert {name.partition(".")[0] for name in module.referred("local")} == declared


def test_every_reference_is_to_something_that_exists(module):
    resources = {block.labels for block in module.of("resource")}
    data = {block.labels for block in module.of("data")}
    referred = set(re.findall(r"(data\.)?(aws_\w+)\.(\w+)", module.text))
    assert {(kind, name) for prefix, kind, name in referred if not prefix} <= resources
    assert {(kind, name) for prefix, kind, name in referred if prefix} == data


def test_every_variable_and_output_is_described_and_in_the_readme(module):
    described = [*module.of("variable"), *module.of("output")]
    assert [block.labels for block in described if not block.body.get("description")] == []
    readme = (FOLDER / "terraform" / "README.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))
    assert rows == module.names("variable") | module.names("output")


def test_the_readmes_defaults_are_the_modules(module):
    readme = (FOLDER / "terraform" / "README.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| (.+?) \| ", readme, re.MULTILINE))
    for block in module.of("variable"):
        row = told[block.labels[0]].strip("`")
        match block.body.get("default", "–"):
            case None:
                assert row == "the primary one"
            case "" | {}:
                assert row == "none"
            case default:
                assert row == str(default)


def test_every_policy_file_is_used_and_gets_all_its_placeholders(module):
    (names,) = [b.body["names"] for b in module.of("locals") if "names" in b.body]
    given = set(names) | {"region", "bucket", "distribution", "trusted", "external_id"}
    for name in (*IDENTITY, *RESOURCE):
        wanted = set(re.findall(r"\$\{(\w+)\}", (FOLDER / f"{name}.json").read_text("utf-8")))
        assert wanted <= given, name
    for name in ("planner", "trust", "bucket-guard"):
        assert f"{name}.json" in module.text
    assert '"bucket-${var.jwks_access}-read.json"' in module.text
    assert 'suffix = var.keys == "kms-wrapped" ? "-wrapped" : ""' in module.text


@pytest.mark.parametrize(
    "kind",
    [
        "aws_s3_bucket",
        "aws_s3_bucket_ownership_controls",
        "aws_s3_bucket_policy",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_versioning",
    ],
)
def test_every_bucket_has(module, kind):
    body = only(module, kind)
    assert body["for_each"] == EVERY_BUCKET
    assert body["region"] == "${each.value.region}"


def test_no_bucket_is_public_but_that_of_key_sets_when_asked_for(module):
    block = only(module, "aws_s3_bucket_public_access_block")
    but = '${!(each.value.kind == "jwks" && var.jwks_access == "public")}'
    assert (block["block_public_acls"], block["ignore_public_acls"]) == (True, True)
    assert (block["block_public_policy"], block["restrict_public_buckets"]) == (but, but)
    (access,) = module.of("variable", "jwks_access")
    assert access.body["default"] == "private"


def test_objects_belong_to_the_buckets_owner_and_every_version_is_kept(module):
    (owner,) = only(module, "aws_s3_bucket_ownership_controls")["rule"]
    assert owner["object_ownership"] == "BucketOwnerEnforced"
    (versions,) = only(module, "aws_s3_bucket_versioning")["versioning_configuration"]
    assert versions["status"] == "Enabled"


def test_replaced_signing_targets_and_states_go(module):
    """With wrapped keys they still decrypt."""
    body = only(module, "aws_s3_bucket_lifecycle_configuration")
    assert body["for_each"] == (
        "${{for key, bucket in local.buckets : key => bucket if bucket.keep_days != null}}"
    )
    (rule,) = body["rule"]
    assert rule["status"] == "Enabled"
    assert rule["filter"] == [{"prefix": "${each.value.prefix}"}]
    assert rule["noncurrent_version_expiration"] == [{"noncurrent_days": "${each.value.keep_days}"}]
    forever = re.findall(r"kind = \"(\w+)\",.*keep_days = null", module.text)
    assert forever == ["jwks"]


def test_what_holds_keys_or_documents_is_not_destroyed_by_a_plan(module):
    guarded = {
        block.labels[0]
        for block in module.of("resource")
        if {"prevent_destroy": True} in block.body.get("lifecycle", [])
    }
    assert guarded == {"aws_s3_bucket", "aws_kms_key", "aws_kms_replica_key"}


def test_the_wrapping_key_is_in_every_region(module):
    assert only(module, "aws_kms_key", "wrapping")["multi_region"] is True
    replicas = only(module, "aws_kms_replica_key", "wrapping")
    assert "setsubtract(var.regions, [var.primary_region])" in replicas["for_each"]
    assert replicas["primary_key_arn"] == "${aws_kms_key.wrapping[0].arn}"
    assert "var.regions" in only(module, "aws_kms_alias", "wrapping")["for_each"]


def test_everything_regional_says_its_region(module):
    """Without it a resource lands in the provider's region, wherever that is."""
    regional = [b for b in module.of("resource") if b.labels[0].startswith(("aws_s3_", "aws_kms_"))]
    assert len(regional) == 9
    assert [block.labels for block in regional if "region" not in block.body] == []


def test_cloudfront_goes_by_the_key_sets_own_cache_control(module):
    policy = only(module, "aws_cloudfront_cache_policy")
    assert policy["min_ttl"] == 0
    assert policy["default_ttl"] == policy["max_ttl"] == "${var.edge_ttl}"
    distribution = only(module, "aws_cloudfront_distribution")
    (behaviour,) = distribution["default_cache_behavior"]
    assert behaviour["cache_policy_id"] == "${aws_cloudfront_cache_policy.edge[0].id}"
    assert behaviour["viewer_protocol_policy"] == "https-only"
    (errors,) = distribution["dynamic"]
    assert errors["custom_error_response"]["content"][0]["error_caching_min_ttl"] == 0
    (origin,) = distribution["origin"]
    assert origin["origin_access_control_id"] == (
        "${aws_cloudfront_origin_access_control.edge[0].id}"
    )


def test_the_fragment_names_the_distributions_that_there_are(module):
    (fragment,) = [b.body["rotator"] for b in module.of("locals") if "rotator" in b.body]
    named = '{kind = "cloudfront", distribution = aws_cloudfront_distribution.edge[region].id}'
    assert f'cdn = var.jwks_access == "cloudfront" ? {named} : null' in fragment["regions"]


def test_the_provider_is_one_whose_resources_take_a_region(module):
    (terraform,) = module.of("terraform")
    (providers,) = terraform.body["required_providers"]
    assert providers["aws"]["version"] == ">= 6.0, < 7.0"
