"""One issuer at one moment, with the questions that several rules ask of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rotator.domain.evidence import Check, CheckKind, Evidence, Sighting
from rotator.domain.inventory import Inventory, RegionView
from rotator.domain.jwks import ServedKey
from rotator.domain.keys import Key
from rotator.domain.lifecycle import Phase, phase, wanted
from rotator.domain.policy import CacheLifetime, IssuerSetup, Policy
from rotator.domain.state import Asked, ForeignKey, IssuerState
from rotator.domain.times import say
from rotator.planning.decisions import decision_on, guests, others, without


@dataclass(frozen=True, slots=True)
class Situation:
    """An inventory whose state is settled, and the moment it is judged at.

    `distrusted`: the clock cannot be believed, so nothing may happen but what a revocation needs (design T11).
    """

    inventory: Inventory
    now: datetime
    distrusted: bool = False

    @property
    def setup(self) -> IssuerSetup:
        """The issuer as configured."""
        return self.inventory.setup

    @property
    def policy(self) -> Policy:
        """Its policy."""
        return self.inventory.setup.policy

    @property
    def state(self) -> IssuerState:
        """What is remembered of it."""
        return self.inventory.state

    @property
    def evidence(self) -> Evidence:
        """What was seen of it."""
        return self.inventory.evidence

    @property
    def views(self) -> Mapping[str, RegionView]:
        """Its regions as just read."""
        return self.inventory.views

    @property
    def held(self) -> bool:
        """Whether a hold is in force (design I5)."""
        return self.state.hold is not None and self.state.hold.holds_at(self.now)

    @property
    def first_key(self) -> bool:
        """Whether no key was ever active, and every region answered with no key but ours: no answer is not "none".

        A key that somebody decided about was served, so caches may hold documents without ours; so was one that was
        revoked while it signed.
        """
        known = self.state.was_ever_active() or self.state.compromised() or self.state.foreign
        return not known and not any(
            self.views[region.name].jwks_unknown() or self.foreign(region.name)
            for region in self.setup.regions
        )

    def checks(self, gate: str) -> tuple[Check, ...]:
        """The checks of the last look at a gate."""
        look = self.evidence.looks.get(gate)
        return look.checks if look else ()

    def attested(self, key: Key, verifier: str) -> bool:
        """Whether an operator gave his word that verifiers of that kind have the key (design T2b)."""
        return any((a.kid, a.verifier) == (key.kid, verifier) for a in self.state.attestations)

    def sighting(self, gate: str, key: Key) -> Sighting:
        """What is known of a key at a gate."""
        return self.evidence.sighting(gate, key.kid)

    def cache(self, gate: str) -> CacheLifetime:
        """How long a gate's copies live: what is configured or what was measured, whichever is longer."""
        return measured_cache(self.setup, self.evidence, gate)

    def foreign(self, region: str) -> tuple[ServedKey, ...]:
        """The keys that a region's origin serves, rotator does not own and nobody decided about (design I7)."""
        served = others(self.state, self.views[region].jwks_document())
        return tuple(entry for entry in served if decision_on(self.state, entry) is None)

    def unwanted(self, region: str) -> tuple[ForeignKey, ...]:
        """The decisions by which keys have to leave a region's origin: rejected, or adopted for a time that is over."""
        served = others(self.state, self.views[region].jwks_document())
        found = (decision_on(self.state, entry) for entry in served)
        return tuple(key for key in found if key and not key.wanted_at(self.now))

    def guests(self, region: str, gone: Iterable[str] = ()) -> tuple[ServedKey, ...]:
        """What a region's document should hold behind own keys, once the kids in `gone` are taken out."""
        document = self.views[region].jwks_document()
        return guests(self.state, without(document, gone), self.now)

    def foreign_at(self, gate: str) -> Mapping[str, str]:
        """The undecided keys that copies of the document hold at a gate: kid → where; as they were last looked at."""
        look = self.evidence.looks.get(gate)
        if look is None:
            return {}
        decided = {key.kid for key in self.state.foreign if key.at >= look.at}
        return {
            kid: check.target
            for check in look.checks
            for kid in check.foreign
            if check.kind in (CheckKind.HTTP, CheckKind.VERIFIER) and kid not in decided
        }

    def fresh_keys(self) -> tuple[Key, ...]:
        """The keys that could be promoted: never signed, usable, of the policy's algorithm; oldest first."""
        return tuple(
            key for key in never_signed(self.state) if key.jwk.alg is self.policy.algorithm
        )

    def live_keys(self) -> tuple[Key, ...]:
        """The keys that sign or may have live tokens, and so must be served everywhere (design T2)."""
        return tuple(key for key in self.state.in_documents() if key.ever_signed)

    def document_kids(self, region: str) -> tuple[str, ...]:
        """What a region's document should list: own keys in order, then others', never dropped silently."""
        own, others_ = self.state.in_documents(), self.guests(region)
        return (*(key.kid for key in own), *(entry.kid for entry in others_))

    @property
    def hold_words(self) -> str:
        """Who holds the issuer and why."""
        hold = self.state.hold
        return f"held by {hold.owner}: {hold.reason}" if hold else "not held"

    def left_regions(self) -> tuple[str, ...]:
        """Regions that rotator once gave a signing target and that the configuration no longer names; none that was forgotten."""
        records = self.state.regions.items()
        return tuple(
            name
            for name, r in records
            if r.signing_kid is not None
            and r.signers_stopped_at is None
            and self.setup.region(name) is None
        )


def turn_of(situation: Situation) -> tuple[datetime, str]:
    """When the switch is due by the policy alone or because somebody asked for it, and why then."""
    turn, why = scheduled_turn(situation)
    request = situation.state.request
    if request and request.asked is Asked.ROTATE and request.at < turn:
        return request.at, f"asked for by {request.owner}: {request.reason}"
    return turn, why


def scheduled_turn(situation: Situation) -> tuple[datetime, str]:
    """When the switch is due by the policy alone, and why then."""
    active = situation.state.active()
    if situation.state.switching():
        return situation.now, "a switch was begun and is finished now"
    if active is None or active.moments.activated_at is None:
        return situation.now, "no key signs yet"
    every = situation.policy.rotate_every
    return active.moments.activated_at + every, f"{say(every)} after {active.kid[:8]} became active"


def measured_cache(setup: IssuerSetup, evidence: Evidence, gate: str) -> CacheLifetime:
    """The longer of what is configured for a gate and what its answers said when it was last looked at."""
    configured, look = setup.cache_of(gate), evidence.looks.get(gate)
    checks = look.checks if look else ()
    return CacheLifetime(
        max((configured.max_age, *(check.max_age for check in checks if check.max_age))),
        max((configured.stale, *(check.stale for check in checks if check.stale))),
    )


def in_order(keys: Iterable[Key]) -> tuple[Key, ...]:
    """Keys in document order: `staged_at`, then generation (contract §3)."""
    return tuple(sorted(keys, key=lambda key: (key.moments.staged_at, key.generation)))


def never_signed(state: IssuerState) -> tuple[Key, ...]:
    """The usable keys that never signed and are wanted, oldest first."""
    keys = (key for key in state.keys if wanted(key) and not key.ever_signed and key.usable)
    return in_order(keys)


def being_removed(state: IssuerState) -> tuple[Key, ...]:
    """The keys whose removal was begun and is not finished."""
    return in_order(
        k
        for k in state.keys
        if k.moments.removal_started_at and phase(k) not in (Phase.REMOVED, Phase.REVOKED)
    )
