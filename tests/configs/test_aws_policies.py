"""The IAM policies in `configs/aws/`: well formed, and allowing what each role needs and nothing else."""

from __future__ import annotations

import json
import re
from string import Template
from typing import Any

import pytest
from botocore.session import get_session

from tests.configs.policies import (
    FOLDER,
    IDENTITY,
    RESOURCE,
    VALUES,
    Context,
    action_of,
    allowed,
    load,
)

KEY = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
SIGNING = "arn:aws:s3:::acme-signing-eu-central-1/auth/accounts/signing.json"
JWKS = "arn:aws:s3:::acme-jwks-eu-central-1/auth/accounts/jwks.json"
STATE = "arn:aws:s3:::acme-state/rotator"
CLOUDFRONT = "arn:aws:cloudfront::111122223333"
HERE: Context = {"s3:ResourceAccount": "111122223333"}
OURS: Context = {
    "aws:ResourceTag/rotator:issuer": "accounts",
    "kms:KeyUsage": "SIGN_VERIFY",
    "kms:MultiRegion": "true",
}
NOT_OURS: Context = {"kms:KeyUsage": "SIGN_VERIFY", "kms:MultiRegion": "true"}
NEW_TAGS = ("rotator:issuer", "rotator:generation", "rotator:lineage", "rotator:intent")
NEW: Context = {
    "aws:RequestTag/rotator:issuer": "accounts",
    "aws:TagKeys": NEW_TAGS,
    "kms:KeyUsage": "SIGN_VERIFY",
    "kms:MultiRegion": "true",
    "kms:MultiRegionKeyType": "PRIMARY",
}
WRAPPED: Context = {
    "kms:ResourceAliases": ("alias/rotator-wrapping",),
    "kms:EncryptionContext:issuer": "accounts",
}


@pytest.mark.parametrize("name", [*IDENTITY, *RESOURCE])
def test_a_policy_is_json_of_iams_shape(name):
    text = Template((FOLDER / f"{name}.json").read_text("utf-8")).substitute(VALUES)
    policy = json.loads(text)
    assert set(policy) == {"Version", "Statement"}
    assert policy["Version"] == "2012-10-17"
    sids = [each["Sid"] for each in policy["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]+", sid) for sid in sids)
    assert {each["Effect"] for each in policy["Statement"]} <= {"Allow", "Deny"}


@pytest.mark.parametrize("name", IDENTITY)
def test_a_role_gets_named_actions_on_named_resources(name):
    for each in load(name).statements:
        assert each.effect == "Allow"
        assert not any("*" in action for action in each.actions), each.sid
        # KMS has no resource for what makes or lists keys (Service Authorization Reference).
        everywhere = {"kms:CreateKey", "kms:ListAliases", "kms:ListKeys"}
        assert each.resources != ("*",) or set(each.actions) <= everywhere, each.sid
        assert all("111122223333" in arn or "s3" in arn or arn == "*" for arn in each.resources)


@pytest.mark.parametrize("name", IDENTITY)
def test_objects_are_those_of_buckets_in_the_own_account(name):
    """The names of buckets are patterns, and anybody may have a bucket that fits one."""
    for each in load(name).statements:
        if any(action.startswith("s3:") for action in each.actions):
            assert each.conditions["StringEquals"]["s3:ResourceAccount"] == "111122223333"


def test_every_action_is_one_that_the_service_has():
    session = get_session()
    known = {
        action_of(service, operation)
        for service in ("s3", "kms", "iam", "sts", "cloudfront")
        for operation in session.get_service_model(service).operation_names
    }
    named = {
        action
        for name in (*IDENTITY, *RESOURCE)
        for each in load(name).statements
        for action in each.actions
    }
    assert named - known == {"s3:*"}  # what plain HTTP is denied


def test_no_role_that_changes_keys_may_use_them_and_none_that_signs_may_change_them():
    uses = {"kms:Sign", "kms:Decrypt"}
    for name in IDENTITY:
        actions = {action for each in load(name).statements for action in each.actions}
        signs = name.startswith("signer")
        assert bool(actions & uses) == signs, name
        assert not signs or actions <= uses | {"s3:GetObject", "s3:ListBucket"}
        assert not actions & {"kms:PutKeyPolicy", "kms:CreateGrant", "kms:UntagResource"}


