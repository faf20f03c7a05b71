"""What KMS's refusals mean (AWS KMS API Reference, "Common errors"; AWS KMS Developer Guide, "Key states").

An AccessDeniedException says in words which permission is missing and which kind of policy decided so: that, not a
guess, is what the hint asks for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from rotator.aws.failures import Attempt, Refusal
from rotator.errors import RotatorError

_WHAT: Final[Mapping[str, str]] = {
    "kms:CreateKey": "make a key",
    "kms:ListKeys": "list the keys",
    "kms:ListAliases": "list the aliases",
    "kms:ListResourceTags": "read the tags of {key}",
    "kms:TagResource": "tag {key}",
    "kms:GetPublicKey": "read the public half of {key}",
    "kms:DescribeKey": "look at {key}",
    "kms:ReplicateKey": "replicate {key}",
    "kms:Sign": "sign with {key}",
    "kms:DisableKey": "disable {key}",
    "kms:EnableKey": "enable {key}",
    "kms:ScheduleKeyDeletion": "schedule the deletion of {key}",
    "kms:CreateAlias": "make {key}",
    "kms:UpdateAlias": "move {key}",
    "kms:GenerateDataKeyPairWithoutPlaintext": "make a pair under {key}",
    "kms:Decrypt": "open a private half",
    "kms:Encrypt": "wrap a private half with {key}",
}
_CHANGING: Final = {
    "kms:CreateKey",
    "kms:TagResource",
    "kms:ReplicateKey",
    "kms:DisableKey",
    "kms:EnableKey",
    "kms:ScheduleKeyDeletion",
    "kms:CreateAlias",
    "kms:UpdateAlias",
}
_PERMISSION: Final = re.compile(r"not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9]+)")
_WHO: Final = re.compile(r"arn:[a-z-]+:(?:sts|iam)::(\d{12}):")
_KEY_ACCOUNT: Final = re.compile(r"arn:[a-z-]+:kms:[^:]*:(\d{12}):")
_DENY: Final = re.compile(r"explicit deny in an? ([a-z -]+?)(?: policy|: |$|\.)")
_MULTI_REGION: Final = (
    "rotator needs multi-region keys: allow them (kms:MultiRegion) in this account, "
    "or use keys of kind local"
)
_MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "LimitExceededException": (
        "a quota of KMS is used up",
        "ask for a higher quota (Service Quotas, AWS Key Management Service), or delete unused keys",
    ),
    "UnsupportedOperationException": ("the account or the region refuses it", _MULTI_REGION),
    "MalformedPolicyDocumentException": (
        "KMS does not accept the key policy",
        "mend keys.policy_file",
    ),
    "InvalidKeyUsageException": (
        "the key is of another kind",
        "see its KeySpec and KeyUsage: aws kms describe-key",
    ),
    "AlreadyExistsException": (
        "it exists already, though KMS did not say so a moment ago",
        "run it again in a minute: KMS becomes consistent late",
    ),
    "InvalidCiphertextException": ("not encrypted by this key under this context", ""),
    "IncorrectKeyException": ("not encrypted by this key under this context", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KmsAttempt(Attempt):
    """One call on a key or an alias; `key` as the call names it, empty where it names none."""

    service: ClassVar[str] = "kms"
    speaks: ClassVar[str] = "KMS"
    key: str = ""

    @property
    def what(self) -> str:
        """What could not be done with which key, and where."""
        verb = _WHAT.get(self.action, "use {key}").format(key=self.key)
        return f"cannot {verb} in {self.access.where}"

    def refused(self, refusal: Refusal) -> RotatorError:
        """States, quotas, kinds of key, permissions."""
        said = refusal.said
        if refusal.code in _MEANINGS:
            why, hint = _MEANINGS[refusal.code]
            return self.failed(f"{why} ({said})", hint)
        match refusal.status, refusal.code:
            case (401 | 403, _) | (_, "AccessDeniedException" | "AccessDenied"):
                return self._forbidden(refusal)
            case _, "NotFoundException":
                return self.missing(f"there is no such key or alias ({said})", self._look())
            case _, "DisabledException" | "KMSInvalidStateException":
                return self._wrong_state(refusal)
            case 404, _:
                return self.missing(f"an answer that is not KMS's ({said})", self.not_there())
            case _:
                return self.failed(f"the region answered {refusal.status} {said}")

    def command(self, name: str, key: str = "") -> str:
        """The AWS command that mends something about the key."""
        region = f" --region {self.access.region}" if self.access.region else ""
        return f"aws kms {name} --key-id {key or self.key}{region}"

    def _look(self) -> str:
        return f"look at it: {self.command('describe-key')}" if self.key else ""

    def _wrong_state(self, refusal: Refusal) -> RotatorError:
        if "pending" in refusal.message.lower():
            hint = f"to keep the key: {self.command('cancel-key-deletion')}"
        elif refusal.code == "DisabledException":
            hint = f"to use the key: {self.command('enable-key')}"
        else:
            hint = self._look()
        return self.failed(f"the state of the key forbids it ({refusal.said})", hint)

    def _forbidden(self, refusal: Refusal) -> RotatorError:
        said, message = refusal.said, refusal.message
        named = _PERMISSION.search(message)
        permission = named[1] if named else self.action
        theirs, ours = _KEY_ACCOUNT.match(self.key), _WHO.search(message)
        if theirs and ours and theirs[1] != ours[1]:
            why = f"the key is in account {theirs[1]}, but {self.access.who} belongs to {ours[1]} ({said})"
            return self.denied(why, "correct profile or role_arn of this region")
        return self.denied(f"{self.access.who} may not ({said})", self._cure(permission, message))

    def _cure(self, permission: str, message: str) -> str:
        """The line of the policy that decided (IAM User Guide, "Troubleshoot access denied error messages")."""
        deny = _DENY.search(message)
        if deny and "control" in deny[1]:
            organisation = (
                f"take the Deny of {permission} out of the organization's {deny[1]} policy"
            )
            return f"{organisation}; {_MULTI_REGION}" if not self.key else organisation
        if (deny and deny[1] == "resource-based") or "no resource-based policy allows" in message:
            change = f"take the Deny of {permission} out of" if deny else f"allow {permission} in"
            return f"{change} the key policy of {self._resource()}"
        if deny:
            return f"take the Deny of {permission} out of the {deny[1]} policy of {{who}}"
        return f"grant {permission} on {self._resource()}"

    def _resource(self) -> str:
        if not self.key.startswith("alias/"):
            return self.key or "*"
        return f"arn:aws:kms:{self.access.region or '*'}:*:{self.key} and on the key it points at"


def changes(action: str) -> bool:
    """Whether a KMS action changes something, so that a lost answer leaves open what happened."""
    return action in _CHANGING
