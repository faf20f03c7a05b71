"""What can be shown of a log: its chain, the checkpoints in it, and that it still has what somebody kept of it.

Nobody can show that records behind the newest checkpoint, and behind everything that was kept, were not cut off.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rotator.domain.audit_export import Link, broken_at, read_line
from rotator.domain.checkpoints import EVENT, Signed, parse, read_fact

Verifies = Callable[[Signed], bool]
"""Whether the expected key signed a checkpoint."""

Held = Link | Signed
"""What somebody kept: a record as it was exported, or a checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was shown of the records `first` to `last` (both 0 where there are none).

    `checkpoints` of them are signed and fit; the newest was made `checkpointed_at` and covers everything up to
    `covered`. `signatures` says whether there was a key to verify with. `compared` counts what was kept elsewhere and is
    still there. `faults` are words for people, empty where nothing speaks against the log.
    """

    first: int
    last: int
    broken_at: int | None
    signatures: bool = False
    checkpoints: int = 0
    covered: int | None = None
    checkpointed_at: datetime | None = None
    compared: int | None = None
    faults: tuple[str, ...] = ()


def prove(
    links: Sequence[Link],
    verifies: Verifies | None = None,
    held: Sequence[Held] | None = None,
    *,
    required: bool = False,
    entire: bool = False,
) -> Proof:
    """Everything that can be said of a log. `verifies` None leaves signatures unchecked, `held` None compares nothing.

    With `required` a log without a checkpoint of that key is at fault, with `entire` one that does not begin with record 1.
    """
    headless = entire and links and links[0].number != 1
    broken = links[0].number if headless else broken_at(links)
    faults = [f"the chain breaks at record {broken}"] if broken is not None else []
    digests = {link.number: link.digest for link in links}
    signed, odd = _checkpoints(links, digests, verifies)
    faults += odd
    if required and not signed and not odd:
        faults.append("no checkpoint signed by this key stands in the log")
    newest = max(signed, key=lambda one: one.checkpoint.number, default=None)
    compared = None if held is None else _compared(held, digests, verifies, faults)
    faults += _gone(held or (), links, digests)
    return Proof(
        first=links[0].number if links else 0,
        last=links[-1].number if links else 0,
        broken_at=broken,
        signatures=verifies is not None,
        checkpoints=len(signed),
        covered=newest.checkpoint.number if newest else None,
        checkpointed_at=newest.checkpoint.at if newest else None,
        compared=compared,
        faults=tuple(faults),
    )


def read_lines(lines: Sequence[bytes]) -> list[Held]:
    """Exported records or checkpoints, each by itself; raises ValueError with the line that is wrong."""
    found: list[Held] = []
    for number, text in enumerate(lines, start=1):
        try:
            found.append(read_line(text) if text.startswith(b"{") else parse(text.decode("ascii")))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
    return found


def whole(held: Sequence[Held]) -> None:
    """Raise ValueError when exported records do not follow one another, and so prove nothing."""
    broken = broken_at([one for one in held if isinstance(one, Link)])
    if broken is not None:
        raise ValueError(
            f"record {broken} is not what was exported, or lines are missing before it"
        )


def _checkpoints(
    links: Sequence[Link], digests: dict[int, str], verifies: Verifies | None
) -> tuple[list[Signed], list[str]]:
    good, faults = list[Signed](), list[str]()
    for link in links:
        if link.entry is None or link.entry.event != EVENT:
            continue
        signed = read_fact(link.entry)
        fault = _fault(signed, link, digests, verifies)
        if signed is None or fault:
            faults.append(f"the checkpoint in record {link.number} {fault}")
        else:
            good.append(signed)
    return good, faults


def _fault(
    signed: Signed | None, link: Link, digests: dict[int, str], verifies: Verifies | None
) -> str | None:
    if signed is None:
        return "cannot be read"
    if verifies and not verifies(signed):
        return "is not signed by this key"
    number = signed.checkpoint.number
    if (
        number >= link.number
        or digests.get(number, signed.checkpoint.digest) != signed.checkpoint.digest
    ):
        return f"was signed over another record {number}"
    return None


def _compared(
    held: Sequence[Held], digests: dict[int, str], verifies: Verifies | None, faults: list[str]
) -> int:
    """How many of what was kept are in the log as they were; a first line of fault for each way to differ."""
    unsigned = [one for one in held if isinstance(one, Signed) and verifies and not verifies(one)]
    if unsigned:
        faults.append(
            f"a kept checkpoint, of record {unsigned[0].checkpoint.number}, is not signed by this key"
        )
    kept = [
        (number, digest) for number, digest in _points(held) if number >= min(digests, default=0)
    ]
    lost = [number for number, _ in kept if number not in digests]
    other = [number for number, digest in kept if digests.get(number, digest) != digest]
    if held and not kept and not unsigned:
        faults.append("nothing of what was kept lies within this log")
    if lost:
        end = max(digests, default=0)
        faults.append(f"record {lost[0]} was there and is gone: the log ends with record {end}")
    if other:
        faults.append(f"record {other[0]} is another one than was kept: the log was written anew")
    return len(kept) - len(lost) - len(other)


def _gone(held: Sequence[Held], links: Sequence[Link], digests: dict[int, str]) -> list[str]:
    """A kept checkpoint of a record that is still there must be there itself: it was logged before it was handed out."""
    entries = [link.entry for link in links if link.entry and link.entry.event == EVENT]
    there = {signed.message for entry in entries if (signed := read_fact(entry))}
    return [
        f"the checkpoint of record {one.checkpoint.number} was kept and is gone from the log"
        for one in held
        if isinstance(one, Signed) and one.message not in there
        if digests.get(one.checkpoint.number) == one.checkpoint.digest
    ][:1]


def _points(held: Sequence[Held]) -> Iterator[tuple[int, str]]:
    for one in held:
        point = one.checkpoint if isinstance(one, Signed) else one
        yield point.number, point.digest
