"""What `doctor` finds: one line each, with a next step wherever not all is well."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rotator.errors import RotatorError


class Health(StrEnum):
    """What a diagnosis says. UNKNOWN could not be looked at, and is not OK."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    ERROR = "error"


class Area(StrEnum):
    """What a diagnosis is about, in the order in which it is shown."""

    VERSIONS = "versions"
    POLICY = "policy"
    STATE = "state"
    EVIDENCE = "evidence"
    ACCESS = "access"
    KEYS = "keys"
    KMS = "kms"
    BUCKETS = "buckets"
    DOCUMENTS = "documents"
    URLS = "urls"
    EDGES = "edges"
    WITNESSES = "witnesses"
    CLOCKS = "clocks"


@dataclass(frozen=True, slots=True)
class Place:
    """Where: an issuer, a region (or what gates like one), both, or neither."""

    issuer: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding: `what` was seen, `why` that matters, `what_to_do` about it (never empty unless it is OK)."""

    area: Area
    place: Place
    health: Health
    what: str
    why: str = ""
    what_to_do: str = ""

    def __post_init__(self) -> None:
        if self.health is not Health.OK and not self.what_to_do:
            raise ValueError(f"no next step for: {self.what}")


_RISING = (Health.OK, Health.WARNING, Health.UNKNOWN, Health.ERROR)


def gravity(diagnosis: Diagnosis) -> int:
    """How grave a finding is, to sort by: an error outweighs what nobody knows, that outweighs a warning."""
    return _RISING.index(diagnosis.health)


def gravest(diagnoses: Iterable[Diagnosis]) -> Health:
    """All findings together; OK when there are none."""
    return max((d.health for d in diagnoses), key=_RISING.index, default=Health.OK)


def of_error(
    area: Area, place: Place, error: RotatorError, health: Health = Health.ERROR
) -> Diagnosis:
    """The error that a look ended with, as a finding."""
    return Diagnosis(
        area, place, health, error.message, error.detail, f"{error.hint} · {error.runbook}"
    )
