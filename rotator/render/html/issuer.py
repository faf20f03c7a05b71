"""One issuer on the page: what is the matter, then its keys in time and in words, what comes, its regions."""

from datetime import datetime

from rotator.app.reports import IssuerStatus, KeyStatus
from rotator.domain.state import Hold
from rotator.render.html.axis import axis_figure
from rotator.render.html.coming import coming
from rotator.render.html.markup import Html, h, together
from rotator.render.html.regions import regions_table
from rotator.render.spans import GONE, axis_of
from rotator.render.status_words import Mood, mood_of, since, summary
from rotator.render.words import DASH, count, date, key_name, utc

_MOMENTS = ("staged", "published", "activated", "retired", "removed", "revoked")
_STATES = {Mood.GOOD: "well", Mood.WAIT: "waiting", Mood.BAD: "needs attention"}


def article(issuer: IssuerStatus, now: datetime, number: int, *, unfolded: bool) -> Html:
    """The issuer's part; `number` makes its names unique, `unfolded` shows it whole at once."""
    mood, words = mood_of(issuer, now), summary(issuer, now)
    heading = f"issuer-{number}"
    keys = [key for key in issuer.keys if key.phase not in GONE]
    told = f"{count(len(keys), 'key')}, {count(len(issuer.gates), 'region')}, what comes next"
    inside = (h("summary", told), *_inside(issuer, keys, now))
    return h(
        "article",
        h("h2", issuer.issuer, id=heading),
        h("p", h("b", _STATES[mood], class_=f"state {mood}"), f": {words}"),
        h("details", *inside, open="" if unfolded else None),
        aria_labelledby=heading,
    )


def _inside(issuer: IssuerStatus, keys: list[KeyStatus], now: datetime) -> list[Html]:
    axis = axis_of(issuer, now)
    about = f"{issuer.url} · {issuer.algorithm} · generation {issuer.generation}"
    parts = [h("p", about, class_="soft")]
    if issuer.hold and issuer.hold.holds_at(now):
        parts.append(_hold(issuer.hold))
    parts += [h("h3", "What comes next"), coming(issuer, now)]
    if axis:
        parts += [h("h3", "Keys in time"), axis_figure(issuer, axis)]
    if shown := axis.keys if axis else keys:
        parts += [h("h3", "Keys"), h("ul", *(_key(key, now) for key in shown))]
    if keys:
        parts += [h("h3", "Regions"), regions_table(issuer, keys, now)]
    return parts


def _hold(hold: Hold) -> Html:
    until = f"until {utc(hold.until)}" if hold.until else "until it is released"
    words = f"Held by {hold.owner} since {utc(hold.since)}, {until}: {hold.reason}"
    return h("p", words, class_="notice wait")


def _key(key: KeyStatus, now: datetime) -> Html:
    """A key in words: its phase, every moment of its life, when it leaves, its whole kid."""
    began = since(key)
    lived = [
        f"{name} {date(moment, now)}"
        for name in _MOMENTS
        if (moment := getattr(key.key.moments, f"{name}_at"))
    ]
    if key.remove_after:
        lived.append(f"leaves {date(key.remove_after, now)}")
    return h(
        "li",
        together(h("code", key_name(key.key.kid)), " ", h("b", key.phase)),
        f" {'on' if key.phase in GONE else 'since'} {utc(began) if began else DASH}. {key.key.jwk.alg}; {', '.join(lived)}. ",
        h("code", key.key.kid, class_="whole"),
    )
