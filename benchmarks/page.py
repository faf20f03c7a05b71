"""The status page of 200 issuers in 30 regions: main-thread time in Chromium, beside plain pages of the same size.

Run it: .venv/bin/python -m benchmarks.page
"""

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from playwright.sync_api import Browser

from rotator.app.reports import AuditTail
from rotator.render.html import page
from tests.browser.chromium import DESKTOP, chromium
from tests.render.pages import everyday, large, told

RUNS = 5
PARTS = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
_DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def main() -> None:
    """Print the median of each page's main-thread seconds, until it is drawn, and their ratios."""
    started = time.process_time()
    big = page(large(), told())
    made = time.process_time() - started
    text = b"<!DOCTYPE html><html lang=en><title>plain</title><pre>"
    pages = {
        "200 issuers, 30 regions": big,
        "text of as many bytes": text + b"sixteen letters\n" * ((len(big) - len(text)) // 16),
        "3 issuers, 3 regions": page(everyday(), AuditTail()),
    }
    found: dict[str, list[Mapping[str, float]]] = {name: [] for name in pages}
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for _ in range(RUNS):  # interleaved, so that a slow moment of the machine meets all alike
            for name, content in pages.items():
                file = Path(folder) / "page.html"
                file.write_bytes(content)
                found[name].append(measured(browser, file))
    tasks = {name: _median(runs, "TaskDuration") for name, runs in found.items()}
    plain = tasks["text of as many bytes"]
    for name, runs in found.items():
        parts = "  ".join(
            f"{part.removesuffix('Duration')} {_median(runs, part):.3f}" for part in PARTS
        )
        print(
            f"{name:26}{len(pages[name]) / 2**20:6.2f} MiB{tasks[name] / plain:7.2f} ×   {parts} s"
        )
    print(f"made in {made:.2f} s of processor time")


def measured(browser: Browser, file: Path) -> dict[str, float]:
    """Chromium's own counters of one load, in seconds."""
    width, height = DESKTOP
    context = browser.new_context(viewport={"width": width, "height": height})
    shown = context.new_page()
    session = context.new_cdp_session(shown)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    shown.goto(file.as_uri())
    shown.evaluate(_DRAWN)
    metrics = session.send("Performance.getMetrics")["metrics"]
    context.close()
    return {metric["name"]: metric["value"] for metric in metrics}


def _median(runs: list[Mapping[str, float]], part: str) -> float:
    return statistics.median(run[part] for run in runs)


if __name__ == "__main__":
    main()
