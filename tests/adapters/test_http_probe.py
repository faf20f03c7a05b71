"""The probe against the lies of the web: what it reports, and that nothing holds it up or floods it."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from rotator import __version__
from rotator.adapters.http_probe import HttpProbe
from rotator.domain.jwks import MAX_BYTES, Unreadable, parse
from rotator.ports import HttpAnswer, NoAnswer
from tests.adapters.rawserver import certificate, raw_server
from tests.servers.process import free_port
from tests.servers.webserver import Reply, WebServer

_PATH = "accounts/jwks.json"
_BODY = b'{"keys":[]}'
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + _BODY
_PATIENT = HttpProbe()
_HURRIED = HttpProbe(patience=timedelta(seconds=0.4), deadline=timedelta(seconds=1))


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
    packed = gzip.compress(_BODY)
    site.script(_PATH, Reply(body=packed, headers={"Content-Encoding": "gzip"}))

    found = answer(site)

    assert (found.body, found.headers["content-encoding"]) == (packed, "gzip")
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
    "reply", [Reply(hang=True), Reply(delay_s=3), Reply(drip_s=0.6)], ids=["hangs", "late", "drip"]
)
def test_silence_ends_the_look(site: WebServer, reply: Reply) -> None:
    site.script(_PATH, reply)

    assert "timed out while waiting" in no_answer(site.url(_PATH), _HURRIED)


@pytest.mark.parametrize(
    ("scheme", "sent", "why"),
    [
        pytest.param("http", _OK[:-1], "no complete answer within 1 s", id="head and body"),
        pytest.param("https", b"\x16\x03\x03\x40\x00" + b"\x02" * 64, "timed out", id="handshake"),
    ],
)
def test_a_slow_drip_ends_at_the_deadline(scheme: str, sent: bytes, why: str) -> None:
    threads = threading.active_count()
    with raw_server([bytes([byte]) for byte in sent], pause_s=0.1) as port:
        started = time.monotonic()
        assert why in no_answer(f"{scheme}://127.0.0.1:{port}/", _HURRIED)
        assert time.monotonic() - started < 4
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= threads


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
    assert "certificate is not trusted" in wrong_name.detail


def test_plain_http_on_a_tls_port_is_said() -> None:
    with raw_server([_OK]) as port:
        assert no_answer(f"https://127.0.0.1:{port}/").startswith("TLS: ")


def test_looking_imports_no_aws_library() -> None:
    script = "import sys, rotator.adapters.http_probe; print('boto3' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)

    assert said.stdout == b"False\n"
