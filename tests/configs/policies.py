"""What a policy of `configs/aws/` allows: a small judge of IAM policies (IAM User Guide, "Policy evaluation logic").

It knows the elements that those policies use and refuses others. A later allow never undoes a deny; what nothing
allows is denied.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from string import Template
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[2] / "configs" / "aws"
IDENTITY: Final = ("planner", "applier", "applier-wrapped", "signer", "signer-wrapped")
RESOURCE: Final = ("trust", "bucket-guard", "bucket-public-read", "bucket-cloudfront-read")

VALUES: Final[Mapping[str, str]] = {
    "account": "111122223333",
    "alias_prefix": "rotator/",
    "bucket": "acme-jwks-us-east-1",
    "deletion_window_days": "30",
    "distribution": "arn:aws:cloudfront::111122223333:distribution/E1",
    "document_prefix": "auth/",
    "external_id": "shared-by-both",
    "issuer": "accounts",
    "jwks_bucket": "acme-jwks-*",
    "region": "eu-central-1",
    "replica_regions": 'ap-northeast-1", "eu-central-1',
    "role_prefix": "acme-",
    "signing_bucket": "acme-signing-*",
    "state_bucket": "acme-state",
    "state_prefix": "rotator",
    "trusted": "arn:aws:iam::111122223333:role/ci",
    "wrapping_alias": "alias/rotator-wrapping",
}
"""One value for each placeholder, as the Terraform module would fill it in."""

Context = Mapping[str, str | tuple[str, ...]]
"""What a request carries, by condition key; keys with several values have tuples."""

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; actions and resources always as lists."""

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy with its placeholders filled in."""

    name: str
    statements: tuple[Statement, ...]


def load(name: str, **values: str) -> Policy:
    """A policy of `configs/aws/` by its name there; `values` instead of the usual ones."""
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    members = json.loads(Template(text).substitute({**VALUES, **values}))
    return Policy(name, tuple(_statement(each) for each in members["Statement"]))


def action_of(service: str, operation: str) -> str:
    """The IAM action that an API operation needs, both as botocore writes them: `s3`, `ListObjectsV2`."""
    return _OTHER_NAMES.get(f"{service}:{operation}", f"{service}:{operation}")


def allowed(
    policy: Policy, action: str, resource: str | None = None, context: Context | None = None
) -> bool:
    """Whether a policy allows an action. No resource: on some; no context: under some circumstances.

    Without circumstances only denials without conditions count.
    """
    effects = {
        each.effect for each in policy.statements if _applies(each, action, resource, context)
    }
    return "Allow" in effects and "Deny" not in effects


def _statement(members: Mapping[str, Any]) -> Statement:
    known = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
    assert set(members) <= known, f"elements nobody judges: {set(members) - known}"
    return Statement(
        members["Sid"],
        members["Effect"],
        _list(members["Action"]),
        _list(members.get("Resource", "*")),
        members.get("Condition", {}),
    )


def _applies(each: Statement, action: str, resource: str | None, context: Context | None) -> bool:
    if not any(_like(action, pattern) for pattern in each.actions):
        return False
    if resource is not None and not any(_like(resource, pattern) for pattern in each.resources):
        return False
    if context is None:
        return each.effect == "Allow" or not each.conditions
    return all(
        _holds(operator, context.get(key), _list(wanted))
        for operator, pairs in each.conditions.items()
        for key, wanted in pairs.items()
    )


def _holds(operator: str, found: str | tuple[str, ...] | None, wanted: tuple[str, ...]) -> bool:
    """One line of a condition: any of the wanted values will do; a key that is not there fits nothing."""
    if operator == "Null":
        return (found is None) == (wanted == ("true",))
    quantifier, _, plain = operator.rpartition(":")
    plain, if_exists, _ = plain.partition("IfExists")
    if found is None:
        return bool(if_exists) or quantifier == "ForAllValues"
    values = _list(found)
    assert quantifier or len(values) == 1, f"{operator} is for keys with one value"
    check = _OPERATORS[plain]
    fits = [any(check(value, each) for each in wanted) for value in values]
    return any(fits) if quantifier == "ForAnyValue" else all(fits)


def _list(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _like(value: str, pattern: str) -> bool:
    # Brackets mean themselves in IAM; only * and ? do not.
    return fnmatchcase(value, re.sub(r"\[", "[[]", pattern))


_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "Bool": lambda found, wanted: found == wanted,
    "NumericGreaterThanEquals": lambda found, wanted: float(found) >= float(wanted),
    "StringEquals": lambda found, wanted: found == wanted,
    "StringLike": _like,
}
