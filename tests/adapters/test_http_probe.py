"""The probe against the lies of the web: what it reports, and that nothing holds it up or floods it."""

from __future__ import annotations

import gc
import gzip
import logging
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_INET, socket

import pytest

from rotator import __version__
from rotator.adapters.http_probe import HttpProbe
from rotator.adapters.http_probe.destination import destination
from rotator.adapters.http_probe.look import Look
from rotator.adapters.http_probe.sockets import NotConnectedError, connect
from rotator.domain.jwks import MAX_BYTES, Unreadable, parse
from rotator.names import Limit, Place
from rotator.ports import HttpAnswer, NoAnswer
from tests.adapters.rawserver import certificate, raw_server
from tests.servers.process import free_port
from tests.servers.tls import Authority
from tests.servers.webserver import Reply, WebServer, webserver

_PATH = "accounts/jwks.json"
_BODY = b'{"keys":[]}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + _BODY
_PATIENT = HttpProbe()
_HURRIED = HttpProbe(patience=timedelta(seconds=0.3), deadline=timedelta(seconds=0.6))


@pytest.fixture
def site(web: WebServer) -> WebServer:
    file = web.directory / _PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(_BODY)
    return web


def answer(site: WebServer, probe: HttpProbe = _PATIENT) -> HttpAnswer:
    found = probe.get(site.url(_PATH))
    assert isinstance(found, HttpAnswer)
    return found


def no_answer(url: str, probe: HttpProbe = _PATIENT) -> str:
    found = probe.get(url)
    assert isinstance(found, NoAnswer)
    return found.detail


# ------------------------------------------------------------------------------------ an honest server


def test_an_honest_answer_comes_back_whole(site: WebServer) -> None:
    site.age_s = 17

    found = answer(site)

    assert (found.status, found.body, found.truncated) == (200, _BODY, False)
    assert found.headers["cache-control"] == "public, max-age=300"
    assert found.headers["age"] == "17"
    assert timedelta(0) < found.latency < timedelta(seconds=10)


def test_it_asks_like_a_plain_client_and_says_who_it_is(site: WebServer) -> None:
    answer(site)

    (seen,) = site.seen
    assert seen.method == "GET"
    assert seen.headers["User-Agent"] == f"rotator/{__version__}"
    assert seen.headers["Accept-Encoding"] == "identity"
    assert seen.headers["Connection"] == "close"


def test_proxies_in_the_environment_are_not_used(
    site: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    assert answer(site).status == 200


def test_query_and_odd_characters_reach_the_server(site: WebServer) -> None:
    _PATIENT.get(site.url(_PATH) + "?v=1&x=ä#fragment")

    assert [seen.path for seen in site.seen] == [f"/{_PATH}"]


# ------------------------------------------------------------------------------------ complete answers that lie


@pytest.mark.parametrize("status", [204, 301, 302, 307, 308, 403, 404, 429, 500, 503])
def test_any_status_is_an_answer_and_no_redirect_is_followed(site: WebServer, status: int) -> None:
    elsewhere = {"Location": site.url("elsewhere.json")} if 300 < status < 400 else {}
    site.script(_PATH, Reply(status=status, body=b"", headers=elsewhere))

    assert answer(site).status == status
    assert [seen.path for seen in site.seen] == [f"/{_PATH}"]


def test_ten_megabytes_are_cut_just_above_the_limit(site: WebServer) -> None:
    site.script(_PATH, Reply(huge=10 * 1024 * 1024))

    found = answer(site)

    assert found.truncated
    assert len(found.body) == MAX_BYTES + 1
    assert isinstance(parse(found.body), Unreadable)


def test_a_body_of_the_limit_is_whole(site: WebServer) -> None:
    site.script(_PATH, Reply(huge=MAX_BYTES))

    found = answer(site)

    assert (len(found.body), found.truncated) == (MAX_BYTES, False)


def test_an_endless_body_without_a_length_is_cut(site: WebServer) -> None:
    with raw_server([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65_536] * 64]) as port:
        found = _PATIENT.get(f"http://127.0.0.1:{port}/")

    assert isinstance(found, HttpAnswer)
    assert found.truncated


