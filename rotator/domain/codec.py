"""Frozen dataclasses ↔ JSON, strictly: unknown members, missing ones without a default, and wrong types are refused.

Moments are RFC 3339, durations seconds. Members of a union of dataclasses are told apart by their tags: class
variables that are strings, above all `kind`, which go into the JSON beside the fields.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from rotator.domain.times import format_moment, parse_moment

T = TypeVar("T")


class CodecError(ValueError):
    """The JSON is not the value it claims to be; the text says where and what was expected."""


def encode(value: object) -> Any:
    """The JSON form of a value made of dataclasses, enums, moments, durations, tuples and mappings."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return format_moment(value)
        case timedelta():
            return value.total_seconds()
        case tuple():
            return [encode(item) for item in value]
        case Mapping():
            return {name: encode(item) for name, item in value.items()}
        case None | bool() | int() | float() | str():
            return value
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            members = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return _shape(type(value)).tags | members
        case _:
            raise CodecError(f"{type(value).__name__} has no JSON form")


def decode(cls: type[T], data: object, where: str = "$") -> T:
    """The value of type `cls` that `data` stands for; raises CodecError."""
    return typing.cast("T", _decode(cls, data, where))


def _decode(kind: Any, data: object, where: str) -> object:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(args, data, where)
    if origin is tuple:
        return tuple(
            _decode(args[0], item, f"{where}[{i}]")
            for i, item in enumerate(_expect(list, data, where))
        )
    if origin is Mapping:
        members = _expect(dict, data, where)
        return {name: _decode(args[1], item, f"{where}.{name}") for name, item in members.items()}
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(typing.cast("type", kind), _expect(dict, data, where), where)
    return _decode_scalar(kind, data, where)


def _decode_union(args: tuple[Any, ...], data: object, where: str) -> object:
    if data is None and type(None) in args:
        return None
    options = [arg for arg in args if arg is not type(None)]
    if len(options) == 1:
        return _decode(options[0], data, where)
    if all(dataclasses.is_dataclass(option) for option in options):
        return _decode(_tagged(options, _expect(dict, data, where), where), data, where)
    for option in options:
        try:
            return _decode(option, data, where)
        except CodecError:
            continue
    raise CodecError(f"{where}: no form fits")


def _tagged(options: list[Any], data: dict[str, object], where: str) -> Any:
    """The option whose tags the members carry."""
    for option in options:
        if all(data.get(name) == tag for name, tag in _shape(option).tags.items()):
            return option
    known = dict.fromkeys(" ".join(_shape(option).tags.values()) for option in options)
    raise CodecError(f"{where}: one of these kinds expected: {', '.join(known)}")


def _decode_dataclass(cls: type, data: dict[str, object], where: str) -> object:
    shape = _shape(cls)
    given = dict(data)
    for name, tag in shape.tags.items():
        if given.pop(name, tag) != tag:
            raise CodecError(f"{where}.{name}: {tag} expected")
    if unknown := sorted(given.keys() - shape.fields.keys()):
        raise CodecError(f"{where}: unknown member {unknown[0]!r}")
    if missing := [
        name for name in shape.fields if name not in given and name not in shape.defaults
    ]:
        raise CodecError(f"{where}: member {missing[0]!r} is missing")
    return cls(**{n: _decode(shape.fields[n], item, f"{where}.{n}") for n, item in given.items()})


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """A dataclass as JSON: its fields with their types, and its tags."""

    fields: Mapping[str, Any]
    tags: dict[str, str]
    defaults: frozenset[str]


@cache
def _shape(cls: type) -> _Shape:
    hints = typing.get_type_hints(cls)
    tags = {
        n: getattr(cls, n)
        for n, hint in hints.items()
        if typing.get_origin(hint) is typing.ClassVar
    }
    fields = dataclasses.fields(cls)
    none = dataclasses.MISSING
    defaults = {f.name for f in fields if (f.default, f.default_factory) != (none, none)}
    return _Shape({f.name: hints[f.name] for f in fields}, tags, frozenset(defaults))


def _decode_scalar(kind: Any, data: object, where: str) -> object:
    try:
        if kind is datetime:
            return parse_moment(_expect(str, data, where))
        if kind is timedelta:
            return timedelta(seconds=_number(data, where))
        if kind is float:
            return _number(data, where)
        if isinstance(kind, type) and issubclass(kind, Enum):
            return kind(data)
    except (ValueError, OverflowError) as error:
        raise CodecError(f"{where}: {error}") from None
    return _expect(kind, data, where)


def _number(data: object, where: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise CodecError(f"{where}: a number expected")
    if not math.isfinite(data):
        raise CodecError(f"{where}: a finite number expected")
    return float(data)


def _expect(kind: Any, data: object, where: str) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise CodecError(f"{where}: {kind.__name__} expected, not {type(data).__name__}")
    return data
