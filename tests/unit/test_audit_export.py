"""An exported log proves itself line by line, and as a chain, whatever a filter leaves out."""

import json
from dataclasses import replace

import pytest

from rotator.domain.audit_export import Link, broken_at, line_of, link_of, narrowed, read_line
from tests.unit.logs import DAY, NOW, log, records, said

LOG = records(
    said("accounts", "a"),
    said("payments", "b", 1),
    said("", "checkpoint", 2),
    said("accounts", "c", 3),
)


def events(links: list[Link]) -> list[str | None]:
    return [link.entry.event if link.entry else None for link in links]


def back(links: list[Link]) -> list[Link]:
    return [read_line(line_of(link).encode()) for link in links]


@pytest.mark.parametrize(
    ("issuers", "since", "shown"),
    [
        ((), None, ["a", "b", "checkpoint", "c"]),
        (("accounts",), None, ["a", None, "checkpoint", "c"]),
        (("nobody",), None, [None, None, "checkpoint", None]),
        ((), NOW + DAY, ["b", "checkpoint", "c"]),
        (("accounts",), NOW + DAY, [None, "checkpoint", "c"]),
        ((), NOW + 9 * DAY, []),
    ],
)
def test_filters_leave_the_chain_whole(issuers, since, shown) -> None:
    links = narrowed(LOG, issuers=issuers, since=since)
    assert events(links) == shown
    assert back(links) == links
    assert broken_at(links) is None


def test_a_hidden_record_says_nothing() -> None:
    (hidden, *_) = narrowed(LOG, issuers=["payments"])
    assert set(json.loads(line_of(hidden))) == {"number", "previous", "digest"}
    assert hidden.proven


@pytest.mark.parametrize("at", range(4))
def test_every_line_alone_shows_that_it_was_altered(at: int) -> None:
    members = json.loads(line_of(link_of(LOG[at])))
    for name, value in {
        "event": "z",
        "issuer": "z",
        "facts": {},
        "at": "2026-03-09T00:00:00Z",
    }.items():
        altered = read_line(json.dumps({**members, name: value}).encode())
        assert not altered.proven
    links = [link_of(record) for record in LOG]
    links[at] = replace(links[at], entry=said("accounts", "z"))
    assert broken_at(links) == at + 1


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_line_shows_at_the_next_one(gone: int) -> None:
    links = [link_of(record) for record in LOG]
    del links[gone]
    assert broken_at(links) == (None if gone == 0 else gone + 2)


def test_a_first_record_stands_behind_nothing() -> None:
    (first,) = log(said("accounts", "a"))
    assert broken_at([replace(first, previous="1" * 64, entry=None)]) == 1


FINE = json.loads(line_of(link_of(LOG[0])))
WRONG: dict[str, object] = {
    "number": True,
    "previous": None,
    "digest": 7,
    "at": "noon",
    "facts": {"n": []},
}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"number":1,"number":1}',
        json.dumps({**FINE, "more": 1}).encode(),
        json.dumps({name: FINE[name] for name in ("number", "digest")}).encode(),
        *(json.dumps({**FINE, name: value}).encode() for name, value in WRONG.items()),
    ],
)
def test_what_is_no_line_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(line)
