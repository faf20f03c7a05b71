"""Progress, warnings and errors on stderr: lines for people, or one JSON object a line (`--log-format json`)."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from rotator.domain.times import format_moment
from rotator.errors import Diagnostics
from rotator.ports import Clock, Fact
from rotator.render.words import clean, defused, defused_json


@dataclass(frozen=True, slots=True)
class TextReporter:
    """Plain lines, which leave the facts to the message. `progress_shown`: on a terminal or with --verbose, never with --quiet."""

    stream: TextIO
    progress_shown: bool

    def progress(self, message: str, **_facts: Fact) -> None:
        """Something that is being done."""
        if self.progress_shown:
            put(self.stream, f"· {clean(message)}\n")

    def warn(self, message: str, **_facts: Fact) -> None:
        """Something that should be looked at."""
        put(self.stream, f"warning: {clean(message)}\n")


@dataclass(frozen=True, slots=True)
class JsonReporter:
    """One object a line: `at`, `level`, `message`, `run`, then the facts, or of an error its members.

    What is not ASCII is escaped, so no character of a foreign name reaches a terminal or splits a line. Whoever asks for
    a log wants it whole, so progress is part of it except with --quiet.
    """

    stream: TextIO
    clock: Clock
    progress_shown: bool
    run: str = ""

    def progress(self, message: str, **facts: Fact) -> None:
        """Something that is being done."""
        if self.progress_shown:
            self._log("info", message, facts)

    def warn(self, message: str, **facts: Fact) -> None:
        """Something that should be looked at."""
        self._log("warning", message, facts)

    def error(self, error: Diagnostics) -> None:
        """The error that ends the run."""
        facts = {
            "code": error.code,
            "detail": error.detail,
            "hint": error.hint,
            "runbook": error.runbook,
        }
        self._log("error", error.message, facts)

    def _log(self, level: str, message: str, facts: Mapping[str, Fact]) -> None:
        record: dict[str, Fact] = {
            "at": format_moment(self.clock.now()),
            "level": level,
            "message": message,
        }
        if self.run:
            record["run"] = self.run
        record |= {name: value for name, value in facts.items() if value is not None}
        _write(self.stream, defused_json(json.dumps(record)) + "\n")


def put(stream: TextIO, text: str) -> None:
    """Write and flush; a log never fails and never stops anything."""
    _write(stream, defused(text))


def _write(stream: TextIO, text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
