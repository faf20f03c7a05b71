"""What `doctor` answers, as a value."""

from dataclasses import dataclass
from datetime import datetime

from rotator.domain.diagnosis import Diagnosis, Health, gravest


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorReport:
    """Everything that was found at a moment, by area in its order; within one, as it was looked at."""

    at: datetime
    findings: tuple[Diagnosis, ...]

    @property
    def health(self) -> Health:
        """All findings together."""
        return gravest(self.findings)
