"""An existing key set becomes an issuer's own: what it must be, what the regions may serve meanwhile.

Nothing that is served changes by it: the active key keeps kid, label and material, and every other key is adopted as
it stands (design I7).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from rotator.domain.inventory import Absent, JwksRead, RegionView
from rotator.domain.jwk import Jwk, jwk_members, thumbprint
from rotator.domain.jwks import Jwks, ServedKey, Unreadable, own_entry, parse, render
from rotator.domain.keys import KeyHandle, KmsHandle
from rotator.domain.policy import IssuerSetup, Policy, RegionSetup
from rotator.domain.state import IssuerState
from rotator.errors import ImportRefused
from rotator.planning import feasibility
from rotator.planning.feasibility import history_needed, keys_limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """What would be taken over.

    `others` in the order of the source. `serving` are the regions that serve the set already, `empty` those that serve
    nothing; `rewritten` those whose document says the same in other bytes than rotator writes.
    """

    active: Jwk
    others: tuple[ServedKey, ...]
    serving: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()

    def entries(self) -> tuple[ServedKey, ...]:
        """The document's entries as rotator writes them: own first."""
        return (own_entry(self.active), *self.others)


def read_source(body: bytes, *, public: bool) -> Jwks:
    """The key set that is to be taken over; private members are left out, unless everybody could read them.

    Raises ImportRefused.
    """
    found = parse(body)
    if isinstance(found, Unreadable):
        raise ImportRefused("this is no key set", detail=found.reason)
    if found.leaked and public:
        raise ImportRefused(
            "private keys stand in the set that everybody can read",
            detail=f"under the kids {_named(sorted(found.leaked))}: whoever read it can sign",
            hint="replace these keys at once where they are; nothing can make them secret again",
        )
    if len(found.flaws) > len(found.leaked):
        raise ImportRefused("the key set has flaws", detail="; ".join(found.flaws))
    return Jwks(found.keys)


def entry_of(source: Jwks, kid: str) -> ServedKey:
    """The one key whose kid is `kid`, or begins with it (six characters at least). Raises ImportRefused."""
    exact = [key for key in source.keys if key.kid == kid]
    found = exact or [key for key in source.keys if len(kid) >= 6 and key.kid.startswith(kid)]
    if len(found) != 1:
        raise ImportRefused(
            f"the set holds {len(found) or 'no'} key{'s' * (len(found) > 1)} of the kid {kid!r}",
            detail=f"it holds {_named(key.kid for key in source.keys) or 'none at all'}",
            hint="name the key that signs now with --active",
        )
    return found[0]


def compared(
    setup: IssuerSetup, views: Mapping[str, RegionView], active: Jwk, source: Jwks
) -> Takeover:
    """The takeover, once every region serves exactly that set or nothing. Raises ImportRefused."""
    others = tuple(key for key in source.keys if key.kid != active.kid)
    plan = Takeover(active=active, others=others)
    serving, empty, rewritten = [], [], []
    for region in setup.regions:
        view = views[region.name]
        _require_no_orders(region, view)
        if isinstance(view.jwks, Absent):
            empty.append(region.name)
            continue
        document = view.jwks_document()
        if document is None or not isinstance(view.jwks, JwksRead):
            raise ImportRefused(
                f"{region.name}'s JWKS cannot be read: what it serves now must be known",
                hint="run it again when it answers with a key set, or move away what stands there",
            )
        _require_same(region, document, source, active.kid)
        serving.append(region.name)
        if view.jwks.body != render(plan.entries()):
            rewritten.append(region.name)
    return replace(plan, serving=tuple(serving), empty=tuple(empty), rewritten=tuple(rewritten))


def require_room(setup: IssuerSetup, plan: Takeover) -> None:
    """T8 with the others counted: rotator's own keys must fit beside them. Raises ImportRefused."""
    limit, own = (
        keys_limit(setup.policy),
        history_needed(setup.policy, feasibility.least_signer_stop(setup)),
    )
    if own + len(plan.others) > limit:
        raise ImportRefused(
            f"the documents would have no room: {own} own keys (T8) and {len(plan.others)} others, the limit is {limit}",
            hint="leave dead keys out of the old set first, raise history_max, or rotate less often",
        )