def test_a_compressed_bomb_stays_as_it_came(site: WebServer) -> None:
    bomb = gzip.compress(b" " * (100 * 1024 * 1024))
    site.script(_PATH, Reply(body=bomb, headers={"Content-Encoding": "gzip"}))

    found = answer(site)

    assert found.body == bomb[: MAX_BYTES + 1]
    assert isinstance(parse(found.body), Unreadable)


def test_a_compressed_key_set_is_not_read(site: WebServer) -> None:
    site.script(_PATH, Reply(gzipped=True))

    found = answer(site)

    assert (gzip.decompress(found.body), found.headers["content-encoding"]) == (_BODY, "gzip")
    assert isinstance(parse(found.body), Unreadable)


def test_garbage_is_an_answer_that_does_not_parse(site: WebServer) -> None:
    site.script(_PATH, Reply(body=b"<html>\xff\x00 it works!"))

    assert isinstance(parse(answer(site).body), Unreadable)


# ------------------------------------------------------------------------------------ no complete answer


def test_a_body_shorter_than_promised_is_no_answer(site: WebServer) -> None:
    site.script(_PATH, Reply(promised=len(_BODY) + 5))

    assert no_answer(site.url(_PATH)) == "the answer was cut short"


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "the connection was closed before an answer came"),
        (b"\x00\xff this is not HTTP\r\n\r\n", "the answer is not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello", "no answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabc", "cut short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", "cut short"),
    ],
)
def test_what_is_not_a_whole_http_answer_is_none(sent: bytes, why: str) -> None:
    with raw_server([sent]) as port:
        assert why in no_answer(f"http://127.0.0.1:{port}/")


def test_a_refused_connection_is_said() -> None:
    assert "refused" in no_answer(f"http://127.0.0.1:{free_port()}/jwks.json")


def test_a_name_that_does_not_resolve_is_said() -> None:
    assert no_answer("http://nowhere.invalid/jwks.json") == "the host name does not resolve"


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "jwks.json", "http://", "http://[::1/", ""]
)
def test_what_is_no_web_address_is_said(url: str) -> None:
    assert no_answer(url).startswith("not a URL that can be asked")


@pytest.mark.parametrize(
    "reply", [Reply(hang=True), Reply(delay_s=1), Reply(drip_s=0.5)], ids=["hangs", "late", "drip"]
)
def test_silence_ends_the_look(site: WebServer, reply: Reply) -> None:
    site.script(_PATH, reply)

    assert "timed out while waiting" in no_answer(site.url(_PATH), _HURRIED)


def dripping(whole: bytes, sent: bytes = b"") -> list[bytes]:
    return [sent, *(bytes([byte]) for byte in whole)] if sent else dripping(whole[1:], whole[:1])


@pytest.mark.parametrize(
    ("scheme", "pieces", "why"),
    [
        pytest.param("http", dripping(_OK), "no complete answer within 0.6 s", id="head"),
        pytest.param(
            "http",
            dripping(b"x" * 99, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
            "no complete answer within 0.6 s",
            id="body",
        ),
        pytest.param(
            "http",
            dripping(b"x" * 99, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
            "no complete answer within 0.6 s",
            id="body without a length",
        ),
        pytest.param(
            "http",
            [b"HTTP/1.1 100 Continue\r\n\r\n"] * 99,
            "within 0.6 s",
            id="always more to come",
        ),
        pytest.param(
            "https",
            dripping(b"\x16\x03\x03\x40\x00" + b"\x02" * 64),
            "no complete answer within 0.6 s",
            id="handshake",
        ),
    ],
)
def test_a_slow_drip_ends_at_the_deadline(scheme: str, pieces: list[bytes], why: str) -> None:
    drawn_out = HttpProbe(patience=timedelta(seconds=5), deadline=timedelta(seconds=0.6))
    with raw_server(pieces, pause_s=0.1) as port:
        drawn_out.get(f"{scheme}://127.0.0.1:{free_port()}/")  # loads the authorities
        threads = threading.active_count()
        started = time.monotonic()
        assert why in no_answer(f"{scheme}://127.0.0.1:{port}/", drawn_out)
        assert time.monotonic() - started < 3
        assert threading.active_count() <= threads + 1  # the server's


# ------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("[2001:DB8::7]", "2001:db8::7")],
)
def test_an_address_is_its_own(host: str, address: str) -> None:
    assert _PATIENT.addresses(f"https://{host}:8443/x") == (address,)


def test_a_name_has_its_addresses_once() -> None:
    found = _PATIENT.addresses("http://localhost:1/x")

    assert isinstance(found, tuple)
    assert "127.0.0.1" in found
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://nowhere.invalid/x", "the host name does not resolve"),
        ("ftp://127.0.0.1/x", "not a URL that can be asked: neither http nor https"),
        ("http:///x", "not a URL that can be asked: no host"),
        (f"http://{'a' * 64}.example/x", "not a URL that can be asked"),
    ],
)
def test_what_has_no_address_is_said(url: str, why: str) -> None:
    found = _PATIENT.addresses(url)

    assert isinstance(found, NoAnswer)
    assert found.detail.startswith(why)


