"""A Terraform module as a test looks at it: its blocks, and what its expressions refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """One block at the top of a file: `resource`, (`aws_kms_key`, `wrapping`), its members."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Module:
    """All `.tf` files of a folder, read as one, as Terraform does."""

    text: str
    blocks: tuple[Block, ...]

    def of(self, kind: str, *labels: str) -> list[Block]:
        """The blocks of a kind whose labels begin like that."""
        return [b for b in self.blocks if b.kind == kind and b.labels[: len(labels)] == labels]

    def names(self, kind: str) -> set[str]:
        """The last label of every block of a kind."""
        return {block.labels[-1] for block in self.of(kind)}

    def referred(self, what: str) -> set[str]:
        """The names behind `var.`, `local.` and the like, in expressions and in strings."""
        return set(re.findall(rf"(?<![\w.])(?:{what})\.([a-z_][\w.]*)", self.text))


def read(folder: Path) -> Module:
    """Read a module; a file that is not HCL raises."""
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.tf"))]
    blocks = [block for text in texts for block in _blocks(_plain(hcl2.loads(text)))]
    return Module(_COMMENT.sub("", "\n".join(texts)), tuple(blocks))


def _blocks(members: Mapping[str, Any]) -> Iterator[Block]:
    for kind, found in members.items():
        for each in found:
            labels: list[str] = []
            body = each
            while len(labels) < _LABELS.get(kind, 0):
                ((label, body),) = body.items()
                labels.append(label)
            yield Block(kind, tuple(labels), body)


_LABELS = {"data": 2, "output": 1, "resource": 2, "variable": 1}


def _plain(value: Any) -> Any:
    """Without the parser's own marks and the quotes of strings; expressions stay text."""
    match value:
        case dict():
            kept = {k: v for k, v in value.items() if not k.startswith("__")}
            return {k.strip('"'): _plain(v) for k, v in kept.items()}
        case list():
            return [_plain(each) for each in value]
        case str() if value.startswith('"') and value.endswith('"'):
            return value[1:-1]
        case _:
            return value
