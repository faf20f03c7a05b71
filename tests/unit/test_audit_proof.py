"""What a log shows and what it cannot: forgery, truncation and rewriting against what somebody kept."""

from dataclasses import replace

import pytest

from rotator.domain.audit import chained
from rotator.domain.audit_export import Link, line_of, link_of, narrowed
from rotator.domain.audit_proof import prove, read_lines, whole
from rotator.domain.checkpoints import EVENT, read_fact
from tests.unit.logs import (
    DAY,
    FORGED,
    GOOD,
    NOW,
    checkpoint_of,
    log,
    records,
    said,
    with_checkpoint,
)

ENTRIES = [said("accounts", name) for name in "abcd"]


def verifies(signed):
    return signed.signature == GOOD


def kept(links: list[Link]):
    held = read_lines([line_of(link).encode() for link in links])
    whole(held)
    return held


def the_checkpoint(links: list[Link]):
    return next(read_fact(x.entry) for x in links if x.entry and x.entry.event == EVENT)


def test_an_empty_log() -> None:
    proof = prove([])
    assert (proof.first, proof.last, proof.broken_at, proof.faults) == (0, 0, None, ())


def test_a_whole_log_with_its_checkpoint() -> None:
    proof = prove(with_checkpoint(), verifies, required=True)
    assert (proof.first, proof.last, proof.checkpoints, proof.covered) == (1, 4, 1, 2)
    assert (proof.checkpointed_at, proof.signatures, proof.faults) == (NOW + DAY, True, ())


def test_without_a_key_nothing_is_said_of_signatures() -> None:
    proof = prove(with_checkpoint(FORGED))
    assert (proof.signatures, proof.checkpoints, proof.faults) == (False, 1, ())


@pytest.mark.parametrize(
    ("links", "fault"),
    [
        (with_checkpoint(FORGED), "the checkpoint in record 3 is not signed by this key"),
        (with_checkpoint(digest="f" * 64), "was signed over another record 2"),
        (log(checkpoint_of(log(*ENTRIES)[3])), "was signed over another record 4"),
        (log(said("", EVENT)), "the checkpoint in record 1 cannot be read"),
        (log(*ENTRIES), "no checkpoint signed by this key stands in the log"),
        ([], "no checkpoint signed by this key stands in the log"),
    ],
)
def test_checkpoints_that_do_not_fit(links, fault) -> None:
    (found,) = prove(links, verifies, required=True).faults
    assert fault in found


def test_a_key_that_was_just_configured_needs_no_checkpoint_yet() -> None:
    assert prove(log(*ENTRIES), verifies).faults == ()


def test_a_broken_chain() -> None:
    links = log(*ENTRIES)
    links[1] = replace(links[1], entry=said("accounts", "z"))
    proof = prove(links)
    assert (proof.broken_at, proof.faults) == (2, ("the chain breaks at record 2",))


def rewritten() -> list[Link]:
    return log(ENTRIES[0], said("accounts", "z"), *ENTRIES[2:])


@pytest.mark.parametrize(
    ("links", "held", "compared", "fault"),
    [
        (log(*ENTRIES), kept(log(*ENTRIES[:2])), 2, None),
        (log(*ENTRIES), kept(narrowed(records(*ENTRIES), issuers=["x"])), 4, None),
        (log(*ENTRIES[:2]), kept(log(*ENTRIES)), 2, "record 3 was there and is gone: the log ends with record 2"),
        ([], kept(log(*ENTRIES[:1])), 0, "record 1 was there and is gone: the log ends with record 0"),
        (rewritten(), kept(log(*ENTRIES)), 1, "record 2 is another one than was kept"),
        (with_checkpoint(), [the_checkpoint(with_checkpoint())], 1, None),
        (with_checkpoint()[:2], [the_checkpoint(with_checkpoint())], 1, "the checkpoint of record 2 was kept and is gone from the log"),
        (with_checkpoint()[:1], [the_checkpoint(with_checkpoint())], 0, "record 2 was there and is gone"),
        (with_checkpoint(), [the_checkpoint(with_checkpoint(FORGED))], 1, "of record 2, is not signed by this key"),
        (log(*ENTRIES)[2:], kept(log(*ENTRIES[:2])), 0, "nothing of what was kept lies within this log"),
        (log(*ENTRIES)[1:], kept(log(*ENTRIES[:2])), 1, None),
    ],
)  # fmt: skip
def test_against_what_was_kept(links, held, compared, fault) -> None:
    proof = prove(links, verifies, held)
    assert proof.compared == compared
    assert [fault in found for found in proof.faults] == ([True] if fault else [])


def test_cutting_the_tail_with_its_checkpoint_shows_only_against_what_was_kept() -> None:
    """The limit of it all: whoever can write the log can cut off what nobody else holds."""
    cut = with_checkpoint()[:2]
    assert prove(cut).faults == ()
    assert prove(cut, verifies, kept(with_checkpoint())).faults != ()


def test_a_kept_file_must_be_whole_itself() -> None:
    lines = [line_of(link).encode() for link in log(*ENTRIES)]
    with pytest.raises(ValueError, match="record 3"):
        whole(read_lines([lines[0], lines[2]]))
    altered = chained(2, "0" * 64, ENTRIES[1])
    with pytest.raises(ValueError, match="record 2"):
        whole(read_lines([lines[0], line_of(link_of(altered)).encode()]))


@pytest.mark.parametrize("line", [b"{}", b"a.b.c", b"\xff"])
def test_a_line_that_is_none_is_named(line: bytes) -> None:
    fine = line_of(log(*ENTRIES)[0]).encode()
    with pytest.raises(ValueError, match="line 2: "):
        read_lines([fine, line])


def test_only_an_export_may_begin_anywhere() -> None:
    tail = log(*ENTRIES)[1:]

    assert prove(tail).faults == ()
    assert prove(tail, entire=True).faults == ("the chain breaks at record 2",)
    assert prove([], entire=True).faults == ()
