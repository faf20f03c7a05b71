"""An issuer's KMS keys in one AWS region: their state, their public half, and whether they would sign."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from rotator.adapters.aws_doctor.asking import Forbidden, Question, Way
from rotator.adapters.aws_doctor.keystates import KeyInKms, judge_key
from rotator.adapters.aws_doctor.uses import KmsUse
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.jwk import Algorithm
from rotator.domain.keys import Key, KmsHandle
from rotator.domain.lifecycle import Phase, phase, wanted
from rotator.domain.state import IssuerState
from rotator.ports import Clock

if TYPE_CHECKING:
    from rotator.domain.jwk import PublicKey

_GONE_AFTER: Final = timedelta(days=70)
"""The longest that a deletion takes (30 days for the replicas, then 30 for the primary), and some more."""

_DIGEST_BYTES: Final = {"256": 32, "384": 48, "512": 64}
_DRY_RUN: Final = "DryRunOperationException"


class RegionKeys:
    """The keys of an issuer in the AWS region `region`."""

    def __init__(self, way: Way, use: KmsUse, region: str, state: IssuerState) -> None:
        self._way, self._use, self._region, self._state = way, use, region, state
        self.place = Place(use.issuer, region)

    def states(self, clock: Clock) -> Iterator[Diagnosis]:
        """Each key that is not long destroyed: whether KMS has it as it should be."""
        for key, handle in self._kept():
            destroyed = key.moments.destroyed_at
            if destroyed and destroyed + _GONE_AFTER < clock.now():
                continue
            arn = handle.arns.get(self._region)
            if arn is not None:
                yield self._diagnosis(*judge_key(key, self._described(arn)))
            elif wanted(key) and key.usable:
                what = f"{key.kid[:8]} has no replica in {self._region}"
                why = "signers there could not use it"
                yield self._diagnosis(Health.WARNING, what, why, "rotator apply makes it")

    def public_halves(self) -> Iterator[Diagnosis]:
        """That KMS holds the private half of what is published, and not of something else."""
        for key, arn in self._in_use():
            question = self._question("get_public_key", "kms:GetPublicKey", arn)
            answer = self._way.ask(question, KeyId=arn)
            if answer is None or _public(answer["PublicKey"]) == key.jwk.key:
                continue
            what = f"{arn} is not the key that {key.kid[:8]} is published as"
            why = "what it signs, nobody can verify"
            mend = f"rotator rotate {self._use.issuer} brings in another key; see who changed the state"
            yield self._diagnosis(Health.ERROR, what, why, mend)

    def signatures(self) -> Iterator[Diagnosis]:
        """Whether these credentials may sign; only signers and `rotator token` need to."""
        keys = [(key, arn) for key, arn in self._in_use() if phase(key) is not Phase.RETIRED]
        try:
            for key, arn in keys:
                self._try_to_sign(key, arn)
        except Forbidden as error:
            why = f"{error.detail}; rotator itself never signs but for rotator token"
            mend = f"for the region's signers: {error.hint}"
            what = f"may not sign in {self._region}"
            yield self._diagnosis(Health.UNKNOWN, what, why, mend)
            return
        if keys:
            kids = ", ".join(key.kid[:8] for key, _ in keys)
            yield self._diagnosis(Health.OK, f"may sign in {self._region} with {kids}", "", "")

    def _try_to_sign(self, key: Key, arn: str) -> None:
        question = self._question("sign", "kms:Sign", arn, _DRY_RUN)
        name, message_type = signing_algorithm(key.jwk.alg)
        size = _DIGEST_BYTES.get(key.jwk.alg.value[2:], 32)
        self._way.ask(
            question,
            KeyId=arn,
            Message=bytes(size),
            MessageType=message_type,
            SigningAlgorithm=name,
            DryRun=True,
        )

    def _described(self, arn: str) -> KeyInKms:
        answer = self._way.ask(self._question("describe_key", "kms:DescribeKey", arn), KeyId=arn)
        if answer is None:
            return KeyInKms(arn, self._region, None)
        found = answer["KeyMetadata"]
        return KeyInKms(arn, self._region, found["KeyState"], found.get("DeletionDate"))

    def _in_use(self) -> Iterator[tuple[Key, str]]:
        for key, handle in self._kept():
            arn = handle.arns.get(self._region)
            if arn is not None and wanted(key) and key.usable:
                yield key, arn

    def _kept(self) -> Iterator[tuple[Key, KmsHandle]]:
        for key in self._state.keys:
            if isinstance(key.handle, KmsHandle):
                yield key, key.handle

    def _question(self, operation: str, action: str, arn: str, *absent: str) -> Question:
        """What is not enabled or not there is said by `states`."""
        known = ("NotFoundException", "DisabledException", "KMSInvalidStateException", *absent)
        return Question("kms", operation, action, f"KMS key {arn}", arn, known)

    def _diagnosis(self, health: Health, what: str, why: str, what_to_do: str) -> Diagnosis:
        return Diagnosis(Area.KMS, self.place, health, what, why, what_to_do)


def signing_algorithm(algorithm: Algorithm) -> tuple[str, str]:
    """KMS's SigningAlgorithm and MessageType for a JWS algorithm (AWS KMS API, Sign)."""
    match algorithm.value[:2], algorithm.value[2:]:
        case "RS", bits:
            return f"RSASSA_PKCS1_V1_5_SHA_{bits}", "DIGEST"
        case "PS", bits:
            return f"RSASSA_PSS_SHA_{bits}", "DIGEST"
        case "ES", bits:
            return f"ECDSA_SHA_{bits}", "DIGEST"
        case _:
            return "ED25519_SHA_512", "RAW"


def _public(der: bytes) -> "PublicKey | None":
    """The key of a SubjectPublicKeyInfo, None for a kind that rotator does not sign with."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    from rotator.jose.public import from_cryptography

    try:
        return from_cryptography(load_der_public_key(der))
    except ValueError:
        return None
