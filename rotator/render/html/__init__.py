"""The status page: one self-contained file, read without a script, from a phone to a wide screen.

`page` makes it, `CSP` is the header that whoever serves it should send; the page carries the same policy itself.
"""

from rotator.app.reports import AuditLine, AuditTail, StatusReport
from rotator.domain.times import format_moment
from rotator.render.html.issuer import article
from rotator.render.html.markup import Html, h, together
from rotator.render.html.policy import CSP, IN_PAGE, SCRIPT, STYLE
from rotator.render.status_words import host_words, summary, verdict_on
from rotator.render.words import count, utc

__all__ = ["CSP", "page"]

_FEW = 4
"""So many issuers are shown whole at once; among more of them only those that need attention, the first few."""

_LISTED = 30
"""How many issuers that need attention are named at the top."""


def page(report: StatusReport, audit: AuditTail | None = None) -> bytes:
    """The page as UTF-8; `audit` is the end of the log, None leaves it out."""
    answer, mood = verdict_on(report)
    head = together(
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{IN_PAGE}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="referrer" content="no-referrer">'),
        h("title", f"{answer} {_DASH} rotator"),
        Html(f"<style>{STYLE}</style>"),
    )
    body = together(
        h("header", h("p", "rotator", class_="soft"), h("h1", answer, class_=mood), _made(report)),
        h("main", _attention(report), *_articles(report), _audit(audit)),
        h("footer", _about(report), class_="soft"),
        Html(f"<script>{SCRIPT}</script>"),
    )
    html = f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'
    return html.encode("utf-8")


_DASH = "\u2013"


def _made(report: StatusReport) -> Html:
    stamp = str(round(report.at.timestamp() * 1000))
    stale = h(
        "p",
        "This page was made ",
        h("span", "a while ago", data_at=stamp),
        ". Load it again to see the present.",
        id="old",
        hidden="",
        data_made=stamp,
        class_="notice wait",
    )
    when = h("time", utc(report.at), datetime=format_moment(report.at))
    return together(
        h("p", "As of ", when, ". Ages are those of that moment.", class_="soft"), stale
    )


def _attention(report: StatusReport) -> Html | None:
    """Who needs attention and why, each with a way there; nothing where there is only one to look at."""
    wanting = [(n, issuer) for n, issuer in enumerate(report.issuers) if issuer.attention]
    if not wanting or len(report.issuers) == 1:
        return None
    lines = [
        h("li", h("a", issuer.issuer, href=f"#issuer-{n}"), f": {summary(issuer, report.at)}")
        for n, issuer in wanting[:_LISTED]
    ]
    if len(wanting) > _LISTED:
        lines.append(h("li", f"and {count(len(wanting) - _LISTED, 'issuer')} more, below"))
    return h(
        "nav",
        h("h2", "What needs attention", id="attention"),
        h("ul", *lines),
        aria_labelledby="attention",
    )


def _articles(report: StatusReport) -> list[Html]:
    few = len(report.issuers) <= _FEW
    first = [n for n, issuer in enumerate(report.issuers) if few or issuer.attention][:_FEW]
    return [
        article(issuer, report.at, number, unfolded=number in first)
        for number, issuer in enumerate(report.issuers)
    ]


def _audit(audit: AuditTail | None) -> Html | None:
    if audit is None:
        return None
    rows = [_record(record) for record in audit.records]
    table = h(
        "table",
        h("caption", "Newest first; the whole log: rotator audit"),
        h(
            "thead",
            h("tr", *(h("th", name, scope="col") for name in ("when", "issuer", "what", "facts"))),
        ),
        h("tbody", *rows),
    )
    box = h(
        "div",
        table,
        class_="scroll",
        role="group",
        tabindex="0",
        aria_label="The last decisions and effects",
    )
    trouble = (
        h("p", f"The log is damaged: {audit.trouble}", class_="notice bad")
        if audit.trouble
        else None
    )
    return h(
        "section",
        h("h2", "What was done lately", id="audit"),
        trouble,
        box,
        aria_labelledby="audit",
    )


def _record(record: AuditLine) -> Html:
    facts = ", ".join(
        f"{name} {value}" for name, value in record.facts.items() if value is not None
    )
    when = h("time", utc(record.at, seconds=True), datetime=format_moment(record.at))
    return h(
        "tr",
        h("td", when),
        h("td", record.issuer),
        h("td", record.event.replace("_", " ")),
        h("td", facts, class_="wide"),
    )


def _about(report: StatusReport) -> Html:
    host = host_words(report.host) or "this host: its kernel says nothing of its clock"
    return h(
        "p",
        f"Clock of {host}. Times are UTC. This page is read-only and asks nothing of the network.",
    )
