"""Make the pictures of the chat page in README from a real run: ``make pictures``.

``rag serve`` answers from this project's ``docs/``, of which one page is printed as a PDF file first; chromium asks and
opens. Nothing is edited; the pictures are reduced to 256 colours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from pyromark import html

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "site" / "pictures"
PRINTED = "how-to/delete.md"
QUESTION, NEXT = "How do I delete a document for good?", "What happens when a file is damaged?"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
_STYLE = "body{font:12pt/1.5 serif;max-width:17cm}pre,code{font:10pt monospace}pre{background:#eee;padding:8px}"


def rag(*arguments: object) -> list[str]:
    """Return the command line of ``rag``."""
    return [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]


def documents(browser: Browser, folder: Path) -> Path:
    """Copy ``docs/``, one page of it as a PDF file."""
    docs = folder / "docs"
    shutil.copytree(ROOT / "docs", docs)
    source = docs / PRINTED
    page = browser.new_page()
    page.set_content(f"<title>Delete</title><style>{_STYLE}</style>{html(source.read_text(encoding='utf-8'))}")
    page.pdf(
        path=source.with_suffix(".pdf"), format="A5", margin=dict.fromkeys(("top", "bottom", "left", "right"), "1.5cm")
    )
    page.close()
    source.unlink()
    return docs


@contextmanager
def served(kb: Path) -> Iterator[str]:
    """Serve a knowledge base; yield the address."""
    command = rag("serve", kb, "--port", 0, "--uploads", "--feedback", "--json")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            yield json.loads(process.stdout.readline())["address"]
        finally:
            process.terminate()


def asked(page: Page, question: str, at: int) -> Any:  # noqa: ANN401 - a locator
    """Ask, and return the turn."""
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.locator("article[data-done]").nth(at).wait_for()
    return page.locator("article").nth(at)


def taken(page: Page, name: str) -> None:
    """Keep what the page shows."""
    page.mouse.move(1, 1)
    page.wait_for_timeout(300)
    place = PICTURES / f"{name}.png"
    page.screenshot(path=place)
    with Image.open(place) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(place, optimize=True)


def pictures(browser: Browser, address: str) -> None:
    """Take the three pictures."""
    wide = browser.new_page(viewport={"width": 1280, "height": 760})
    wide.goto(address)
    wide.locator("body[data-ready]").wait_for()
    turn = asked(wide, QUESTION, 0)
    turn.locator(".cite").first.click()
    wide.locator("figure[data-loaded] .box").first.wait_for()
    taken(wide, "page")
    wide.keyboard.press("Escape")
    turn.get_by_role("button", name="Explain").click()
    wide.locator(".bars").wait_for()
    taken(wide, "page-explain")
    phone = browser.new_context(viewport={"width": 390, "height": 760}, color_scheme="dark").new_page()
    phone.goto(address)
    phone.locator("body[data-ready]").wait_for()
    asked(phone, NEXT, 0)
    taken(phone, "page-phone")


def main() -> None:
    """Write every picture."""
    PICTURES.mkdir(exist_ok=True)
    path = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        folder = Path(name)
        documents(browser, folder)
        subprocess.run(rag("ingest", "docs", "--into", folder / "docs-kb"), cwd=folder, env=ENVIRONMENT, check=True)
        with served(folder / "docs-kb") as address:
            pictures(browser, address)
        browser.close()


if __name__ == "__main__":
    main()
