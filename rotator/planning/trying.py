"""What became of canaries → one check (design T2): for each key whether an endpoint accepted its token, and why not.

Accepted means nothing where everything is accepted; refused means that tokens of this key would be refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from rotator.domain.evidence import Check, CheckKind, Verdict, worst
from rotator.domain.jwk import Jwk
from rotator.domain.jwks import MAX_BYTES, Jwks, Unreadable, parse, short
from rotator.domain.keys import Key


@dataclass(frozen=True, slots=True)
class Trial:
    """How far a canary got; `words` follow the key's kid."""

    verdict: Verdict
    words: str = ""
    latency: timedelta | None = None


def read_copy(
    url: str, status: int, headers: Mapping[str, str], body: bytes | None
) -> Jwks | Trial:
    """The document that a public URL served, or what that means for every key; `body` None: larger than the limit."""
    if status >= 500 or status == 429:
        return Trial(Verdict.UNKNOWN, f"cannot be compared: {url} answered {status}")
    if status != 200:
        return Trial(Verdict.FAIL, f"is not served: {url} answered {status}")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return Trial(Verdict.FAIL, f"is not served: {url} answered compressed, unasked")
    too_large = Unreadable(f"larger than {MAX_BYTES // 1024} KiB")
    return readable(url, too_large if body is None else parse(body))


def readable(where: str, document: Jwks | Unreadable) -> Jwks | Trial:
    """A document that was read, or what its state means for every key."""
    if isinstance(document, Unreadable):
        return Trial(Verdict.FAIL, f"is not served: {where} is no key set: {document.reason}")
    return document


def as_served(where: str, document: Jwks, key: Key) -> Jwk | Trial:
    """The key as a document has it, with which a consumer would check its tokens."""
    entry = document.entry(key.kid)
    if entry is None:
        return Trial(Verdict.FAIL, f"is not in {where}")
    public = entry.public()
    if public is None or not document.holds(key.jwk):
        return Trial(Verdict.FAIL, f"is other material in {where}, or stands there twice")
    members, algorithm = json.loads(entry.text), key.jwk.alg
    if (members.get("alg", algorithm), members.get("use", "sig")) != (algorithm, "sig"):
        return Trial(Verdict.FAIL, f"is not meant for {algorithm} signatures in {where}")
    return Jwk(entry.kid, algorithm, public)


def judge_presented(answer: int | str, changed: int | str, latency: timedelta | None) -> Trial:
    """What an endpoint said (a status, or why there was none) of a canary, and of one `changed` to be refused."""
    match answer:
        case str():
            return Trial(Verdict.UNKNOWN, f"was not answered: {answer}")
        case 400 | 401 | 403:
            return Trial(Verdict.FAIL, f"signs tokens that are refused ({answer})", latency)
        case _ if 200 <= answer < 300:
            doubt = _doubt(changed)
            return Trial(Verdict.UNKNOWN if doubt else Verdict.PASS, doubt, latency)
        case _:
            words = f"was answered with {answer}, which says nothing"
            return Trial(Verdict.UNKNOWN, words, latency)


def canary_check(target: str, trials: Mapping[str, Trial]) -> Check:
    """The canaries of one look, by kid."""
    latencies = [trial.latency for trial in trials.values() if trial.latency is not None]
    words = "; ".join(f"{short(kid)} {t.words}" for kid, t in trials.items() if t.words)
    return Check(
        kind=CheckKind.CANARY,
        target=target,
        verdict=worst([trial.verdict for trial in trials.values()]),
        detail=words if trials else "no key was published yet",
        kids=tuple(kid for kid, trial in trials.items() if trial.verdict is Verdict.PASS),
        keys={kid: trial.verdict for kid, trial in trials.items()},
        latency=max(latencies, default=None),
        looked=len(trials),
    )


def _doubt(changed: int | str) -> str:
    """Why it means nothing that a canary was accepted; nothing where the endpoint refused the changed one."""
    what = "a token with a wrong signature"
    match changed:
        case str():
            return f"was accepted, but {what} was not answered: {changed}"
        case _ if 200 <= changed < 300:
            return f"was accepted, as was {what}: it accepts anything, which proves nothing"
        case _ if changed >= 500 or changed == 429:
            return f"was accepted, but {what} was answered with {changed}, which says nothing"
        case _:
            return ""
