"""The listener over real sockets: bounded in size, time and number, and still there after whatever came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rotator.daemon.board import Board
from rotator.daemon.request import MAX_BYTES
from rotator.daemon.server import READERS_MAX, Server, respond
from rotator.daemon.site import Answer, Site
from rotator.errors import ConfigError

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def site(page=lambda _facts: Answer(200, "text/plain", b"hello")) -> Site:
    return Site(Board(datetime(2026, 1, 2, tzinfo=UTC), 0.0), lambda: 0.0, {"/": page})


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server("127.0.0.1", 0, site())
    yield made
    made.close()


def reply(server: Server, sent: bytes) -> bytes:
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(sent)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    received = b""
    while more := connection.recv(65536):
        received += more
    return received


def test_a_page(server):
    head, _, body = reply(server, ASK).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
    assert body == b"hello"


def test_head_has_no_body_and_the_same_headers(server):
    head = reply(server, ASK.replace(b"GET", b"HEAD"))
    assert head == reply(server, ASK).removesuffix(b"hello")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"\x16\x03\x01\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_BYTES // 6), b"431"),
    ],
)
def test_what_is_no_request(server, sent, status):
    assert reply(server, sent).split(b" ")[1] == status
    assert reply(server, ASK).endswith(b"hello")


def test_a_request_that_comes_in_pieces(server):
    with socket.create_connection(server.address, timeout=10) as connection:
        for byte in (ASK[:3], ASK[3:20], ASK[20:]):
            connection.sendall(byte)
        assert everything(connection).endswith(b"hello")


def test_a_reader_who_goes_away(server):
    socket.create_connection(server.address, timeout=10).close()
    assert reply(server, ASK).endswith(b"hello")


def test_a_reader_who_is_too_slow():
    near, far = socket.socketpair()
    clock = iter([0.0, 1.0, 6.0])
    with near, far:
        far.sendall(b"GET /")
        respond(near, site(), lambda: next(clock))
        near.close()
        assert everything(far).startswith(b"HTTP/1.1 408 ")


def test_a_page_that_fails():
    def fails(_facts):
        raise ZeroDivisionError("secret")

    near, far = socket.socketpair()
    with near, far:
        far.sendall(ASK)
        respond(near, site(fails), lambda: 0.0)
        near.close()
        answer = everything(far)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer


def test_only_so_many_at_a_time():
    arrived, go = threading.Semaphore(0), threading.Event()

    def waits(_facts):
        arrived.release()
        go.wait(30)
        return Answer(200, "text/plain", b"at last")

    server = Server("127.0.0.1", 0, site(waits))
    try:
        readers = [socket.create_connection(server.address, timeout=30) for _ in range(READERS_MAX)]
        for reader in readers:
            reader.sendall(ASK)
        for _ in readers:
            assert arrived.acquire(timeout=30)
        assert turned_away(server)
        go.set()
        assert all(everything(reader).endswith(b"at last") for reader in readers)
        for reader in readers:
            reader.close()
    finally:
        go.set()
        server.close()


def turned_away(server: Server) -> bool:
    """Whether one more has its connection closed without an answer."""
    with socket.create_connection(server.address, timeout=30) as connection:
        try:
            return everything(connection) == b""
        except ConnectionResetError:
            return True


def test_whoever_asks_slowly_makes_room():
    """Sixteen who never finish asking keep nobody out, and those of them who stay are still served."""
    server = Server("127.0.0.1", 0, site())
    slow = [socket.create_connection(server.address, timeout=30) for _ in range(READERS_MAX)]
    try:
        for reader in slow:
            reader.sendall(ASK[:5])
        for _ in range(3):
            assert reply(server, ASK).endswith(b"hello")
        for reader in slow[3:]:
            reader.sendall(ASK[5:])
        assert all(everything(reader).endswith(b"hello") for reader in slow[3:])
        assert everything(slow[0]) == b""
    finally:
        for reader in slow:
            reader.close()
        server.close()


def test_no_thread_to_be_had_is_not_for_ever():
    spawned: list[threading.Thread] = []

    def spawn(work):
        if len(refused) < READERS_MAX + 1:
            refused.append(work)
            raise RuntimeError("can't start new thread")
        spawned.append(threading.Thread(target=work, daemon=True))
        spawned[-1].start()

    refused: list[object] = []
    server = Server("127.0.0.1", 0, site(), spawn=spawn)
    try:
        for _ in range(READERS_MAX + 1):
            assert turned_away(server)
        assert reply(server, ASK).endswith(b"hello")
    finally:
        server.close()
    assert len(spawned) == 1


def test_other_pages_from_now_on(server):
    server.site = replace(server.site, pages={})
    assert reply(server, ASK).startswith(b"HTTP/1.1 404 ")


def test_closed_is_closed(server):
    address = server.address
    server.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address, timeout=10)
    again = Server(address[0], address[1], site())
    assert reply(again, ASK).endswith(b"hello")
    again.close()


def test_an_address_that_is_taken(server):
    with pytest.raises(ConfigError, match=r"nothing can listen on 127\.0\.0\.1 port"):
        Server(server.address[0], server.address[1], site())


@pytest.mark.parametrize("host", ["nowhere.invalid", "two..dots", "x" * 64])
def test_a_host_that_there_is_not(host):
    with pytest.raises(ConfigError, match=f"nothing can listen on {host}"):
        Server(host, 0, site())
