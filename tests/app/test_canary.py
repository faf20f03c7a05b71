"""Canaries: signed as a region's signers sign, checked with what the region serves, presented, believed only so far."""

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
import pytest

from rotator.adapters.clock import SystemClock
from rotator.adapters.http_probe import HttpProbe
from rotator.app.canary import look_with_canary
from rotator.app.world import IssuerWorld, RegionPorts, World
from rotator.domain.canary import canary_keys
from rotator.domain.checks import CanaryCheck
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.jwk import Algorithm, Jwk, thumbprint
from rotator.domain.jwks import MAX_BYTES, own_entry, render
from rotator.domain.keys import Key, Moments
from rotator.domain.policy import IssuerSetup, Policy, RegionSetup
from rotator.domain.state import IssuerState
from rotator.errors import KeyLocked, KeyStoreDenied
from rotator.ports import Clock, HttpAnswer, KeyStore, NoAnswer, Probe
from tests.fakes.clock import START, FakeClock
from tests.fakes.keys import MemoryKeys, named
from tests.fakes.kms import MemoryKms
from tests.fakes.reporter import RecordingReporter
from tests.fakes.services import Api, Services, always, answer
from tests.fakes.state import MemoryState
from tests.fakes.targets import Fault, MemoryRegion
from tests.fakes.time_source import FakeTimeSource

PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN
REGION, ISSUER = "us-east-1", "https://auth.example.com"
API, JWKS = "https://api.example.com/canary", "https://use1.example.com/jwks.json"
ACTIVE = {"published_at": START, "switch_started_at": START, "activated_at": START}


@dataclass
class Place:
    """One region with a service that checks tokens; `document` is what its public URL serves."""

    clock: Clock = field(default_factory=FakeClock)
    keys: KeyStore = field(default_factory=MemoryKeys)
    region: MemoryRegion = field(default_factory=lambda: MemoryRegion(REGION))
    services: Services = field(default_factory=Services)
    algorithm: Algorithm = Algorithm.ES256

    def __post_init__(self) -> None:
        self.active = self.key(1, **ACTIVE)
        self.waiting = self.key(2, published_at=START)
        self.document = document(self.active, self.waiting)
        self.api = Api(self.clock, lambda: self.document)
        self.services.put(JWKS, lambda _: answer(self.document))
        self.services.put(API, self.api)

    def key(self, number: int, **moments: datetime) -> Key:
        """One more key of the store, with these moments."""
        made = self.keys.generate(named("accounts", number), self.algorithm, 2048)
        jwk = Jwk(thumbprint(made.public), self.algorithm, made.public)
        lived = Moments(staged_at=START, **moments)
        return Key(jwk=jwk, generation=number, handle=made.handle, moments=lived)

    def look(
        self,
        *keys: Key,
        urls: tuple[str, ...] = (JWKS,),
        probe: Probe | None = None,
        api: str = API,
    ) -> Check:
        """One look with these keys in the state (none given: the active one, and one that waits)."""
        state = IssuerState(issuer="accounts", keys=keys or (self.active, self.waiting))
        aws = RegionSetup(REGION, "", "", aws_region=REGION)
        issuer = IssuerWorld(
            IssuerSetup("accounts", ISSUER, Policy(), (aws,)),
            {REGION: RegionPorts(self.region.target("jwks"), self.region.target("signing"))},
            self.keys,
        )
        world = World(
            clock=self.clock,
            state=MemoryState(self.clock),
            probe=probe or self.services,
            time=FakeTimeSource(self.clock),
            reporter=RecordingReporter(),
            issuers=(issuer,),
            config_digest="",
            owner="test",
        )
        return look_with_canary(world, issuer, state, REGION, CanaryCheck(api), urls)

    def presented(self) -> list[str]:
        """The tokens that anybody was handed."""
        return [token for _, _, token in self.services.asked if token]


def document(*keys: Key) -> bytes:
    return render([own_entry(key.jwk) for key in keys])


def altered(body: bytes, **members: str) -> bytes:
    """The document with members of every key set anew."""
    return json.dumps({"keys": [{**key, **members} for key in json.loads(body)["keys"]]}).encode()


@pytest.fixture
def place() -> Place:
    return Place()


class TestWhichKeys:
    def test_those_that_wait(self, place):
        staged, switching = place.key(3), place.key(4, published_at=START, switch_started_at=START)
        leaving = place.key(5, published_at=START, removal_started_at=START)
        revoked = place.key(6, published_at=START, revoked_at=START)
        keys = (place.active, staged, place.waiting, switching, leaving, revoked)
        state = IssuerState(issuer="accounts", keys=keys)
        assert canary_keys(state) == (place.waiting, switching)

    def test_else_the_active_one(self, place):
        check = place.look(place.active)
        assert check.keys == {place.active.kid: PASS}

    def test_else_none(self, place):
        check = place.look(place.key(3))
        assert (check.verdict, check.keys, check.looked) == (UNKNOWN, {}, 0)
        assert check.detail == "no key was published yet"
        assert place.services.asked == []


