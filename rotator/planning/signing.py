"""The rule that decides what every signing target must say, and writes the ones that say otherwise (design I2, I8)."""

from collections.abc import Sequence

from rotator.domain.inventory import Absent, RegionView, Unavailable
from rotator.domain.jwks import short
from rotator.domain.keys import Key, reaches
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import (
    FindingKind,
    Gate,
    Reason,
    RepairSigning,
    Retire,
    Severity,
    SigningStep,
    Switch,
    Wait,
    WriteSigning,
)
from rotator.domain.policy import RegionSetup
from rotator.planning.aliases import is_of_another, point_alias
from rotator.planning.draft import Draft
from rotator.planning.emergency import nobody_signs
from rotator.planning.leads import lead_at
from rotator.planning.orders import orders
from rotator.planning.requests import asked_by, is_way_back, rolling_back
from rotator.planning.revoking import may_follow
from rotator.planning.situation import Situation, never_signed
from rotator.planning.switching import switch_target
from rotator.planning.waves import open_regions


def follow(situation: Situation, draft: Draft) -> None:
    """Switch when every gate is open; otherwise keep every signing target and alias at what it should say."""
    state = situation.state
    target = switch_target(situation, draft)
    begun, before = state.switching(), state.active()
    key = target or (None if begun else before)
    reachable = [r for r in situation.setup.regions if _writable(situation, draft, r)]
    if key is None:
        _keep(situation, draft, reachable, [k for k in (begun, before) if k])
        return
    reachable = [r for r in reachable if may_follow(situation, draft, r.name, key)]
    in_waves = target and before and not rolling_back(state)  # the way back has nothing to try out
    turned = open_regions(situation, draft, key, before) if in_waves and before else None
    follows = [r for r in reachable if turned is None or r.name in turned]
    _write_all(situation, draft, follows, key, target)
    if before and len(follows) < len(reachable):
        _keep(situation, draft, [r for r in reachable if r not in follows], [before])
    if target and before and len(follows) == len(situation.setup.regions):
        draft.add(_retire(situation, before))


def _write_all(
    situation: Situation,
    draft: Draft,
    regions: Sequence[RegionSetup],
    key: Key,
    target: Key | None,
) -> None:
    """Write the signing targets that say otherwise, all with a generation that none carries yet, then the aliases."""
    standby = standby_for(situation, key)
    need = [r for r in regions if _says_otherwise(situation, draft, r, key, standby)]
    generation = draft.signing_generation
    carried = [_generation(situation.views[region.name]) for region in need]
    begins = target and not situation.state.switching()
    if begins or any(number >= generation for number in carried):
        generation = draft.next_generation()
        need = list(regions)
    need = [region for region in need if _may_write(situation, draft, region.name, key, target)]
    steps = [_step(situation, draft, r.name, key, standby, target, generation) for r in need]
    # All of a kind together, so that they make one stage: a region that fails holds no other up.
    for step in sorted(steps, key=lambda step: isinstance(step, WriteSigning)):
        draft.add(step)
    written = {region.name for region in need}
    for region in regions:
        named = situation.views[region.name].signing_kid() == key.kid or region.name in written
        if named:
            point_alias(situation, draft, region, key)


def _keep(
    situation: Situation, draft: Draft, regions: Sequence[RegionSetup], may: Sequence[Key]
) -> None:
    """Put back signing targets that somebody changed, where no switch may happen now, and aliases with them.

    Each says what it said, one of the keys it `may` name; one that rotator never wrote waits for the switch.
    """
    kept: list[tuple[RegionSetup, Key]] = []
    for region in regions:
        said = situation.views[region.name].signing_kid()
        left = situation.state.record(region.name).signing_kid
        key = next((k for k in may if k.kid == said), None)
        if key is None and left and may and not _joins(situation, region.name):
            key = next((k for k in may if k.kid == left), may[-1])
            generation = draft.next_generation()
            draft.add(_step(situation, draft, region.name, key, None, None, generation))
        if key:
            kept.append((region, key))
    for region, key in kept:
        point_alias(situation, draft, region, key)


def standby_for(situation: Situation, key: Key) -> Key | None:
    """The key that signers may load ahead: the oldest published one that never signed.

    While the first key of a new algorithm is not published, one of the old kind stands by.
    """
    candidates = (*situation.fresh_keys(), *never_signed(situation.state))
    ready = (k for k in candidates if phase(k) is Phase.PUBLISHED and k != key)
    return next(ready, None)


def _writable(situation: Situation, draft: Draft, region: RegionSetup) -> bool:
    """Whether the region's signing target and alias answered, and are rotator's or nobody's."""
    view, record = situation.views[region.name], situation.state.record(region.name)
    name = region.name
    if isinstance(view.signing, Unavailable):
        words = f"{name}'s signing target could not be read: {view.signing.detail}"
        code = Reason.REGION_UNREACHABLE
    elif isinstance(view.alias, Unavailable):
        words = f"{name}'s alias could not be read: {view.alias.detail}"
        code = Reason.REGION_UNREACHABLE
    elif (
        not isinstance(view.signing, Absent)
        and not record.signing_kid
        and not _ours(situation, view)
    ):
        words = f"{name}'s signing target holds a document that rotator did not write"
        code = Reason.DOCUMENT_NOT_OURS
    elif is_of_another(situation, view.alias_arn(), record):
        words = f"{region.alias} in {name} points at a key that rotator did not make"
        code = Reason.DOCUMENT_NOT_OURS
    else:
        return True
    draft.wait(Wait("write_signing", Gate.EVIDENCE, code, words, region=name, blocked=True))
    return False


