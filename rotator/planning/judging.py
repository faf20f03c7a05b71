"""What a look means: an answer, held against the keys that should be there, becomes a check (design T1, T2, I7).

A complete answer other than 5xx and 429 from which a key cannot be loaded is a fail; no answer is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rotator.domain.caching import parse_cache_control
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.jwks import Jwks, Unreadable, parse
from rotator.domain.keys import Key
from rotator.domain.policy import IssuerSetup
from rotator.domain.state import IssuerState
from rotator.domain.timing import staleness


@dataclass(frozen=True, slots=True)
class Expected:
    """What a gate should serve at a moment: `keys` all of them, `tolerated` may still be in a cache (own, withdrawn)."""

    keys: tuple[Key, ...]
    tolerated: frozenset[str]
    dead: frozenset[str]


def expected_at(setup: IssuerSetup, state: IssuerState, gate: str, now: datetime) -> Expected:
    """The keys a gate should serve; a withdrawn one counts as stale for W, then as wrongly served."""
    old = staleness(setup.policy, setup.cache_of(gate)).total
    tolerated, dead = set(), set()
    for key in state.keys:
        gone = key.moments.removed_at or key.moments.revoked_at
        if gone and gone + old < now:
            dead.add(key.kid)
        elif gone or key.moments.removal_started_at:
            tolerated.add(key.kid)
    return Expected(state.in_documents(), frozenset(tolerated), frozenset(dead))


def judge_origin(location: str, document: Jwks | Unreadable | None, expected: Expected) -> Check:
    """A region's own object; None when it does not exist."""
    if document is None:
        verdict = Verdict.FAIL if expected.keys else Verdict.UNKNOWN
        words = "the document does not exist" if expected.keys else "nothing was published yet"
        return _check(CheckKind.ORIGIN, location, verdict, words, expected)
    return _judge(CheckKind.ORIGIN, location, document, expected, {})


def no_look(kind: CheckKind, target: str, detail: str, latency: timedelta | None = None) -> Check:
    """A target that gave no complete answer."""
    return Check(kind=kind, target=target, verdict=Verdict.UNKNOWN, detail=detail, latency=latency)


def judge_http(
    url: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    expected: Expected,
    latency: timedelta,
) -> Check:
    """A public URL's answer as a consumer meets it; `body` None when it was larger than the limit."""
    if status >= 500 or status == 429:
        return no_look(CheckKind.HTTP, url, f"answered {status}", latency)
    measured = _measured(headers, latency)
    if 300 <= status < 400:
        words = f"answered {status}, a redirect: PyJWT, jose and jwks-rsa do not follow it"
        return _check(CheckKind.HTTP, url, Verdict.FAIL, words, expected, measured)
    if status != 200:
        return _check(CheckKind.HTTP, url, Verdict.FAIL, f"answered {status}", expected, measured)
    document = Unreadable("too large") if body is None else parse(body)
    return _judge(CheckKind.HTTP, url, document, expected, measured)


def _judge(
    kind: CheckKind,
    target: str,
    document: Jwks | Unreadable,
    expected: Expected,
    measured: Mapping[str, timedelta | None],
) -> Check:
    if isinstance(document, Unreadable):
        words = f"no key set: {document.reason}"
        return _check(kind, target, Verdict.FAIL, words, expected, measured)
    loaded = {k.kid: Verdict.PASS if document.holds(k.jwk) else Verdict.FAIL for k in expected.keys}
    known = {*loaded, *expected.tolerated, *expected.dead}
    foreign = tuple(kid for kid in document.kids() if kid not in known)
    complaints = _complaints(document, expected, loaded, foreign)
    return Check(
        kind=kind,
        target=target,
        verdict=Verdict.FAIL if complaints else Verdict.PASS,
        detail="; ".join(complaints),
        kids=document.kids(),
        keys=loaded,
        foreign=foreign,
        age=measured.get("age"),
        max_age=measured.get("max_age"),
        stale=measured.get("stale"),
        latency=measured.get("latency"),
    )


def _complaints(
    document: Jwks, expected: Expected, loaded: Mapping[str, Verdict], foreign: tuple[str, ...]
) -> list[str]:
    words = []
    served = set(document.kids())
    for kid, verdict in loaded.items():
        if verdict is Verdict.FAIL:
            how = "serves other material as" if kid in served else "lacks"
            words.append(f"{how} {kid[:8]}")
    words.extend(
        f"still serves {kid[:8]}, which was removed" for kid in sorted(expected.dead & served)
    )
    words.extend(f"serves {kid[:8]}, a key that rotator does not own" for kid in foreign)
    words.extend(document.flaws)
    return words


def _check(
    kind: CheckKind,
    target: str,
    verdict: Verdict,
    detail: str,
    expected: Expected,
    measured: Mapping[str, timedelta | None] | None = None,
) -> Check:
    """A verdict on the whole answer: no key can be loaded from it."""
    measured = measured or {}
    return Check(
        kind=kind,
        target=target,
        verdict=verdict,
        detail=detail,
        keys={key.kid: Verdict.FAIL for key in expected.keys},
        age=measured.get("age"),
        max_age=measured.get("max_age"),
        latency=measured.get("latency"),
    )


def _measured(headers: Mapping[str, str], latency: timedelta) -> dict[str, timedelta | None]:
    cache = parse_cache_control(headers.get("cache-control", ""))
    age = headers.get("age", "").strip()
    return {
        "age": timedelta(seconds=int(age)) if age.isdecimal() and len(age) < 10 else None,
        "max_age": cache.max_age if cache else None,
        "stale": cache.stale if cache else None,
        "latency": latency,
    }
