"""What a look means: an answer, held against the keys that should be there, becomes a check (design T1, T2, I7).

A complete answer other than 5xx and 429 from which a key cannot be loaded is a fail; no answer is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.domain.caching import parse_cache_control, refusal
from rotator.domain.evidence import Check, CheckKind, Verdict
from rotator.domain.inventory import JwksRead
from rotator.domain.jwks import MAX_BYTES, Jwks, ServedKey, Unreadable, parse, short
from rotator.domain.keys import Key
from rotator.domain.policy import JWKS_TYPE, IssuerSetup, RegionSetup
from rotator.domain.state import ForeignKey, IssuerState
from rotator.domain.timing import staleness
from rotator.planning.complaints import some


@dataclass(frozen=True, slots=True)
class Expected:
    """What a gate should serve at a moment: `keys` and the adopted `foreign` ones.

    `tolerated` may still be in a cache (withdrawn less than W ago), `dead` must not; `revoked` are those of both that
    were compromised.
    """

    keys: tuple[Key, ...]
    tolerated: frozenset[str]
    dead: frozenset[str]
    foreign: tuple[ForeignKey, ...] = ()
    revoked: frozenset[str] = frozenset()

    def adopts(self, entry: ServedKey) -> bool:
        """Whether an entry is an adopted key as it was when it was adopted."""
        return any(key.kid == entry.kid and key.text == entry.text for key in self.foreign)


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
    for foreign in state.foreign:
        ended = foreign.until or foreign.at if foreign.adopted else foreign.at
        if not foreign.wanted_at(now):
            (dead if ended + old < now else tolerated).add(foreign.kid)
    return Expected(
        state.in_documents(),
        frozenset(tolerated),
        frozenset(dead),
        state.adopted(now),
        frozenset(key.kid for key in state.keys if key.moments.revoked_at),
    )


def judge_origin(
    location: str,
    document: Jwks | Unreadable | None,
    expected: Expected,
    otherwise: Sequence[str] = (),
) -> Check:
    """A region's own object; None when it does not exist. `otherwise` is what else is not as rotator left it."""
    if document is None:
        verdict = Verdict.FAIL if expected.keys else Verdict.UNKNOWN
        words = "the document does not exist" if expected.keys else "nothing was published yet"
        return _check(CheckKind.ORIGIN, location, verdict, words, expected)
    # No cache stands before an origin: what was revoked is there because nobody has taken it out yet.
    now = replace(
        expected,
        dead=expected.dead | expected.revoked,
        tolerated=expected.tolerated - expected.revoked,
    )
    check = _judge(CheckKind.ORIGIN, location, document, now, {})
    said = [check.detail] if check.detail else []
    return replace(
        check,
        verdict=Verdict.FAIL if otherwise else check.verdict,
        detail="; ".join((*said, *otherwise)),
    )


def odd_headers(read: JwksRead, region: RegionSetup) -> tuple[str, ...]:
    """What a region's object is served with other than rotator wrote; nothing where its store keeps no headers."""
    wanted = (
        ("Content-Type", read.content_type, JWKS_TYPE),
        ("Cache-Control", read.cache_control, region.cache_control),
    )
    return tuple(
        f"its {name} is {_printable(found)}, not {should}"
        for name, found, should in wanted
        if found is not None and should is not None and found != should and region.cache_control
    )


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
    expires: datetime | None = None,
) -> Check:
    """A public URL's answer as a consumer meets it; `body` None when it was larger than the limit."""
    check = _judge_answer(url, status, headers, body, expected, latency)
    return replace(check, expires=expires)


def _judge_answer(
    url: str,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
    expected: Expected,
    latency: timedelta,
) -> Check:
    if status >= 500 or status == 429:
        return no_look(CheckKind.HTTP, url, f"answered {status}", latency)
    measured = _measured(headers, latency)
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if 300 <= status < 400:
        words = f"answered {status}, a redirect: PyJWT, jose and jwks-rsa do not follow it"
        return _check(CheckKind.HTTP, url, Verdict.FAIL, words, expected, measured)
    if status != 200:
        return _check(CheckKind.HTTP, url, Verdict.FAIL, f"answered {status}", expected, measured)
    if encoding not in ("", "identity"):
        words = f"came compressed ({_printable(encoding)}), which was not asked for: verifiers that ask alike cannot read it"
        return _check(CheckKind.HTTP, url, Verdict.FAIL, words, expected, measured)
    too_large = Unreadable(f"too large, more than {MAX_BYTES // 1024} KiB")
    document = too_large if body is None else parse(body)
    if isinstance(document, Unreadable):
        document = Unreadable(document.reason + _instead(headers))
    check = _judge(CheckKind.HTTP, url, document, expected, measured)
    return replace(check, uncacheable=refusal(headers.get("cache-control")))


def _instead(headers: Mapping[str, str]) -> str:
    """What an answer that is no key set says it is: often the page of a login or of an error."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return f" but {_printable(media_type)}" if media_type and "json" not in media_type else ""


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
    # jose refuses a member that carries private ones; and nobody should sign with a key that everybody can read.
    sound = [k for k in expected.keys if document.holds(k.jwk) and k.kid not in document.leaked]
    loaded = {k.kid: Verdict.PASS if k in sound else Verdict.FAIL for k in expected.keys}
    known = {*loaded, *expected.tolerated, *expected.dead}
    strange = [e for e in document.keys if e.kid not in known and not expected.adopts(e)]
    foreign = tuple(dict.fromkeys(entry.kid for entry in strange))
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
    served, failed = document.kids(), [k for k, v in loaded.items() if v is Verdict.FAIL]
    # What stands there twice or with private members is among the flaws.
    other = [k for k in failed if served.count(k) == 1 and k not in document.leaked]
    unadopted = [key.kid for key in expected.foreign if key.kid not in served]
    gone = expected.dead.intersection(served)
    found = (
        ("lacks {}", [k for k in failed if k not in served]),
        ("serves other material as {}", other),
        ("lacks {}, which {was} adopted", unadopted),
        ("still serves {}, which {was} revoked", sorted(gone & expected.revoked)),
        ("still serves {}, which {was} withdrawn", sorted(gone - expected.revoked)),
        ("serves {}, {keys} that rotator does not own", foreign),
    )
    words = [_said(template, kids) for template, kids in found if kids]
    return [*(["serves no key at all"] if not document.keys else []), *words, *document.flaws]


def _said(template: str, kids: Sequence[str]) -> str:
    """A complaint about these keys, in the singular or the plural; kids may come from outside."""
    was, keys = ("was", "a key") if len(kids) == 1 else ("were", "keys")
    return template.format(some([short(kid) for kid in kids]), was=was, keys=keys)


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
        stale=measured.get("stale"),
        latency=measured.get("latency"),
    )


def _measured(headers: Mapping[str, str], latency: timedelta) -> dict[str, timedelta | None]:
    cache = parse_cache_control(headers.get("cache-control", ""))
    return {
        "age": seconds_of(headers.get("age")),
        "max_age": cache.max_age if cache else None,
        "stale": cache.stale if cache else None,
        "latency": latency,
    }


def seconds_of(text: str | None) -> timedelta | None:
    """An `Age` (RFC 9111 §5.1), None where it is no number of seconds."""
    digits = (text or "").strip()
    plain = digits.isascii() and digits.isdecimal() and len(digits) < 10
    return timedelta(seconds=int(digits)) if plain else None


def _printable(text: str) -> str:
    """Something from outside, fit to print."""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in text[:60])
