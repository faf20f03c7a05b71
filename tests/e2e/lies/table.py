"""The lies, one a row: what is said of it and by which check, and what the switch waits for then.

`…` stands for anything; {old} is the key that signs, {new} the one whose turn it is, {gone} one that was withdrawn.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from rotator.ports import HttpAnswer, NoAnswer
from tests.e2e.lies.world import AP, EU, US, Site
from tests.fakes.services import Api, Service, always, answer
from tests.servers.ntp import Manner
from tests.servers.webserver import Reply

MINUTES_3: Final = timedelta(minutes=3)
HOUR: Final = timedelta(hours=1)
HTML: Final = {"Content-Type": "text/html; charset=utf-8"}
BOMB: Final = gzip.compress(bytes(10_000_000), mtime=0)
Told = Callable[[Site], object]


@dataclass(frozen=True, slots=True)
class Lie:
    """What is told, and what comes of it. `waits` is the words of the wait, `says` with the gate where None."""

    name: str
    told: Told
    check: str
    verdict: str
    says: str
    reason_code: str
    region: str = EU
    waits: str | None = None


@cache
def stranger(kid: str) -> dict[str, Any]:
    """A key of nobody's, as a key set has it."""
    public = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
    return {**public, "kid": kid, "use": "sig", "alg": "ES256"}


def key_set(*entries: dict[str, Any]) -> bytes:
    """A document of these entries."""
    return json.dumps({"keys": entries}).encode()


def replies(reply: Reply) -> Told:
    """Every address of the edge answers so."""
    return lambda site: site.answer(reply)


def replies_with(body: Callable[[Site], bytes]) -> Told:
    """Every address of the edge answers with a document that is made from what the region really serves."""
    return lambda site: site.answer(Reply(body=body(site)))


def slowly(reply: Reply) -> Told:
    """The same in a hurry: nobody wants to wait for such an answer."""

    def tell(site: Site) -> None:
        site.hurry()
        site.answer(reply)

    return tell


def shows(*names: str, ago: timedelta = -HOUR) -> Told:
    """The edge's certificate is for these names, and ended so long ago."""

    def tell(site: Site) -> None:
        shown = site.authority.server(*names, ends=datetime.now(UTC) - ago)
        for edge in site.edges[EU]:
            edge.tls = shown

    return tell


def dates(*regions: str, ahead: timedelta = MINUTES_3) -> Told:
    """The `Date` of these regions' edges is so far ahead."""

    def tell(site: Site) -> None:
        for edge in (edge for name in regions for edge in site.edges[name]):
            edge.now = lambda: site.clock.now() + ahead

    return tell


def ntp(manner: Manner) -> Told:
    """The NTP server behaves so."""

    def tell(site: Site) -> None:
        if manner.silent:
            site.hurry()
        site.ntp.manner = manner

    return tell


def verifier(**other: object) -> Told:
    """One of the two running verifiers reports something else."""
    return lambda site: site.first_verifier_is(site.verifier(**other))


def without_the_new(site: Site) -> tuple[str, ...]:
    """What a verifier holds that did not fetch the document again."""
    return tuple(entry["kid"] for entry in site.entries[:-1])


def older_verifier(**other: object) -> Told:
    """One of them lacks the new key."""
    return lambda site: site.first_verifier_is(site.verifier(kids=without_the_new(site), **other))


def verifier_answers(said: HttpAnswer | NoAnswer) -> Told:
    """One of them gives no report."""
    return lambda site: site.first_verifier_is(always(said))


def canary(make: Callable[[Site], Service]) -> Told:
    """The endpoint for canaries is such a service."""

    def tell(site: Site) -> None:
        site.canary.service = make(site)

    return tell


def edge(name: str, told: Told, verdict: str, says: str, reason_code: str = "not_seen") -> Lie:
    """A lie of the edge."""
    return Lie(name, told, "http", verdict, says, reason_code)


def silence(name: str, told: Told, says: str) -> Lie:
    """Something of the edge that says nothing of what it serves."""
    return edge(name, told, "unknown", says, "not_fresh")


def impostor(site: Site) -> dict[str, Any]:
    return stranger(site.entries[-1]["kid"])


STALE: Final = "lacks {new}; still serves {gone}, which was withdrawn"
CUT: Final = "the answer was cut short"
SLOW: Final = "no complete answer within 0.4 s"
FAR: Final = "more than max_clock_drift 5 s (+1… s ± … s by the Date of https://localhost:…)"

