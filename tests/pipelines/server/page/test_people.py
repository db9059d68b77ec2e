"""The page on phones, by keys alone, and for screen readers."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import Tab, counted, serious

from .conftest import DRAUGHT, TEA, Show

pytestmark = pytest.mark.slow


def test_a_phone_shows_all_of_it(show: Show) -> None:
    tab = show(width=390, height=844, scheme="dark").open()
    turn = tab.ask(DRAUGHT)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
    turn.locator(".cite").first.click()
    tab.page.locator("figure[data-loaded]").wait_for()
    viewer = tab.page.locator("#viewer").bounding_box()
    assert (viewer["x"], viewer["width"]) == (0, 390)
    assert tab.page.locator("#viewer .box").bounding_box()["width"] > 50
    tab.page.get_by_role("button", name="Close").click()
    tab.page.get_by_role("button", name="Conversations and tools").click()
    tab.page.get_by_role("button", name="New conversation").click()
    counted(tab.page.locator("article"), 0)
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 390


def focused(tab: Tab) -> str:
    return str(
        tab.page.evaluate("(at => at.getAttribute('aria-label') || at.id || at.textContent)(document.activeElement)")
    )


def test_all_of_it_is_done_by_keys(show: Show) -> None:
    tab = show().open()
    keys = tab.page.keyboard
    keys.press("/")
    assert focused(tab) == "question"
    keys.type(DRAUGHT)
    keys.press("Enter")
    turn = tab.done()
    turn.locator("h2").evaluate("each => { each.tabIndex = -1; each.focus(); }")
    keys.press("Tab")
    assert focused(tab).startswith("Source 1: Harbour rules")
    keys.press("Enter")
    tab.page.locator("figure[data-loaded]").wait_for()
    assert tab.page.evaluate("document.activeElement.closest('#viewer') !== null")
    keys.press("Escape")
    assert tab.page.locator("#viewer").is_hidden()
    assert focused(tab).startswith("Source 1")
    for _ in range(12):
        keys.press("Tab")
        if focused(tab) == "Explain":
            break
    keys.press("Enter")
    tab.page.get_by_role("dialog").locator(".bars").wait_for()
    keys.press("Escape")
    assert focused(tab) == "Explain"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_axe_finds_nothing_serious(show: Show, scheme: str, width: int, tmp_path: Path) -> None:
    tab = show(
        lambda _: "Green tea is steeped at 80 degrees [1]. The moon is made of cheese.",
        width=width,
        scheme=scheme,
        reports=tmp_path,
    ).open()
    assert serious(tab) == []
    turn = tab.ask(TEA)
    turn.locator("summary").click()
    assert serious(tab) == []
    turn.locator(".cite").first.click()
    tab.page.locator("#viewer mark").wait_for()
    assert serious(tab) == []
    tab.page.keyboard.press("Escape")
    turn.get_by_role("button", name="Explain").click()
    tab.page.locator(".bars").wait_for()
    assert serious(tab) == []
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Filter").click()
    assert serious(tab) == []
    tab.page.keyboard.press("Escape")
    if width < 1000:
        tab.page.get_by_role("button", name="Conversations and tools").click()
        assert serious(tab) == []
    else:
        turn = tab.ask(DRAUGHT)
        turn.locator(".card-open").first.click()
        tab.page.locator("#viewer .reader").wait_for()
        assert serious(tab) == []
