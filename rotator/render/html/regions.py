"""Regions × keys as a table: what each region's last look says of each key, its checks, its clock, and how old that is."""

from datetime import datetime

from rotator.app.reports import IssuerStatus, KeyInRegion, KeyStatus
from rotator.domain.evidence import Check, CheckKind, Look, Verdict
from rotator.render.html.markup import Html, h, together
from rotator.render.status_words import clock_words
from rotator.render.text.verify import check_words, trouble_words
from rotator.render.words import DASH, age, count, key_name

SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.UNKNOWN: "?"}
CLASSES = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.UNKNOWN: "wait"}
_WORDS = {Verdict.PASS: "served", Verdict.FAIL: "not served", Verdict.UNKNOWN: "unknown"}


def regions_table(issuer: IssuerStatus, keys: list[KeyStatus], now: datetime) -> Html:
    """A row a region; those that do not pass come first."""
    failing = issuer.failing
    order = [*failing, *(gate for gate in issuer.gates if gate not in failing)]
    head = ["region", *(f"{key_name(key.key.kid)} {key.phase}" for key in keys)]
    rows = [_row(issuer, gate, keys, now) for gate in order]
    table = h(
        "table",
        h(
            "caption",
            f"What {count(len(order), 'region')} served at the last look, and how long ago that was",
        ),
        h("thead", h("tr", *(h("th", name, scope="col") for name in (*head, "checks", "clock")))),
        h("tbody", *rows),
    )
    label = f"Regions and keys of {issuer.issuer}"
    return h("div", table, class_="scroll", role="group", tabindex="0", aria_label=label)


def _row(issuer: IssuerStatus, gate: str, keys: list[KeyStatus], now: datetime) -> Html:
    look = issuer.looks.get(gate)
    cells = [_cell(key.regions.get(gate), now) for key in keys]
    return h("tr", h("th", gate, scope="row"), *cells, _checks(look, now), _clock(look))


def _cell(seen: KeyInRegion | None, now: datetime) -> Html:
    if seen is None or seen.checked_at is None:
        return h("td", "? never seen", class_="n wait")
    words = f"{SIGNS[seen.verdict]} {_WORDS[seen.verdict]}, {age(now - seen.checked_at)}"
    return h("td", words, class_=f"n {CLASSES[seen.verdict]}")


def _checks(look: Look | None, now: datetime) -> Html:
    """What passes in one line with its age, then each check that does not, with its words."""
    if look is None:
        return h("td", DASH)
    wrong = [check for check in look.checks if check.verdict is not Verdict.PASS]
    good = [_passing(kind, look, wrong) for kind in CheckKind]
    said = ", ".join(words for words in good if words)
    lines = [f"✓ {said}, {age(now - look.at)}" if said else f"{age(now - look.at)} ago"]
    return h("td", *lines, *(_trouble(check) for check in wrong), class_="wide")


def _passing(kind: CheckKind, look: Look, wrong: list[Check]) -> str:
    checks = [check for check in look.checks if check.kind is kind and check not in wrong]
    if not checks or kind is CheckKind.CLOCK:
        return ""
    return check_words(kind, checks)


def _trouble(check: Check) -> Html:
    return h(
        "p",
        h("b", f"{SIGNS[check.verdict]} {check.verdict}", class_=CLASSES[check.verdict]),
        f" {trouble_words(check)}",
    )


def _clock(look: Look | None) -> Html:
    read = [
        (check, words) for check in (look.clocks() if look else ()) if (words := clock_words(check))
    ]
    if not read:
        return h("td", DASH)
    lines = [
        h("span", f"{SIGNS[check.verdict]} {words}", class_=CLASSES[check.verdict])
        for check, words in read
    ]
    return h("td", together(*(part for line in lines for part in (line, Html(" ")))))
