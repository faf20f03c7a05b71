"""Each way KMS can refuse: which error it becomes, that it names region and action, and that it says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from rotator.aws import AwsAccess, AwsClients
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import KmsHandle, WrappedHandle
from rotator.errors import (
    KeyStoreDenied,
    KeyStoreError,
    KeyStoreUnreachable,
    KeyStoreUnsure,
    RotatorError,
    TargetDenied,
    TargetError,
    TargetMissing,
    TargetUnreachable,
)
from tests.adapters.conftest import Profiles
from tests.servers.faulty import Answer, Fault, FaultyProxy, Garbage, Hang, Refuse, Reset
from tests.servers.kms import PRIMARY, KmsPlace, kms_error, operation_of, region_of
from tests.servers.ministack import ANYBODY

ARN = f"arn:aws:kms:{PRIMARY}:111122223333:key/mrk-1234"
HANDLE = KmsHandle(PRIMARY, {PRIMARY: ARN})
ALIAS = "alias/rotator/accounts"


@pytest.fixture
def broken(profiles: Profiles) -> Iterator[FaultyProxy]:
    """A KMS that answers nothing by itself."""
    profiles({"tested": ANYBODY})
    with FaultyProxy("http://127.0.0.1:9") as proxy:
        yield proxy


def place(proxy: FaultyProxy, patience: timedelta = timedelta(seconds=5)) -> KmsPlace:
    return KmsPlace(proxy.url, "tested", patience)


Call = Callable[[KmsPlace], object]
CALLS: dict[str, Call] = {  # one call each, by the action that IAM knows it as
    "kms:CreateKey": lambda p: p.keys().generate(p.name(1), Algorithm.ES256, 2048),
    "kms:ListKeys": lambda p: p.keys().find(p.name(1)),
    "kms:DescribeKey": lambda p: p.keys().prove(HANDLE, PRIMARY),
    "kms:Sign": lambda p: p.keys().sign(HANDLE, Algorithm.ES256, b"m"),
    "kms:GenerateDataKeyPairWithoutPlaintext": lambda p: p.wrapped(ARN).generate(
        p.name(1), Algorithm.ES256, 2048
    ),
    "kms:Decrypt": lambda p: p.wrapped(ARN).sign(
        WrappedHandle("AAAA", {"issuer": "a"}), Algorithm.ES256, b"m"
    ),
    "kms:UpdateAlias": lambda p: p.alias(ALIAS).point(ARN),
}


def error_of(call: str, at: KmsPlace) -> RotatorError:
    with pytest.raises(RotatorError) as caught:
        CALLS[call](at)
    assert f"in {PRIMARY}" in caught.value.message
    assert caught.value.detail.startswith(f"{call}: ")
    assert caught.value.detail.isprintable()
    return caught.value


# ------------------------------------------------------------------------------------ answers that AWS gives

USER = "User: arn:aws:sts::111122223333:assumed-role/rotator/rotator is not authorized to perform"


def denied(permission: str, because: str, on: str = ARN) -> Answer:
    message = f"{USER}: {permission} on resource: {on} {because}"
    return kms_error("AccessDeniedException", message)


@dataclass(frozen=True)
class Case:
    """A call, the answer to it, the error it becomes, and words in its detail and its hint."""

    call: str
    answer: Answer
    error: type[RotatorError]
    why: str
    hint: str


CASES = {
    "no permission": Case(
        "kms:CreateKey",
        denied(
            "kms:CreateKey", "because no identity-based policy allows the kms:CreateKey action", "*"
        ),
        KeyStoreDenied,
        "may not",
        "grant kms:CreateKey on *",
    ),
    "no permission for the tags": Case(
        "kms:CreateKey",
        denied("kms:TagResource", "because no identity-based policy allows it", "*"),
        KeyStoreDenied,
        "kms:TagResource",
        "grant kms:TagResource on *",
    ),
    "no service-linked role": Case(
        "kms:CreateKey",
        denied("iam:CreateServiceLinkedRole", "because no identity-based policy allows it", "*"),
        KeyStoreDenied,
        "may not",
        "grant iam:CreateServiceLinkedRole",
    ),
    "an SCP against multi-region keys": Case(
        "kms:CreateKey",
        denied("kms:CreateKey", "with an explicit deny in a service control policy", "*"),
        KeyStoreDenied,
        "explicit deny",
        "take the Deny of kms:CreateKey out of the organization's service control policy; "
        "rotator needs multi-region keys",
    ),
    "multi-region keys not supported": Case(
        "kms:CreateKey",
        kms_error("UnsupportedOperationException", "multi-region keys are not supported"),
        KeyStoreError,
        "multi-region keys are not supported",
        "rotator needs multi-region keys",
    ),
    "quota": Case(
        "kms:CreateKey",
        kms_error("LimitExceededException"),
        KeyStoreError,
        "quota",
        "Service Quotas",
    ),
    "bad policy": Case(
        "kms:CreateKey",
        kms_error("MalformedPolicyDocumentException"),
        KeyStoreError,
        "does not accept the key policy",
        "keys.policy_file",
    ),
    "bad tag": Case(
        "kms:CreateKey", kms_error("TagException"), KeyStoreError, "400 TagException", ""
    ),
    "throttled": Case(
        "kms:CreateKey",
        kms_error("ThrottlingException", "Rate exceeded"),
        KeyStoreUnreachable,
        "too many requests",
        "next run",
    ),
    "internal": Case(
        "kms:CreateKey",
        kms_error("KMSInternalException", status=500),
        KeyStoreUnsure,
        "500",
        "looks for the key",
    ),
    "a key policy that denies": Case(
        "kms:Sign",
        denied("kms:Sign", "with an explicit deny in a resource-based policy"),
        KeyStoreDenied,
        "explicit deny",
        f"take the Deny of kms:Sign out of the key policy of {ARN}",
    ),
    "a key policy that does not allow": Case(
        "kms:Sign",
        denied("kms:Sign", "because no resource-based policy allows the kms:Sign action"),
        KeyStoreDenied,
        "may not",
        f"allow kms:Sign in the key policy of {ARN}",
    ),
    "an identity policy that denies": Case(
        "kms:Sign",
        denied("kms:Sign", "with an explicit deny in an identity-based policy"),
        KeyStoreDenied,
        "may not",
        "take the Deny of kms:Sign out of the identity-based policy of profile tested",
    ),
    "a boundary that denies": Case(
        "kms:Sign",
        denied("kms:Sign", "with an explicit deny in a permissions boundary"),
        KeyStoreDenied,
        "may not",
        "take the Deny of kms:Sign out of the permissions boundary policy",
    ),
    "denied without a reason": Case(
        "kms:Sign", kms_error("AccessDeniedException", ""), KeyStoreDenied, "may not", f"on {ARN}"
    ),
    "another account": Case(
        "kms:Sign",
        kms_error("AccessDeniedException", USER.replace("111122223333", "999988887777")),
        KeyStoreDenied,
        "in account 111122223333, but profile tested belongs to 999988887777",
        "correct profile or role_arn",
    ),
    "disabled": Case(
        "kms:Sign",
        kms_error("DisabledException", f"{ARN} is disabled."),
        KeyStoreError,
        "state",
        f"aws kms enable-key --key-id {ARN} --region {PRIMARY}",
    ),
    "pending deletion": Case(
        "kms:Sign",
        kms_error("KMSInvalidStateException", f"{ARN} is pending deletion."),
        KeyStoreError,
        "state",
        f"aws kms cancel-key-deletion --key-id {ARN} --region {PRIMARY}",
    ),
    "another state": Case(
        "kms:Sign",
        kms_error("KMSInvalidStateException", f"{ARN} is creating."),
        KeyStoreError,
        "state",
        "aws kms describe-key",
    ),
    "no such key": Case(
        "kms:Sign", kms_error("NotFoundException"), KeyStoreError, "no such key", "describe-key"
    ),
    "another kind of key": Case(
        "kms:Sign", kms_error("InvalidKeyUsageException"), KeyStoreError, "another kind", "KeySpec"
    ),
    "expired": Case(
        "kms:Sign", kms_error("ExpiredTokenException"), KeyStoreDenied, "expired", "aws sso login"
    ),
    "unknown access key": Case(
        "kms:Sign",
        kms_error("UnrecognizedClientException"),
        KeyStoreDenied,
        "unknown",
        "correct the access key of profile tested",
    ),
    "wrong secret": Case(
        "kms:Sign",
        kms_error("InvalidSignatureException", "The request signature we calculated does not"),
        KeyStoreDenied,
        "secret key does not belong",
        "access key",
    ),
    "a clock that is wrong": Case(
        "kms:Sign",
        kms_error("InvalidSignatureException", "Signature expired: 20260101T000000Z is now"),
        KeyStoreDenied,
        "clocks",
        "NTP",
    ),
    "not KMS": Case(
        "kms:Sign", Answer(404, b"<html>"), KeyStoreError, "not KMS's", "not speak KMS"
    ),
    "may not list": Case(
        "kms:ListKeys", kms_error("AccessDeniedException"), KeyStoreDenied, "may not", "on *"
    ),
    "another context": Case(
        "kms:Decrypt",
        kms_error("InvalidCiphertextException"),
        KeyStoreError,
        "under this context",
        "",
    ),
    "may not wrap": Case(
        "kms:GenerateDataKeyPairWithoutPlaintext",
        kms_error("AccessDeniedException"),
        KeyStoreDenied,
        "may not",
        f"grant kms:GenerateDataKeyPairWithoutPlaintext on {ARN}",
    ),
    "an alias that may not be moved": Case(
        "kms:UpdateAlias",
        kms_error("AccessDeniedException"),
        TargetDenied,
        "may not",
        f"grant kms:UpdateAlias on arn:aws:kms:{PRIMARY}:*:{ALIAS} and on the key it points at",
    ),
    "an alias while KMS is busy": Case(
        "kms:UpdateAlias",
        kms_error("ThrottlingException"),
        TargetUnreachable,
        "too many",
        "next run",
    ),
    "an alias to a key that ends": Case(
        "kms:UpdateAlias",
        kms_error("KMSInvalidStateException", f"{ARN} is pending deletion."),
        TargetError,
        "state",
        "cancel-key-deletion",
    ),
    "an alias elsewhere": Case(
        "kms:UpdateAlias", Answer(404, b"<html>"), TargetMissing, "not KMS's", "does not speak KMS"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_answer_means_one_thing(broken: FaultyProxy, case: Case) -> None:
    with broken.failing(case.answer):
        error = error_of(case.call, place(broken))

    assert type(error) is case.error
    assert case.why in error.detail
    assert case.hint in error.hint
    assert [operation_of(request) for request in broken.requests] == [case.call[4:]]
    assert region_of(broken.requests[0]) == PRIMARY


# ------------------------------------------------------------------------------------ no usable answer

SILENCES: dict[str, tuple[Fault, bool]] = {  # the fault, and whether a change may have taken effect
    "refuses": (Refuse(), False),
    "hangs": (Hang(), True),
    "resets": (Reset(), True),
    "talks nonsense": (Garbage(), True),
    "503": (kms_error("DependencyTimeoutException", status=503), True),
}


@pytest.mark.parametrize(("fault", "open_end"), SILENCES.values(), ids=SILENCES.keys())
def test_changes_are_sent_once_and_say_what_is_unknown(
    broken: FaultyProxy, fault: Fault, open_end: bool
) -> None:
    hurried = place(broken, timedelta(seconds=0.5))
    with broken.failing(fault):
        making, moving = error_of("kms:CreateKey", hurried), error_of("kms:UpdateAlias", hurried)

    assert type(making) is (KeyStoreUnsure if open_end else KeyStoreUnreachable)
    assert type(moving) is TargetUnreachable
    for error in (making, moving):
        assert ("whether it took effect is unknown" in error.detail) is open_end
    asked = [operation_of(request) for request in broken.requests]
    assert asked == (["CreateKey", "UpdateAlias"] if open_end else [])


@pytest.mark.parametrize("call", ["kms:Sign", "kms:DescribeKey"])
def test_what_changes_nothing_is_tried_three_times(broken: FaultyProxy, call: str) -> None:
    with broken.failing(kms_error("ThrottlingException", "Rate exceeded")):
        error = error_of(call, place(broken))

    assert type(error) is KeyStoreUnreachable
    assert "effect" not in error.detail
    assert [operation_of(request) for request in broken.requests] == [call[4:]] * 3


# ------------------------------------------------------------------------------------ credentials and roles


@pytest.mark.parametrize("call", ["kms:CreateKey", "kms:UpdateAlias"])
def test_without_credentials_nothing_is_sent(
    broken: FaultyProxy, profiles: Profiles, call: str
) -> None:
    profiles({})
    nobody = replace(place(broken), profile=None, clients=AwsClients())

    error = error_of(call, nobody)

    assert isinstance(error, KeyStoreDenied | TargetDenied)
    assert "AWS_PROFILE" in error.hint
    assert broken.requests == []


def test_accesses_of_one_identity_share_one_session_and_roles_differ(profiles: Profiles) -> None:
    profiles({"tested": ANYBODY})
    clients, role = AwsClients(), "arn:aws:iam::111122223333:role/rotator"
    plain = [AwsAccess(region, "tested") for region in ("us-east-1", "eu-west-1")]
    roles = [
        AwsAccess("us-east-1", "tested", role, session_name=name, external_id=known)
        for name, known in (("rotator", None), ("ci", None), ("rotator", "agreed"))
    ]
    made = [clients.kms_for_reading(access) for access in (*plain, *roles)]

    assert clients.kms_for_reading(plain[0]) is made[0]
    assert clients.kms_for_writing(plain[0]) is not made[0]
    assert [client.meta.region_name for client in made[:2]] == ["us-east-1", "eu-west-1"]
    assert len(clients._sessions) == 1 + len(roles)
