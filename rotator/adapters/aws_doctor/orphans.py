"""KMS keys that carry rotator's tags and are in no state: they cost money, and nobody watches what they sign."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rotator.adapters.aws_doctor.asking import Forbidden, Question, Way
from rotator.app.parallel import side_by_side
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.keys import KmsHandle
from rotator.domain.state import IssuerState

_LIST: Final = Question("kms", "list_keys", "kms:ListKeys", "the list of KMS keys")
_PENDING: Final = ("PendingDeletion", "PendingReplicaDeletion")
_GONE: Final = ("NotFoundException",)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A KMS key with rotator's tags; what is not tagged is empty."""

    arn: str
    issuer: str
    generation: str
    lineage: str
    intent: str


def orphans(way: Way, region: str, states: Mapping[str, IssuerState]) -> Iterator[Diagnosis]:
    """The tagged keys of these issuers that their states do not know, in the AWS region where they are made."""
    arns = _listed(way)
    seen = side_by_side(lambda arn: _tagged(way, arn), arns)
    hidden = [error for error in seen if isinstance(error, Forbidden)]
    if hidden and len(hidden) == len(arns):
        raise hidden[0]
    tagged = [found for found in seen if isinstance(found, Tagged)]
    strays = [found for found in tagged if found.issuer in states and not _known(found, states)]
    living = [found for found in strays if not _ends(way, found.arn)]
    for found in living:
        yield _stray(found, region, states[found.issuer])
    if not living:
        words = f"no orphans among {len(arns)} KMS keys in {region}"
        more = f" ({len(hidden)} do not show their tags)" if hidden else ""
        yield Diagnosis(Area.KMS, Place(region=region), Health.OK, words + more)


def _listed(way: Way) -> list[str]:
    found: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = way.ask(_LIST, **marker)
        found += [str(key["KeyArn"]) for key in page["Keys"]]
        if not page.get("Truncated") or not page.get("NextMarker"):
            return found
        marker = {"Marker": page["NextMarker"]}


def _tagged(way: Way, arn: str) -> Tagged | Forbidden | None:
    """The key's tags, None where they are not rotator's; the policies of others' keys need not show any."""
    action, subject = "kms:ListResourceTags", f"the tags of {arn}"
    question = Question("kms", "list_resource_tags", action, subject, arn, _GONE)
    try:
        answer = way.ask(question, KeyId=arn) or {}
    except Forbidden as error:
        return error
    tags = {tag["TagKey"]: tag["TagValue"] for tag in answer.get("Tags", [])}
    if "rotator:issuer" not in tags:
        return None
    names = ("issuer", "generation", "lineage", "intent")
    return Tagged(arn, *(str(tags.get(f"rotator:{name}", "")) for name in names))


def _known(found: Tagged, states: Mapping[str, IssuerState]) -> bool:
    """In the state, or asked for by an intent that is still open and will find it."""
    state = states[found.issuer]
    open_ = [*([state.intent] if state.intent else []), *state.unanswered]
    if found.lineage == state.lineage and found.intent in {intent.id for intent in open_}:
        return True
    handles = (key.handle for key in state.keys)
    return any(isinstance(h, KmsHandle) and found.arn in h.arns.values() for h in handles)


def _ends(way: Way, arn: str) -> bool:
    """Whether its deletion is under way already; one that may not be looked at is taken to live."""
    question = Question("kms", "describe_key", "kms:DescribeKey", f"KMS key {arn}", arn, _GONE)
    try:
        answer = way.ask(question, KeyId=arn)
    except Forbidden:
        return False
    return answer is None or answer["KeyMetadata"]["KeyState"] in _PENDING


def _stray(found: Tagged, region: str, state: IssuerState) -> Diagnosis:
    name = f"{found.arn} ({found.issuer}/{found.generation or '?'})"
    disable = f"aws kms disable-key --key-id {found.arn} --region {region}"
    end = f"aws kms schedule-key-deletion --key-id {found.arn} --region {region}"
    if found.lineage == state.lineage:
        why = "rotator asked for it and no state knows it: it costs money and nobody watches it"
        mend = f"delete its replicas, then: {end}"
    else:
        why = f"it belongs to another state (lineage {found.lineage or 'unknown'})"
        mend = f"if that state is gone for good: {disable}, and when nothing misses it: {end}"
    place = Place(found.issuer, region)
    return Diagnosis(
        Area.KMS, place, Health.WARNING, f"{name} is in no state of this rotator", why, mend
    )
