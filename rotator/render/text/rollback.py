"""What a rollback means, before its plan: which key signs again, and what becomes of the newer one."""

from rotator.app.rollback import WayBack
from rotator.render.text.screen import Block, Cell, Style, blank, grid, say
from rotator.render.words import key_name


def way_back_text(way: WayBack) -> list[Block]:
    """One line a fact: the key that signs again, the newer one, what is special about it."""
    to = key_name(way.to.kid)
    rows: list[list[Cell]] = [[say("back to", Style.PAST), say(to, Style.STRONG), _again(way)]]
    if way.newer:
        rows.append([say("retires", Style.PAST), key_name(way.newer.kid), _newer(way)])
    return [grid(rows), blank()]


def _again(way: WayBack) -> str:
    if way.begun:
        return "was asked for before; it goes on"
    if way.given_up:
        return "is active still: every region goes back to it"
    first = "is enabled in KMS first, then " if way.enabled else ""
    return f"{first}signs again in every region; its next turn counts from now"


def _newer(way: WayBack) -> str:
    begun = "the switch to it is given up; it" if way.given_up else "it"
    return f"{begun} stays served until its last token is dead, and does not come back by itself"
