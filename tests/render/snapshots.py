"""Snapshots: text files in tests/snapshots/, rewritten with ROTATOR_UPDATE_SNAPSHOTS=1."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "snapshots"


def matches(name: str, text: str) -> None:
    """Assert that the text is the one that was looked at when the snapshot was taken."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("ROTATOR_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing: run once with ROTATOR_UPDATE_SNAPSHOTS=1 and read it"
    assert text == path.read_text(encoding="utf-8")
