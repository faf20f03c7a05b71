"""The answer on stdout: text in colour on a terminal, plain when piped, or one JSON document."""

import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from rotator.render import json_out
from rotator.render.words import defused, defused_json

if TYPE_CHECKING:
    from rotator.render.text.screen import Block


def print_text(text: str) -> None:
    """Text as it is, but for what a CI runner would obey; characters that stdout's encoding lacks become `?`."""
    text = defused_json(text) if text.startswith("{") else defused(text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def print_document(document: Mapping[str, Any]) -> None:
    """The one JSON document of `--json`."""
    print_text(json_out.to_text(document))


def print_blocks(blocks: Iterable["Block"], environ: Mapping[str, str]) -> None:
    """Text for people."""
    print_text(as_text(blocks, sys.stdout, environ))


def as_text(blocks: Iterable["Block"], stream: TextIO, environ: Mapping[str, str]) -> str:
    """Text fit for a stream: its width and colour on a terminal, neither when piped or with NO_COLOR."""
    from rotator.render.text.screen import to_string

    colour = stream.isatty() and not environ.get("NO_COLOR")
    return to_string(blocks, width=width_of(stream), colour=colour)


def width_of(stream: TextIO) -> int | None:
    """A terminal's columns, None for what is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None
