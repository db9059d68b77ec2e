"""The system's chromium, driven by playwright, and a tab that knows what it has sent where and what it has said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

PATIENCE = 60_000
"""Milliseconds."""
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def chromium() -> Iterator[Any]:
    """Lend the browser; skip where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("chromium is not installed: make browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A tab on the chat page of a server."""

    def __init__(self, browser: Any, url: str, *, width: int = 1280, height: int = 800, scheme: str = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.url = url
        self.elsewhere: list[str] = []
        self.said: list[str] = []
        self.dialogs: list[str] = []
        self.page.on("request", self._requested)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._asked)
        self.asked = 0

    def _requested(self, request: Any) -> None:
        if not request.url.startswith((f"{self.url}/", "blob:")):
            self.elsewhere.append(request.url)

    def _asked(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def open(self) -> Tab:
        self.page.goto(f"{self.url}/")
        self.page.locator("body[data-ready]").wait_for()
        self.asked = self.page.locator("article").count()
        return self

    def ask(self, question: str) -> Any:
        """Ask, and return the turn once it is done."""
        self.page.fill("#question", question)
        self.page.keyboard.press("Enter")
        return self.done()

    def done(self) -> Any:
        turn = self.page.locator("article").nth(self.asked)
        self.page.locator("article[data-done]").nth(self.asked).wait_for()
        self.asked += 1
        return turn

    def close(self) -> None:
        self.context.close()


def counted(locator: Any, n: int) -> None:
    """Assert that so many elements are there, or will be: a busy machine draws them later."""
    from playwright.sync_api import expect

    expect(locator).to_have_count(n, timeout=PATIENCE)


def serious(tab: Tab) -> list[tuple[str, str, list[str]]]:
    """Return what axe-core finds that is serious or worse: rule, impact, places; the page's policy stays on."""
    from importlib.resources import files

    source = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    session = tab.context.new_cdp_session(tab.page)
    session.send("Runtime.evaluate", {"expression": source})
    asked = {"expression": "axe.run()", "awaitPromise": True, "returnByValue": True}
    found = session.send("Runtime.evaluate", asked)["result"]["value"]["violations"]
    session.detach()
    return [
        (each["id"], each["impact"], [str(node["target"]) for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]
