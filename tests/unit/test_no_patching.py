"""Tests control the world through ports, never by patching what they test."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PATCHING = re.compile(r"monkeypatch\.(setattr|setitem)|mock\.(patch|Mock|MagicMock)|import mock")


def test_nothing_is_patched():
    files = [file for file in TESTS.rglob("*.py") if file != Path(__file__)]
    assert len(files) > 50
    assert [file.name for file in files if PATCHING.search(file.read_text("utf-8"))] == []
