"""What `doctor` found as people read it: by area, what is not well first and with its next step, then the sum."""

from collections.abc import Iterable, Sequence

from rotator.app.doctor.report import DoctorReport
from rotator.domain.diagnosis import Area, Diagnosis, Health, Place, gravity
from rotator.render.text.screen import Block, Cell, Style, blank, grid, line, say
from rotator.render.words import DASH, count

SIGNS = {
    Health.OK: ("✓", Style.GOOD),
    Health.WARNING: ("!", Style.WAIT),
    Health.UNKNOWN: ("?", Style.WAIT),
    Health.ERROR: ("✗", Style.BAD),
}
_MOST_OK = 8
"""Lines of an area that say that all is well; beyond them they are counted."""

_MOST_PLACES = 3
_MORE = "  more: runbooks/gate-stays-closed.md"


def doctor_text(report: DoctorReport) -> list[Block]:
    """Every area that was looked at, then what it amounts to."""
    blocks: list[Block] = []
    for area in Area:
        found = [d for d in report.findings if d.area is area]
        if found:
            blocks += [say(area.value, Style.STRONG), grid(_rows(found), by=2, gap=2), blank()]
    more = [say(_MORE, Style.PAST)] if report.health is Health.ERROR else []
    return [*blocks, _sum(report), *more]


def _rows(found: Sequence[Diagnosis]) -> list[list[Cell]]:
    groups = sorted(_grouped(found), key=lambda group: -gravity(group[0]))
    bad = [group for group in groups if group[0].health is not Health.OK]
    fine = [group for group in groups if group[0].health is Health.OK]
    rows = [row for group in bad for row in _finding(group)]
    if len(fine) > _MOST_OK:
        sign, style = SIGNS[Health.OK]
        places = _places([d.place for group in fine for d in group])
        return [*rows, [say(sign, style), places, f"{len(fine)} more looks, all well"]]
    return rows + [row for group in fine for row in _finding(group)]


def _grouped(found: Iterable[Diagnosis]) -> list[list[Diagnosis]]:
    """What is said of several places in the same words is said once."""
    groups: dict[tuple[str, ...], list[Diagnosis]] = {}
    for d in found:
        groups.setdefault((d.health.value, d.what, d.why, d.what_to_do), []).append(d)
    return list(groups.values())


def _finding(group: Sequence[Diagnosis]) -> list[list[Cell]]:
    first = group[0]
    sign, style = SIGNS[first.health]
    words = f"{first.what}: {_one_line(first.why)}" if first.why else first.what
    rows: list[list[Cell]] = [[say(sign, style), _places([d.place for d in group]), words]]
    if first.what_to_do:
        rows.append(["", "", line(say("→ ", Style.PAST), _one_line(first.what_to_do))])
    return rows


def _places(places: Sequence[Place]) -> str:
    """The first issuer's places, at most three, and how many more there are."""
    unique = list(dict.fromkeys(places))
    first = [place for place in unique if place.issuer == unique[0].issuer][:_MOST_PLACES]
    regions = [place.region for place in first if place.region]
    name = place_name(Place(first[0].issuer, ", ".join(regions) or None))
    more = len(unique) - len(first)
    return f"{name} and {more} more" if more else name


def place_name(place: Place) -> str:
    """`accounts/eu-central-1`, `accounts`, `eu-central-1`, or a dash."""
    return "/".join(part for part in (place.issuer, place.region) if part) or DASH


def _one_line(text: str) -> str:
    return "; ".join(part.strip() for part in text.splitlines())


def _sum(report: DoctorReport) -> Block:
    counts = {h: sum(d.health is h for d in report.findings) for h in Health}
    words = ", ".join(
        count(counts[health], noun)
        for health, noun in ((Health.ERROR, "error"), (Health.WARNING, "warning"))
        if counts[health]
    )
    unknown = f"{counts[Health.UNKNOWN]} unknown" if counts[Health.UNKNOWN] else ""
    said = ", ".join(part for part in (words, unknown) if part)
    if counts[Health.ERROR]:
        return line("  ", say("something stands in the way", Style.BAD), f": {said}")
    tail = f", {said}" if said else ""
    looks = count(len(report.findings), "look")
    return line("  ", say("nothing stands in the way", Style.GOOD), f": {looks}{tail}")