def _ours(situation: Situation, view: RegionView) -> bool:
    """A readable document of this issuer that names one of its keys: written by a run that died before its record."""
    document = view.signing_document()
    return (
        document is not None
        and document.issuer == situation.setup.name
        and situation.state.key(document.active.kid) is not None
    )


def _says_otherwise(
    situation: Situation, draft: Draft, region: RegionSetup, key: Key, standby: Key | None
) -> bool:
    document = situation.views[region.name].signing_document()
    if document is None or document.generation < draft.signing_generation:
        return True
    if not reaches(key.handle, region.aws_region):
        return False
    wanted = orders(
        situation.state,
        situation.policy,
        key,
        standby,
        document.generation,
        written_at=situation.now,
        aws_region=region.aws_region,
    )
    return document.issuer != wanted.issuer or not document.same_orders(wanted)


def _generation(view: RegionView) -> int:
    document = view.signing_document()
    return document.generation if document else -1


def _may_write(
    situation: Situation, draft: Draft, region: str, key: Key, target: Key | None
) -> bool:
    """A region that joins gets its signing target last, when the active key's T1 holds there (design §3)."""
    setup = situation.setup.region(region)
    if setup and not reaches(key.handle, setup.aws_region):
        words = f"{region} is told once its signers can use {key.kid[:8]}"
        code = Reason.REPLICA_MISSING
        draft.wait(Wait("write_signing", Gate.TIME, code, words, kid=key.kid, region=region))
        return False
    if target or not _joins(situation, region):
        return True
    opens = lead_at(situation, region, key).opens
    if opens and opens <= situation.now:
        return True
    words = f"{region} joins: it signs once its verifiers can know {key.kid[:8]}"
    draft.wait(
        Wait(
            "write_signing",
            Gate.TIME,
            Reason.REGION_JOINED,
            words,
            kid=key.kid,
            region=region,
            until=opens,
        )
    )
    return False


def _joins(situation: Situation, region: str) -> bool:
    """Whether a region has no signing target and never had one, or was let go with it (`region forget`)."""
    record = situation.state.record(region)
    signs = record.signing_kid is not None and record.signers_stopped_at is None
    return isinstance(situation.views[region].signing, Absent) and not signs


def _taken_over(situation: Situation, region: str, key: Key) -> bool:
    """Whether signers there use the key already, and rotator never wrote them anything (`import`)."""
    absent = isinstance(situation.views[region].signing, Absent)
    record = situation.state.record(region)
    return absent and record.untouched and record.signing_kid == key.kid


def _step(
    situation: Situation,
    draft: Draft,
    region: str,
    key: Key,
    standby: Key | None,
    target: Key | None,
    generation: int,
) -> SigningStep:
    said = situation.views[region].signing_kid()
    kind: type[SigningStep] = WriteSigning
    leaves = situation.state.key(said) if said else None
    code, words = Reason.SIGNING_OUTDATED, "what signers are told has changed"
    if said != key.kid and target:
        kind, (code, words) = Switch, _why_switch(situation, key)
    elif leaves and leaves.moments.revoked_at:
        kind, code, words = RepairSigning, Reason.KEY_REVOKED, _revoked_words(leaves)
    elif _joins(situation, region):
        code, words = Reason.REGION_JOINED, "the region joins"
    elif _taken_over(situation, region, key):
        code, words = Reason.KEY_TAKEN_OVER, "its signers are told to go on with what they use"
    elif leaves and said != key.kid and is_way_back(situation.state, key.kid):
        kind, (code, words) = RepairSigning, _why_switch(situation, key)
    elif said != key.kid:
        words = (
            f"it tells signers to use {said[:8]}"
            if said
            else "the signing target is gone or unreadable"
        )
        kind, code = RepairSigning, Reason.SIGNING_CHANGED
        draft.find(FindingKind.DRIFT, Severity.ERROR, words, region)
    return kind(
        n=0,
        kid=key.kid,
        region=region,
        standby=standby.kid if standby else None,
        expected_etag=draft.signing_etag(region),
        generation=generation,
        reason=words,
        reason_code=code,
        not_before=situation.now,
    )


def _why_switch(situation: Situation, key: Key) -> tuple[Reason, str]:
    state, request = situation.state, situation.state.request
    gone = next((k for k in state.keys if k.moments.revoked_at and k.ever_signed), None)
    if gone and nobody_signs(state):
        return Reason.KEY_REVOKED, _revoked_words(gone)
    if request and is_way_back(state, key.kid):
        return Reason.ROLLED_BACK, f"the way back, {asked_by(request)}"
    if state.switching():
        return Reason.SWITCH_UNFINISHED, "a switch was begun and is finished now"
    if state.active() is None:
        return Reason.ROTATION_DUE, "no key signs yet, and every region serves this one"
    if request and not rolling_back(state):
        return Reason.ROTATION_ASKED, f"ahead of its turn, {asked_by(request)}"
    since = key.moments.published_at
    words = f"its turn: published {since:%d %b %Y}, seen in every region" if since else "its turn"
    return Reason.ROTATION_DUE, words


def _revoked_words(key: Key) -> str:
    return f"{short(key.kid)}, which signed, is revoked"


def _retire(situation: Situation, key: Key) -> Retire:
    return Retire(
        n=0,
        kid=key.kid,
        reason="its successor signs in every region",
        reason_code=Reason.SUCCESSOR_ACTIVE,
        not_before=situation.now,
    )