class TestTheToken:
    def test_is_marked_twice_and_lives_a_minute(self, place):
        check = place.look()
        assert (check.kind, check.target, check.verdict) == (CheckKind.CANARY, API, PASS)
        assert (check.keys, check.kids) == ({place.waiting.kid: PASS}, (place.waiting.kid,))
        assert (check.detail, check.looked, check.latency) == ("", 1, timedelta(milliseconds=20))
        (claims,) = place.api.claims
        now = int(START.timestamp())
        assert len(claims.pop("jti")) >= 16
        assert claims == {
            "iss": ISSUER,
            "aud": ["urn:rotator:canary"],
            "iat": now,
            "exp": now + 60,
        }
        header = jwt.get_unverified_header(place.presented()[0])
        assert header == {"alg": "ES256", "typ": "rotator-canary+jwt", "kid": place.waiting.kid}

    def test_is_another_each_time(self, place):
        place.look()
        place.look()
        assert len(set(place.presented())) == 4

    def test_each_key_has_its_own(self, place):
        other = place.key(3, published_at=START)
        place.document = document(place.active, place.waiting, other)
        check = place.look(place.active, place.waiting, other)
        assert check.keys == {place.waiting.kid: PASS, other.kid: PASS}
        assert check.looked == 2

    def test_shows_in_nothing_that_is_returned(self, place):
        for service in (place.api, always(answer(status=401)), always(answer(status=200))):
            place.services.put(API, service)
            words = repr(place.look())
            assert not [
                part for token in place.presented() for part in token.split(".") if part in words
            ]

    @pytest.mark.parametrize("algorithm", [Algorithm.RS256, Algorithm.PS256, Algorithm.EDDSA])
    def test_is_signed_with_any_algorithm(self, algorithm):
        place = Place(algorithm=algorithm)
        assert place.look().verdict is PASS
        assert len(place.api.claims) == 1


class TestTheDocument:
    @pytest.mark.parametrize(
        ("served", "verdict", "words"),
        [
            (answer(status=503), UNKNOWN, f"cannot be compared: {JWKS} answered 503"),
            (answer(status=429), UNKNOWN, f"cannot be compared: {JWKS} answered 429"),
            (NoAnswer("timed out"), UNKNOWN, f"cannot be compared: {JWKS}: timed out"),
            (answer(status=404), FAIL, f"is not served: {JWKS} answered 404"),
            (answer(b"{}", content_encoding="gzip"), FAIL, "answered compressed, unasked"),
            (answer(b"<html>"), FAIL, f"is not served: {JWKS} is no key set: not JSON"),
            (answer(b"x" * (MAX_BYTES + 1)), FAIL, "is no key set: larger than 256 KiB"),
            (answer(b'{"keys":[]}'), FAIL, f"is not in {JWKS}"),
        ],
    )
    def test_without_the_key_nothing_is_presented(self, place, served, verdict, words):
        place.services.put(JWKS, always(served))
        check = place.look()
        assert (check.verdict, check.keys) == (verdict, {place.waiting.kid: verdict})
        assert check.detail.startswith(place.waiting.kid[:8])
        assert words in check.detail
        assert place.presented() == []

    @pytest.mark.parametrize(
        ("spoil", "words"),
        [
            (lambda good, other: altered(other, kid=json.loads(good)["keys"][1]["kid"]), "is other material in"),
            (lambda good, _: good.replace(b"]}", b"," + good[9:]), "stands there twice"),
            (lambda good, _: altered(good, alg="ES384"), "is not meant for ES256 signatures in"),
            (lambda good, _: altered(good, use="enc"), "is not meant for ES256 signatures in"),
            (lambda good, _: altered(good, kty="oct"), "is other material in"),
        ],
    )  # fmt: skip
    def test_with_another_key_nothing_is_presented(self, place, spoil, words):
        place.document = spoil(place.document, document(place.key(9)))
        check = place.look()
        assert check.keys == {place.waiting.kid: FAIL}
        assert words in check.detail
        assert place.presented() == []

    def test_what_the_state_says_of_the_key_does_not_count(self, place):
        """The store signs with one key, region and state name another."""
        wrong = replace(place.waiting, handle=place.active.handle)
        check = place.look(place.active, wrong)
        assert check.keys == {wrong.kid: FAIL}
        assert f"signs what {JWKS} does not verify" in check.detail
        assert place.presented() == []

    def test_every_public_url_must_have_it(self, place):
        second = "https://cdn.example.com/jwks.json"
        place.services.put(second, always(NoAnswer("timed out")))
        assert place.look(urls=(JWKS, second)).verdict is UNKNOWN
        place.services.put(second, always(answer(document(place.active))))
        assert place.look(urls=(second, JWKS)).verdict is FAIL
        place.services.put(JWKS, always(NoAnswer("timed out")))
        assert place.look(urls=(JWKS, second)).verdict is FAIL

    def test_without_public_urls_the_origin_counts(self, place):
        assert "jwks does not exist" in place.look(urls=()).detail
        place.region.documents["jwks"] = b"<html>"
        assert "is no key set" in place.look(urls=()).detail
        place.region.documents["jwks"] = place.document
        assert place.look(urls=()).verdict is PASS
        place.region.fault = Fault.DOWN
        check = place.look(urls=())
        assert check.verdict is UNKNOWN
        assert "cannot reach memory://us-east-1/jwks (it is down)" in check.detail


