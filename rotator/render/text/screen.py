"""Where text meets the terminal, and the only module that knows rich.

Colour and wrapping only on a terminal: piped text has one line a fact, so that `grep` works. Foreign text
never reaches markup: every string becomes a `Text` through `words.clean`.
"""

import io
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rotator.render.words import clean

Cell = Text | str
Block = Text | Table | Padding | Group

_UNLIMITED = 100_000
_NARROWEST = 24
"""What the last column of a table is given at least."""


class Style(StrEnum):
    """What colours mean; never alone, the words say it too."""

    PLAIN = ""
    GOOD = "green"
    WAIT = "yellow"
    BAD = "bold red"
    PAST = "bright_black"
    STRONG = "bold"


def say(text: str, style: Style = Style.PLAIN) -> Text:
    """A piece of text."""
    return Text(clean(text), style=style.value)


def line(*pieces: Cell) -> Text:
    """Pieces side by side, as they are."""
    return Text.assemble(*(piece if isinstance(piece, Text) else say(piece) for piece in pieces))


def blank() -> Text:
    """An empty line."""
    return Text("")


def title(text: str) -> Block:
    """A section's name."""
    return indent(say(text, Style.STRONG), 2)


def indent(block: Block, by: int) -> Padding:
    """A block moved to the right; what wraps keeps the margin."""
    return Padding(block, (0, 0, 0, by), expand=False)


class Grid(Padding):
    """A table with its margin; `needed` is the width below which columns would be cut off."""

    needed: int = 0


def grid(
    rows: Iterable[Sequence[Cell]], *, by: int = 4, gap: int = 2, right: Sequence[int] = ()
) -> Grid:
    """Rows with aligned columns; `right` lists the columns that are set flush right. Only the last column wraps."""
    listed = [[cell if isinstance(cell, Text) else say(cell) for cell in row] for row in rows]
    width = max((len(row) for row in listed), default=0)
    table = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for index in range(width):
        justify: Literal["left", "right"] = "right" if index in right else "left"
        table.add_column(justify=justify, no_wrap=index < width - 1, overflow="fold")
    for row in listed:
        table.add_row(*row, *[blank()] * (width - len(row)))
    made = Grid(table, (0, 0, 0, by), expand=False)
    columns = [max(row[i].cell_len for row in listed if i < len(row)) for i in range(width)]
    made.needed = by + sum(columns[:-1]) + gap * (width - 1) + min([_NARROWEST, *columns[-1:]])
    return made


def to_string(blocks: Iterable[Block], *, width: int | None = None, colour: bool = False) -> str:
    """The blocks as text; `width` None never wraps, and no width cuts a column off: only such a table is wider."""
    target = io.StringIO()
    console = Console(
        file=target,
        width=_UNLIMITED,
        force_terminal=colour,
        color_system="auto" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    for block in blocks:
        needed = block.needed if isinstance(block, Grid) else 0
        console.print(block, soft_wrap=False, width=max(width, needed) if width else _UNLIMITED)
    text = target.getvalue()
    return text if colour else "".join(row.rstrip() + "\n" for row in text.splitlines())
