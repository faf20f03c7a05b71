"""Notices over HTTP, against a server that answers what it is told to."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rotator.adapters.webhook import NOTICE as NOTICE_HEADER
from rotator.adapters.webhook import SIGNATURE, TRIES, Webhook, signature
from rotator.domain.notice import Topic
from rotator.errors import NotifyError
from rotator.render.notices import generic, slack
from tests.adapters.rawserver import certificate, raw_server
from tests.docs.pages import ROOT
from tests.fakes.clock import FakeClock
from tests.unit.test_notice import NOTICE

SECRET = "a secret of the two of us"


@dataclass
class Receiver:
    """What came, and what is answered: one answer a request, the last one again and again."""

    port: int = 0
    answers: list[int] = field(default_factory=lambda: [204])
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    got = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            got.headers.append(dict(self.headers.items()))
            got.paths.append(self.path)
            self.send_response(got.answers.pop(0) if len(got.answers) > 1 else got.answers[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        got.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield got
        server.shutdown()
        thread.join()


def webhook(url: str, clock: FakeClock | None = None, **changes: Any) -> Webhook:
    made = Webhook(
        name="ops",
        topics=frozenset(Topic),
        repeat=timedelta(days=1),
        at_once=1,
        body=generic,
        url=lambda: url,
        secret=lambda: SECRET,
        clock=clock or FakeClock(),
    )
    return replace(made, **changes)


def test_a_notice_arrives_whole(receiver: Receiver) -> None:
    webhook(receiver.url).send([NOTICE])
    (document,) = map(json.loads, receiver.bodies)
    assert (document["format"], document["id"]) == ("rotator.notice/1", NOTICE.id)
    (headers,) = receiver.headers
    assert (headers["Content-Type"], headers[NOTICE_HEADER]) == ("application/json", NOTICE.id)
    assert receiver.paths == ["/hook"]


@pytest.mark.parametrize(
    ("answers", "requests", "taken"),
    [
        ([200], 1, True),
        ([204], 1, True),
        ([503, 200], 2, True),
        ([429, 500, 202], 3, True),
        ([408, 425, 599], 3, False),
        ([500], TRIES, False),
        ([400], 1, False),
        ([401], 1, False),
        ([404], 1, False),
        ([410], 1, False),
        ([301], 1, False),
        ([307], 1, False),
        ([500, 403], 2, False),
    ],
)
def test_what_an_answer_means(
    receiver: Receiver, answers: list[int], requests: int, taken: bool
) -> None:
    receiver.answers = [*answers]
    outcome = contextlib.nullcontext() if taken else pytest.raises(NotifyError)
    with outcome as caught:
        webhook(receiver.url).send([NOTICE])
    assert len(receiver.bodies) == requests
    assert set(receiver.paths) == {"/hook"}
    if caught is not None:
        assert caught.value.detail == f"it answers {answers[-1]}"


def test_it_waits_longer_each_time(receiver: Receiver) -> None:
    receiver.answers = [500]
    clock = FakeClock()
    with pytest.raises(NotifyError):
        webhook(receiver.url, clock).send([NOTICE])
    assert clock.slept == [timedelta(seconds=1), timedelta(seconds=2)]


def is_genuine(*arguments: Any) -> bool:
    """The example of the documentation, as it is shown there."""
    page = (ROOT / "docs/notices.md").read_text("utf-8")
    names: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], names)  # noqa: S102  (our own page)
    return bool(names["is_genuine"](*arguments))


class TestSignature:
    def sent(self, receiver: Receiver, **changes: Any) -> tuple[str, bytes, float]:
        clock = FakeClock()
        webhook(receiver.url, clock, **changes).send([NOTICE])
        return receiver.headers[0].get(SIGNATURE, ""), receiver.bodies[0], clock.now().timestamp()

    def test_the_example_accepts_what_is_sent(self, receiver: Receiver) -> None:
        header, body, now = self.sent(receiver)
        assert is_genuine(header, body, SECRET, now)
        assert is_genuine(header, body, SECRET, now + 299)

    def test_the_example_refuses_everything_else(self, receiver: Receiver) -> None:
        header, body, now = self.sent(receiver)
        older = header.replace(f"t={int(now)}", f"t={int(now) - 60}")
        forged = [
            (header, body + b" ", SECRET, now),
            (header, body, "another secret", now),
            (older, body, SECRET, now),
            (header, body, SECRET, now + 301),
            (header, body, SECRET, now - 301),
            (header.split(",")[0], body, SECRET, now),
            (header.split(",")[1], body, SECRET, now),
            ("", body, SECRET, now),
            ("t=x,v1=y", body, SECRET, now),
        ]
        assert [is_genuine(*one) for one in forged] == [False] * len(forged)

    def test_each_try_is_of_its_own_time(self, receiver: Receiver) -> None:
        receiver.answers = [500, 200]
        clock = FakeClock()
        begun = int(clock.now().timestamp())
        webhook(receiver.url, clock).send([NOTICE])
        times = [headers[SIGNATURE].split(",")[0] for headers in receiver.headers]
        assert times == [f"t={begun}", f"t={begun + 1}"]

    def test_without_a_secret_nothing_is_signed(self, receiver: Receiver) -> None:
        assert self.sent(receiver, secret=None)[0] == ""

    def test_without_the_secret_that_it_needs_nothing_is_sent(self, receiver: Receiver) -> None:
        def gone() -> str:
            raise NotifyError("the secret of ops is not there", detail="$HOOK is empty or not set")

        with pytest.raises(NotifyError, match="is not there"):
            webhook(receiver.url, secret=gone).send([NOTICE])
        assert receiver.bodies == []

    def test_a_value_that_stays(self) -> None:
        """Whoever checks signatures relies on it; computed once with `openssl dgst -sha256 -hmac`."""
        assert signature(b"key", 1795952171, b"{}") == (
            "t=1795952171,v1=a388e9c274817bc4410493993b12d79d4190d014b79d6fac6b91c09aa3f64a06"
        )


def test_a_chat_gets_a_line_a_notice(receiver: Receiver) -> None:
    webhook(receiver.url, body=slack, at_once=20).send([NOTICE, NOTICE])
    (document,) = map(json.loads, receiver.bodies)
    assert len(document["text"].splitlines()) == 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ops.example.com/T0/very-secret", "an http: URL"),
        ("ftp://127.0.0.1/very-secret", "no URL that can be posted to"),
        ("https://:x/very-secret", "no URL that can be posted to"),
        ("very-secret", "no URL that can be posted to"),
        ("", "no URL that can be posted to"),
    ],
)
def test_what_nothing_is_posted_to(url: str, words: str) -> None:
    with pytest.raises(NotifyError, match=words) as caught:
        webhook(url).send([NOTICE])
    assert "very-secret" not in str(caught.value.diagnostics())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_host_needs_no_tls(receiver: Receiver, host: str) -> None:
    webhook(receiver.url.replace("127.0.0.1", host)).send([NOTICE])
    assert len(receiver.bodies) == 1


def test_insecure_urls_can_be_allowed() -> None:
    with pytest.raises(NotifyError, match="not taken") as caught:
        webhook("http://ops.invalid/very-secret", allow_insecure=True).send([NOTICE])
    assert caught.value.detail == "its host name does not resolve"


class TestNoAnswer:
    def detail(self, url: str, **changes: Any) -> str:
        with pytest.raises(NotifyError) as caught:
            webhook(url, **changes).send([NOTICE])
        assert "very-secret" not in str(caught.value.diagnostics())
        return caught.value.detail

    def test_nobody_listens(self) -> None:
        with raw_server([]) as port:
            pass
        assert self.detail(f"http://127.0.0.1:{port}/very-secret") == "no connection"

    def test_silence(self) -> None:
        with raw_server([b"HTTP/1.1 "], pause_s=60) as port:
            found = self.detail(f"http://127.0.0.1:{port}/very-secret", patience_s=0.05)
        assert found == "it does not answer in time"

    def test_no_http(self) -> None:
        with raw_server([b"\x00garbage\r\n\r\n"]) as port:
            assert self.detail(f"http://127.0.0.1:{port}/very-secret").startswith("no answer (")

    def test_a_certificate_that_nobody_knows(self, tmp_path: Path) -> None:
        _, context = certificate(tmp_path)
        with raw_server([], tls=context) as port:
            found = self.detail(f"https://127.0.0.1:{port}/very-secret")
        assert found == "its certificate or TLS is not accepted"


def test_the_moment_in_the_document_is_that_of_the_notice(receiver: Receiver) -> None:
    clock = FakeClock(datetime(2030, 1, 1, tzinfo=UTC))
    webhook(receiver.url, clock).send([NOTICE])
    assert json.loads(receiver.bodies[0])["at"] == "2026-11-24T06:17:00Z"
