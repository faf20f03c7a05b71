"""What --help says at a fixed width, and that it costs nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

from rotator import __version__
from rotator.cli.run import COMMANDS
from tests.cli.runner import CONFIG, Cli
from tests.render.snapshots import matches

HEAVY = ("boto3", "botocore", "apscheduler", "prometheus_client")


@pytest.mark.parametrize("command", ["", *COMMANDS, "config show", "state import"])
def test_help(cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    matches(f"help-{command.replace(' ', '-') or 'root'}", cli.ok(*command.split(), "--help"))


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    result = cli.run()
    assert (result.code, result.out.startswith("Usage: rotator")) == (64, True)


def test_version(cli: Cli) -> None:
    assert cli.ok("--version") == f"rotator {__version__}\n"


@pytest.mark.parametrize(
    "line", ["--version", "--help", "plan", "status", "verify", "config check"]
)
def test_light(tmp_path: Path, line: str) -> None:
    """Without S3 in the configuration nothing loads the AWS SDK, and nothing at all the scheduler or the metrics."""
    (tmp_path / "rotator.yaml").write_text(CONFIG)
    found = _modules_after(tmp_path, line)
    assert not [name for name in found if name.split(".")[0] in HEAVY]


def test_lighter(tmp_path: Path) -> None:
    """The version and the help need neither the configuration's nor the terminal's libraries."""
    for line in ("--version", "--help"):
        assert not {"pydantic", "rich", "yaml", "cryptography", "sqlite3"} & set(
            _modules_after(tmp_path, line)
        )


def _modules_after(folder: Path, line: str) -> list[str]:
    code = (
        "import sys\nfrom rotator.cli import main\n"
        f"code = main({line.split()!r})\n"
        "print(code, *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    code_, *modules = done.stderr.splitlines()[-1].split()
    assert code_ in ("0", "3"), done.stderr
    return modules
