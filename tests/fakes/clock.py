"""Virtual time: it moves when somebody sleeps or moves it, never by itself."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 1, 6, 17, tzinfo=UTC)


class FakeClock:
    """Implements `ports.Clock`. `slept` keeps every wait that was asked for."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start.astimezone(UTC)
        self._monotonic = 1000.0
        self.slept: list[timedelta] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, duration: timedelta) -> None:
        self.slept.append(duration)
        self.advance(max(timedelta(), duration))

    def advance(self, duration: timedelta) -> datetime:
        """Time passes; returns the moment it is then."""
        if duration < timedelta():
            raise ValueError("time does not go back; `set` moves the clock on the wall")
        self._now += duration
        self._monotonic += duration.total_seconds()
        return self._now

    def set(self, moment: datetime) -> None:
        """Somebody sets the clock on the wall; monotonic time does not notice."""
        self._now = moment.astimezone(UTC)
