"""Frozen dataclasses ↔ JSON, strictly: unknown members, missing ones without a default, and wrong types are refused.

Moments are RFC 3339, durations seconds. Members of a union of dataclasses are told apart by their tags: class
variables that are strings, above all `kind`, which go into the JSON beside the fields.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar

from rotator.domain.times import format_moment, parse_moment

T = TypeVar("T")
Decoder = Callable[[Any], object]


class CodecError(ValueError):
    """The JSON is not the value it claims to be; the text says where and what was expected."""


class _Refused(Exception):
    """What is wrong, and on the way up where: the innermost place first."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words
        self.path: list[str] = []

    def inside(self, place: str) -> "_Refused":
        self.path.append(place)
        return self


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
    try:
        return typing.cast("T", _decoder(typing.cast("Any", cls))(data))
    except _Refused as refused:
        place = "".join((where, *reversed(refused.path)))
        raise CodecError(f"{place}: {refused.words}") from None


@cache
def _decoder(kind: Any) -> Decoder:
    """What decodes a type; made once, since a state has thousands of members."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _union(args)
    if origin is tuple:
        return _sequence(_decoder(args[0]))
    if origin is Mapping:
        return _mapping(_decoder(args[1]))
    if dataclasses.is_dataclass(kind):
        return _members(typing.cast("type", kind))
    return _scalar(kind)


def _sequence(item: Decoder) -> Decoder:
    def decode_items(data: object) -> object:
        found = []
        for number, element in enumerate(_expect(list, data)):
            try:
                found.append(item(element))
            except _Refused as refused:
                raise refused.inside(f"[{number}]") from None
        return tuple(found)

    return decode_items


def _mapping(value: Decoder) -> Decoder:
    return lambda data: {name: _member(value, name, v) for name, v in _expect(dict, data).items()}


def _member(decoder: Decoder, name: str, data: object) -> object:
    try:
        return decoder(data)
    except _Refused as refused:
        raise refused.inside(f".{name}") from None


def _union(args: tuple[Any, ...]) -> Decoder:
    options = [arg for arg in args if arg is not type(None)]
    chosen: Decoder
    if len(options) == 1:
        chosen = _decoder(options[0])
    elif all(dataclasses.is_dataclass(option) for option in options):
        chosen = _tagged_union(options)
    else:
        chosen = _first_that_fits([_decoder(option) for option in options])
    if len(options) == len(args):
        return chosen
    return lambda data: None if data is None else chosen(data)


def _tagged_union(options: list[Any]) -> Decoder:
    def decode_tagged(data: object) -> object:
        members = _expect(dict, data)
        for option in options:
            if all(members.get(name) == tag for name, tag in _shape(option).tags.items()):
                return _decoder(option)(members)
        known = dict.fromkeys(" ".join(_shape(option).tags.values()) for option in options)
        raise _Refused(f"one of these kinds expected: {', '.join(known)}")

    return decode_tagged


def _first_that_fits(decoders: list[Decoder]) -> Decoder:
    def decode_first(data: object) -> object:
        for decoder in decoders:
            try:
                return decoder(data)
            except _Refused:
                continue
        raise _Refused("no form fits")

    return decode_first


def _members(cls: type) -> Decoder:
    def decode_members(data: object) -> object:
        shape, given = _shape(cls), dict(_expect(dict, data))
        for name, tag in shape.tags.items():
            if given.pop(name, tag) != tag:
                raise _Refused(f"{tag} expected").inside(f".{name}")
        if unknown := sorted(given.keys() - shape.decoders.keys()):
            raise _Refused(f"unknown member {unknown[0]!r}")
        if missing := shape.required - given.keys():
            first = next(name for name in shape.decoders if name in missing)
            raise _Refused(f"member {first!r} is missing")
        return cls(**{n: _member(shape.decoders[n], n, item) for n, item in given.items()})

    return decode_members


@dataclasses.dataclass(frozen=True, slots=True)
class _Shape:
    """A dataclass as JSON: what decodes its fields, its tags, and the fields that must be there."""

    decoders: Mapping[str, Decoder]
    tags: dict[str, str]
    required: frozenset[str]


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
    required = {f.name for f in fields if (f.default, f.default_factory) == (none, none)}
    return _Shape({f.name: _decoder(hints[f.name]) for f in fields}, tags, frozenset(required))


def _scalar(kind: Any) -> Decoder:
    if kind is datetime:
        return lambda data: _read(parse_moment, _expect(str, data))
    if kind is timedelta:
        return lambda data: _read(lambda seconds: timedelta(seconds=seconds), _number(data))
    if kind is float:
        return _number
    if isinstance(kind, type) and issubclass(kind, Enum):
        return lambda data: _read(kind, data)
    return lambda data: _expect(kind, data)


def _read(reader: Decoder, data: Any) -> object:
    try:
        return reader(data)
    except (ValueError, OverflowError) as error:
        raise _Refused(str(error)) from None


def _number(data: object) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise _Refused("a number expected")
    try:
        number = float(data)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _Refused("a finite number expected")
    return number


def _expect(kind: Any, data: object) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise _Refused(f"{kind.__name__} expected, not {type(data).__name__}")
    return data