@pytest.mark.parametrize("name", ["applier", "applier-wrapped"])
def test_an_applier_may_do_all_that_a_planner_may(name):
    assert set(map(repr, load("planner").statements)) <= set(map(repr, load(name).statements))


@pytest.mark.parametrize("name", IDENTITY)
def test_a_policy_with_thirty_regions_is_no_longer_than_iam_takes(name):
    """6,144 characters, white space not counted (IAM and STS quotas)."""
    values = {
        **VALUES,
        "document_prefix": "p" * 20 + "/",
        "signing_bucket": "s" * 63,
        "jwks_bucket": "j" * 63,
    }
    values["replica_regions"] = '", "'.join(["ap-northeast-1"] * 30)
    policy: Any = json.loads(
        Template((FOLDER / f"{name}.json").read_text("utf-8")).substitute(values)
    )
    assert len(json.dumps(policy, separators=(",", ":"))) <= 6144


PLANNER = [
    ("s3:GetObject", JWKS, HERE, True),
    ("s3:GetObject", SIGNING, HERE, True),
    ("s3:GetObject", f"{STATE}/state/accounts.json", HERE, True),
    ("s3:GetObject", f"{STATE}-of-others/x", HERE, False),
    ("s3:GetObject", SIGNING, {"s3:ResourceAccount": "999900001111"}, False),
    # S3 asks for this itself before it says 404, and names no prefix then.
    ("s3:ListBucket", "arn:aws:s3:::acme-signing-eu-central-1", HERE, True),
    ("s3:ListBucket", "arn:aws:s3:::acme-state", {**HERE, "s3:prefix": "rotator/state/"}, True),
    ("s3:ListBucket", "arn:aws:s3:::acme-state", {**HERE, "s3:prefix": "wages/"}, False),
    ("cloudfront:GetDistributionConfig", f"{CLOUDFRONT}:distribution/E1", {}, True),
    ("cloudfront:GetCachePolicy", f"{CLOUDFRONT}:cache-policy/p1", {}, True),
    ("cloudfront:GetDistributionConfig", "arn:aws:cloudfront::9:distribution/E1", {}, False),
    ("cloudfront:UpdateDistribution", f"{CLOUDFRONT}:distribution/E1", {}, False),
    ("cloudfront:CreateInvalidation", f"{CLOUDFRONT}:distribution/E1", {}, False),
    ("s3:ListBucketVersions", SIGNING.partition("/")[0], {**HERE, "s3:prefix": "auth/a"}, True),
    ("s3:ListBucketVersions", SIGNING.partition("/")[0], {**HERE, "s3:prefix": "wages/"}, False),
    ("s3:PutObject", f"{STATE}/evidence/accounts.json", HERE, True),
    ("s3:PutObject", f"{STATE}/state/accounts.json", HERE, False),
    ("s3:PutObject", f"{STATE}/lease.json", HERE, False),
    ("s3:PutObject", JWKS, HERE, False),
    ("kms:DescribeKey", KEY, NOT_OURS, True),  # an alias may have been moved to any key
    ("kms:GetPublicKey", KEY, OURS, True),
    ("kms:DescribeKey", KEY.replace("1111", "9999"), OURS, False),
    ("kms:DisableKey", KEY, OURS, False),
    ("kms:CreateKey", "*", NEW, False),
]


@pytest.mark.parametrize(("action", "resource", "context", "may"), PLANNER)
def test_what_a_planner_may(action, resource, context, may):
    assert allowed(load("planner"), action, resource, context) == may


