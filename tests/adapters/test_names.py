"""Host names to addresses by a deadline, and how long one may wait."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from rotator.names import Limit, Place, is_address, places


def test_each_wait_is_bounded_and_all_of_them_together() -> None:
    assert Limit.of(patience=5, deadline=100).left() == 5
    assert 9 < Limit.of(patience=60, deadline=10).left() <= 10
    assert not Limit.of(patience=60, deadline=10).over


def test_past_its_end_nobody_waits() -> None:
    ended = Limit(5, time.monotonic() - 1)

    assert ended.over
    with pytest.raises(TimeoutError):
        ended.left()
    with pytest.raises(TimeoutError):
        places("localhost", 80, ended)


@pytest.mark.parametrize(
    ("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)]
)
def test_an_address_needs_no_resolver(host: str, family: socket.AddressFamily) -> None:
    """And so no time either."""
    (place,) = places(host, 8080, Limit(5, time.monotonic() - 1))

    assert (place.family, place.host, place.address[1]) == (family, host, 8080)


def test_a_name_is_asked_of_the_resolver() -> None:
    found = places("localhost", 8080, Limit.of(5, 5))

    assert Place(socket.AF_INET, ("127.0.0.1", 8080)) in found
    assert len(set(found)) == len(found)
    assert "resolver" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    ("host", "error"),
    [
        ("nowhere.invalid", socket.gaierror),
        ("a" * 64 + ".example", ValueError),
    ],
)
def test_what_is_no_name_raises_in_the_thread_that_asked(host: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        places(host, 80, Limit.of(5, 5))


@pytest.mark.parametrize(
    ("host", "so"),
    [
        ("192.0.2.1", True),
        ("2001:db8::1", True),
        ("fe80::1%eth0", True),
        ("[::1]", False),
        ("127.1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_addresses_are_told_from_names(host: str, so: bool) -> None:
    assert is_address(host) is so