def test_resolving_has_a_deadline_too() -> None:
    found = HttpProbe(deadline=timedelta()).addresses("http://localhost/x")

    assert found == NoAnswer("the host name did not resolve within 0 s")


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://keys.test/x", "keys.test"),
        ("https://Keys.test:443/x", "keys.test"),
        ("https://keys.test.:80/x", "keys.test:80"),
        ("http://keys.test:80/x", "keys.test"),
        ("http://[::1]/x", "[::1]"),
        ("http://[fe80::1%25eth0]:8080/x", "[fe80::1]:8080"),
        ("http://someone:secret@schlüssel.test/x", "xn--schlssel-95a.test"),
    ],
)
def test_the_host_header_is_the_urls(url: str, authority: str) -> None:
    assert look(url)._headers()["Host"] == authority


def look(url: str, token: str | None = None) -> Look:
    return Look(destination(url), "127.0.0.1", token, None, timedelta(), Limit.of(1, 1))


def test_an_address_is_asked_as_the_name(site: WebServer) -> None:
    """The name need not resolve."""
    found = _PATIENT.get(site.url_as("keys.example.test", _PATH), address="127.0.0.1")

    assert isinstance(found, HttpAnswer)
    assert [seen.headers["Host"] for seen in site.seen] == [f"keys.example.test:{site.port}"]


