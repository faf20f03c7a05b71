"""Debian's Chromium, driven by Playwright: pages from files, with ears for whatever a page may try to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Dialog, Page, sync_playwright

from tests.render.scenarios import NOW
from tests.servers.binaries import chromium_binary
from tests.servers.s3rver import NODE_MODULES

DESKTOP = (1100, 900)
PHONE = (360, 740)
_AXE = NODE_MODULES / "axe-core" / "axe.min.js"
_LISTEN = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (e) => violations.push(e.violatedDirective));
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. As root it has no sandbox of its own, which Debian's needs."""
    binary = chromium_binary()
    assert binary is not None, "tests that need it are marked `chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page that is open, and what it did beside being shown."""

    page: Page
    file: Path
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def answer(self, dialog: Dialog) -> None:
        """Somebody is asked something, which must not happen."""
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def violations(self) -> list[str]:
        """What the page's policy stopped."""
        return list(self.page.evaluate("window.violations"))

    def strays(self) -> list[str]:
        """Whatever was asked for but the page itself."""
        return [url for url in self.requests if url != self.file.as_uri()]

    def axe(self) -> list[str]:
        """What axe-core complains about: rule and element."""
        session = self.page.context.new_cdp_session(self.page)  # to which no policy applies
        run = f"{_AXE.read_text('utf-8')}; axe.run().then(r => JSON.stringify(r.violations))"
        asked = {"expression": run, "awaitPromise": True, "returnByValue": True}
        answer = session.send("Runtime.evaluate", asked)
        found = json.loads(answer["result"]["value"])
        return [f"{rule['id']}: {node['html'][:120]}" for rule in found for node in rule["nodes"]]


class Reader:
    """Opens pages the way one person's browser would; the clock shows a minute after the pages were made."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser = browser
        self._folder = folder
        self._contexts: list[BrowserContext] = []

    def open(self, made: bytes, size: tuple[int, int] = DESKTOP, **given: Any) -> Seen:
        """Show a page, in the colours and with the settings that are given."""
        file = self._folder / f"page-{len(self._contexts)}.html"
        file.write_bytes(made)
        width, height = size
        context = self._browser.new_context(viewport={"width": width, "height": height}, **given)
        self._contexts.append(context)
        seen = Seen(context.new_page(), file)
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("dialog", seen.answer)
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.add_init_script(_LISTEN)
        if given.get("java_script_enabled", True):
            seen.page.clock.install(time=NOW + timedelta(minutes=1))
        seen.page.goto(file.as_uri())
        return seen

    def close(self) -> None:
        """Close what was opened."""
        for context in self._contexts:
            context.close()
