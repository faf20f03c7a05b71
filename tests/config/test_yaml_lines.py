"""YAML with lines: what is read, what is refused and where, and that nothing ever takes it down."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotator.config.yaml_lines import read

SCALARS = [
    ("no", "no"),
    ("on", "on"),
    ("true", True),
    ("FALSE", False),
    ("~", None),
    ("", None),
    ("12", 12),
    ("-3", -3),
    ("012", "012"),
    ("0x1F", "0x1F"),
    ("1_000", "1_000"),
    ("12:30", "12:30"),
    ("2026-01-01", "2026-01-01"),
    ("1.5", 1.5),
    ("1e3", "1e3"),
    (".inf", ".inf"),
    ("99999999999999999999", "99999999999999999999"),
    ('"12"', "12"),
    ("!!str 12", "12"),
    ("|\n  12\n", "12\n"),
]


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars(text: str, value: object) -> None:
    document = read(f"a: {text}")
    assert document.data == {"a": value}
    assert type(document.data["a"]) is type(value)


def test_lines() -> None:
    document = read("a: 1\nb:\n  - x\n  - c: 2\n    d: 3\n")
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "d"): 5,
    }
    assert document.line_of(("b", 1, "e", "f")) == 4
    assert document.line_of(("z",)) == 1


def test_names_are_text() -> None:
    assert read("2024: {no: 1, 1.5: 2}").data == {"2024": {"no": 1, "1.5": 2}}


def test_anchors_and_merges() -> None:
    document = read(
        "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nall:\n  <<: [*b, *o]\n  x: 9\nagain: *b\n"
    )
    assert document.data["all"] == {"x": 9, "y": 2, "z": 4}
    assert document.data["again"] == {"x": 1, "y": 2}
    assert (document.line_of(("all", "z")), document.flaws) == (2, [])


def test_a_repeated_name_keeps_the_first_and_is_named_with_both_lines() -> None:
    document = read("a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert document.data == {"a": {"b": 1, "c": 2}}
    assert [(f.line, f.text) for f in document.flaws] == [
        (4, "a.b: stands there twice, first in line 2")
    ]


LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGING = (
    "a: &a {"
    + ", ".join(f"k{i}: 1" for i in range(3000))
    + "}\nb: {<<: ["
    + ", ".join(["*a"] * 3000)
    + "]}"
)

UNREADABLE = [
    # what, text, line, words
    ("a tab", "a: 1\n\tb: 2", 2, "not YAML"),
    ("an open quote", 'a: "1', 1, "not YAML"),
    ("an unknown alias", "a: 1\nb: *x", 2, "not YAML: found undefined alias"),
    ("two documents", "a: 1\n---\nb: 2", 2, "not YAML"),
    ("a control character", "a: \x01", 1, "not YAML"),
    ("half a character", "a: \ud800", 1, "no Unicode"),
    (
        "a tag that makes objects",
        "a: !!python/object/apply:os.system [ls]",
        1,
        "the tag '!!python/object",
    ),
    ("a tag of its own", "a: 1\nb: !secret x", 2, "the tag '!secret'"),
    ("a set", "a: !!set {x}", 1, "the tag '!!set'"),
    ("a list as a name", "? [a, b]\n: 1", 1, "a name must be plain text"),
    ("merging a number", "a: 1\nb: {<<: 3}", 2, "<< takes a mapping"),
    ("too deep", "[" * 40 + "]" * 40, 1, "nested deeper than 32"),
    ("far too deep", "[" * 200_000, 1, "nested deeper than 32"),
    ("too large", "a: " + "x" * 1024 * 1024, 1, "larger than 1024 KiB"),
    ("a billion laughs", LAUGHS, 1, "aliases expand"),
    ("merging without end", MERGING, 1, "aliases expand"),
    ("a loop", "a: &a [*a]", 1, "aliases expand"),
    ("a merge of itself", "a: &a {<<: *a}", 1, "aliases expand"),
]


@pytest.mark.parametrize(
    ("what", "text", "line", "words"), UNREADABLE, ids=[row[0] for row in UNREADABLE]
)
def test_unreadable(what: str, text: str, line: int, words: str) -> None:
    document = read(text)
    assert (document.readable, document.data) == (False, None)
    (flaw,) = document.flaws
    assert words in flaw.text
    assert flaw.line == line or "expand" in words


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert_plain(read(text).data)


@given(st.text(alphabet="ab:-&*<!|>?{}[],#'\" \n\t1", max_size=60))
def test_anything_that_looks_like_yaml_is_read(text: str) -> None:
    assert_plain(read(text).data)


def assert_plain(data: Any) -> None:
    match data:
        case dict():
            assert all(type(name) is str for name in data)
            for value in data.values():
                assert_plain(value)
        case list():
            for value in data:
                assert_plain(value)
        case _:
            assert data is None or type(data) in (str, int, float, bool)
