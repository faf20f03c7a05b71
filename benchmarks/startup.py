"""What a command costs before it does anything, as multiples of `python -c pass`, measured in one run.

Run it: .venv/bin/python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 7
ROTATOR = (sys.executable, "-m", "rotator")
COMMANDS = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "rotator --version": (*ROTATOR, "--version"),
    "rotator --help": (*ROTATOR, "--help"),
    "rotator config check": (*ROTATOR, "config", "check"),
    "rotator plan, 3 folder regions": (*ROTATOR, "plan"),
    "rotator status, 3 folder regions": (*ROTATOR, "status"),
    "rotator apply, nothing due": (*ROTATOR, "apply", "--yes"),
}


def main() -> None:
    """Print the median of each command beside the empty interpreter's."""
    with tempfile.TemporaryDirectory() as folder:
        for command in (("init",), ("apply", "--yes")):
            subprocess.run((*ROTATOR, *command), cwd=folder, check=True, capture_output=True)
        times: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(RUNS):  # interleaved, so that a slow moment of the machine meets all alike
            for name, command in COMMANDS.items():
                times[name].append(_seconds(command, Path(folder)))
    empty = statistics.median(times["python -c pass"])
    for name, taken in times.items():
        print(f"{name:34}{statistics.median(taken) / empty:6.1f} ×")


def _seconds(command: tuple[str, ...], folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
