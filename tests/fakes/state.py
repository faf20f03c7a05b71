"""State in memory: what a revoke without a state uses is good enough for the tests."""

from rotator.adapters.memory_state import MemoryState

__all__ = ["MemoryState"]
