"""What KMS has no dry run for, by iam:SimulatePrincipalPolicy: advice, since key policies are not part of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rotator.adapters.aws_doctor.asking import Question, Way
from rotator.adapters.aws_doctor.identity import Identity
from rotator.adapters.aws_doctor.uses import KmsUse
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.keys import KmsHandle
from rotator.domain.state import IssuerState
from rotator.errors import RotatorError

ON_NEW_KEYS: Final = ("kms:CreateKey", "kms:TagResource")
ON_KEYS: Final = (
    "kms:ReplicateKey",
    "kms:EnableKey",
    "kms:DisableKey",
    "kms:ScheduleKeyDeletion",
)
ON_ALIASES: Final = ("kms:CreateAlias", "kms:UpdateAlias")
NO_DRY_RUN: Final = (*ON_NEW_KEYS, *ON_KEYS, *ON_ALIASES)
_SOME_KEY: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation says of one action."""

    action: str
    allowed: bool
    explicitly_denied: bool
    missing: tuple[str, ...]


def simulated(
    way: Way, use: KmsUse, identity: Identity, state: IssuerState | None
) -> Iterator[Diagnosis]:
    """Whether the identity's own policies allow what rotator will do to keys; asks IAM, touches no key."""
    place = Place(use.issuer, use.primary)
    if identity.arn.endswith(":root"):
        words = "asks as the account's root user, whom no policy of its own limits"
        yield Diagnosis(Area.ACCESS, place, Health.OK, words)
        return
    try:
        results = _simulate(way, use, identity, state)
    except RotatorError as error:
        what = f"nobody knows whether {identity.principal} may {', '.join(NO_DRY_RUN)}"
        why = f"KMS has no dry run for them, and {error.detail or error.message}"
        mend = f"to have it simulated: {error.hint}; or see what an apply says"
        yield Diagnosis(Area.ACCESS, place, Health.UNKNOWN, what, why, mend)
        return
    yield from _advice(results, identity.principal, place)


def _simulate(
    way: Way, use: KmsUse, identity: Identity, state: IssuerState | None
) -> list[Simulated]:
    arn = _sample_key(use, identity, state)
    alias = ":".join([*arn.split(":")[:5], use.alias])
    asked = ((ON_NEW_KEYS, ("*",)), (ON_KEYS, (arn,)), (ON_ALIASES, (arn, alias)))
    found: list[Simulated] = []
    for actions, resources in asked:
        for resource in resources:
            found += _ask(way, identity, actions, resource, use.issuer)
    return found


def _ask(
    way: Way, identity: Identity, actions: Sequence[str], resource: str, issuer: str
) -> list[Simulated]:
    action, subject = "iam:SimulatePrincipalPolicy", f"the policies of {identity.principal}"
    question = Question("iam", "simulate_principal_policy", action, subject, identity.principal)
    tags = ("aws:RequestTag/rotator:issuer", "aws:ResourceTag/rotator:issuer")
    answer = way.ask(
        question,
        PolicySourceArn=identity.principal,
        ActionNames=list(actions),
        ResourceArns=[resource],
        ContextEntries=[
            {"ContextKeyName": name, "ContextKeyValues": [issuer], "ContextKeyType": "string"}
            for name in tags
        ],
    )
    return [_result(result) for result in answer["EvaluationResults"]]


def _result(result: dict[str, Any]) -> Simulated:
    decision = result["EvalDecision"]
    missing = tuple(result.get("MissingContextValues", ()))
    return Simulated(
        result["EvalActionName"], decision == "allowed", decision == "explicitDeny", missing
    )


def _advice(results: Sequence[Simulated], who: str, place: Place) -> Iterator[Diagnosis]:
    refused = {r.action: r for r in results if not r.allowed}
    open_ = [name for name, r in refused.items() if r.missing and not r.explicitly_denied]
    denied = [name for name in refused if name not in open_]
    allowed = [name for name in dict.fromkeys(r.action for r in results) if name not in refused]
    if allowed:
        words = f"its policies allow {', '.join(allowed)} (simulated: key policies not counted)"
        yield Diagnosis(Area.ACCESS, place, Health.OK, words)
    if denied:
        what = f"the policies of {who} do not allow {', '.join(denied)}"
        why = "simulated: unless a key policy allows it, an apply will be refused"
        mend = f"grant {', '.join(denied)} to {who} · runbooks/access-denied.md"
        yield Diagnosis(Area.ACCESS, place, Health.WARNING, what, why, mend)
    if open_:
        needs = ", ".join(sorted({name for r in refused.values() for name in r.missing}))
        what = f"nobody knows whether {who} may {', '.join(open_)}"
        mend = "see what an apply says"
        why = f"it depends on {needs}, which a simulation does not know"
        yield Diagnosis(Area.ACCESS, place, Health.UNKNOWN, what, why, mend)


def _sample_key(use: KmsUse, identity: Identity, state: IssuerState | None) -> str:
    """A key of the issuer in the primary region, or the name that one could have."""
    for key in state.keys if state else ():
        if isinstance(key.handle, KmsHandle) and (arn := key.handle.arns.get(use.primary)):
            return arn
    partition = identity.arn.split(":")[1]
    return f"arn:{partition}:kms:{use.primary}:{identity.account}:key/{_SOME_KEY}"
