"""What `doctor` examines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from rotator.domain.diagnosis import Area, Diagnosis, Place
from rotator.domain.state import IssuerState


@dataclass(frozen=True, slots=True)
class Examination:
    """One look that `doctor` takes, `what` for people; it changes nothing.

    `look` may raise RotatorError, which becomes a finding; one that takes longer than `patience` is given up.
    """

    area: Area
    place: Place
    what: str
    look: Callable[[], Iterable[Diagnosis]]
    patience: timedelta = timedelta(seconds=20)


class Doctor(Protocol):
    """Knows what could be wrong with one kind of infrastructure."""

    def examinations(self, states: Mapping[str, IssuerState]) -> Sequence[Examination]:
        """What there is to look at; `states` are those of the issuers whose state could be read. Does no I/O itself."""
        ...
