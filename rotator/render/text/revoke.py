"""A revoke as a person reads it at the worst moment: who takes over, who is logged out, who still believes, what is left."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import groupby
from typing import assert_never

from rotator.app.danger import Danger, Successor
from rotator.app.revoke import RegionEnd, RevokeReport
from rotator.domain.lifecycle import phase
from rotator.planning.exposure import CutOff, Endless, Exposure, Restart
from rotator.render.text.apply import step_rows
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.words import both, count, date, distance, key_name

_NOBODY = "nobody: no token of it can be alive any more"


def danger_text(danger: Danger, zone: tzinfo | None, *, drill: bool = False) -> list[Block]:
    """What it would mean, in the order in which one asks; `drill`: nothing will be done about it."""
    head = line(
        say(danger.issuer, Style.STRONG),
        f" · {danger.url} · {both(danger.at, zone)} · revoke {_names(danger)}, {_phases(danger)}",
    )
    told = [say("  A drill: nothing is changed.", Style.WAIT)] if drill else []
    return [head, *told, blank(), grid(_danger_rows(danger, zone), by=2, gap=3), blank()]


def report_text(report: RevokeReport, zone: tzinfo | None) -> list[Block]:
    """What was done region by region, until when the keys may still be believed, and what is left."""
    danger = report.after
    fate = say("revoked everywhere", Style.GOOD) if report.done else say("not done", Style.BAD)
    blocks: list[Block] = [line(say(danger.issuer, Style.STRONG), f" · {_names(danger)} · ", fate)]
    blocks += [blank(), grid(_region_rows(report, zone), by=2), blank()]
    if report.results:
        blocks += [grid([row for r in report.results for row in step_rows(r)]), blank()]
    rows = [
        *_exposure_rows(danger, zone),
        *_rejected_rows(danger, zone),
        *_signer_rows(danger, zone),
    ]
    blocks += [grid([*rows, *_restart_rows(danger)], by=2, gap=3), blank()]
    return [*blocks, _next(report, zone)]


def restarts_text(danger: Danger) -> list[Block]:
    """What has to be restarted, a line each; what no check can see is said to be so."""
    found = danger.restarts
    if not found:
        words = (
            f"  nothing that can be seen goes on believing {_names(danger)} until it is restarted"
        )
        return [line(say(words, Style.GOOD))]
    rows: list[list[Cell]] = [
        [say(one.verifier, Style.STRONG), one.gate or "everywhere", _where(one)] for one in found
    ]
    return [grid(rows, by=2)]


def _danger_rows(danger: Danger, zone: tzinfo | None) -> list[list[Cell]]:
    return [
        *_now_rows(danger, zone),
        *_logged_out_rows(danger, zone),
        *_exposure_rows(danger, zone),
        *_rejected_rows(danger, zone),
        *_signer_rows(danger, zone),
        *_restart_rows(danger),
        *_other_rows(danger),
    ]


def _now_rows(danger: Danger, zone: tzinfo | None) -> list[list[Cell]]:
    label, chosen = say("now", Style.STRONG), danger.successor
    regions = len(danger.regions)
    if chosen is None:
        why = say("no warm standby", Style.BAD)
        coming = _coming(danger.next_standby, danger.at, zone)
        return [[label, line(why, f": {coming}")]]
    name = key_name(chosen.key.kid)
    if not danger.needed:
        where = f"signs in {len(chosen.signs_in)} of {regions} regions"
        return [[label, line(f"{name} {where} and goes on: ", say("nobody waits", Style.GOOD))]]
    where = f"takes over in {count(regions, 'region')}"
    if chosen.signs_in:
        where += f", signs in {len(chosen.signs_in)} of them already"
    ending = say("nobody waits", Style.GOOD)
    if not chosen.warm:
        ending = say("not every verifier knows it (--no-standby)", Style.BAD)
    return [[label, line(f"{name} {where} ({_seen(chosen, danger.at)}): ", ending)]]


def _seen(chosen: Successor, now: datetime) -> str:
    published = chosen.key.moments.published_at
    told = f"published {distance(published, now)}" if published else "new"
    if chosen.seen_at is None:
        return f"{told}, not seen everywhere"
    return f"{told}, looked for everywhere {distance(chosen.seen_at, now)}"


def _coming(standby: Successor | None, now: datetime, zone: tzinfo | None) -> str:
    if standby is None:
        return "a new key would have to be made, which no verifier knows"
    name = key_name(standby.key.kid)
    if standby.ready_at is None:
        return f"{name} was not seen in every region yet"
    return (
        f"{name} is warm at {_at(standby.ready_at, now, zone)}, {distance(standby.ready_at, now)}"
    )


def _logged_out_rows(danger: Danger, zone: tzinfo | None) -> list[list[Cell]]:
    out, label = danger.logged_out, say("logged out", Style.STRONG)
    lives = [
        f"{kind} tokens until {_at(moment, danger.at, zone)}"
        for kind, moment in (("access", out.access), ("refresh", out.refresh))
        if moment
    ]
    if not lives:
        return [[label, _NOBODY]]
    who = f"every holder of a token signed by {_names(danger)}"
    return [[label, f"{who}, which would have lived: {', '.join(lives)}"]]


def _exposure_rows(danger: Danger, zone: tzinfo | None) -> list[list[Cell]]:
    head = "forged tokens may still pass until"
    return _table("exposure", head, danger.exposed, danger.at, zone)


def _rejected_rows(danger: Danger, zone: tzinfo | None) -> list[list[Cell]]:
    if not danger.rejected:
        return []
    head = "tokens of the key that takes over may be rejected until"
    return _table("rejected", head, danger.rejected, danger.at, zone)


def _table(
    label: str, head: str, found: Iterable[Exposure], now: datetime, zone: tzinfo | None
) -> list[list[Cell]]:
    """The soonest end first, what has none last; regions that end alike in one line."""
    found = tuple(found)
    groups, everywhere = _alike(found), {one.gate for one in found}
    width = max((len(_when(group[0], now, zone)) for group in groups), default=0)
    rows: list[list[Cell]] = [[say(label, Style.STRONG), head]]
    for group in groups:
        one, gates = group[0], dict.fromkeys(each.gate for each in group)
        where = (
            "everywhere" if len(everywhere) > 1 and set(gates) == everywhere else ", ".join(gates)
        )
        note = "; nobody measured that verifier" if one.assumed else ""
        when = say(_when(one, now, zone).ljust(width), Style.BAD if one.endless else Style.WAIT)
        rows.append(["", line("  ", when, f"   {where}: {_why(one)}{note}")])
    return rows


def _alike(found: Iterable[Exposure]) -> list[list[Exposure]]:
    """Exposures that end alike for the same reason, together."""

    def place(one: Exposure) -> tuple[bool, float, str, str, str]:
        if one.endless is Endless.UNWRITTEN:
            return (True, 0.0, one.endless.value, "", "")
        end = one.until.timestamp() if one.until else 0.0
        return (one.until is None, end, str(one.endless), one.verifier, one.delay.explain())

    return [list(group) for _, group in groupby(sorted(found, key=place), key=place)]


def _when(one: Exposure, now: datetime, zone: tzinfo | None) -> str:
    if one.until is not None:
        return f"{_at(one.until, now, zone)}, {distance(one.until, now)}"
    match one.endless:
        case Endless.RESTART:
            return "until restarted"
        case Endless.RELOAD:
            return "until reloaded"
        case Endless.UNWRITTEN | None:
            return "no end in sight"
        case _:
            assert_never(one.endless)


def _why(one: Exposure) -> str:
    if one.endless is Endless.UNWRITTEN:
        return "may serve the key until it can be taken out there"
    if one.endless:
        return f"{one.verifier}, which looks at its start only"
    return one.delay.explain()


def _signer_rows(danger: Danger, zone: tzinfo | None) -> list[list[Cell]]:
    if not danger.cut_off:
        return []
    ends = [one.until for one in danger.cut_off if one.until]
    told: list[Cell] = []
    if ends:
        where = _regions(danger, (one for one in danger.cut_off if one.until))
        told.append(
            f"one that is cut off from its orders may sign with it until {_at(max(ends), danger.at, zone)}"
            f" ({where}); such tokens are rejected where the key is gone"
        )
    if len(ends) < len(danger.cut_off):
        where = _regions(danger, (one for one in danger.cut_off if one.until is None))
        words = f"no end in sight ({where}): the orders still name it, or nobody can read them"
        told.append(say(words, Style.BAD))
    return [["" if n else say("signers", Style.STRONG), words] for n, words in enumerate(told)]


def _regions(danger: Danger, found: Iterable[CutOff]) -> str:
    names = dict.fromkeys(one.region for one in found)
    return "everywhere" if set(names) == set(danger.regions) else ", ".join(names)


def _restart_rows(danger: Danger) -> list[list[Cell]]:
    if not danger.restarts:
        return []
    names = ", ".join(dict.fromkeys(one.verifier for one in danger.restarts))
    words = f"{names}: rotator revoke {_short(danger)} --restart-list says which and where"
    return [[say("restart", Style.STRONG), words]]


def _other_rows(danger: Danger) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    if danger.hold:
        held = (
            f"the hold of {danger.hold.owner} ({danger.hold.reason}): a revoke goes on all the same"
        )
        rows.append([say("overrides", Style.STRONG), held])
    if danger.unread:
        words = f"{', '.join(danger.unread)} cannot be read; the others do not wait, every later run goes on there"
        rows.append([say("unread", Style.STRONG), say(words, Style.BAD)])
    if danger.edges:
        words = f"the edges of {', '.join(danger.edges)} are told to drop their copies; that is not counted on"
        rows.append([say("edges", Style.STRONG), words])
    if danger.known:
        rows.append([say("known", Style.STRONG), "revoked before; what is unfinished goes on"])
    return rows


def _region_rows(report: RevokeReport, zone: tzinfo | None) -> list[list[Cell]]:
    return [
        [
            say("✓", Style.GOOD) if end.done else say("✗", Style.BAD),
            end.region,
            _region_words(end, report.at, zone),
        ]
        for end in report.regions
    ]


def _region_words(end: RegionEnd, now: datetime, zone: tzinfo | None) -> str:
    if end.unread:
        return "cannot be read: it may still serve the key and sign with it"
    parts = [f"signs with {key_name(end.signs_with)}"]
    if end.signs:
        parts = ["still signs with the revoked key"]
    if end.served:
        parts.append("still serves it")
    else:
        left = f" at {_at(end.left_at, now, zone)}" if end.left_at else ""
        parts.append(f"the key left its document{left}")
    if end.purged is not None:
        parts.append("edge told to drop its copies" if end.purged else "edge not told yet")
    return ", ".join(parts)


def _next(report: RevokeReport, zone: tzinfo | None) -> Block:
    if not report.done:
        missing = ", ".join(end.region for end in report.regions if not end.done)
        return line("  ", say(f"{missing} to be done", Style.BAD), ": rotator apply goes on there")
    if report.left.blocked:
        return line("  Something else is blocked: rotator plan")
    return line(f"  {_standing_by(report.standby, report.at, zone)}: rotator status")


def _standing_by(standby: Successor | None, now: datetime, zone: tzinfo | None) -> str:
    if standby is None:
        return "No key stands by yet, a later run makes one"
    name = key_name(standby.key.kid)
    if standby.warm:
        return f"{name} stands by"
    if standby.ready_at is None:
        return f"{name} is the next standby, not seen everywhere yet"
    ready = standby.ready_at
    return f"{name} is the next standby, warm at {_at(ready, now, zone)}, {distance(ready, now)}"


def _where(one: Restart) -> str:
    what = "restart it" if one.endless is Endless.RESTART else "reload its key set"
    if one.target is None:
        return f"{what}: no check speaks for it, so nobody can see which still hold the key"
    return f"{what}: {one.target} still reports the key, or did not answer"


def _at(moment: datetime, now: datetime, zone: tzinfo | None) -> str:
    """A moment that is near: the clock, with the day where that is another; only the day where it is further.

    In local time too where that differs.
    """
    there, here = moment.astimezone(UTC), moment.astimezone(zone)
    if abs(moment - now) >= timedelta(days=1):
        return f"{date(moment, now)} UTC"
    today = there.date() == now.astimezone(UTC).date()
    words = f"{'' if today else _day(there)}{date(moment, now)} UTC"
    if not here.utcoffset():
        return words
    return f"{words} ({'' if here.date() == there.date() else _day(here)}{here:%H:%M} here)"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}, "


def _names(danger: Danger) -> str:
    return ", ".join(key_name(key.kid) for key in danger.keys)


def _short(danger: Danger) -> str:
    return key_name(danger.keys[0].kid) if len(danger.keys) == 1 else f"--all-keys {danger.issuer}"


def _phases(danger: Danger) -> str:
    return ", ".join(dict.fromkeys(phase(key).value for key in danger.keys))
