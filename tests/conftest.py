"""What every test shares: the servers, and the rule that nothing is left out silently."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.availability import LeaveOut

pytest_plugins = ["tests.servers.fixtures"]

# A shared machine stalls now and then: a deadline would report that, not a bug. CI must not depend on luck.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("default")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin that leaves out, by name, what this machine cannot run."""
    config.pluginmanager.register(LeaveOut(), "leave-out")
