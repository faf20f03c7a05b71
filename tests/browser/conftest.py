"""One browser for a worker's whole session, a reader for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import Reader, chromium


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Mark the test `chromium`."""
    with chromium() as running:
        yield running


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Reader]:
    """Opens pages; they are closed when the test ends."""
    made = Reader(browser, tmp_path)
    yield made
    made.close()
