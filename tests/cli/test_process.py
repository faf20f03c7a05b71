"""What only a process of its own shows: pipes that close, completion, the module."""

import os
import subprocess
import sys
from pathlib import Path

from tests.cli.runner import CONFIG

ROTATOR = [sys.executable, "-m", "rotator"]


def test_a_reader_that_goes_away_is_no_error_to_read_about(tmp_path: Path) -> None:
    (tmp_path / "rotator.yaml").write_text(CONFIG)
    with subprocess.Popen(
        [*ROTATOR, "plan"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        started.stdout.close()
        assert started.stderr is not None
        assert started.stderr.read() == b""
    assert started.returncode == 1


def test_a_terminal_without_unicode_gets_question_marks(tmp_path: Path) -> None:
    (tmp_path / "rotator.yaml").write_text(CONFIG)
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*ROTATOR, "plan"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "accounts ? https://auth.example.com" in done.stdout


def test_completion_offers_the_commands(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "_ROTATOR_COMPLETE": "complete_bash",
        "COMP_WORDS": "rotator ver",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        ROTATOR, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["verify"]
