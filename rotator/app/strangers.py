"""What the regions' origins serve now that rotator does not own, for an operator who decides about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from rotator.app.gather import load_state
from rotator.app.parallel import side_by_side
from rotator.app.reads import read_view
from rotator.app.token import SHORTEST_PREFIX
from rotator.app.world import IssuerWorld, World
from rotator.domain.evidence import CheckKind, Evidence
from rotator.domain.jwks import Jwks, ServedKey, short
from rotator.domain.state import IssuerState
from rotator.errors import DecisionRefused, NoSuchKey, UsageError
from rotator.planning.decisions import decision_on


@dataclass(frozen=True, slots=True)
class Seen:
    """An issuer's state and each region's key set as just read; None where there is none, or none that can be read."""

    issuer: IssuerWorld
    state: IssuerState
    documents: Mapping[str, Jwks | None]
    unread: tuple[str, ...]
    evidence: Evidence

    def standing(self, kid: str) -> list[tuple[str, ServedKey]]:
        """Every entry of that kid, with the region that serves it."""
        return [
            (region, entry)
            for region, document in self.documents.items()
            for entry in (document.keys if document else ())
            if entry.kid == kid
        ]

    def undecided(self, kid: str) -> list[ServedKey]:
        """The keys that stand somewhere under that kid and that nobody decided about, each once."""
        return [e for e in self.different(kid) if decision_on(self.state, e) is None]

    def different(self, kid: str) -> list[ServedKey]:
        """The keys that stand somewhere under that kid, each once, as the first region serves it."""
        found: dict[str, ServedKey] = {}
        for _, entry in self.standing(kid):
            found.setdefault(entry.thumbprint or entry.text, entry)
        return list(found.values())


def look(world: World, issuer: IssuerWorld) -> Seen:
    """Read every region's origin, all side by side; one that does not answer is in `unread`."""
    views = dict(
        zip(issuer.regions, side_by_side(read_view, list(issuer.regions.values())), strict=True)
    )
    return Seen(
        issuer=issuer,
        state=load_state(world, issuer),
        documents={name: view.jwks_document() for name, view in views.items()},
        unread=tuple(name for name, view in views.items() if view.jwks_unknown()),
        evidence=world.state.load_evidence(issuer.name),
    )


def kid_of(seen: Seen, prefix: str) -> str:
    """The one foreign kid that begins with `prefix`. Raises UsageError, NoSuchKey, DecisionRefused."""
    served = {entry.kid for d in seen.documents.values() for entry in (d.keys if d else ())}
    own = {key.kid for key in seen.state.keys}
    known = served | own | {key.kid for key in seen.state.foreign}
    found = [prefix] if prefix in known else [kid for kid in known if kid.startswith(prefix)]
    if len(prefix) < SHORTEST_PREFIX and prefix not in known:
        words = f"a kid's first {SHORTEST_PREFIX} characters at least"
        raise UsageError(f"{prefix!r} is too short: {words}")
    if len(found) > 1:
        raise UsageError(f"{prefix!r} fits {len(found)} keys", hint="write more of the kid")
    if not found:
        raise _nowhere(seen, prefix)
    if found[0] in own:
        raise DecisionRefused(
            f"{short(found[0])} is rotator's own key",
            detail="what becomes of it is planned, never decided by hand",
        )
    return found[0]


def _nowhere(seen: Seen, prefix: str) -> DecisionRefused | NoSuchKey:
    copies = [
        (kid, gate, check.target)
        for gate, seen_there in seen.evidence.looks.items()
        for check in seen_there.checks
        for kid in check.foreign
        if check.kind is not CheckKind.ORIGIN and kid.startswith(prefix)
    ]
    if copies:
        kid, gate, target = copies[0]
        return DecisionRefused(
            f"{short(kid)} was seen at {gate}'s {target} only; no region's own document holds it",
            detail="rotator writes origins, so it can neither serve nor withdraw what stands at an edge alone",
            hint="purge that edge, or find out who answers in its place",
        )
    unread = f"; {', '.join(seen.unread)} could not be read" if seen.unread else ""
    return NoSuchKey(
        f"no key that rotator does not own begins with {prefix!r}",
        detail=f"every region's own document was looked at{unread}",
        hint="rotator plan names every key that waits for a decision",
    )
