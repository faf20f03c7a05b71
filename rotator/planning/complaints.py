"""What is to be said of many verifiers in a few sentences: who shares a complaint is counted, and the first are named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rotator.domain.evidence import Verdict
from rotator.domain.times import say

NAMED = 3
"""Verifiers, kids or issuers that a sentence names; the others are counted."""
SENTENCES = 6
"""Sentences of one check; junk may give rise to any number."""

_ORDER = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is to be said of a verifier: `one` of it alone, `many` where several share it, each with its `note`.

    A verdict of PASS takes nothing away: the complaint is only worth saying.
    """

    verdict: Verdict
    one: str
    many: str
    note: str = ""


def in_words(said: Sequence[tuple[str, Complaint]], total: int) -> str:
    """Complaints about `total` verifiers, each with the verifier's name: what fails first, then what is not known."""
    shared: dict[tuple[int, str], list[tuple[str, Complaint]]] = {}
    for name, complaint in said:
        place = (_ORDER.index(complaint.verdict), complaint.many)
        shared.setdefault(place, []).append((name, complaint))
    places = sorted(shared, key=lambda place: place[0])
    sentences = [_sentence(shared[place], total) for place in places]
    if len(sentences) > SENTENCES:
        sentences[SENTENCES:] = [f"and {len(sentences) - SENTENCES} things more"]
    return "; ".join(sentences)


def some(words: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(words[:NAMED]) + more


def about(value: timedelta) -> str:
    """A length to a tenth of a second below ten, to the second below a minute, to ten below an hour, else to the minute."""
    seconds = value.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    unit = 1 if seconds < 60 else 10 if seconds < 3600 else 60
    return say(timedelta(seconds=unit * round(seconds / unit)))


def _sentence(said: Sequence[tuple[str, Complaint]], total: int) -> str:
    name, first = said[0]
    if total == 1:
        return first.one
    if len(said) == 1:
        return f"1 of {total} verifiers ({name}): {first.one}"
    named = [f"{name} ({of_it.note})" if of_it.note else name for name, of_it in said]
    return f"{len(said)} of {total} verifiers {first.many}: {some(named)}"
