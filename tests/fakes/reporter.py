"""Remembers what it was told."""

from rotator.ports import Fact


class RecordingReporter:
    """Implements `ports.Reporter`."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.warnings: list[str] = []
        self.facts: list[dict[str, Fact]] = []

    def progress(self, message: str, **facts: Fact) -> None:
        self.messages.append(message)
        self.facts.append(facts)

    def warn(self, message: str, **facts: Fact) -> None:
        self.warnings.append(message)
        self.facts.append(facts)
