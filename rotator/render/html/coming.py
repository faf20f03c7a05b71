"""What is due, what waits behind which gate until when: in words, with countdowns."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby

from rotator.app.reports import IssuerStatus
from rotator.domain.plan import Gate, Step, Wait
from rotator.domain.times import format_moment
from rotator.render.html.markup import Html, h, together
from rotator.render.status_words import step_name as next_name
from rotator.render.text.plan import effect, runbook_of, step_region
from rotator.render.words import count, distance, utc

_MOST = 12
"""Lines of each kind that are shown."""


def coming(issuer: IssuerStatus, now: datetime) -> Html:
    """A list, blocked first, then due, then waiting, then what will wait."""
    lines = [
        *(h("li", h("b", "overdue", class_="bad"), f": {detail}") for detail in issuer.overdue),
        *(_wait(wait, now) for wait in issuer.blocked),
        *_due(issuer.plan.steps),
        *(_wait(wait, now) for wait in issuer.plan.waiting if not wait.blocked),
        *_later(issuer, now),
    ]
    shown = lines[:_MOST]
    if len(lines) > _MOST:
        shown.append(h("li", f"and {len(lines) - _MOST} more: rotator plan"))
    return h("ul", *shown) if shown else h("p", "Nothing is due and nothing waits.")


def at(moment: datetime, now: datetime) -> Html:
    """A moment and how far away it is; a script may count it down."""
    stamp = str(round(moment.timestamp() * 1000))
    return together(
        h("time", utc(moment), datetime=format_moment(moment)),
        ", ",
        h("span", distance(moment, now), data_at=stamp),
    )


def _due(steps: tuple[Step, ...]) -> Iterator[Html]:
    """One line for neighbours that do the same for the same reason."""
    for (what, why), group in groupby(steps, key=lambda step: (effect(step), step.reason)):
        regions = [region for step in group if (region := step_region(step))]
        where = regions[0] if len(regions) == 1 else count(len(regions), "region")
        in_ = f" in {where}" if regions else ""
        yield h("li", h("b", "due now", class_="wait"), f"{in_}: {what}: {why}")


def _wait(wait: Wait, now: datetime) -> Html:
    """The first closed gate in words; one that only time or a release opens is no trouble."""
    name = h("b", f"{next_name(wait)} {_closed(wait)}", class_="bad" if wait.blocked else "wait")
    region = f"{wait.region}: " if wait.region and wait.region not in wait.reason else ""
    opens = together("; opens ", at(wait.until, now)) if wait.until else None
    more = f". Read {runbook_of(wait.reason_code)}" if wait.blocked else None
    return h("li", name, f": {region}{wait.reason}", opens, more)


def _closed(wait: Wait) -> str:
    if wait.blocked:
        return f"is blocked, its {wait.gate} gate is closed"
    return "is held" if wait.gate is Gate.HOLD else f"waits for {wait.gate}"


def _later(issuer: IssuerStatus, now: datetime) -> Iterator[Html]:
    """The next steps that no wait tells of."""
    told = {(wait.kind, wait.kid) for wait in issuer.plan.waiting}
    told |= {(step.kind, getattr(step, "kid", None)) for step in issuer.plan.steps}
    for step in issuer.next:
        if (step.kind, step.kid) not in told:
            when = together(": ", at(step.at, now)) if step.at else None
            yield h("li", h("b", next_name(step)), when or ", when its turn is known")
