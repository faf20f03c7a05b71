"""Values ↔ JSON, strictly."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import pytest

from rotator.domain.codec import CodecError, decode, encode


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Circle:
    kind: ClassVar[str] = "circle"
    radius: float


@dataclass(frozen=True, slots=True)
class Square:
    kind: ClassVar[str] = "square"
    side: int


@dataclass(frozen=True, slots=True)
class TiltedSquare:
    kind: ClassVar[str] = "square"
    variant: ClassVar[str] = "tilted"
    side: int
    angle: float


@dataclass(frozen=True, slots=True)
class Plain:
    kind: ClassVar[str] = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    name: str
    count: int = 0
    ratio: float = 0.0
    yes: bool = False
    colour: Colour = Colour.RED
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    wait: timedelta = timedelta()
    maybe: str | None = None
    words: tuple[str, ...] = ()
    numbers: Mapping[str, int] = field(default_factory=dict)
    shape: Circle | TiltedSquare | Square = Circle(1.0)
    shapes: tuple[Circle | Plain, ...] = ()
    facts: Mapping[str, str | int | float | bool | None] = field(default_factory=dict)
    later: datetime | None = None


FULL = Everything(
    name="ü",
    count=3,
    ratio=0.5,
    yes=True,
    wait=timedelta(milliseconds=1500),
    maybe="x",
    words=("a", "b"),
    numbers={"one": 1},
    shape=TiltedSquare(2, 45.0),
    shapes=(Circle(2.0), Plain()),
    facts={"s": "x", "i": 1, "f": 1.5, "b": True, "n": None},
    later=datetime(2027, 1, 1, tzinfo=UTC),
)


def test_there_and_back() -> None:
    for value in (FULL, Everything(name="")):
        assert decode(Everything, encode(value)) == value


def test_a_member_that_an_older_version_did_not_know_takes_its_default() -> None:
    assert decode(Everything, {"name": "x", "count": 2}) == Everything(name="x", count=2)


def test_the_form_is_plain() -> None:
    form = encode(FULL)
    assert form["wait"] == 1.5
    assert form["at"] == "2026-01-01T00:00:00Z"
    assert form["shape"] == {"kind": "square", "variant": "tilted", "side": 2, "angle": 45.0}
    assert form["shapes"] == [{"kind": "circle", "radius": 2.0}, {"kind": "plain"}]


def test_a_tag_may_be_left_out_where_nothing_else_could_stand() -> None:
    assert decode(Circle, {"radius": 1}) == Circle(1.0)
    with pytest.raises(CodecError, match=r"\$\.kind: circle expected"):
        decode(Circle, {"kind": "square", "radius": 1})


def test_what_has_no_form_is_refused() -> None:
    for value in (object(), {1, 2}, b"bytes", Circle):
        with pytest.raises(CodecError, match="no JSON form"):
            encode(value)


def changed(**members: object) -> dict[str, Any]:
    return {**encode(FULL), **members}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], r"\$: dict expected, not list"),
        (changed(surprise=1), r"\$: unknown member 'surprise'"),
        ({"count": 1}, r"\$: member 'name' is missing"),
        (changed(name=1), r"\$\.name: str expected, not int"),
        (changed(count=True), r"\$\.count: int expected, not bool"),
        (changed(count=1.0), r"\$\.count: int expected, not float"),
        (changed(ratio="1"), r"\$\.ratio: a number expected"),
        (changed(ratio=True), r"\$\.ratio: a number expected"),
        (changed(ratio=float("nan")), r"\$\.ratio: a finite number expected"),
        (changed(ratio=10**400), r"\$\.ratio: "),
        (changed(yes=1), r"\$\.yes: bool expected, not int"),
        (changed(colour="blue"), r"\$\.colour: 'blue'"),
        (changed(colour=[]), r"\$\.colour: "),
        (changed(at="yesterday"), r"\$\.at: 'yesterday' is no time"),
        (changed(at=1), r"\$\.at: str expected"),
        (changed(wait=float("inf")), r"\$\.wait: a finite number expected"),
        (changed(wait=1e300), r"\$\.wait: "),
        (changed(wait="1s"), r"\$\.wait: a number expected"),
        (changed(maybe=1), r"\$\.maybe: str expected"),
        (changed(words="ab"), r"\$\.words: list expected, not str"),
        (changed(words=["a", 1]), r"\$\.words\[1\]: str expected"),
        (changed(numbers=[]), r"\$\.numbers: dict expected"),
        (changed(numbers={"one": "1"}), r"\$\.numbers\.one: int expected"),
        (changed(shape=None), r"\$\.shape: dict expected, not NoneType"),
        (changed(shape={"radius": 1.0}), r"\$\.shape: one of these kinds expected: circle, square"),
        (changed(shape={"kind": "star"}), r"\$\.shape: one of these kinds"),
        (changed(shape={"kind": "square", "side": 1, "angle": 1}), "unknown member 'angle'"),
        (changed(shapes=[{"kind": "square", "side": 1}]), r"\$\.shapes\[0\]: one of these kinds"),
        (changed(facts={"x": []}), r"\$\.facts\.x: no form fits"),
    ],
)
def test_anything_else_is_refused_with_its_place(data: object, words: str) -> None:
    with pytest.raises(CodecError, match=words):
        decode(Everything, data)
