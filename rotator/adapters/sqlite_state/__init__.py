"""State, evidence, audit log and lease in one SQLite file."""

from rotator.adapters.sqlite_state.store import SqliteState

__all__ = ["SqliteState"]
