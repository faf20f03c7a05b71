"""This host's clock against the clocks that answer (design T11), and what its own kernel says of it."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from rotator.domain.clocks import Reading
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, gravity
from rotator.domain.evidence import Verdict
from rotator.domain.times import say
from rotator.ports import TimeSource

_SET_IT = (
    "set this host's clock by NTP (chronyc tracking shows how far it is off), then run doctor again"
)
THIS_HOST = Place()
"""A finding about no issuer and no region."""

_KEEP_IT = "let chrony or systemd-timesyncd keep it; in a container that is the host's business"


def judge_clock(reading: Reading, allowed: timedelta, place: Place) -> Diagnosis:
    """Whether the clocks agree within `allowed` (ε); UNKNOWN where the reading leaves it open."""
    words = reading.words()
    match reading.verdict(allowed):
        case Verdict.PASS:
            return Diagnosis(Area.CLOCKS, place, Health.OK, words)
        case Verdict.FAIL:
            late = "behind" if reading.offset > timedelta() else "ahead"
            why = f"this host's clock is {late} by more than max_clock_drift {say(allowed)} (design T11)"
            return Diagnosis(Area.CLOCKS, place, Health.ERROR, words, why, _SET_IT)
        case Verdict.UNKNOWN:
            why = f"too coarse to tell whether max_clock_drift {say(allowed)} is kept"
            return Diagnosis(
                Area.CLOCKS, place, Health.UNKNOWN, words, why, "compare by NTP: chronyc tracking"
            )


def of_kernel(time: TimeSource) -> Iterator[Diagnosis]:
    """What this host's kernel says of its own clock."""
    kernel = time.kernel()
    if kernel is None:
        return
    if kernel.synchronised:
        off = f"within {kernel.max_error.total_seconds():.3f} s"
        yield Diagnosis(Area.CLOCKS, THIS_HOST, Health.OK, f"this host's clock is kept, {off}")
        return
    why = "the kernel says that nothing keeps it: what other clocks say decides (design T11)"
    words = "this host's clock is not synchronised"
    yield Diagnosis(Area.CLOCKS, THIS_HOST, Health.WARNING, words, why, _KEEP_IT)


def one_a_place(diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """The diagnoses with only the gravest about each place's clock; a warning where no clock was seen at all."""
    listed = list(diagnoses)
    clocks: dict[Place, Diagnosis] = {}
    for found in (d for d in listed if _compares(d)):
        before = clocks.get(found.place)
        if before is None or gravity(found) > gravity(before):
            clocks[found.place] = found
    others = [d for d in listed if not _compares(d)]
    return [*others, *clocks.values()] if clocks else [*others, _NOTHING_TO_COMPARE]


def _compares(diagnosis: Diagnosis) -> bool:
    """Whether it is about another clock, not about what this host says of its own."""
    return diagnosis.area is Area.CLOCKS and diagnosis.place != THIS_HOST


_NOTHING_TO_COMPARE = Diagnosis(
    Area.CLOCKS,
    Place(),
    Health.WARNING,
    "nothing that answered says what time it is",
    "a wrong clock here would switch and remove keys too early (design T11)",
    "give a region an http check, and keep this host's clock by NTP",
)
