"""A key whose turn has come, in three regions behind real servers: all that is asked says the truth until told otherwise.

us-east-1       two running verifiers
eu-central-1    an edge with four addresses, over TLS
ap-northeast-1  an NTP server, and an endpoint for canaries

Everything goes by the clock that the commands are handed; certificates alone go by the machine's.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from rotator.adapters.http_probe import HttpProbe
from rotator.adapters.time_source import SystemTime
from rotator.ports import HttpAnswer, NoAnswer
from tests.e2e.lies.services import Served, served
from tests.e2e.place import ISSUER, PASSPHRASE, REGIONS, Config, Place, file_config
from tests.e2e.year import OneProcess
from tests.fakes.clock import FakeClock
from tests.fakes.services import Api, Service, Verifier
from tests.servers.ntp import Manner, NtpServer, ntp_server
from tests.servers.tls import Authority
from tests.servers.webserver import Reply, WebServer, webserver

US, EU, AP = REGIONS
DOCUMENT = f"{ISSUER}/jwks.json"
ADDRESSES = tuple(f"127.0.0.{n}" for n in range(1, 5))
DAY = timedelta(days=1)
HURRY = timedelta(seconds=0.4)


@dataclass(frozen=True)
class ProbeInAHurry:
    """The real probe, which looks at URLs that begin so for no longer than `HURRY`; else each such row takes a minute."""

    start: str
    real: HttpProbe = field(default_factory=HttpProbe)
    short: HttpProbe = field(default_factory=lambda: HttpProbe(HURRY, HURRY))

    def addresses(self, url: str) -> tuple[str, ...] | NoAnswer:
        return self.real.addresses(url)

    def get(
        self, url: str, *, address: str | None = None, token: str | None = None
    ) -> HttpAnswer | NoAnswer:
        probe = self.short if url.startswith(self.start) else self.real
        return probe.get(url, address=address, token=token)


@dataclass
class Site:
    """The servers, and the place whose commands look at them."""

    folder: Path
    authority: Authority
    edges: Mapping[str, tuple[WebServer, ...]]
    verifiers: tuple[Served, ...]
    canary: Served
    ntp: NtpServer
    clock: FakeClock = field(default_factory=FakeClock)
    keys: OneProcess = field(default_factory=OneProcess)

    def __post_init__(self) -> None:
        self.place = Place(
            self.folder,
            self._config(),
            clock=self.clock,
            environ={"ROTATOR_KEY_PASSPHRASE": PASSPHRASE},
            wiring=self.keys,
        )
        self.certificate = self.authority.server("localhost")
        self.yesterday = b""
        self.tell_the_truth()

    def _config(self) -> Config:
        config = file_config()
        for name in REGIONS:
            check = {"kind": "http", "url": self.url(name)}
            config["regions"][name]["checks"] = [check]
        config["regions"][EU]["checks"][0]["resolve"] = list(ADDRESSES)
        config["regions"][US]["checks"].append(
            {"kind": "verifier", "urls": [verifier.url for verifier in self.verifiers]}
        )
        config["regions"][AP]["checks"] += [
            {"kind": "clock", "ntp": self.ntp.name},
            {"kind": "canary", "url": self.canary.url},
        ]
        return config

    def url(self, region: str) -> str:
        """The public URL of a region's JWKS."""
        first = self.edges[region][0]
        return first.url_as("localhost", DOCUMENT) if first.tls else first.url(DOCUMENT)

    def tell_the_truth(self) -> None:
        """Heal everything."""
        self.place.wiring = self.keys
        for edge in (edge for edges in self.edges.values() for edge in edges):
            edge.heal()
            edge.now = self.clock.now
            edge.cache_control = "public, max-age=300"
            if edge.tls:
                edge.tls = self.certificate
        for verifier in self.verifiers:
            verifier.service = self.verifier()
        self.canary.service = Api(self.clock, lambda: self.document)
        self.ntp.now = self.clock.now
        self.ntp.manner = Manner()

    def verifier(self, **other: object) -> Verifier:
        """A running verifier that holds what the region serves, but for what is said."""
        kids = tuple(entry["kid"] for entry in self.entries) if self.document else ()
        said = {"kids": kids, "own_clock": {"source": "chrony", "synchronised": True}} | other
        return Verifier(self.clock, **said)  # type: ignore[arg-type]

    def first_verifier_is(self, service: Service) -> None:
        """One of the two is another service from now on."""
        self.verifiers[0].service = service

    def hurry(self) -> None:
        """Neither the edge in Europe nor the NTP server is waited for as long as usual."""
        probe, time = ProbeInAHurry(self.url(EU)), SystemTime(HURRY)
        self.place.wiring = lambda world: replace(self.keys(world), probe=probe, time=time)

    @property
    def document(self) -> bytes:
        """What every region serves now."""
        return self.place.jwks(US) or b""

    @property
    def entries(self) -> list[dict[str, str]]:
        """Its keys, oldest first."""
        return list(json.loads(self.document)["keys"])

    def answer(self, reply: Reply, *addresses: str) -> None:
        """Let the edge in Europe answer so, at some of its addresses or at all of them."""
        for edge in self.edges[EU]:
            if not addresses or edge.host in addresses:
                edge.script(DOCUMENT, reply)

    def begin(self) -> None:
        """Two rotations' time: a document of before, and a key that is to sign now."""
        for wait in (timedelta(0), timedelta(minutes=10), timedelta(minutes=10), 90 * DAY):
            self.clock.advance(wait)
            self.yesterday = self.document
            self._run()
        self.clock.advance(40 * DAY)
        self._run()
        self.clock.advance(50 * DAY)
        self.tell_the_truth()
        self._keep(self.folder, self.folder.with_name("kept"))

    def again(self) -> None:
        """Back to the moment at which the switch is due, with nobody lying."""
        self._keep(self.folder.with_name("kept"), self.folder)
        self.tell_the_truth()

    def _run(self) -> None:
        self.tell_the_truth()
        ran = self.place.run("apply", "--yes")
        assert ran.code in (0, 3), ran

    @staticmethod
    def _keep(there: Path, here: Path) -> None:
        for name in (".rotator", "regions"):
            shutil.rmtree(here / name, ignore_errors=True)
            shutil.copytree(there / name, here / name)


@contextlib.contextmanager
def site(folder: Path) -> Iterator[Site]:
    """All servers, truthful, at the moment at which the switch is due. `SSL_CERT_FILE` must be the authority's."""
    authority = Authority(folder)
    place = folder / "place"
    with contextlib.ExitStack() as stack:
        tls = authority.server("localhost")
        first = stack.enter_context(webserver(place / "regions" / EU, host=ADDRESSES[0], tls=tls))
        further = (
            webserver(first.directory, host=host, port=first.port, tls=tls)
            for host in ADDRESSES[1:]
        )
        edges = {
            US: (stack.enter_context(webserver(place / "regions" / US)),),
            EU: (first, *(stack.enter_context(edge) for edge in further)),
            AP: (stack.enter_context(webserver(place / "regions" / AP)),),
        }
        silent = Api(FakeClock(), lambda: b"")
        verifiers = tuple(stack.enter_context(served(silent)) for _ in range(2))
        canary = stack.enter_context(served(silent))
        ntp = stack.enter_context(ntp_server())
        made = Site(place, authority, edges, verifiers, canary, ntp)
        made.begin()
        yield made
