"""What judging a policy comes to: inequalities with their numbers, and advice."""

from dataclasses import dataclass

from rotator.domain.plan import Severity


@dataclass(frozen=True, slots=True)
class Inequality:
    """One rule of the design applied to one policy: `text` has the inequality with its numbers.

    `members` are the policy members it is made of, the likeliest to change first; `region` is set where that
    region's Cache-Control is part of it.
    """

    rule: str
    members: tuple[str, ...]
    text: str
    holds: bool
    region: str | None = None

    def __str__(self) -> str:
        """The inequality and the rule it comes from."""
        return f"{self.text} (design {self.rule})"


Infeasible = Inequality
"""An inequality that does not hold."""


@dataclass(frozen=True, slots=True)
class Advice:
    """Something allowed that an operator should know; `members` and `region` say where it comes from."""

    severity: Severity
    members: tuple[str, ...]
    text: str
    region: str | None = None
