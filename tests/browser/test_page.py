"""The status page as its readers meet it: on a phone, by keyboard, by a screen reader, at 200 issuers, under attack."""

from __future__ import annotations

import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rotator.render.html import page
from rotator.render.words import distance
from tests.browser.chromium import DESKTOP, PHONE, Reader, Seen
from tests.render import pages
from tests.render.scenarios import NEW, NOW, OLD

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

IMAGES = Path(__file__).parents[2] / "docs" / "images"
UNFOLD = "document.querySelectorAll('details').forEach((one) => one.open = true)"


def everyday() -> bytes:
    return page(pages.everyday(), pages.told())


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nobody_is_shut_out(reader: Reader, size: tuple[int, int], colours: str) -> None:
    seen = reader.open(everyday(), size, color_scheme=colours)
    seen.page.evaluate(UNFOLD)
    assert seen.axe() == []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert (seen.violations(), seen.errors, seen.strays()) == ([], [], [])


def test_axe_would_complain(reader: Reader) -> None:
    broken = everyday().replace(b"<html lang=", b"<html data-lang=").replace(b' scope="col"', b"")
    assert any(line.startswith("html-has-lang") for line in reader.open(broken).axe())


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_hostile_text_does_nothing(reader: Reader, size: tuple[int, int]) -> None:
    seen = reader.open(page(pages.hostile(), pages.hostile_audit()), size)
    seen.page.evaluate(UNFOLD)
    assert (seen.dialogs, seen.strays(), seen.violations(), seen.errors) == ([], [], [], [])
    tags = seen.page.evaluate(
        "[...document.querySelectorAll('img, script, svg, [onload], [onerror], a')]"
        ".map((e) => e.tagName + (e.getAttribute('href') || ''))"
    )
    assert sorted(set(tags)) == ["A#issuer-0", "A#issuer-1", "SCRIPT", "svg"]
    assert tags.count("SCRIPT") == 1
    text = seen.page.inner_text("body")
    assert "<script>document.title='pwned';alert(1)</script>" in text, "shown, not obeyed"
    assert not {"\u202e", "\u2066", "\u200b"} & set(text)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert seen.axe() == []


def test_what_gets_in_all_the_same_is_not_run(reader: Reader) -> None:
    """The policy is a second wall: markup in the midst of the page neither runs nor fetches."""
    attack = b"<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)><p style='color:red'>"
    seen = reader.open(everyday().replace(b"<main>", b"<main>" + attack))
    assert seen.dialogs == []
    blocked = {directive.split("-")[0] for directive in seen.violations()}
    assert blocked == {"script", "img", "style"}


def test_it_is_read_without_a_script(reader: Reader) -> None:
    seen = reader.open(everyday(), PHONE, java_script_enabled=False)
    text = seen.page.locator("body").inner_text()
    for fact in (
        "1 of 3 issuers needs attention",
        "switch to Kd93mZtQ is blocked, its evidence gate is closed",
        "Mon 25 Jan 2027, 18:17 UTC, in 63 d",
        "edge: it lacks Kd93mZtQ",
        OLD,
        "synchronised, within 3 ms",
        "What was done lately",
    ):
        assert fact in text
    assert "Load it again" not in text


def test_countdowns_count_and_an_old_page_says_so(reader: Reader) -> None:
    seen = reader.open(everyday())
    first = seen.page.locator("article [data-at]").first
    assert (first.inner_text(), seen.page.locator("#old").is_visible()) == ("in 12 d", False)
    seen.page.clock.fast_forward("48:00:00")
    assert first.inner_text() == "in 10 d"
    assert "made 2 d ago" in seen.page.locator("#old").inner_text()


AWAY = (1.2, 5, 65, 599.2, 601, 3600, 5400, 86399, 100_000, 172_799, 200_000, 863_999, 7e6, 9e7)


