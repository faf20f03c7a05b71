"""pydantic's errors in the words of the configuration: what was expected there, and what comes nearest."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rotator.config.values import shown
from rotator.config.yaml_lines import Path

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the data: the path as it stands in the file, and words. `curable`: it can be left out."""

    path: Path
    text: str
    curable: bool


def faults(error: ValidationError, data: Any, schema: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Every fault that pydantic found in `data`; `schema` is the JSON Schema of what was expected."""
    return tuple(_fault(details, data, schema) for details in error.errors(include_url=False))


def without(data: Any, path: Path) -> Path:
    """Take a member out of `data`, or the whole list where it is in one; returns the path of what was taken."""
    taken = path[: next((i for i, member in enumerate(path) if isinstance(member, int)), len(path))]
    *parents, last = taken
    for member in parents:
        data = data.get(member, {}) if isinstance(data, dict) else {}
    if isinstance(data, dict):
        data.pop(last, None)
    return taken


def _fault(details: ErrorDetails, data: Any, schema: Mapping[str, Any]) -> Fault:
    kind, location = details["type"], details["loc"]
    is_name = location[-1:] == ("[key]",)
    path = _path(location, data, keep_last=kind == "missing")
    curable = bool(path) and kind != "missing" and not is_name
    return Fault(path, _words(details, _expected(schema, location)), curable)


def _path(location: tuple[str | int, ...], data: Any, *, keep_last: bool) -> Path:
    """The location without the tags that pydantic puts in for unions."""
    path: list[str | int] = []
    for i, member in enumerate(location):
        inside = isinstance(data, dict) and member in data
        listed = isinstance(data, list) and isinstance(member, int) and member < len(data)
        if inside or listed:
            data = data[member]
            path.append(member)
        elif keep_last and i == len(location) - 1:
            path.append(member)
    return tuple(path)


def _words(details: ErrorDetails, node: Mapping[str, Any]) -> str:
    kind, context, given = details["type"], details.get("ctx", {}), details.get("input")
    match kind:
        case "missing":
            return "is missing"
        case "value_error":
            return str(context["error"])
        case "extra_forbidden":
            return _unknown(str(details["loc"][-1]), tuple(node.get("properties", ())))
        case "union_tag_invalid":
            return f"{shown(context['tag'])} is no kind; the kinds are {_listed(context['expected_tags'])}"
        case "union_tag_not_found" | "model_attributes_type":
            return _no_tag(given, node)
        case "enum" | "literal_error" if " or " in context["expected"]:
            return f"{shown(given)} is none of {_listed(context['expected'])}"
        case "too_short":
            return "at least one is needed"
        case _:
            return f"{_wanted(kind, context)} expected, not {shown(given)}"


def _wanted(kind: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "less_than_equal":
            return f"at most {context['le']}"
        case "literal_error":
            return _listed(context["expected"])
        case _:
            return _TYPES.get(kind, kind.replace("_", " "))


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if name in known:
        return "unknown member"
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"unknown member; did you mean {near[0]}?"
    return f"unknown member; known here: {', '.join(known)}"


def _no_tag(given: object, node: Mapping[str, Any]) -> str:
    kinds = ", ".join(node.get("discriminator", {}).get("mapping", ()))
    if not kinds:
        return f"a name or a mapping expected, not {shown(given)}"
    if not isinstance(given, dict):
        return f"a mapping with a kind ({kinds}) expected, not {shown(given)}"
    return f"needs a kind: {kinds}"


def _listed(quoted: str) -> str:
    return quoted.replace("'", "").replace(" or ", ", ")


def _expected(schema: Mapping[str, Any], location: tuple[str | int, ...]) -> Mapping[str, Any]:
    """The part of the schema that describes a location; that of the mapping around it where it describes none."""
    node: Mapping[str, Any] = _resolved(schema, schema)
    for member in location:
        inner = next(_inner(schema, node, member), None)
        if inner is None:
            break
        node = inner
    return node


def _inner(
    schema: Mapping[str, Any], node: Mapping[str, Any], member: str | int
) -> Iterator[Mapping[str, Any]]:
    for option in (node, *(_resolved(schema, option) for option in node.get("anyOf", ()))):
        kinds = option.get("discriminator", {}).get("mapping", {})
        found = (
            option.get("properties", {}).get(member)
            or ({"$ref": kinds[member]} if member in kinds else None)
            or (option.get("items") if isinstance(member, int) else None)
            or option.get("additionalProperties")
            or next(iter(option.get("patternProperties", {}).values()), None)
            or next(
                (one for one in option.get("oneOf", ()) if member == "spec" and "$ref" in one), None
            )
        )
        if isinstance(found, dict):
            yield _resolved(schema, found)


def _resolved(schema: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference leads to, and of what may be null the rest."""
    while True:
        others = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
        elif len(others) == 1:
            (node,) = others
        else:
            return node
