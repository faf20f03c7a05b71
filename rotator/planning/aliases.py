"""KMS aliases: each region's follows its signing target (design T3, T9b)."""

from rotator.domain.keys import Key, KmsHandle
from rotator.domain.plan import FindingKind, PointAlias, Reason, Severity
from rotator.domain.policy import RegionSetup
from rotator.domain.state import RegionRecord
from rotator.planning.draft import Draft
from rotator.planning.situation import Situation


def point_alias(situation: Situation, draft: Draft, region: RegionSetup, key: Key) -> None:
    """Point a region's alias at the key that its signing target names, unless it does already."""
    arn = key.handle.arn_in(region.aws_region) if isinstance(key.handle, KmsHandle) else None
    found = situation.views[region.name].alias_arn()
    if region.alias is None or arn is None or found == arn:
        return
    left = situation.state.record(region.name).alias_arn
    code, words = Reason.ALIAS_OUTDATED, "signers that go through the alias follow signing.json"
    if left and found != left:
        code, words = Reason.ALIAS_CHANGED, f"somebody else {'moved' if found else 'deleted'} it"
        draft.find(FindingKind.DRIFT, Severity.ERROR, f"{region.alias}: {words}", region.name)
    draft.add(
        PointAlias(
            n=0,
            kid=key.kid,
            region=region.name,
            reason=words,
            reason_code=code,
            not_before=situation.now,
        )
    )


def is_of_another(situation: Situation, arn: str | None, record: RegionRecord) -> bool:
    """Whether an alias that rotator never set points at a key that rotator does not own."""
    return arn is not None and not record.alias_arn and situation.state.key_of_arn(arn) is None
