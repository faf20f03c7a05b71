"""An edge in memory: serves what its origin held when it last looked, until it is told to forget."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rotator.errors import TargetUnreachable


@dataclass
class MemoryEdge:
    """Implements `ports.EdgeCache`; `origin` is what it fetches when it has no copy. `down`: it takes no orders."""

    name: str = "edge"
    origin: Callable[[], bytes] = lambda: b""
    down: bool = False
    purges: int = 0
    copy: bytes | None = field(default=None)

    @property
    def location(self) -> str:
        return f"memory edge {self.name}"

    def purge(self) -> None:
        if self.down:
            raise TargetUnreachable(f"{self.location} cannot be told to drop its copies")
        self.purges += 1
        self.copy = None

    def serves(self) -> bytes:
        """What somebody who asks it is answered."""
        if self.copy is None:
            self.copy = self.origin()
        return self.copy
