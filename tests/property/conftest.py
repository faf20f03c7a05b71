"""What answers is in this process or in folders: threads would only cost time."""

from tests.scenarios.conftest import one_after_another

__all__ = ["one_after_another"]