def test_an_ipv6_address_is_asked(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(_BODY)
    with webserver(tmp_path, host="::1") as six:
        for url, address in [(six.url("x"), None), (six.url_as("keys.test", "x"), "::1")]:
            found = _PATIENT.get(url, address=address)
            assert isinstance(found, HttpAnswer)
            assert found.body == _BODY

    assert [seen.headers["Host"] for seen in six.seen] == [
        f"[::1]:{six.port}",
        f"keys.test:{six.port}",
    ]


@pytest.mark.parametrize("address", ["keys.example.test", "", "127.0.0.1:80", "[::1]", "127.1"])
def test_what_is_no_address_is_not_asked(site: WebServer, address: str) -> None:
    found = _PATIENT.get(site.url(_PATH), address=address)

    assert isinstance(found, NoAnswer)
    assert found.detail.startswith("not an address that can be asked")
    assert not site.seen


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_where_nobody_listens_is_unreachable(address: str) -> None:
    found = _PATIENT.get(f"http://keys.example.test:{free_port()}/x", address=address)

    assert found == NoAnswer("connection refused", unreachable=True)


def test_a_connection_that_came_about_is_not_unreachable(site: WebServer) -> None:
    site.script(_PATH, Reply(hang=True))
    silent = _HURRIED.get(site.url(_PATH))
    with raw_server([b""]) as port:
        closed = _PATIENT.get(f"http://127.0.0.1:{port}/")

    assert [isinstance(a, NoAnswer) and a.unreachable for a in (silent, closed)] == [False, False]


def test_the_first_address_that_lets_one_in_is_asked(site: WebServer) -> None:
    """Where a name has several, as consumers do it."""
    closed, open_ = (Place(AF_INET, ("127.0.0.1", port)) for port in (free_port(), site.port))
    with connect([closed, open_], Limit.of(5, 5)) as found:
        assert found.getpeername() == open_.address


def test_of_addresses_that_refuse_and_one_that_is_silent_the_silence_is_told() -> None:
    closed = Place(AF_INET, ("127.0.0.1", free_port()))
    with ExitStack() as full, socket(AF_INET) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(
            3
        ):  # what nobody accepts fills the queue; the kernel then drops who comes next
            full.enter_context(waiting := socket(AF_INET)).setblocking(False)
            waiting.connect_ex(silent.getsockname())
        with pytest.raises(NotConnectedError) as raised:
            connect([closed, Place(AF_INET, silent.getsockname())], Limit.of(0.2, 5))

    assert raised.value.answer == NoAnswer("timed out while connecting")


# ------------------------------------------------------------------------------------ tokens

_TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJjYW5hcnkifQ.c2lnbmF0dXJl_-"


def test_a_token_goes_as_a_bearer_token_and_only_then(site: WebServer) -> None:
    _PATIENT.get(site.url(_PATH), token=_TOKEN)
    _PATIENT.get(site.url(_PATH))

    assert [seen.headers.get("Authorization") for seen in site.seen] == [f"Bearer {_TOKEN}", None]


@pytest.mark.parametrize("token", ["", "two words", "a\r\nX-Other: b", "ü", "=", "a=b", "a\n"])
def test_what_is_no_token_is_not_sent(site: WebServer, token: str) -> None:
    found = _PATIENT.get(site.url(_PATH), token=token)

    assert isinstance(found, NoAnswer)
    assert found.detail == "the token cannot be sent: it has characters that no bearer token has"
    assert not site.seen


def test_a_token_goes_to_nobody_else(site: WebServer) -> None:
    site.script(_PATH, Reply.redirect(site.url("elsewhere")))
    _PATIENT.get(site.url(_PATH), token=_TOKEN)

    assert [seen.path for seen in site.seen] == [f"/{_PATH}"]


def test_nothing_tells_a_token(site: WebServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = [_PATIENT, look(site.url(_PATH), _TOKEN)]
    for sent in (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n bad\r\nContent-Length: x\r\n\r\n"):
        with raw_server([sent]) as port:
            said.append(_PATIENT.get(f"http://127.0.0.1:{port}/", token=_TOKEN))
    said += [_PATIENT.get(f"http://127.0.0.1:{free_port()}/", token=_TOKEN)]
    said += [_PATIENT.get(site.url(_PATH), token=f"{_TOKEN} ")]
    said += [record.getMessage() for record in caplog.records]

    assert _TOKEN not in repr(said)
    assert len(said) >= 7


# ------------------------------------------------------------------------------------ TLS


def test_a_certificate_nobody_knows_is_refused(tmp_path: Path) -> None:
    _, tls = certificate(tmp_path)
    with raw_server([_OK], tls=tls) as port:
        assert "certificate is not trusted" in no_answer(f"https://127.0.0.1:{port}/")


def test_an_authority_of_ones_own_is_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, tls = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with raw_server([_OK], tls=tls) as port:
        found = HttpProbe().get(f"https://127.0.0.1:{port}/")
        wrong_name = HttpProbe().get(f"https://localhost:{port}/")

    assert isinstance(found, HttpAnswer)
    assert found.body == _BODY
    assert isinstance(wrong_name, NoAnswer)
    assert "the certificate is of another name" in wrong_name.detail


_NAME = "keys.example.test"
Secure = Callable[..., WebServer]


@pytest.fixture
def secure(site: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secure:
    """Let the site speak TLS with a certificate of these names and that end; its authority is trusted."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    def speak(*names: str, ends: datetime | None = None) -> WebServer:
        site.tls = authority.server(*names, ends=ends)
        return site

    return speak


def test_the_certificate_is_that_of_the_name_at_any_address(secure: Secure) -> None:
    site, asked_for = secure(_NAME), []
    assert site.tls is not None
    site.tls.sni_callback = lambda _, name, __: asked_for.append(name)
    found = HttpProbe().get(site.url_as(_NAME, _PATH), address="127.0.0.1")

    assert isinstance(found, HttpAnswer)
    assert found.body == _BODY
    assert asked_for == [_NAME]
    assert [seen.headers["Host"] for seen in site.seen] == [f"{_NAME}:{site.port}"]


def test_the_end_of_the_certificate_is_told(secure: Secure) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    found = HttpProbe().get(secure("127.0.0.1", ends=ends).url(_PATH))

    assert isinstance(found, HttpAnswer)
    assert found.expires == ends


def test_without_tls_there_is_no_end(site: WebServer) -> None:
    assert answer(site).expires is None


@pytest.mark.parametrize(
    ("names", "left", "why"),
    [
        (["elsewhere.example.test"], 1, "TLS: the certificate is of another name: "),
        (["127.0.0.1"], 1, "TLS: the certificate is of another name: "),
        ([], 1, "TLS: the certificate is of another name: "),
        ([_NAME], -1, "TLS: the certificate has expired"),
    ],
)
def test_a_certificate_that_does_not_hold_is_told_apart(
    secure: Secure, names: list[str], left: int, why: str
) -> None:
    site = secure(*names, ends=datetime.now(UTC) + timedelta(days=left))
    found = HttpProbe().get(site.url_as(_NAME, _PATH), address="127.0.0.1", token=_TOKEN)

    assert isinstance(found, NoAnswer)
    assert found.detail.startswith(why)
    assert not site.seen


def test_a_certificate_of_another_address_is_refused(secure: Secure) -> None:
    found = HttpProbe().get(secure("127.0.0.2").url(_PATH))

    assert isinstance(found, NoAnswer)
    assert found.detail.startswith("TLS: the certificate is of another address: ")


def test_plain_http_on_a_tls_port_is_said() -> None:
    with raw_server([_OK]) as port:
        assert no_answer(f"https://127.0.0.1:{port}/").startswith("TLS: ")


# ------------------------------------------------------------------------------------ many at once

_MANY = 150
_ROUND_TRIP_S = 0.15


def test_many_looks_take_little_more_than_one_and_leave_nothing(
    site: WebServer, secure: Secure
) -> None:
    """Half of them hang. No look waits for another, and none needs a thread of its own."""
    secure("127.0.0.1")
    site.script("late", Reply(body=_BODY, delay_s=_ROUND_TRIP_S))
    site.script("never", Reply(hang=True))
    probe = HttpProbe(patience=timedelta(seconds=2), deadline=timedelta(seconds=20))
    urls = [site.url("never" if number % 2 else "late") for number in range(_MANY)]
    before = {thread.name for thread in threading.enumerate()}  # other tests' servers may linger
    with ThreadPoolExecutor(_MANY, "looks") as pool:
        looks = [pool.submit(probe.get, url) for url in urls]
        time.sleep(1)
        threads = {thread.name for thread in threading.enumerate()} - before
        found = [look.result() for look in looks]

    answered = [one for one in found if isinstance(one, HttpAnswer)]
    silent = [one.detail for one in found if isinstance(one, NoAnswer)]
    assert (len(answered), len(silent)) == (_MANY / 2, _MANY / 2)
    assert set(silent) == {"timed out while waiting for the answer"}
    others = [name for name in threads if not name.startswith(("looks", "MainThread"))]
    assert [name for name in others if "process_request" not in name and "serve" not in name] == []


def test_looks_keep_no_memory(site: WebServer) -> None:
    site.script("huge", Reply(huge=10 * 1024 * 1024))
    tracemalloc.start()
    try:
        for _ in range(5):
            _PATIENT.get(site.url("huge"))
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            _PATIENT.get(site.url("huge"))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < MAX_BYTES


def test_looking_imports_no_aws_library() -> None:
    script = "import sys, rotator.adapters.http_probe; print('boto3' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert said.stdout == b"False\n"
