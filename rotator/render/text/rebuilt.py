"""A state that is made of the regions, as people read it: what is believed of each key, and what is left to decide."""

from collections.abc import Iterable

from rotator.app.from_regions import Believed
from rotator.domain.lifecycle import Phase
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say

_WORDS = (
    (Phase.ACTIVE, "signs", "as signing.json says"),
    (Phase.PUBLISHED, "being switched to", "some regions sign with it already"),
    (Phase.RETIRED, "retired", "served, and from now on it stays until its last token is dead"),
    (Phase.REVOKED, "revoked", "as signing.json says; it does not come back"),
    (Phase.REMOVED, "removed", "served nowhere"),
)


def rebuilt_text(found: Iterable[Believed]) -> list[Block]:
    """A block for each issuer."""
    blocks: list[Block] = []
    for one in found:
        rows: list[list[Cell]] = [
            [word, say(kid, Style.STRONG), why]
            for phase, word, why in _WORDS
            for kid in one.kids(phase)
        ]
        rows += [["foreign", kid, _foreign(one, kid)] for kid in one.strangers]
        blocks += [
            line(say(one.after.issuer, Style.STRONG), f" · {_was(one)}"),
            grid(rows),
            blank(),
        ]
    return blocks


def _was(one: Believed) -> str:
    carried = f"the regions carry generation {one.after.generation}"
    if not one.before.serial:
        return f"{carried}, no state is left"
    return f"{carried}, the state is at {one.before.generation}"


def _foreign(one: Believed, kid: str) -> str:
    again = "what was decided about it is forgotten; " if kid in one.forgotten() else ""
    return f"{again}rotator adopt or rotator reject"