DOCUMENTS: Final = (
    edge(
        "yesterday's document",
        lambda s: s.answer(Reply(body=s.yesterday, headers={"Age": "86400"})),
        "fail",
        f"{STALE} (a copy 24 h old)",
    ),
    edge(
        "one of four addresses is stale",
        lambda s: s.answer(Reply(body=s.yesterday), "127.0.0.4"),
        "fail",
        f"1 of 4 addresses (127.0.0.4): {STALE}",
    ),
    edge(
        "another issuer's keys",
        replies_with(lambda s: key_set(stranger("payments-1"), stranger("checkout-1"))),
        "fail",
        "lacks {old}, {new}; serves payments, checkout, keys that rotator does not own",
        "foreign_key",
    ),
    edge(
        "a planted key",
        replies_with(lambda s: key_set(*s.entries, stranger("planted-1"))),
        "fail",
        "serves planted-, a key that rotator does not own",
        "foreign_key",
    ),
    edge(
        "a right kid with other material",
        replies_with(lambda s: key_set(*s.entries[:-1], impostor(s))),
        "fail",
        "serves other material as {new}",
    ),
    edge(
        "a kid twice",
        replies_with(lambda s: key_set(*s.entries, impostor(s))),
        "fail",
        "kid {new} stands there more than once",
    ),
    edge(
        "private members in a served key",
        replies_with(lambda s: key_set(*s.entries[:-1], {**s.entries[-1], "d": "A" * 43})),
        "fail",
        "key {new} carries private members (d)",
    ),
    edge(
        "an empty set",
        replies(Reply(body=b'{"keys":[]}')),
        "fail",
        "serves no key at all; lacks {old}, {new}",
    ),
    edge(
        "a document without its end",
        replies_with(lambda s: s.document[:-40]),
        "fail",
        "no key set: not JSON",
    ),
    edge(
        "10 MB", replies(Reply(huge=10_000_000)), "fail", "no key set: too large, more than 256 KiB"
    ),
    edge(
        "a gzip bomb",
        replies(Reply(body=BOMB, headers={"Content-Encoding": "gzip"})),
        "fail",
        "came compressed (gzip), which was not asked for: verifiers that ask alike cannot read it",
    ),
    edge(
        "a login page with 200",
        replies(Reply(body=b"<!doctype html><title>Sign in</title>", headers=HTML)),
        "fail",
        "no key set: not JSON but text/html",
    ),
    edge("404 with a page", replies(Reply(404, b"<h1>?</h1>", HTML)), "fail", "answered 404"),
    edge(
        "a redirect",
        replies(Reply.redirect("https://elsewhere.example.com/jwks.json")),
        "fail",
        "answered 302, a redirect: PyJWT, jose and jwks-rsa do not follow it",
    ),
)

SILENCES: Final = (
    silence(
        "fewer bytes than promised",
        lambda s: s.answer(Reply(body=s.document[:-40], promised=len(s.document))),
        CUT,
    ),
    silence("a body byte by byte", slowly(Reply(drip_s=0.05)), SLOW),
    silence("headers byte by byte", slowly(Reply(slow_head_s=0.05)), SLOW),
    silence("5xx", replies(Reply(503, b"")), "answered 503"),
    silence("429", replies(Reply(429, b"")), "answered 429"),
    silence(
        "a certificate of another name",
        shows("keys.example.com"),
        "TLS: the certificate is of another name…",
    ),
    silence(
        "an expired certificate", shows("localhost", ago=HOUR), "TLS: the certificate has expired…"
    ),
)