def test_the_script_says_distances_as_the_page_does(reader: Reader) -> None:
    seen = reader.open(everyday())
    seen.page.clock.pause_at(NOW + timedelta(hours=1))
    told = seen.page.locator("[data-at]").first
    for seconds in (*AWAY, *(-away for away in AWAY)):
        now = datetime.fromtimestamp(seen.page.evaluate("Date.now()") / 1e3, UTC)
        then = now + timedelta(seconds=seconds)
        stamp = (then + timedelta(seconds=1)).timestamp() * 1e3
        told.evaluate("(element, at) => { element.dataset.at = at }", stamp)
        seen.page.clock.run_for(1000)
        assert told.text_content() == distance(then, now)


def test_the_keyboard_goes_where_the_eye_goes(reader: Reader) -> None:
    seen = reader.open(everyday())
    stops = [_tab(seen) for _ in range(8)]
    assert stops == [
        "A accounts",
        "SUMMARY 2 keys, 3 regions, what comes next",
        "DIV Regions and keys of accounts",
        "SUMMARY 2 keys, 3 regions, what comes next",
        "DIV Regions and keys of payments",
        "SUMMARY 2 keys, 3 regions, what comes next",
        "DIV Regions and keys of partners",
        "DIV The last decisions and effects",
    ]
    seen.page.locator("summary").first.focus()
    seen.page.keyboard.press("Enter")
    assert not seen.page.locator(".scroll").first.is_visible()


def test_a_screen_reader_is_told_everything(reader: Reader) -> None:
    """The tree that assistive technology gets: landmarks, headings, tables with headers, a drawing with a name."""
    seen = reader.open(everyday())
    tree = seen.page.locator("body").aria_snapshot()
    for line in (
        "- banner:",
        "- main:",
        "- contentinfo:",
        '- navigation "What needs attention":',
        '- heading "1 of 3 issuers needs attention" [level=1]',
        '- heading "accounts" [level=2]',
        '- columnheader "Kd93mZtQ published"',
        '- rowheader "eu-central-1"',
        '- cell "✗ not served, 4 h"',
        'img "Keys of accounts from',
    ):
        assert line in tree, tree


def test_two_hundred_issuers_in_thirty_regions(reader: Reader) -> None:
    """No time is measured here, but what costs it: elements, those that are laid out, and how often."""
    seen = reader.open(page(pages.large(), pages.told()))
    counted = measures(seen)
    assert seen.page.locator("article").count() == 200
    assert seen.page.locator("tbody tr").count() > 200 * 30
    assert seen.page.evaluate("document.querySelectorAll('*').length") < 70_000
    assert counted["LayoutObjects"] < 6_000, "what is folded or far below is not laid out"
    assert counted["LayoutCount"] < 30, "the script does not make it lay out again and again"
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= DESKTOP[0]


def measures(seen: Seen) -> dict[str, float]:
    """What Chromium counted of the page so far."""
    session = seen.page.context.new_cdp_session(seen.page)
    session.send("Performance.enable")
    return {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}


@pytest.mark.parametrize(
    ("name", "size", "colours"),
    [("status-desktop", (1000, 760), "light"), ("status-phone", PHONE, "dark")],
)
def test_the_picture_in_the_docs(
    reader: Reader, name: str, size: tuple[int, int], colours: str
) -> None:
    """Written anew with ROTATOR_UPDATE_IMAGES=1; fonts differ, so only its size is compared."""
    seen = reader.open(everyday(), size, color_scheme=colours)
    taken, path = seen.page.screenshot(), IMAGES / f"{name}.png"
    if os.environ.get("ROTATOR_UPDATE_IMAGES"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(taken)
    assert _size(taken) == size
    assert _size(path.read_bytes()) == size
    assert NEW[:8] in seen.page.inner_text("main")


def _size(png: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def _tab(seen: Seen) -> str:
    seen.page.keyboard.press("Tab")
    return str(
        seen.page.evaluate(
            "(e => e.tagName + ' ' + (e.ariaLabel || e.textContent))(document.activeElement)"
        )
    )
