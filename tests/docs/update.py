"""`python -m tests.docs.update`: writes into the pages what their commands print now; read the difference before believing it.

Output that still matches what is shown stays, with its `…`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.docs.pages import PAGES, Directive, matches, parts, tidy
from tests.docs.situations import SITUATIONS
from tests.docs.story import Story


def update(page: Path, scratch: Path) -> str:
    """The page's text with the output of its commands renewed."""
    lines, moved = page.read_text("utf-8").splitlines(), 0
    story = Story(scratch)
    for part in list(parts(page)):
        if isinstance(part, Directive):
            if part.fresh:
                folder = scratch / str(part.line)
                folder.mkdir()
                story = Story(folder)
            SITUATIONS[part.name](story)
            continue
        printed = story.run(part.text)
        if not matches(part.shown, printed):
            new = tidy(printed).splitlines()
            lines[part.line + moved : part.end - 1 + moved] = new
            moved += len(new) - len(part.shown)
        if story.code and part.text.partition(" ")[0] == "rotator":
            sys.stderr.write(f"{page.name}:{part.line}: {part.text}: ends with {story.code}\n")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for one in PAGES:
        if not sys.argv[1:] or one.stem in sys.argv[1:]:
            with tempfile.TemporaryDirectory() as scratch_:
                one.write_text(update(one, Path(scratch_)), "utf-8")
