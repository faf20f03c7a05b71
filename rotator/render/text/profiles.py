"""The catalogue of verifiers as people read it: all of them in a table, or one with what it means for a rotation."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import assert_never

from rotator.domain.policy import Effect, Special
from rotator.domain.profile import Profile, cannot_read
from rotator.domain.times import say as duration
from rotator.domain.timing import UNKNOWN_LEARNS
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say, title
from rotator.render.words import DASH, count

_KINDS = {
    "lib": "a library",
    "gateway": "a gateway",
    "managed": "a managed service",
    "infra": "infrastructure",
    "app": "an application",
    "idp": "an identity provider and its libraries",
}
_SURE = {
    "run": "seen by running it",
    "code": "read in its source",
    "vendor-doc": "as its vendor documents it",
    "vendor-doc+code": "as its vendor documents it, and read in its source",
    "vendor-doc(quoted)": "its vendor's documentation as others quote it",
    "vendor-forum": "second hand, from its vendor's forum",
    "issue": "second hand, from an issue",
    "issue(vendor)": "second hand, from an issue of its vendor",
    "schema": "second hand, from its configuration's schema",
}
_CLOCKS = {
    Special.UNBOUNDED: "at restart",
    Special.MANUAL: "by hand",
    Special.HEADER: "max-age",
    Special.UNKNOWN: "unknown",
}
_SIGNS = {Style.GOOD: "✓", Style.WAIT: "!", Style.BAD: "✗"}
_Point = tuple[Style, str, str]


def listing_text(profiles: Sequence[Profile], collected: str) -> list[Block]:
    """One line a profile, and how to read on."""
    titles = ("name", "learns", "drops", "max keys", "cannot read", "known by")
    rows: list[list[Cell]] = [[say(name, Style.PAST) for name in titles]]
    rows += [_row(profile) for profile in profiles]
    number = sum(not profile.versions for profile in profiles)
    return [
        grid(rows, by=2, right=(3,)),
        blank(),
        line(f"  {count(number, 'verifier')}, as they were on {collected}."),
        line("  What one means for a rotation: rotator profiles NAME"),
    ]


def _row(profile: Profile) -> list[Cell]:
    verifier = profile.verifier
    return [
        say(verifier.name, Style.STRONG if profile.versions else Style.PLAIN),
        _clock(verifier.learns),
        _clock(verifier.drops),
        str(verifier.max_keys or DASH),
        cannot_read(verifier) or DASH,
        f"the worst of {len(profile.versions)}" if profile.versions else profile.confidence,
    ]


def _clock(time: timedelta | Special) -> Cell:
    if isinstance(time, timedelta):
        return duration(time) if time else "at once"
    style = Style.PLAIN if time is Special.HEADER else Style.WAIT
    return say(_CLOCKS[time], style)


def profile_text(profile: Profile, versions: Sequence[Profile]) -> list[Block]:
    """One profile: its facts, what they mean for a rotation, and where they come from; a family's `versions` after it."""
    verifier = profile.verifier
    about = f" · {profile.title}" if profile.title != verifier.name else ""
    what = _KINDS.get(profile.kind, profile.kind)
    blocks: list[Block] = [line(say(verifier.name, Style.STRONG), f"{about} · {what}")]
    if versions:
        blocks += [
            line(
                f"  the worst of {count(len(versions), 'version')}, each of which has a name of its own"
            )
        ]
    blocks += [blank(), title("In a rotation"), grid(_meaning(profile), by=4)]
    blocks += [blank(), title("What it does"), grid(_facts(profile), by=4)]
    if versions:
        blocks += [blank(), title("Its versions"), grid(map(_row, versions), by=4, right=(3,))]
    return blocks


def _meaning(profile: Profile) -> Iterator[list[Cell]]:
    points = (_publishing(profile), _removing(profile), *_limits(profile))
    for style, what, words in points:
        yield [say(_SIGNS[style], style), what, words]


def _publishing(profile: Profile) -> _Point:
    name, learns = profile.verifier.name, profile.verifier.learns
    what = "a new key"
    attest = f"rotator attest ISSUER KID --verifier {name} --reason …"
    match learns:
        case timedelta():
            words = f"is known within {duration(learns)}" if learns else "is known at once"
            return Style.GOOD, what, f"{words}: the lead covers it"
        case Special.HEADER:
            words = "is known once max-age is over: the lead covers it as long as the document is served with one"
            return Style.GOOD, what, words
        case Special.UNKNOWN:
            words = f"nobody knows when; {duration(UNKNOWN_LEARNS)} are assumed. If you know: {{name: {name}, add: …}}"
            return Style.WAIT, what, words
        case Special.UNBOUNDED:
            how = "restart it once the key is published"
        case Special.MANUAL:
            how = "load the key into it once it is published"
        case _:
            assert_never(learns)
    words = f"no lead covers it (design T2b): {how}, then let a verifier check see it, or say so: {attest}"
    return Style.BAD, what, words


def _removing(profile: Profile) -> _Point:
    drops, what = profile.verifier.drops, "a removed key"
    match drops:
        case timedelta():
            words = f"is refused within {duration(drops)}; after a revoke it passes for that long"
            return Style.GOOD, what, words
        case Special.HEADER:
            words = "is refused once max-age is over; after a revoke it passes for that long"
            return Style.GOOD, what, words
        case Special.UNKNOWN:
            return Style.WAIT, what, "nobody knows how long it passes: after a revoke restart it"
        case Special.UNBOUNDED:
            return Style.BAD, what, "may pass until it is restarted: after a revoke restart it"
        case Special.MANUAL:
            return Style.BAD, what, "passes until somebody takes it out: after a revoke do"
        case _:
            assert_never(drops)


def _limits(profile: Profile) -> Iterator[_Point]:
    """What a document must not hold."""
    verifier = profile.verifier
    if verifier.max_keys:
        words = f"the document must not hold more (design T8); history_max counts as {verifier.max_keys} at most"
        yield Style.WAIT, count(verifier.max_keys, "key"), words
    for effect, style, does in (
        (Effect.IGNORED, Style.WAIT, "passed over, its tokens are refused"),
        (Effect.VOIDED, Style.BAD, "makes the WHOLE document unreadable: every token is refused"),
    ):
        by_why: dict[str, list[str]] = {}
        for broken in verifier.breaks:
            if broken.effect is effect:
                by_why.setdefault(broken.why, []).append(broken.algorithm.value)
        for why, algorithms in by_why.items():
            yield style, f"a key for {', '.join(algorithms)}", f"{does} ({why})"


def _facts(profile: Profile) -> Iterable[list[Cell]]:
    cooldown = f", at most every {duration(profile.cooldown)}" if profile.cooldown else ""
    return [
        [say(name, Style.PAST), words]
        for name, words in (
            ("keeps keys", _known(profile.cache_ttl)),
            ("looks again for an unknown kid", f"{profile.unknown_kid}{cooldown}"),
            ("Cache-Control", profile.cache_control),
            ("old keys when a fetch fails", profile.stale_on_error),
            ("leeway", _known(profile.leeway)),
            ("note", profile.note),
            ("source", profile.source),
            (
                "known by",
                f"{profile.confidence}: {_SURE.get(profile.confidence, profile.confidence)}",
            ),
        )
    ]


def _known(time: timedelta | None) -> str:
    return DASH if time is None else duration(time)
