"""The machine's own clock."""

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Implements `ports.Clock` on the operating system's clocks."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def sleep(self, duration: timedelta) -> None:
        """Wait; a negative duration is no wait."""
        time.sleep(max(0.0, duration.total_seconds()))
