"""The independent checker: does a plan keep the invariants (design §5)? It shares no code with the planner."""

from rotator.planning.safety.checker import Violation, check

__all__ = ["Violation", "check"]
