"""Reports in a frame, and the token of a server that needs one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chromium import counted

from pipelines.server.guard import Access

from .conftest import DRAUGHT, Show, sound

pytestmark = pytest.mark.slow


def test_reports_are_shown_in_a_frame_that_can_do_nothing(show: Show, tmp_path: Path) -> None:
    from pipelines.reports.pages import page, section, table, write_page

    write_page(
        tmp_path / "made.html",
        page("Evaluation of May", section("Figures", table(("metric", "value"), [("nDCG", 0.5), ("MRR", 0.75)]))),
    )
    (tmp_path / "bad.html").write_text(
        "<title>Bad</title><script>top.pwned=1;fetch('/v1/status')</script><img src=x onerror=alert(1)>"
    )
    tab = show(reports=tmp_path).open()
    tab.page.get_by_role("button", name="Reports").click()
    tab.page.get_by_role("button", name="Evaluation of May").click()
    frame = tab.page.frame_locator("iframe.report")
    frame.get_by_text("nDCG").wait_for()
    frame.get_by_role("button", name="value").click()
    assert frame.locator("tbody tr").first.inner_text().startswith("MRR"), "sorted by its own script"
    sound(tab)
    tab.page.get_by_role("button", name="All reports").click()
    tab.page.get_by_role("button", name="Bad").click()
    tab.page.locator("iframe.report").wait_for()
    tab.page.wait_for_timeout(500)
    assert tab.page.evaluate("window.pwned") is None
    assert tab.dialogs == []
    assert tab.elsewhere == []


def test_a_token_is_asked_for_and_kept_for_the_tab(show: Show) -> None:
    tab = show(access=Access("a-token-of-some-length"))
    tab.page.goto(f"{tab.url}/")
    field = tab.page.get_by_role("textbox", name="Token")
    field.fill("not-the-token")
    tab.page.keyboard.press("Enter")
    tab.page.get_by_text("That token is not good here.").wait_for()
    field.fill("a-token-of-some-length")
    tab.page.keyboard.press("Enter")
    tab.page.locator("body[data-ready]").wait_for()
    assert "draught" in tab.ask(DRAUGHT).inner_text()
    tab.page.locator("article .cite").first.click()
    tab.page.locator("figure[data-loaded] .box").wait_for()
    tab.open()
    assert "a-token-of-some-length" not in json.dumps(tab.page.evaluate("({...localStorage})"))
    tab.page.get_by_role("button", name="Forget the token").click()
    tab.page.get_by_role("textbox", name="Token").wait_for()
    counted(tab.page.locator("article"), 0)  # what was said with it is kept apart
