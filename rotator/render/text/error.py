"""An error as people read it: what, why, what to do, and the runbook."""

from rotator.errors import Diagnostics
from rotator.render.text.screen import Block, Style, indent, line, say


def error_text(error: Diagnostics) -> list[Block]:
    """Code and what; each line of why; what to do and where to read on."""
    why = [indent(say(part), 2) for part in error.detail.splitlines() if part.strip()]
    what_to_do = line(error.hint, say(f"      more: {error.runbook}", Style.PAST))
    return [line(say(error.code, Style.BAD), "  ", error.message), *why, indent(what_to_do, 2)]