def require_new(state: IssuerState) -> None:
    """Only an issuer without keys takes a set over. Raises ImportRefused."""
    if state.keys or state.intent or state.unanswered:
        raise ImportRefused(
            f"{state.issuer} has keys of rotator's own already",
            detail="a set is taken over before the first apply",
            hint="keys of somebody else that appear beside rotator's own are adopted: rotator adopt",
        )


def notes(plan: Takeover, source: Jwks, policy: Policy) -> tuple[str, ...]:
    """What somebody should know before it is done, a sentence each."""
    members = json.loads(next(key.text for key in source.keys if key.kid == plan.active.kid))
    ours, found = jwk_members(plan.active), []
    leaves = sorted(set(members) - set(ours))
    comes = sorted(name for name, value in ours.items() if members.get(name) != value)
    if leaves:
        certificates = "; a verifier that reads only certificates needs another way first"
        needed = certificates if any(name.startswith("x5") for name in leaves) else ""
        found.append(
            f"the active key's entry loses what rotator does not write: {', '.join(leaves)}{needed}"
        )
    if comes:
        found.append(f"the active key's entry gains: {', '.join(comes)}")
    if plan.active.alg is not policy.algorithm:
        found.append(
            f"the active key goes on signing {plan.active.alg}; its successors sign {policy.algorithm}"
        )
    if source.kids() != tuple(entry.kid for entry in plan.entries()):
        found.append(
            "the active key comes first in the documents, the others follow in their order"
        )
    found += [
        f"{key.kid} is for encryption: it is served on as it stands, and never rotated"
        for key in plan.others
        if _encrypts(key)
    ]
    return tuple(found)


def require_no_twin(plan: Takeover, until: datetime | None) -> None:
    """The active key under a second kid would be trusted after its removal. Raises ImportRefused."""
    twins = [k.kid for k in plan.others if k.thumbprint == thumbprint(plan.active.key)]
    if twins and until is None:
        raise ImportRefused(
            f"{_named(twins)} is the active key once more, under another kid",
            detail="it would be trusted for ever, also after the active key is removed",
            hint="say with --until when the last token that names that kid is dead",
        )


def require_alias(setup: IssuerSetup, views: Mapping[str, RegionView], handle: KeyHandle) -> None:
    """An alias of a region must be free, or point at this very key. Raises ImportRefused."""
    for region in setup.regions:
        arn = views[region.name].alias_arn()
        if arn and not (isinstance(handle, KmsHandle) and handle.owns(arn)):
            raise ImportRefused(
                f"{region.alias} in {region.name} points at another key",
                detail=f"it points at {arn}",
                hint="set keys.alias to a name that is free, or delete that alias once nobody signs through it",
            )


def _require_no_orders(region: RegionSetup, view: RegionView) -> None:
    if not isinstance(view.signing, Absent):
        document = view.signing_document()
        raise ImportRefused(
            f"{region.name} has a signing target already, or it cannot be read",
            detail=f"it names {document.active.kid}" if document else "",
            hint="where rotator's state is lost: rotator state import --from-regions; else move it away",
        )


def _require_same(region: RegionSetup, document: Jwks, source: Jwks, active: str) -> None:
    """A region serves exactly the source's keys, without flaws: the active one by its material, others to the member."""
    said = list(document.flaws)
    theirs, ours = ({key.kid: key for key in jwks.keys} for jwks in (document, source))
    said += [f"it lacks {kid}" for kid in ours if kid not in theirs]
    said += [f"it also serves {kid}" for kid in theirs if kid not in ours]
    for kid in (kid for kid in ours if kid in theirs):
        if theirs[kid].thumbprint != ours[kid].thumbprint:
            said.append(f"it serves another key as {kid}")
        elif kid != active and theirs[kid] != ours[kid]:
            said.append(f"it serves {kid} with other members")
    if said:
        raise ImportRefused(
            f"{region.name} serves another set than the one that is to be taken over",
            detail="; ".join(said),
            hint="take over what every region serves: bring the regions and the source together first",
        )


def _encrypts(key: ServedKey) -> bool:
    members = json.loads(key.text)
    operations = members.get("key_ops")
    wraps = isinstance(operations, list) and bool(
        {"encrypt", "wrapKey"} & set(map(str, operations))
    )
    return members.get("use") == "enc" or wraps


def _named(kids: Iterable[str]) -> str:
    return ", ".join(kids)
