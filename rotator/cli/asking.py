"""A question to the person at the terminal; whoever leaves instead of answering is told that nothing has begun."""

import sys

from rotator.cli.reporter import put
from rotator.errors import Interrupted


def answer(question: str, *, aside: bool = False, otherwise: str = "") -> str:
    """What is typed, empty at the end of input; asked on stderr where stdout holds something else (`aside`).

    Raises Interrupted at Ctrl-C, which says `otherwise` instead of "nothing was changed". What is printed next begins a
    line of its own in any case.
    """
    stream = sys.stderr if aside else sys.stdout
    put(stream, question)
    try:
        typed = sys.stdin.readline()
    except KeyboardInterrupt:
        put(stream, "\n")
        raise Interrupted("interrupted before an answer", hint=otherwise) from None
    if not typed.endswith("\n"):
        put(stream, "\n")
    return typed.strip()
