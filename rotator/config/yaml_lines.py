"""YAML → plain data with the line of every value; bounded, and strict about what YAML lets pass.

Scalars follow YAML 1.2's core schema, so that `no` is a name and `12:30` no number. Tags are refused, repeated keys too.
Anchors, aliases and merge keys work, as long as what they expand to stays small.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path = tuple[str | int, ...]
"""Where a value stands: member names and list indices from the top."""

MAX_BYTES = 1024 * 1024
_MAX_DEPTH = 32
_MAX_NODES = 200_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"
_KNOWN_TAGS = frozenset(
    _YAML + name
    for name in ("null", "bool", "int", "float", "str", "timestamp", "merge", "value", "map", "seq")
)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})?\.[0-9]{1,18}", re.ASCII)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with the YAML itself, on a line (from 1)."""

    line: int
    text: str


@dataclass(slots=True)
class Document:
    """What a file says: data of dict, list, str, int, float, bool and None; lines by path; what is wrong with it.

    `readable` is False where there is no data to look at; flaws beside data are repeated keys, of which the first counts.
    """

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    readable: bool = True

    def line_of(self, path: Path) -> int:
        """The line of the value at `path`, of the nearest that holds it where it is not there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _RefusedError(Exception):
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.flaw = Flaw(line, text)


def read(text: str) -> Document:
    """Read one YAML document; total: what is wrong is in `flaws`."""
    document = Document()
    try:
        _guard(text)
        root = yaml.compose(text, Loader=_LOADER)
        if root is not None:
            _Builder(document).build_root(root)
    except yaml.YAMLError as error:
        return Document(flaws=[_broken(error)], readable=False)
    except _RefusedError as error:
        return Document(flaws=[error.flaw], readable=False)
    return document


def _guard(text: str) -> None:
    """Refuse what would cost too much, before any of it is built."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise _RefusedError(1, "not YAML: it is no Unicode text")
    if len(text.encode()) > MAX_BYTES:
        raise _RefusedError(
            1, f"the file is larger than {MAX_BYTES // 1024} KiB; split it with issuers_from"
        )
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise _RefusedError(line, f"nested deeper than {_MAX_DEPTH} levels")


def _broken(error: yaml.YAMLError) -> Flaw:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return Flaw(mark.line + 1 if mark else 1, f"not YAML: {words}")


class _Builder:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0

    def build_root(self, root: Node) -> None:
        self._document.lines[()] = 1
        self._document.data = self._build(root, (), 0)

    def _build(self, node: Node, path: Path, depth: int) -> Any:
        self._count(node, depth)
        match node:
            case ScalarNode():
                return _scalar(node)
            case SequenceNode():
                return [self._item(child, (*path, i), depth) for i, child in enumerate(node.value)]
            case MappingNode():
                return self._mapping(node, path, depth)
            case _:  # PyYAML's nodes are no closed union
                raise TypeError(type(node))

    def _count(self, node: Node, depth: int) -> None:
        line = node.start_mark.line + 1
        self._nodes += 1
        if self._nodes > _MAX_NODES or depth > _MAX_DEPTH:
            raise _RefusedError(
                line, "its aliases expand without end, or to more than a configuration can need"
            )
        if node.tag not in _KNOWN_TAGS:
            raise _RefusedError(
                line,
                f"the tag {node.tag.replace(_YAML, '!!')!r} is not understood; write plain values",
            )

    def _item(self, node: Node, path: Path, depth: int) -> Any:
        self._document.lines[path] = node.start_mark.line + 1
        return self._build(node, path, depth + 1)

    def _mapping(self, node: MappingNode, path: Path, depth: int) -> dict[str, Any]:
        data = {}
        for name, (key, value) in self._entries(node, path, depth).items():
            self._document.lines[*path, name] = key.start_mark.line + 1
            data[name] = self._build(value, (*path, name), depth + 1)
        return data

    def _entries(self, node: MappingNode, path: Path, depth: int) -> dict[str, tuple[Node, Node]]:
        """A mapping's own entries, then what it merges in; the first of a repeated name counts."""
        self._nodes += len(node.value)
        own: dict[str, tuple[Node, Node]] = {}
        merged: list[Node] = []
        for key, value in node.value:
            if key.tag == _YAML + "merge":
                merged.extend(value.value if isinstance(value, SequenceNode) else [value])
                continue
            name = self._name(key)
            if name in own:
                self._repeated(own[name][0], key, (*path, name))
            own.setdefault(name, (key, value))
        for other in merged:
            for name, entry in self._merge(other, path, depth).items():
                own.setdefault(name, entry)
        return own

    def _merge(self, node: Node, path: Path, depth: int) -> dict[str, tuple[Node, Node]]:
        self._count(node, depth)
        if not isinstance(node, MappingNode):
            raise _RefusedError(
                node.start_mark.line + 1, "<< takes a mapping, or a list of mappings"
            )
        return self._entries(node, path, depth + 1)

    def _name(self, key: Node) -> str:
        if not isinstance(key, ScalarNode):
            raise _RefusedError(key.start_mark.line + 1, "a name must be plain text")
        return str(key.value)

    def _repeated(self, first: Node, again: Node, path: Path) -> None:
        line = again.start_mark.line + 1
        where = ".".join(map(str, path))
        flaw = Flaw(line, f"{where}: stands there twice, first in line {first.start_mark.line + 1}")
        if flaw not in self._document.flaws:
            self._document.flaws.append(flaw)


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    """A plain scalar by YAML 1.2's core schema; a quoted one, a block and `!!str` are text."""
    text = str(node.value)
    if node.style or node.tag == _YAML + "str":
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
