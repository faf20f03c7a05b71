"""What every `Probe` promises, over the fake and over servers on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol

import pytest

from rotator.adapters.http_probe import HttpProbe
from rotator.domain.jwks import MAX_BYTES
from rotator.ports import HttpAnswer, NoAnswer, Probe
from tests.fakes.clock import FakeClock
from tests.fakes.probe import FakeProbe
from tests.servers.process import free_port
from tests.servers.tls import Authority
from tests.servers.webserver import Reply, WebServer, webserver

_BODY = b'{"keys":[]}'
_NAME = "keys.example.test"
_HERE, _THERE, _NOWHERE = "127.0.0.1", "127.0.0.2", "127.0.0.3"
_ENDS = (datetime.now(UTC) + timedelta(days=9)).replace(microsecond=0)


class Place(Protocol):
    """A probe, and one document at `url`, whose name is to be asked at one of two addresses, where each can lie."""

    @property
    def probe(self) -> Probe: ...
    @property
    def url(self) -> str: ...
    def serve(self, address: str, status: int, body: bytes, headers: dict[str, str]) -> None: ...
    def ahead(self, address: str, offset: timedelta) -> None: ...
    def silence(self, address: str) -> None: ...
    def tokens(self) -> list[str | None]: ...
    def missing(self) -> str: ...
    def closed(self) -> str: ...


@dataclass
class _Memory:
    probe: FakeProbe
    url: str = f"https://{_NAME}/jwks.json"

    def __post_init__(self) -> None:
        for address in (_HERE, _THERE):
            self.probe.serve_at(self.url, address, lambda: _BODY).expires = _ENDS
        self.probe.serve(self.missing(), lambda: None)
        self.probe.serve(self.closed(), lambda: None)
        closed = self.probe.edges[self.closed()]
        closed.down, closed.unreachable = "connection refused", True

    def serve(self, address: str, status: int, body: bytes, headers: dict[str, str]) -> None:
        edge = self.probe.at[self.url, address]
        edge.status, edge.body, edge.headers = status, body, headers

    def ahead(self, address: str, offset: timedelta) -> None:
        self.probe.at[self.url, address].ahead = offset

    def silence(self, address: str) -> None:
        self.probe.at[self.url, address].down = "timed out while waiting for the answer"

    def tokens(self) -> list[str | None]:
        return [look.token for look in self.probe.looks]

    def missing(self) -> str:
        return f"https://{_NAME}/other.json"

    def closed(self) -> str:
        return f"https://{_NAME}:81/jwks.json"


@dataclass
class _Loopback:
    servers: dict[str, WebServer]
    probe: HttpProbe = field(
        default_factory=lambda: HttpProbe(timedelta(seconds=1), timedelta(seconds=5))
    )

    @property
    def url(self) -> str:
        return self.servers[_HERE].url_as(_NAME, "jwks.json")

    def serve(self, address: str, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.servers[address].script("jwks.json", Reply(status, body, headers))

    def ahead(self, address: str, offset: timedelta) -> None:
        self.servers[address].now = lambda: datetime.now(UTC) + offset

    def silence(self, address: str) -> None:
        self.servers[address].script("jwks.json", Reply(hang=True))

    def tokens(self) -> list[str | None]:
        sent = [seen.headers.get("Authorization") for seen in self.servers[_HERE].seen]
        return [header.removeprefix("Bearer ") if header else None for header in sent]

    def missing(self) -> str:
        return self.servers[_HERE].url_as(_NAME, "other.json")

    def closed(self) -> str:
        return f"https://{_NAME}:{free_port()}/jwks.json"


@pytest.fixture(params=["fake", "http"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    if request.param == "fake":
        yield _Memory(FakeProbe(FakeClock()))
        return
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls = authority.server(_NAME, ends=_ENDS)
    folder = tmp_path / "web"
    with ExitStack() as open_:
        here = open_.enter_context(webserver(folder, host=_HERE, tls=tls))
        there = open_.enter_context(webserver(folder, host=_THERE, tls=tls, port=here.port))
        (folder / "jwks.json").write_bytes(_BODY)
        yield _Loopback({_HERE: here, _THERE: there})


def answer(place: Place, address: str = _HERE, token: str | None = None) -> HttpAnswer:
    found = place.probe.get(place.url, address=address, token=token)
    assert isinstance(found, HttpAnswer), found
    return found


def test_an_answer_comes_whole_with_the_end_of_its_certificate(place: Place) -> None:
    found = answer(place)

    assert (found.status, found.body, found.truncated) == (200, _BODY, False)
    assert found.headers["content-type"] == "application/jwk-set+json"
    assert all(name == name.lower() for name in found.headers)
    assert found.latency > timedelta()
    assert found.expires == _ENDS


@pytest.mark.parametrize("status", [301, 404, 429, 503])
def test_any_status_is_an_answer(place: Place, status: int) -> None:
    place.serve(_HERE, status, b"no", {"Location": place.missing()})

    assert (answer(place).status, answer(place).body) == (status, b"no")


def test_what_is_not_there_is_a_404(place: Place) -> None:
    found = place.probe.get(place.missing(), address=_HERE)

    assert isinstance(found, HttpAnswer)
    assert found.status == 404


@pytest.mark.parametrize(
    ("size", "kept", "truncated"),
    [(MAX_BYTES, MAX_BYTES, False), (MAX_BYTES + 9, MAX_BYTES + 1, True)],
)
def test_a_body_is_cut_above_the_limit(place: Place, size: int, kept: int, truncated: bool) -> None:
    place.serve(_HERE, 200, b"x" * size, {})
    found = answer(place)

    assert (len(found.body), found.truncated) == (kept, truncated)


def test_each_address_answers_for_itself(place: Place) -> None:
    place.serve(_THERE, 200, b"yesterday's", {})

    assert (answer(place, _HERE).body, answer(place, _THERE).body) == (_BODY, b"yesterday's")


def test_an_address_that_is_silent_is_not_unreachable(place: Place) -> None:
    place.silence(_THERE)

    assert place.probe.get(place.url, address=_THERE) == NoAnswer(
        "timed out while waiting for the answer"
    )
    assert answer(place, _HERE).body == _BODY


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda p: p.probe.get(p.url, address=_NOWHERE), id="an address"),
        pytest.param(lambda p: p.probe.get(p.closed(), address=_HERE), id="a port"),
    ],
)
def test_where_nobody_listens_is_unreachable(
    place: Place, ask: Callable[[Place], HttpAnswer | NoAnswer]
) -> None:
    assert ask(place) == NoAnswer("connection refused", unreachable=True)


def test_the_date_is_what_the_other_side_believes(place: Place) -> None:
    place.ahead(_THERE, timedelta(minutes=3))
    here, there = (parsedate_to_datetime(answer(place, a).headers["date"]) for a in (_HERE, _THERE))

    assert timedelta(seconds=175) < there - here < timedelta(seconds=185)


def test_a_token_is_brought_when_there_is_one(place: Place) -> None:
    answer(place, token="ey.J0.x")
    answer(place)

    assert place.tokens() == ["ey.J0.x", None]


@pytest.mark.parametrize(
    ("url", "address"),
    [("https://192.0.2.7/x", "192.0.2.7"), ("http://[2001:db8::7]:8080/x", "2001:db8::7")],
)
def test_an_address_is_its_own(place: Place, url: str, address: str) -> None:
    assert place.probe.addresses(url) == (address,)


def test_a_name_that_nobody_knows_has_no_address_and_no_answer(place: Place) -> None:
    unknown = NoAnswer("the host name does not resolve")

    assert place.probe.addresses("https://nowhere.invalid/x") == unknown
    assert place.probe.get("https://nowhere.invalid/x") == unknown


def test_a_name_in_memory_has_the_addresses_that_serve_it() -> None:
    probe = FakeProbe(FakeClock())
    place = _Memory(probe)
    probe.serve("https://one.test/x", lambda: _BODY)

    assert probe.addresses(place.url) == (_HERE, _THERE)
    assert probe.addresses("https://one.test/x") == ("192.0.2.1",)
    probe.edges["https://one.test/x"].judge = lambda token: 204 if token == "good" else 401
    statuses = [probe.get("https://one.test/x", token=token) for token in ("good", "bad", None)]
    assert [isinstance(a, HttpAnswer) and a.status for a in statuses] == [204, 401, 401]
