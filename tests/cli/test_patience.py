"""The bar: only where something takes a while, and gone afterwards."""

import io
import time

from rotator.cli.patience import SOON, patience


def test_nothing_is_shown_for_what_is_quick():
    stream = io.StringIO()
    with patience(stream, "looking", shown=True):
        pass
    assert stream.getvalue() == ""


def test_what_takes_a_while_is_shown():
    stream = io.StringIO()
    with patience(stream, "looking", shown=True):
        time.sleep(SOON * 1.5)
    assert "looking" in stream.getvalue()


def test_not_where_nobody_watches():
    stream = io.StringIO()
    with patience(stream, "looking", shown=False):
        time.sleep(SOON * 1.2)
    assert stream.getvalue() == ""
