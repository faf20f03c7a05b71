"""Progress, warnings and errors on stderr: lines for people, or one JSON object a line (`--log-format json`)."""

import contextlib
import json
from dataclasses import dataclass
from typing import TextIO

from rotator.domain.times import format_moment
from rotator.errors import Diagnostics
from rotator.ports import Clock
from rotator.render.words import clean, defused


@dataclass(frozen=True, slots=True)
class TextReporter:
    """Plain lines. `progress_shown`: on a terminal or with --verbose, never with --quiet."""

    stream: TextIO
    progress_shown: bool

    def progress(self, message: str) -> None:
        """Something that is being done."""
        if self.progress_shown:
            put(self.stream, f"· {clean(message)}\n")

    def warn(self, message: str) -> None:
        """Something that should be looked at."""
        put(self.stream, f"warning: {clean(message)}\n")


@dataclass(frozen=True, slots=True)
class JsonReporter:
    """One object a line: `at`, `level`, `message`, and of an error its members."""

    stream: TextIO
    clock: Clock
    progress_shown: bool

    def progress(self, message: str) -> None:
        """Something that is being done."""
        if self.progress_shown:
            self._log("info", message)

    def warn(self, message: str) -> None:
        """Something that should be looked at."""
        self._log("warning", message)

    def error(self, error: Diagnostics) -> None:
        """The error that ends the run."""
        facts = {
            "code": error.code,
            "detail": error.detail,
            "hint": error.hint,
            "runbook": error.runbook,
        }
        self._log("error", error.message, facts)

    def _log(self, level: str, message: str, facts: dict[str, str] | None = None) -> None:
        record = {
            "at": format_moment(self.clock.now()),
            "level": level,
            "message": message,
            **(facts or {}),
        }
        put(self.stream, json.dumps(record) + "\n")


def put(stream: TextIO, text: str) -> None:
    """Write and flush; a log never fails and never stops anything."""
    with contextlib.suppress(OSError, ValueError):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(defused(text).encode(encoding, "replace").decode(encoding))
        stream.flush()
