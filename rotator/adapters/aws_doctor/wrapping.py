"""The KMS key that wraps private keys: usable in every region, and able to make a pair (kms-wrapped)."""

from collections.abc import Iterator
from typing import Final

from rotator.adapters.aws_doctor.asking import Question, Way
from rotator.adapters.aws_doctor.uses import WrappingUse
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.jwk import Algorithm
from rotator.domain.state import IssuerState

_SPECS: Final = {
    Algorithm.ES256: "ECC_NIST_P256",
    Algorithm.ES384: "ECC_NIST_P384",
    Algorithm.ES512: "ECC_NIST_P521",
}
_DRY_RUN: Final = ("DryRunOperationException", "DisabledException", "KMSInvalidStateException")


def wrapping_key(way: Way, use: WrappingUse, region: str) -> Iterator[Diagnosis]:
    """That signers of an AWS region can decrypt with it, now and for as long as a key of theirs lives."""
    absent = ("NotFoundException",)
    question = _question(use, "describe_key", "kms:DescribeKey", absent)
    answer = way.ask(question, KeyId=_key_in(use, region))
    if answer is None:
        what = f"{use.wrapping_key} does not exist in {region}"
        why = "signers there could not decrypt their keys"
        mend = "replicate the wrapping key to that region, with its alias"
        yield _diagnosis(use, region, Health.ERROR, what, why, mend)
        return
    found = answer["KeyMetadata"]
    arn, state = found["Arn"], found["KeyState"]
    if state == "Enabled" and found["KeyUsage"] == "ENCRYPT_DECRYPT":
        words = f"the wrapping key {arn} is enabled"
        yield _diagnosis(use, region, Health.OK, words)
    elif state == "Enabled":
        what, why = f"{arn} is for {found['KeyUsage']}", "private keys cannot be wrapped by it"
        mend = "name a symmetric encryption key in keys.wrapping_key"
        yield _diagnosis(use, region, Health.ERROR, what, why, mend)
    else:
        what = f"the wrapping key {arn} is {state}"
        why = "no private key that it wrapped can be used, and all are lost when it is deleted"
        save = f"aws kms enable-key --key-id {arn} --region {region}"
        if "Deletion" in state:
            save = f"aws kms cancel-key-deletion --key-id {arn} --region {region} && {save}"
        yield _diagnosis(use, region, Health.ERROR, what, why, save)


def may_make_a_pair(way: Way, use: WrappingUse, state: IssuerState) -> Iterator[Diagnosis]:
    """That rotator may have a pair made in the primary region; a dry run makes none."""
    action = "kms:GenerateDataKeyPairWithoutPlaintext"
    operation = "generate_data_key_pair_without_plaintext"
    way.ask(
        _question(use, operation, action, _DRY_RUN),
        KeyId=use.wrapping_key,
        KeyPairSpec=_spec(use),
        EncryptionContext={
            "issuer": use.issuer,
            "generation": str(state.generation + 1),
            "lineage": state.lineage or "none",
        },
        DryRun=True,
    )
    words = f"may have a {_spec(use)} pair made under {use.wrapping_key}"
    yield _diagnosis(use, use.primary, Health.OK, words)


def _spec(use: WrappingUse) -> str:
    if use.algorithm.is_rsa:
        return f"RSA_{use.rsa_bits}"
    return _SPECS.get(use.algorithm, "ECC_NIST_EDWARDS25519")


def _key_in(use: WrappingUse, region: str) -> str:
    """The same multi-region key elsewhere: an alias is a region's own, an ARN names its region."""
    parts = use.wrapping_key.split(":")
    if len(parts) == 6 and parts[0] == "arn":
        return ":".join([*parts[:3], region, *parts[4:]])
    return use.wrapping_key


def _question(use: WrappingUse, operation: str, action: str, absent: tuple[str, ...]) -> Question:
    name = use.wrapping_key
    return Question("kms", operation, action, f"the wrapping key {name}", name, absent)


def _diagnosis(
    use: WrappingUse, region: str, health: Health, what: str, why: str = "", what_to_do: str = ""
) -> Diagnosis:
    return Diagnosis(Area.KMS, Place(use.issuer, region), health, what, why, what_to_do)
