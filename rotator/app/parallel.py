"""Many things at once, each of which waits for somebody else: threads, bounded."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

MOST_AT_ONCE = 256
"""Threads of one fan-out: thirty regions with five checks each, and none waits for one that hangs."""


_bound: ContextVar[int] = ContextVar("bound", default=MOST_AT_ONCE)


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """Bound every fan-out that is begun in here; with 1 things go one after another, which is faster where none waits."""
    token = _bound.set(threads)
    try:
        yield
    finally:
        _bound.reset(token)


def side_by_side(
    work: Callable[[A], B], items: Sequence[A], at_once: int = MOST_AT_ONCE
) -> list[B]:
    """`work` on all items at once; results in order, the first exception raised after all have ended.

    The first is worked on by the caller, who would only wait: with fan-outs inside fan-outs that is a third of all threads.
    """
    together = min(len(items), at_once, _bound.get())
    if together < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(together - 1) as pool:
        others = pool.map(work, items[1:])
        return [work(items[0]), *others]
