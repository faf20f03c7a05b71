"""Rules that bring keys in: make the ones that are missing, publish them everywhere (design I4, T8)."""

from rotator.domain.jwks import short
from rotator.domain.keys import reaches
from rotator.domain.lifecycle import Phase, phase
from rotator.domain.plan import (
    Gate,
    Generate,
    Reason,
    Remove,
    RemoveForeign,
    Replicate,
    Switch,
    Wait,
    WriteJwks,
)
from rotator.domain.times import say
from rotator.planning.compatibility import unaccepted
from rotator.planning.draft import Draft
from rotator.planning.emergency import kept_there, nobody_signs, replacements
from rotator.planning.feasibility import history_needed, keys_limit, least_signer_stop
from rotator.planning.foreign import newly_adopted, with_room
from rotator.planning.leads import successor_notice
from rotator.planning.situation import Situation, in_order, never_signed, turn_of


def generate(situation: Situation, draft: Draft) -> None:
    """Make the first key, a missing standby, or the successor in time for its lead (design I4)."""
    state, policy = situation.state, situation.policy
    taken = {step.kid for step in draft.steps if isinstance(step, Switch)}
    have = [k for k in situation.fresh_keys() if k is not state.switching() and k.kid not in taken]
    starting = not taken and state.active() is None and state.switching() is None
    lacking = policy.standby_keys + starting - len(have)
    if not policy.standby_keys and not starting and not have:
        lacking = _successor_due(situation, draft)
    if lacking > 0 and (wait := unaccepted(situation)):
        draft.wait(wait)
        return
    if lacking > 0 and state.unanswered:
        words = "whether the last key asked for was made is unknown; it is looked for first"
        draft.wait(Wait("generate", Gate.EVIDENCE, Reason.KEY_UNANSWERED, words, blocked=True))
        return
    for _ in range(max(0, lacking)):
        if situation.held and replacements(situation, draft) <= 0:
            draft.wait(Wait("generate", Gate.HOLD, Reason.HELD, situation.hold_words))
            return
        if not _fits(situation, draft):
            return
        _generate_one(situation, draft, starting=starting)


def _successor_due(situation: Situation, draft: Draft) -> int:
    """Contract §1: without standbys, the successor is made `max(publish_lead, W) + 2P` before its turn."""
    due = turn_of(situation)[0] - successor_notice(situation)
    if due <= situation.now:
        return 1
    words = (
        f"made in time to be published and led: {say(successor_notice(situation))} before its turn"
    )
    draft.wait(Wait("generate", Gate.TIME, Reason.NOT_ITS_TURN, words, until=due))
    return 0


def _fits(situation: Situation, draft: Draft) -> bool:
    """Whether one key more keeps every document within its limit (design I3, T8)."""
    planned = sum(isinstance(step, Generate) for step in draft.steps)
    leaving = {step.kid for step in draft.steps if isinstance(step, Remove)}
    own = [key for key in situation.state.in_documents() if key.kid not in leaving]
    foreign = max(
        (
            len(situation.guests(region.name)) + len(kept_there(situation, draft, region.name))
            for region in situation.setup.regions
        ),
        default=0,
    )
    limit = keys_limit(situation.policy)
    total = len(own) + foreign + planned + 1
    if total <= limit:
        return True
    needed = history_needed(situation.policy, least_signer_stop(situation.setup))
    words = f"the document would hold {total} keys, the limit is {limit}; T8 needs {needed}"
    draft.wait(Wait("generate", Gate.SAFETY, Reason.DOCUMENT_FULL, words, blocked=True))
    return False


def _generate_one(situation: Situation, draft: Draft, *, starting: bool) -> None:
    none = starting and not never_signed(situation.state) and not draft.plans("generate")
    code = (
        (Reason.KEY_REVOKED if nobody_signs(situation.state) else Reason.FIRST_KEY)
        if none
        else Reason.NO_STANDBY
        if situation.policy.standby_keys
        else Reason.SUCCESSOR_DUE
    )
    words = {
        Reason.FIRST_KEY: "the issuer has no key yet",
        Reason.KEY_REVOKED: "the key that signed is revoked, and no other one could take over",
        Reason.NO_STANDBY: "a standby is missing",
        Reason.SUCCESSOR_DUE: "its turn comes when its lead is over",
    }[code]
    generation = draft.next_generation()
    draft.add(
        Generate(
            n=0,
            ref=f"{situation.setup.name}/{generation}",
            generation=generation,
            algorithm=situation.policy.algorithm.value,
            reason=words,
            reason_code=code,
            not_before=situation.now,
        )
    )


def replicate(situation: Situation, draft: Draft) -> None:
    """Make the keys that may sign ready in every region whose signers cannot use them yet (design §3)."""
    for key in situation.state.in_documents():
        if phase(key) is Phase.RETIRED or not key.usable:
            continue
        for region in situation.setup.regions:
            if not reaches(key.handle, region.aws_region):
                words = f"signers in {region.name} cannot use it yet"
                draft.add(
                    Replicate(
                        n=0,
                        kid=key.kid,
                        region=region.name,
                        reason=words,
                        reason_code=Reason.REPLICA_MISSING,
                        not_before=situation.now,
                    )
                )


def publish(situation: Situation, draft: Draft) -> None:
    """Write every key that a region lacks: new ones, staged ones, and all of them where a region joins."""
    refs = tuple(step.ref for step in draft.steps if isinstance(step, Generate))
    blocked = {wait.region for wait in draft.waiting if wait.kind == "write_jwks"}
    leaving = {step.kid for step in draft.steps if isinstance(step, Remove)}
    own = tuple(key for key in situation.state.in_documents() if key.kid not in leaving)
    for region in situation.setup.regions:
        name = region.name
        gone = {s.kid for s in draft.steps if isinstance(s, RemoveForeign) and s.region == name}
        guests = (entry.kid for entry in situation.guests(name, gone))
        there = in_order((*own, *kept_there(situation, draft, name)))
        keys = with_room(situation, draft, name, (*(key.kid for key in there), *refs, *guests))
        lacking = set(keys) - set(draft.served(name))
        if name in blocked or not (lacking or newly_adopted(situation, draft, name)):
            continue
        code, words = _why_published(situation, draft, name, lacking)
        draft.add(
            WriteJwks(
                n=0,
                region=name,
                keys=keys,
                expected_etag=draft.jwks_etag(name),
                reason=words,
                reason_code=code,
                not_before=situation.now,
            )
        )


def _why_published(
    situation: Situation, draft: Draft, region: str, lacking: set[str]
) -> tuple[Reason, str]:
    """Why a region's document is written: it joins, it lacks keys, or an adopted one becomes part of what is ours there."""
    joined = not situation.state.record(region).jwks_kids
    if joined and situation.state.was_ever_active():
        return Reason.REGION_JOINED, "the region joins"
    adopted = [key.kid for key in situation.state.adopted(situation.now)]
    if lacking <= set(adopted):
        named = [
            kid for kid in adopted if kid in (lacking or newly_adopted(situation, draft, region))
        ]
        return Reason.KEY_ADOPTED, f"{', '.join(map(short, named))} was adopted"
    return Reason.NEW_KEY, _how_many(len(lacking))


def _how_many(count: int) -> str:
    return "publish 1 new key" if count == 1 else f"publish {count} new keys"
