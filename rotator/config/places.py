"""Where things stand in configuration files, and the problems that were found there."""

from dataclasses import dataclass, field

from rotator.config.yaml_lines import Document, Path


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file: `label` names the file as the user did, `path` the member in it."""

    label: str
    document: Document
    path: Path = ()

    def at(self, *members: str | int) -> "Spot":
        """A place below this one."""
        return Spot(self.label, self.document, (*self.path, *members))

    @property
    def line(self) -> int:
        """The line of the member, of what should hold it where it is not there."""
        return self.document.line_of(self.path)

    @property
    def where(self) -> str:
        """`rotator.yaml:12`."""
        return f"{self.label}:{self.line}"

    def __str__(self) -> str:
        """The member as it is written in errors: `regions.us-east-1.checks[0].url`."""
        text = ""
        for member in self.path:
            text += f"[{member}]" if isinstance(member, int) else f".{member[:80]}"
        return text.removeprefix(".")


@dataclass(frozen=True, slots=True, order=True)
class _Problem:
    included: bool
    label: str
    line: int
    text: str


@dataclass(slots=True)
class Problems:
    """Collects problems, each of them once; those of the file `main` are shown first."""

    main: str
    _found: dict[_Problem, None] = field(default_factory=dict)

    def add(self, spot: Spot, text: str) -> None:
        """One more, at a place."""
        member = str(spot)
        self.add_line(spot.label, spot.line, f"{member}: {text}" if member else text)

    def add_line(self, label: str, line: int, text: str) -> None:
        """One more, on a line of a file."""
        problem = _Problem(label != self.main, label, line, f"{label}:{line}: {text}")
        self._found.setdefault(problem)

    def merged(self, other: "Problems") -> "Problems":
        """Both together."""
        return Problems(self.main, self._found | other._found)  # noqa: SLF001 - of its own kind

    def lines(self) -> tuple[str, ...]:
        """All of them, `rotator.yaml:12: policy.leeway: …`, file by file and line by line."""
        return tuple(problem.text for problem in sorted(self._found))

    def __bool__(self) -> bool:
        return bool(self._found)