class TestTheEndpoint:
    @pytest.mark.parametrize(
        ("right", "wrong", "verdict", "words"),
        [
            (204, 401, PASS, ""),
            (200, 400, PASS, ""),
            (299, 404, PASS, ""),
            (401, 401, FAIL, "signs tokens that are refused (401)"),
            (403, 401, FAIL, "signs tokens that are refused (403)"),
            (400, 200, FAIL, "signs tokens that are refused (400)"),
            (302, 401, UNKNOWN, "was answered with 302, which says nothing"),
            (404, 401, UNKNOWN, "was answered with 404, which says nothing"),
            (503, 401, UNKNOWN, "was answered with 503, which says nothing"),
            (None, 401, UNKNOWN, "was not answered: timed out"),
            (204, 200, UNKNOWN, "it accepts anything, which proves nothing"),
            (
                204,
                503,
                UNKNOWN,
                "a token with a wrong signature was answered with 503, which says nothing",
            ),
            (
                204,
                429,
                UNKNOWN,
                "a token with a wrong signature was answered with 429, which says nothing",
            ),
            (204, None, UNKNOWN, "a token with a wrong signature was not answered: timed out"),
        ],
    )
    def test_what_its_answer_means(self, place, right, wrong, verdict, words):
        def service(token: str | None) -> HttpAnswer | NoAnswer:
            status = right if token and place.api.accepts(token) else wrong
            return answer(status=status) if status else NoAnswer("timed out")

        place.services.put(API, service)
        check = place.look()
        assert check.keys == {place.waiting.kid: verdict}
        assert check.detail.endswith(words)

    def test_each_key_is_doubted_by_itself(self, place):
        """It looks at the kid alone: the one that it has is accepted, however it is signed."""
        other = place.key(3, published_at=START)
        place.document = document(place.active, place.waiting, other)

        def service(token: str | None) -> HttpAnswer:
            kid = jwt.get_unverified_header(token or "")["kid"]
            return answer(status=204 if kid == other.kid else 401)

        place.services.put(API, service)
        check = place.look(place.active, place.waiting, other)
        assert check.keys == {place.waiting.kid: FAIL, other.kid: UNKNOWN}

    def test_it_may_have_an_older_document(self, place):
        place.services.put(API, Api(place.clock, lambda: document(place.active)))
        check = place.look()
        assert check.detail == f"{place.waiting.kid[:8]} signs tokens that are refused (401)"


class LockedKeys(MemoryKeys):
    """A store whose passphrase nobody gave."""

    def sign(self, handle, algorithm, message, aws_region=None) -> bytes:
        raise KeyLocked("cannot open the key", detail="no passphrase")


class DeniedKms(MemoryKms):
    """A KMS that this role may not sign with; it remembers where it was asked to."""

    asked = ""

    def sign(self, handle, algorithm, message, aws_region=None) -> bytes:
        self.asked = aws_region
        raise KeyStoreDenied("KMS refused to sign", detail="no kms:Sign")


class TestWhoCannotSign:
    def test_a_locked_key(self):
        place = Place(keys=LockedKeys())
        check = place.look()
        assert check.keys == {place.waiting.kid: UNKNOWN}
        words = f"{place.waiting.kid[:8]} could not sign: cannot open the key (no passphrase)"
        assert check.detail == words
        assert place.presented() == []

    def test_kms_is_asked_in_the_signers_region(self):
        kms = DeniedKms()
        assert "could not sign: KMS refused to sign (no kms:Sign)" in Place(keys=kms).look().detail
        assert kms.asked == REGION


@contextlib.contextmanager
def served(place: Place) -> Iterator[str]:
    """The document and the service over HTTP on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            found = answer(place.document) if self.path == "/jwks" else place.api(token)
            self.send_response(found.status)
            self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        def log_message(self, *_: object) -> None:
            """Keep the output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_over_the_network():
    place = Place(clock=SystemClock())
    with served(place) as base:
        probe = HttpProbe(timedelta(seconds=2), timedelta(seconds=2))
        check = place.look(urls=(f"{base}/jwks",), probe=probe, api=f"{base}/canary")
        assert (check.verdict, check.detail) == (PASS, "")
        assert len(place.api.claims) == 1
        place.api.jwks = lambda: document(place.active)
        check = place.look(urls=(f"{base}/jwks",), probe=probe, api=f"{base}/canary")
        assert check.detail == f"{place.waiting.kid[:8]} signs tokens that are refused (401)"
    check = place.look(urls=(f"{base}/jwks",), probe=probe, api=f"{base}/canary")
    assert check.verdict is UNKNOWN
