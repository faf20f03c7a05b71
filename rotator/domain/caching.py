"""Cache-Control → how long copies of an answer may live (RFC 9111 §5.2, RFC 5861).

Where a header is ambiguous the longest reading counts: a copy that lives longer than thought breaks tokens, a shorter one
only makes rotator wait.
"""

import re
from datetime import timedelta

from rotator.domain.policy import CacheLifetime

DEFAULT_CACHE_CONTROL = "public, max-age=300"
"""What a JWKS is served with when the configuration says nothing."""

_DIRECTIVE = re.compile(
    r'\s*+([!#$%&\'*+.^_`|~0-9A-Za-z-]++)\s*+(?:=\s*("[^"]*"|[^,;"\s]*+))?[^,]*+'
)
_LONGEST = 2**31
"""RFC 9111 §1.2.2: a number too large to represent counts as this many seconds."""


def directives(text: str) -> dict[str, tuple[str | None, ...]]:
    """The directives of a Cache-Control value by lower-case name, each with its arguments in order (None: bare)."""
    found: dict[str, tuple[str | None, ...]] = {}
    for part in _split(text):
        if match := _DIRECTIVE.fullmatch(part):
            name, argument = match[1].lower(), match[2]
            found[name] = (*found.get(name, ()), argument.strip('"') if argument else argument)
    return found


def parse_cache_control(text: str) -> CacheLifetime | None:
    """How long a copy may live by this header, None where it allows none or says nothing.

    The lifetime is the longer of max-age and s-maxage, the allowance the longer of stale-while-revalidate and stale-if-error.
    """
    given = directives(text)
    fresh = max(_seconds(given, "max-age"), _seconds(given, "s-maxage"))
    if _forbidding(given) or not fresh:
        return None
    stale = max(_seconds(given, "stale-while-revalidate"), _seconds(given, "stale-if-error"))
    return CacheLifetime(timedelta(seconds=fresh), timedelta(seconds=stale))


def refusal(text: str | None) -> str | None:
    """Why a JWKS must not be served with this header, None when it may."""
    given = directives(text or "")
    if not given:
        return "there is none: some verifiers then never look again, others at every token"
    if forbidding := _forbidding(given):
        return f"{forbidding} makes verifiers and edges fetch the keys again at every token"
    if "max-age" not in given:
        return "it has no max-age: each verifier then guesses how long to keep the keys"
    if not _seconds(given, "max-age"):
        return "its max-age is not a number of seconds above 0: verifiers fetch the keys again at every token"
    return None


def _forbidding(given: dict[str, tuple[str | None, ...]]) -> str | None:
    # `no-cache="Set-Cookie"` is about that field alone.
    return next((name for name in ("no-store", "no-cache") if None in given.get(name, ())), None)


def _seconds(given: dict[str, tuple[str | None, ...]], name: str) -> int:
    numbers = [
        argument
        for argument in given.get(name, ())
        if argument and re.fullmatch(r"[0-9]{1,40}", argument)
    ]
    return max((min(int(number), _LONGEST) for number in numbers), default=0)


def _split(text: str) -> list[str]:
    # At commas, but not inside a quoted argument.
    return re.findall(r'(?:"[^"]*"|[^,])+', text)
