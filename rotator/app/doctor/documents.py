"""What a region's two documents and its alias answer when they are read, and whether their store keeps conditions."""

from collections.abc import Iterator

from rotator.app.doctor.caching import Allowed, Served, about, judge_headers
from rotator.app.doctor.clocks import judge_clock
from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.clocks import dated
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place
from rotator.domain.jwks import Jwks, Unreadable, parse
from rotator.domain.signing import SigningDocument, parse_signing
from rotator.domain.state import IssuerState
from rotator.ports import DocumentTarget, Examination, Stored

_PUT_BACK = "see who took it away; rotator apply puts it back · runbooks/region-down.md"
_NO_STATE = "the state could not be read, so nobody knows whether it should be"
_STATE = "mend what is said about the state first"
_REPAIR = "rotator plan says whether it will be repaired and how · runbooks/region-down.md"


def of_documents(
    world: World, issuer: IssuerWorld, state: IssuerState | None
) -> Iterator[Examination]:
    """Each document of each region of an issuer, and each alias; `state` None when nobody knows it."""
    for name, ports in issuer.regions.items():
        region = _Region(world, issuer, state, name, ports)
        place, location = region.place, ports.jwks.location
        yield Examination(Area.DOCUMENTS, place, location, region.jwks)
        location = ports.signing.location
        yield Examination(Area.DOCUMENTS, place, location, region.signing)
        if ports.alias:
            yield Examination(Area.KMS, place, ports.alias.location, region.alias)


class _Region:
    """One region of one issuer, looked at."""

    def __init__(
        self,
        world: World,
        issuer: IssuerWorld,
        state: IssuerState | None,
        name: str,
        ports: RegionPorts,
    ) -> None:
        self._world, self._issuer, self._state = world, issuer, state
        self._name, self._ports = name, ports
        self.place = Place(issuer.name, name)

    def jwks(self) -> Iterator[Diagnosis]:
        """The origin of the region's JWKS; its headers too where its store has any."""
        target = self._ports.jwks
        stored, clock = self._read(target)
        yield from clock
        if stored is None:
            yield self._absent(target, written=self._etags()[0])
        elif isinstance(document := parse(stored.body), Unreadable):
            what = f"{target.location} is no key set"
            yield self._finding(Health.ERROR, what, document.reason, _REPAIR)
        else:
            yield from self._served(target, stored, document)
        yield from self._conditions(target)

    def signing(self) -> Iterator[Diagnosis]:
        """What the region's signers follow."""
        target = self._ports.signing
        stored, clock = self._read(target)
        yield from clock
        if stored is None:
            yield self._absent(target, written=self._etags()[1])
        elif isinstance(document := parse_signing(stored.body), Unreadable):
            what = f"signers cannot read {target.location}"
            yield self._finding(Health.ERROR, what, document.reason, _REPAIR)
        else:
            yield self._fine(f"{target.location}: {document.active.kid[:8]} signs")
        yield from self._conditions(target)

    def alias(self) -> Iterator[Diagnosis]:
        """Whether the alias points at the key that the signing target names (design T9b)."""
        alias = self._ports.alias
        if alias is None:
            return
        stored = self._ports.signing.read()
        document = parse_signing(stored.body) if stored else None
        named = document.active.key if isinstance(document, SigningDocument) else {}
        wanted, pointed = named.get("key_id"), alias.read()
        health, what, why, what_to_do = Health.OK, f"{alias.location} points at {pointed}", "", ""
        if pointed is None:
            what = f"{alias.location} does not exist"
        if pointed != wanted and named.get("kind") == "kms":
            why = f"the signing target names {wanted} (design T9b)"
            health, what_to_do = self._astray(pointed), "rotator apply points it there"
        yield Diagnosis(Area.KMS, self.place, health, what, why, what_to_do)

    def _astray(self, pointed: str | None) -> Health:
        """An own key verifies everywhere all the same; a key that nobody publishes does not."""
        own = pointed is not None and self._state is not None and self._state.key_of_arn(pointed)
        return Health.WARNING if own else Health.ERROR

    def _read(self, target: DocumentTarget) -> tuple[Stored | None, list[Diagnosis]]:
        clock = self._world.clock
        asked = clock.now()
        stored = target.read()
        if stored is None or stored.server_date is None:
            return stored, []
        answered = clock.now()
        reading = dated(target.location, stored.server_date, None, answered, answered - asked)
        drift = self._issuer.setup.policy.max_clock_drift
        return stored, [judge_clock(reading, drift, Place(region=self._name))]

    def _served(
        self, target: DocumentTarget, stored: Stored, document: Jwks
    ) -> Iterator[Diagnosis]:
        served = Served(target.location, stored.cache_control, stored.content_type)
        setup = self._issuer.setup
        allowed = Allowed(setup.policy, setup.cache_of(self._name))
        # A folder has no headers: what serves it adds them, and is looked at from outside.
        plain = stored.content_type is None
        troubles = judge_headers(served, allowed, Area.DOCUMENTS, self.place)
        found = [] if plain else list(troubles)
        facts = [f"{len(document.keys)} keys", *([about(served)] if about(served) else [])]
        yield from found or [self._fine(f"{target.location}: {', '.join(facts)}")]

    def _conditions(self, target: DocumentTarget) -> Iterator[Diagnosis]:
        """The proof that a first write would demand, where no run has had it yet (design I6)."""
        if self._state is not None and not self._state.record(self._name).proven:
            target.prove_conditional_writes()
            yield self._fine(f"{target.location}: the store compares before it writes")

    def _etags(self) -> tuple[str | None, str | None]:
        record = self._state.record(self._name) if self._state else None
        return (record.jwks_etag, record.signing_etag) if record else (None, None)

    def _absent(self, target: DocumentTarget, *, written: str | None) -> Diagnosis:
        if self._state is None:
            return self._finding(
                Health.UNKNOWN, f"{target.location} is not there", _NO_STATE, _STATE
            )
        if written is None:
            return self._fine(f"{target.location} is not there yet")
        what = f"{target.location} is gone"
        return self._finding(Health.ERROR, what, "rotator wrote it", _PUT_BACK)

    def _finding(self, health: Health, what: str, why: str, what_to_do: str) -> Diagnosis:
        return Diagnosis(Area.DOCUMENTS, self.place, health, what, why, what_to_do)

    def _fine(self, what: str) -> Diagnosis:
        return Diagnosis(Area.DOCUMENTS, self.place, Health.OK, what)