ALIAS = "arn:aws:kms:eu-central-1:111122223333:alias/rotator/accounts"
REPLICATION = {**OURS, "kms:ReplicaRegion": "eu-central-1"}
DELETION = {**OURS, "kms:ScheduleKeyDeletionPendingWindowInDays": "30"}
NEW_REPLICA = {"kms:MultiRegionKeyType": "REPLICA", "kms:KeyUsage": "SIGN_VERIFY"}
THE_ROLE = (
    "aws-service-role/mrk.kms.amazonaws.com/AWSServiceRoleForKeyManagementServiceMultiRegionKeys"
)
APPLIER = [
    ("cloudfront:CreateInvalidation", f"{CLOUDFRONT}:distribution/E1", {}, True),
    ("cloudfront:CreateInvalidation", "arn:aws:cloudfront::9:distribution/E1", {}, False),
    ("cloudfront:UpdateDistribution", f"{CLOUDFRONT}:distribution/E1", {}, False),
    ("s3:PutObject", JWKS, HERE, True),
    ("s3:PutObject", SIGNING, HERE, True),
    ("s3:PutObject", f"{STATE}/lease.json", HERE, True),
    ("s3:PutObject", "arn:aws:s3:::acme-jwks-eu-central-1/other/x.json", HERE, False),
    ("s3:DeleteObject", JWKS, HERE, False),
    ("kms:CreateKey", "*", NEW, True),
    ("kms:CreateKey", "*", {**NEW, "kms:KeyUsage": "ENCRYPT_DECRYPT"}, False),
    ("kms:CreateKey", "*", {k: v for k, v in NEW.items() if "RequestTag" not in k}, False),
    ("kms:CreateKey", "*", {**NOT_OURS, "kms:MultiRegion": "false"}, False),
    ("kms:CreateKey", "*", NEW_REPLICA, True),  # as ReplicateKey asks for it in the other region
    ("kms:ReplicateKey", KEY, REPLICATION, True),
    ("kms:ReplicateKey", KEY, {**REPLICATION, "kms:ReplicaRegion": "sa-east-1"}, False),
    ("kms:ReplicateKey", KEY, {**NOT_OURS, "kms:ReplicaRegion": "eu-central-1"}, False),
    ("kms:TagResource", KEY, NEW, True),
    # When a key is made nobody documents which of its properties the tagging is judged by.
    ("kms:TagResource", KEY, {k: v for k, v in NEW.items() if not k.startswith("kms:")}, True),
    ("kms:TagResource", KEY, {**NEW, "aws:TagKeys": (*NEW_TAGS, "team")}, False),
    ("kms:TagResource", KEY, {**NEW, "kms:KeyUsage": "ENCRYPT_DECRYPT"}, False),
    ("kms:TagResource", KEY, {**NEW, "kms:MultiRegion": "false"}, False),
    ("kms:TagResource", KEY, {"aws:TagKeys": ("rotator:kid",)}, True),
    ("kms:TagResource", KEY, {"aws:TagKeys": ("rotator:issuer",)}, False),
    ("kms:CreateAlias", ALIAS, {}, True),
    ("kms:UpdateAlias", ALIAS, {}, True),
    ("kms:UpdateAlias", ALIAS.replace("rotator/", "payroll/"), {}, False),
    ("kms:UpdateAlias", KEY, OURS, True),
    ("kms:UpdateAlias", KEY, NOT_OURS, False),
    ("kms:DisableKey", KEY, OURS, True),
    ("kms:DisableKey", KEY, NOT_OURS, False),
    ("kms:EnableKey", KEY, OURS, True),
    ("kms:ScheduleKeyDeletion", KEY, DELETION, True),
    ("kms:ScheduleKeyDeletion", KEY, NOT_OURS, False),
    (
        "kms:ScheduleKeyDeletion",
        KEY,
        {**DELETION, "kms:ScheduleKeyDeletionPendingWindowInDays": "7"},
        False,
    ),
    ("kms:ScheduleKeyDeletion", KEY, {**DELETION, "kms:KeyUsage": "ENCRYPT_DECRYPT"}, False),
    (
        "iam:CreateServiceLinkedRole",
        f"arn:aws:iam::111122223333:role/{THE_ROLE}",
        {"iam:AWSServiceName": "mrk.kms.amazonaws.com"},
        True,
    ),
    (
        "iam:CreateServiceLinkedRole",
        f"arn:aws:iam::111122223333:role/{THE_ROLE}",
        {"iam:AWSServiceName": "ecs.amazonaws.com"},
        False,
    ),
    ("kms:Sign", KEY, OURS, False),
]


@pytest.mark.parametrize(("action", "resource", "context", "may"), APPLIER)
def test_what_an_applier_may(action, resource, context, may):
    assert allowed(load("applier"), action, resource, context) == may


PAIR = "kms:GenerateDataKeyPairWithoutPlaintext"


@pytest.mark.parametrize(
    ("action", "context", "may"),
    [
        (PAIR, WRAPPED, True),
        (PAIR, {**WRAPPED, "kms:ResourceAliases": ("alias/payroll",)}, False),
        (PAIR, {"kms:ResourceAliases": ("alias/rotator-wrapping",)}, False),
        ("kms:CreateKey", NEW, False),
        ("kms:Decrypt", WRAPPED, False),
    ],
)
def test_what_an_applier_of_wrapped_keys_may(action, context, may):
    assert allowed(load("applier-wrapped"), action, KEY, context) == may


