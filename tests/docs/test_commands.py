"""The commands that README and runbooks show do what is shown there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Command, Directive, matches, parts
from tests.docs.situations import SITUATIONS
from tests.docs.story import Story


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_what_happens(page: Path, tmp_path: Path) -> None:
    story, steps = Story(tmp_path), list(parts(page))
    for number, step in enumerate(steps):
        if isinstance(step, Directive):
            if step.fresh:
                folder = tmp_path / str(step.line)
                folder.mkdir()
                story = Story(folder)
            SITUATIONS[step.name](story)
            continue
        where = f"{page.relative_to(ROOT)}:{step.line}: $ {step.text}"
        printed = story.run(step.text)
        assert matches(step.shown, printed), f"{where}\nprinted:\n{printed}\n{step.shown}"
        following = steps[number + 1] if number + 1 < len(steps) else None
        told = isinstance(following, Command) and following.text == "echo $?"
        assert told or not story.code, (
            f"{where} ended with {story.code}, which the page does not say"
        )


def test_every_page_has_commands() -> None:
    assert [
        page.name for page in PAGES if not any(isinstance(p, Command) for p in parts(page))
    ] == []


def test_every_situation_is_used() -> None:
    used = {part.name for page in PAGES for part in parts(page) if isinstance(part, Directive)}
    assert used == set(SITUATIONS)
