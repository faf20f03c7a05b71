"""Who is answered what: pages, health, tokens, and everything that is no business of a reader."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from rotator.daemon.board import Board
from rotator.daemon.health import BUSY_MAX, IDLE_MAX
from rotator.daemon.request import MAX_BYTES, BadRequest, Request, parse
from rotator.daemon.site import Answer, Site
from rotator.daemon.work import Looked
from rotator.errors import ConfigError, StateError
from tests.daemon.control import Daemon
from tests.scenarios.world import Regions

TOKEN = "correct-horse-battery-staple"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
HERE = {"host": "127.0.0.1:9464"}


@pytest.fixture(scope="module")
def looked() -> Looked:
    world = Regions()
    daemon = Daemon(world.world, world.clock)
    daemon.steps(2)
    found = daemon.board.facts.looked
    assert found is not None
    return found


@pytest.fixture
def board(looked) -> Board:
    made = Board(NOON, 1000.0)
    made.put(looked=looked)
    return made


def page(_facts: Any) -> Answer:
    return Answer(200, "text/html", b"<p>hello</p>", {"Content-Security-Policy": "of the page"})


@pytest.fixture
def site(board) -> Site:
    return Site(board, lambda: 1010.0, {"/": page})


def get(site: Site, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    return site.answer(Request(method, path, {**HERE, **headers}))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class TestPages:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 200),
            ("HEAD", "/", 200),
            ("GET", "/nothing", 404),
            ("GET", "/../etc/passwd", 404),
            ("POST", "/", 405),
            ("DELETE", "/healthz", 405),
            ("OPTIONS", "/", 405),
        ],
    )
    def test_status(self, site, method, path, status):
        assert get(site, path, method).status == status

    def test_every_answer_forbids_what_it_does_not_need(self, site):
        for answer in (get(site), get(site, "/nothing"), get(site, "/healthz")):
            headers = answer.all_headers()
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Cache-Control"] == "no-store"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert headers["Content-Length"] == str(len(answer.body))
        assert get(site).all_headers()["Content-Security-Policy"] == "of the page"
        assert (
            get(site, "/x")
            .all_headers()["Content-Security-Policy"]
            .startswith("default-src 'none'")
        )


class TestReaders:
    @pytest.mark.parametrize(
        ("shown", "status"),
        [
            ({}, 401),
            ({"authorization": f"Bearer {TOKEN}"}, 200),
            ({"authorization": f"bearer   {TOKEN} "}, 200),
            ({"authorization": basic("anybody", TOKEN)}, 200),
            ({"authorization": basic(TOKEN, "")}, 401),
            ({"authorization": f"Bearer {TOKEN}x"}, 401),
            ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
            ({"authorization": "Bearer"}, 401),
            ({"authorization": "Bearer "}, 401),
            ({"authorization": f"Digest {TOKEN}"}, 401),
            ({"authorization": "Basic ???"}, 401),
            ({"authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}, 401),
            ({"authorization": "Bearer \xe4\xf6\xfc"}, 401),
            ({"cookie": f"token={TOKEN}"}, 401),
            ({"host": "rotator.example.com", "authorization": f"Bearer {TOKEN}"}, 200),
        ],
    )
    def test_with_a_token(self, site, shown, status):
        answer = get(replace(site, token=TOKEN), **shown)
        assert answer.status == status
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert TOKEN not in answer.body.decode()

    def test_a_token_in_the_address_is_none(self, site):
        closed = replace(site, token=TOKEN)
        request = parse(f"GET /?token={TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert closed.answer(request).status == 401

    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("127.0.0.1:9464", 200),
            ("localhost", 200),
            ("LocalHost:9464", 200),
            ("[::1]:9464", 200),
            ("[::1]", 200),
            ("127.9.9.9:9464", 200),
            ("[::2]:9464", 403),
            ("10.0.0.7:9464", 403),
            ("[::1", 403),
            ("rotator.example.com", 403),
            ("evil.example:9464", 403),
            ("127.0.0.1.evil.example", 403),
            ("", 403),
        ],
    )
    def test_without_one_only_names_of_this_machine(self, site, host, status):
        assert get(site, host=host).status == status


class TestHealth:
    @pytest.mark.parametrize(
        ("what", "changes", "silent", "alive", "ready"),
        [
            ("all well", {}, 0, True, True),
            ("a tick or two ago", {}, IDLE_MAX.total_seconds() - 1, True, True),
            ("the schedule stands still", {}, IDLE_MAX.total_seconds() + 1, False, False),
            ("a long run", {"doing": "apply"}, IDLE_MAX.total_seconds() + 1, True, True),
            ("a run that hangs", {"doing": "apply"}, BUSY_MAX.total_seconds() + 1, False, False),
            ("no look yet", {"looked": None}, 0, True, False),
            ("refused", {"refused": ConfigError("no").diagnostics()}, 0, True, False),
        ],
    )
    def test_alive_and_ready(self, site, board, what, changes, silent, alive, ready):
        board.put(**changes)
        late = replace(site, monotonic=lambda: 1000.0 + silent)
        assert (get(late, "/healthz").status == 200) is alive, what
        assert (get(late, "/readyz").status == 200) is ready, what

    def test_reasons(self, site, board):
        board.ran("apply", at=NOON, error=StateError("the disk is full").diagnostics())
        board.put(refused=ConfigError("rotator.yaml is refused").diagnostics(), next_apply=NOON)
        answer = get(site, "/readyz")
        document = json.loads(answer.body)
        assert document["ok"] is False
        assert document["reasons"] == [
            "the new configuration is refused: rotator.yaml is refused",
            "apply failed: E_STATE: the disk is full",
        ]
        assert document["next_apply"] == "2026-01-02T12:00:00Z"
        assert document["runs"]["apply"]["error"] == "E_STATE"
        board.ran("apply", at=NOON, error=None, succeeded_at=NOON)
        board.put(refused=None)
        assert get(site, "/readyz").status == 200

    def test_a_probe_without_the_token_is_told_whether_and_never_why(self, site, board):
        board.ran("apply", error=StateError("the disk is full").diagnostics())
        closed = replace(site, token=TOKEN)
        assert json.loads(get(closed, "/readyz").body) == {"ok": False}
        assert json.loads(get(closed, "/healthz").body) == {"ok": True}
        known = get(closed, "/readyz", authorization=f"Bearer {TOKEN}")
        assert "the disk is full" in known.body.decode()


class TestRequests:
    def test_one(self):
        text = b"GET /status.json?x=1 HTTP/1.1\r\nHost: localhost\r\nX-Odd:\t spaced \r\n\r\nrest"
        expected = {"host": "localhost", "x-odd": "spaced"}
        assert parse(text) == Request("GET", "/status.json", expected)

    @pytest.mark.parametrize(
        "head",
        [
            b"",
            b"\r\n",
            b"GET / HTTP/2\r\n",
            b"GET http://evil/ HTTP/1.1\r\n",
            b"get / HTTP/1.1\r\n",
            b"GET /\x00 HTTP/1.1\r\n",
            b"GET / HTTP/1.1\nHost: localhost\r\n",
            b"GET / HTTP/1.1\r\nHost localhost\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n",
            b"GET / HTTP/1.1\r\nHost: a\x00\r\n",
            b"GET / HTTP/1.1\r\n folded: b\r\n",
            b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        ],
    )
    def test_none(self, head):
        with pytest.raises(BadRequest) as caught:
            parse(head + b"\r\n")
        assert caught.value.status == 400

    def test_a_full_head_is_quick_to_refuse(self):
        with pytest.raises(BadRequest):
            parse(b"GET / HTTP/1.1\r\n" + b"a: " + b" \t" * (MAX_BYTES // 2) + b"\x00\r\n\r\n")