@pytest.mark.parametrize(
    ("name", "action", "resource", "context", "may"),
    [
        ("signer", "s3:GetObject", SIGNING, HERE, True),
        ("signer", "s3:GetObject", SIGNING.replace("accounts", "payments"), HERE, False),
        ("signer", "s3:GetObject", JWKS, HERE, False),
        ("signer", "s3:PutObject", SIGNING, HERE, False),
        ("signer", "kms:Sign", KEY, OURS, True),
        ("signer", "kms:Sign", KEY.replace("eu-central-1", "us-east-1"), OURS, False),
        ("signer", "kms:Sign", KEY, NOT_OURS, False),
        (
            "signer",
            "kms:Sign",
            KEY,
            {**OURS, "aws:ResourceTag/rotator:issuer": "payments"},
            False,
        ),
        ("signer", "kms:GetPublicKey", KEY, OURS, False),
        ("signer", "kms:Decrypt", KEY, WRAPPED, False),
        ("signer-wrapped", "kms:Decrypt", KEY, WRAPPED, True),
        (
            "signer-wrapped",
            "kms:Decrypt",
            KEY,
            {**WRAPPED, "kms:EncryptionContext:issuer": "payments"},
            False,
        ),
        (
            "signer-wrapped",
            "kms:Decrypt",
            KEY,
            {"kms:ResourceAliases": ("alias/rotator-wrapping",)},
            False,
        ),
        ("signer-wrapped", "kms:Sign", KEY, OURS, False),
    ],
)
def test_what_a_signer_may(name, action, resource, context, may):
    assert allowed(load(name), action, resource, context) == may


def test_a_signer_of_any_issuer_still_signs_with_rotators_keys_only():
    signer = load("signer", issuer="*")
    assert allowed(signer, "kms:Sign", KEY, OURS)
    assert not allowed(signer, "kms:Sign", KEY, NOT_OURS)


OBJECT = "arn:aws:s3:::acme-jwks-us-east-1/auth/accounts/jwks.json"
TLS: Context = {"aws:SecureTransport": "true"}
EDGE: Context = {"AWS:SourceArn": VALUES["distribution"]}


@pytest.mark.parametrize(
    ("action", "context", "denied"),
    [
        ("s3:PutObject", {**TLS, "s3:if-match": '"etag"'}, False),
        ("s3:PutObject", {**TLS, "s3:if-none-match": "*"}, False),
        ("s3:PutObject", TLS, True),
        ("s3:PutObject", {"aws:SecureTransport": "false", "s3:if-none-match": "*"}, True),
        ("s3:GetObject", TLS, False),
        ("s3:GetObject", {"aws:SecureTransport": "false"}, True),
    ],
)
def test_a_bucket_takes_conditional_writes_over_tls_alone(action, context, denied):
    """Denials win over whatever a role may, so nobody goes round them."""
    everything = load("bucket-guard")
    permissive = load("bucket-public-read").statements[0]
    allow_all = type(permissive)("All", "Allow", ("s3:*",), ("*",), {})
    both = type(everything)("both", (allow_all, *everything.statements))
    assert allowed(both, action, OBJECT, context) != denied


@pytest.mark.parametrize(
    ("name", "resource", "context", "may"),
    [
        ("bucket-public-read", OBJECT, {}, True),
        ("bucket-public-read", OBJECT.replace("auth/", "drafts/"), {}, False),
        ("bucket-cloudfront-read", OBJECT, EDGE, True),
        ("bucket-cloudfront-read", OBJECT, {"AWS:SourceArn": "arn:aws:cloudfront::9:d/E2"}, False),
        ("bucket-cloudfront-read", OBJECT, {}, False),
    ],
)
def test_who_reads_key_sets(name, resource, context, may):
    assert allowed(load(name), "s3:GetObject", resource, context) == may


@pytest.mark.parametrize(
    ("context", "may"),
    [
        ({"sts:ExternalId": "shared-by-both"}, True),
        ({"sts:ExternalId": "guess"}, False),
        ({}, False),
    ],
)
def test_a_role_is_assumed_with_the_external_id_alone(context, may):
    assert allowed(load("trust"), "sts:AssumeRole", None, context) == may
