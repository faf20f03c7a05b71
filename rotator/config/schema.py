"""The JSON Schema of a rotator.yaml, for editors and for `rotator config schema`."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rotator.config import model, profiles

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema as JSON-ready data: closed mappings, durations as patterns, members described."""
    found = model.ConfigModel.model_json_schema(mode="validation")
    for name, members in _descriptions():
        definition = found if name == "ConfigModel" else found["$defs"].get(name, {})
        for member, text in members.items():
            if node := definition.get("properties", {}).get(member):
                node["description"] = text
    _polish(found)
    _name_verifiers(found)
    return {"$schema": _DIALECT, **found, "title": "rotator configuration"}


def _polish(node: Any) -> None:
    """Leave out pydantic's titles, which repeat names; a mapping by name is closed to other names."""
    match node:
        case dict():
            if isinstance(node.get("title"), str):
                del node["title"]
            if "patternProperties" in node:
                node["additionalProperties"] = False
            for inner in node.values():
                _polish(inner)
        case list():
            for inner in node:
                _polish(inner)
        case _:
            pass


def _name_verifiers(found: dict[str, Any]) -> None:
    items = found["$defs"]["PolicyModel"]["properties"]["verifiers"]["items"]
    items["oneOf"] = [{"enum": list(profiles.names())}, *(o for o in items["oneOf"] if "$ref" in o)]


def _descriptions() -> Iterator[tuple[str, dict[str, str]]]:
    """Each model's members with the text that stands under them in `model.py`."""
    tree = ast.parse(Path(model.__file__).read_text("utf-8"))
    for cls in tree.body:
        if isinstance(cls, ast.ClassDef):
            yield cls.name, dict(_described(cls))


def _described(cls: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for member, below in zip(cls.body, cls.body[1:], strict=False):
        if isinstance(member, ast.AnnAssign) and isinstance(below, ast.Expr):
            yield ast.unparse(member.target), ast.literal_eval(below.value)
