"""Which keys a running verifier holds for an issuer now, by its own report, against those that it should hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.evidence import Verdict
from rotator.domain.jwks import short
from rotator.domain.verifier_health import CopyState, HeldCopy
from rotator.planning.complaints import Complaint, about, some
from rotator.planning.judging import Expected


@dataclass(frozen=True, slots=True)
class Holding:
    """The copies (one at least) that a verifier checks one issuer's tokens with; `now` is the time on its own clock.

    So an offset of that clock counts for nothing in the age of a copy; `tolerance` is what its moments may contradict
    each other by.
    """

    copies: Sequence[HeldCopy]
    now: datetime
    tolerance: timedelta
    expected: Expected

    def kids(self) -> tuple[str, ...]:
        """The kids that a token may name wherever the verifier checks it."""
        loaded = [copy.kids if copy.state is not CopyState.EMPTY else () for copy in self.copies]
        common = set(loaded[0]).intersection(*loaded[1:])
        return tuple(kid for kid in loaded[0] if kid in common)

    def keys(self) -> Mapping[str, Verdict]:
        """A verdict on each key that it should hold; no copy that comes from the future makes a pass."""
        held = set(self.kids())
        there = Verdict.UNKNOWN if any(map(self._from_the_future, self.copies)) else Verdict.PASS
        return {k.kid: there if k.kid in held else Verdict.FAIL for k in self.expected.keys}

    def strange(self) -> tuple[str, ...]:
        """The kids in any of its copies that are no key of the issuer's, past or present."""
        expected = self.expected
        known = {key.kid for key in expected.keys} | {key.kid for key in expected.foreign}
        known |= expected.tolerated | expected.dead | expected.revoked
        return tuple(dict.fromkeys(k for copy in self.copies for k in copy.kids if k not in known))

    def age(self) -> timedelta | None:
        """The age of its oldest copy, None where it does not say."""
        ages = [self._age(copy) for copy in self.copies if copy.fetched_at]
        return max(timedelta(), *ages) if ages else None

    def complaints(self) -> Iterator[Complaint]:
        """What it lacks, what it should not hold, and what is odd about its copies."""
        missing = tuple(self._missing())
        yield from missing
        yield from self._too_many()
        for copy in self.copies:
            if self._from_the_future(copy):
                ahead = f"{about(-self._age(copy))} from now"
                one = f"says that it fetched its copy {ahead}"
                many = "say that they fetched their copies in the future"
                yield Complaint(Verdict.UNKNOWN, one, many, ahead)
            elif copy.state is CopyState.STALE and not missing:
                words = self._words(copy)
                yield Complaint(Verdict.PASS, f"has {words}", "have stale copies", words)

    def _missing(self) -> Iterator[Complaint]:
        held = set(self.kids())
        note = "; ".join(dict.fromkeys(map(self._words, self.copies)))
        if self.expected.keys and not held:
            yield Complaint(Verdict.FAIL, f"holds no key ({note})", "hold no key", note)
            return
        if lacking := [key.kid[:8] for key in self.expected.keys if key.kid not in held]:
            which = some(lacking)
            yield Complaint(Verdict.FAIL, f"lacks {which} ({note})", f"lack {which}", note)
        if adopted := [short(key.kid) for key in self.expected.foreign if key.kid not in held]:
            which = f"{some(adopted)}, which was adopted"
            yield Complaint(Verdict.FAIL, f"lacks {which} ({note})", f"lack {which}", note)

    def _too_many(self) -> Iterator[Complaint]:
        kids = {kid for copy in self.copies for kid in copy.kids}
        revoked = self.expected.revoked
        for verdict, found, how in (
            (Verdict.FAIL, kids & revoked, "revoked"),
            (Verdict.PASS, kids & self.expected.dead - revoked, "withdrawn"),
        ):
            if found:
                which = f"{some([short(kid) for kid in sorted(found)])}, which was {how}"
                yield Complaint(verdict, f"still holds {which}", f"still hold {which}")
        if strange := self.strange():
            which, what = some([short(kid) for kid in strange]), "keys that rotator does not own"
            yield Complaint(Verdict.FAIL, f"holds {what}: {which}", f"hold {what}", which)

    def _words(self, copy: HeldCopy) -> str:
        if copy.state is CopyState.EMPTY:
            return "it has no copy"
        how = "claims a fresh copy" if copy.state is CopyState.FRESH else "a stale copy"
        return f"{how}, {about(max(timedelta(), self._age(copy)))} old" if copy.fetched_at else how

    def _age(self, copy: HeldCopy) -> timedelta:
        return self.now - (copy.fetched_at or self.now)

    def _from_the_future(self, copy: HeldCopy) -> bool:
        return self._age(copy) < -self.tolerance
