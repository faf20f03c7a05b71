"""A fresh folder with a configuration for every test."""

from pathlib import Path

import pytest

from tests.cli.runner import Cli
from tests.scenarios.conftest import one_after_another

__all__ = ["cli", "one_after_another"]  # what answers is in folders: threads would only cost time


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)