CLOCKS: Final = (
    Lie(
        "one region's Date is 3 minutes ahead",
        dates(EU),
        "clock",
        "fail",
        f"3 m ahead of this host's, {FAR}",
        "clock_apart",
        waits=f"the clock of eu-central-1: 3 m ahead of this host's, {FAR}",
    ),
    Lie(
        "one region's Date is 3 minutes behind",
        dates(EU, ahead=-MINUTES_3),
        "clock",
        "fail",
        "3 m behind this host's, …",
        "clock_apart",
        waits="the clock of eu-central-1: 3 m behind this host's, …",
    ),
    Lie(
        "an NTP server is 40 s ahead",
        ntp(Manner(ahead=timedelta(seconds=40))),
        "clock",
        "fail",
        "40 s ahead of this host's, more than max_clock_drift 5 s (+… s ± … s by NTP server 127.0.0.1:…)",
        "own_clock_wrong",
        AP,
        "this host's clock is wrong: 40 s behind NTP server 127.0.0.1:…",
    ),
    Lie(
        "an NTP server is not synchronised",
        ntp(Manner(leap=3)),
        "clock",
        "unknown",
        "the NTP server says that it is not synchronised (leap 3, stratum 2)",
        "clock_unknown",
        AP,
        "the clock of ap-northeast-1: the NTP server says that it is not synchronised (leap 3, stratum 2)",
    ),
    Lie(
        "an NTP server is silent",
        ntp(Manner(silent=True)),
        "clock",
        "unknown",
        "the NTP server did not answer in time",
        "clock_unknown",
        AP,
        "the clock of ap-northeast-1: the NTP server did not answer in time",
    ),
)


def reported(
    name: str, told: Told, verdict: str, says: str, code: str, waits: str | None = None
) -> Lie:
    """A lie of a running verifier."""
    return Lie(name, told, "verifier", verdict, says, code, US, waits)


VERIFIERS: Final = (
    reported(
        "claims fresh, lacks the key",
        older_verifier(),
        "fail",
        "lacks {new} (claims a fresh copy, 4 m old)",
        "verifier_lacks",
    ),
    reported(
        "a stale copy without the key",
        older_verifier(state="stale", age=timedelta(hours=4)),
        "fail",
        "lacks {new} (a stale copy, 4 h old)",
        "verifier_lacks",
    ),
    reported(
        "no copy",
        verifier(kids=(), state="empty"),
        "fail",
        "holds no key (it has no copy)",
        "verifier_lacks",
    ),
    reported(
        "a planted key in memory",
        lambda s: s.first_verifier_is(s.verifier(kids=(*s.verifier().kids, "planted-1"))),
        "fail",
        "holds keys that rotator does not own: planted-",
        "foreign_key",
        "us-east-1 serves planted-, a key that rotator does not own",
    ),
    reported(
        "another issuer's verifier",
        verifier(issuer="https://auth.example.com/"),
        "unknown",
        "does not check tokens of https://auth.example.com (it checks those of https://auth.example.com/)",
        "verifier_unseen",
    ),
    reported(
        "nothing keeps its clock",
        verifier(own_clock={"source": "chrony", "synchronised": False}),
        "unknown",
        "its clock is not synchronised (chrony)",
        "verifier_unseen",
    ),
    reported(
        "its clock is 3 minutes behind",
        verifier(ahead=-MINUTES_3),
        "fail",
        "its clock is 3 m behind, or its report is an old one",
        "clock_apart",
        "the clock of us-east-1: 3 m behind this host's, more than max_clock_drift 5 s"
        " (−1… s ± … s by the report of http://127.0.0.1:…/)",
    ),
    reported(
        "a report out of a cache",
        lambda s: s.first_verifier_is(lambda _: answer(s.verifier().report(), age="90")),
        "unknown",
        "gave no health document: a cache answered with a report 1 m 30 s old: serve it with no-store",
        "verifier_unseen",
    ),
    reported(
        "no report",
        verifier_answers(answer(status=404)),
        "unknown",
        "gave no health document: answered 404",
        "verifier_unseen",
    ),
    reported(
        "hangs up",
        verifier_answers(NoAnswer("it hangs up")),
        "unknown",
        "did not answer: the connection was closed before an answer came",
        "verifier_unseen",
    ),
)

CANARIES: Final = (
    Lie(
        "accepts anything",
        canary(lambda _: always(answer(status=204))),
        "canary",
        "unknown",
        "{new} was accepted, as was a token with a wrong signature: it accepts anything, which proves nothing",
        "canary_unseen",
        AP,
    ),
    Lie(
        "has yesterday's keys",
        canary(lambda s: Api(s.clock, lambda: s.yesterday)),
        "canary",
        "fail",
        "{new} signs tokens that are refused (401)",
        "canary_refused",
        AP,
    ),
    Lie(
        "sends to a login page",
        canary(lambda _: always(answer(status=302))),
        "canary",
        "unknown",
        "{new} was answered with 302, which says nothing",
        "canary_unseen",
        AP,
    ),
)

LIES: Final = (*DOCUMENTS, *SILENCES, *CLOCKS, *VERIFIERS, *CANARIES)
