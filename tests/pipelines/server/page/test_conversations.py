"""Conversations, filters, follow-ups and explanations on the page."""

from __future__ import annotations

import threading

import pytest
from chromium import counted

from .conftest import DRAUGHT, TEA, Show, sound

pytestmark = pytest.mark.slow


def test_conversations_survive_a_reload_and_their_marks_work(show: Show) -> None:
    tab = show().open()
    tab.ask(DRAUGHT)
    tab.page.get_by_role("button", name="New conversation").click()
    tab.asked = 0
    tab.ask(TEA)
    tab.open()
    counted(tab.page.locator("article"), 1)
    assert "80 degrees" in tab.page.locator("article").inner_text()
    tab.page.locator("#conversations").get_by_role("button", name=DRAUGHT, exact=True).click()
    tab.page.locator("article .cite").first.click()
    tab.page.locator("figure[data-loaded] .box").wait_for()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name=f"Delete the conversation {DRAUGHT}").click()
    counted(tab.page.locator("#conversations .open"), 1)


def test_an_answer_stays_with_the_conversation_that_it_was_asked_in(show: Show) -> None:
    def model(_: str) -> str:
        waited.wait(60)
        return "Green tea is steeped at 80 degrees for two minutes [1]."

    waited = threading.Event()
    tab = show(model).open()
    tab.page.locator("#question").fill(TEA)
    tab.page.keyboard.press("Enter")
    tab.page.locator(".working").wait_for()
    tab.page.get_by_role("button", name="New conversation").click()
    waited.set()
    tab.page.locator("#conversations .open").first.wait_for()
    assert tab.page.locator("#conversations .open").all_inner_texts() == [TEA]
    counted(tab.page.locator("article"), 0)
    tab.page.locator("#conversations .open").click()
    assert "It was stopped" in tab.page.locator("article").inner_text()


def test_two_tabs_do_not_write_over_each_other(show: Show) -> None:
    tab = show().open()
    tab.ask(TEA)
    other = tab.page.context.new_page()
    other.goto(tab.page.url)
    other.locator("article[data-done]").wait_for()
    tab.ask(DRAUGHT)
    other.locator("article[data-done]").nth(1).wait_for()
    other.locator("#question").fill(TEA)
    other.keyboard.press("Enter")
    other.locator("article[data-done]").nth(2).wait_for()
    tab.page.locator("article[data-done]").nth(2).wait_for()
    tab.open()
    counted(tab.page.locator("article"), 3)


def test_a_filter_is_made_by_a_form_and_holds(show: Show) -> None:
    tab = show().open()
    tab.page.get_by_role("button", name="Filter").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_label("Value").fill("pdf")
    assert dialog.get_by_label("The filter as an expression").input_value() == 'type == "pdf"'
    dialog.get_by_role("button", name="Add a condition").click()
    dialog.get_by_label("Field", exact=True).nth(1).select_option("page")
    dialog.get_by_label("Test").nth(1).select_option(">=")
    dialog.get_by_label("Value").nth(1).fill("1")
    assert dialog.get_by_label("The filter as an expression").input_value() == 'type == "pdf" and page >= 1'
    dialog.get_by_role("button", name="Use the filter").click()
    turn = tab.ask(TEA)
    assert "The documents do not answer this." in turn.inner_text()
    assert set(turn.locator(".card-title").all_inner_texts()) == {"Harbour rules"}
    tab.page.get_by_role("button", name="Search all documents again").click()
    assert "80 degrees" in tab.ask(TEA).inner_text()
    tab.page.get_by_role("button", name="Filter").click()
    dialog.get_by_label("The filter as an expression").fill("type ==")
    dialog.get_by_role("button", name="Use the filter").click()
    assert "The question was not answered" in tab.ask(TEA).inner_text()


def test_a_follow_up_is_offered_and_asked_with_what_came_before(show: Show) -> None:
    prompts: list[str] = []

    def model(prompt: str) -> str:
        prompts.append(prompt)
        return "Green tea is steeped at 80 degrees for two minutes [1]."

    tab = show(model).open()
    turn = tab.ask(TEA)
    offered = turn.locator(".follow button")
    offered.first.wait_for()
    assert offered.count() <= 3
    words = offered.first.inner_text()
    offered.first.click()
    turn = tab.done()
    assert turn.locator("h2").inner_text() == words
    assert TEA in prompts[1]


def test_explain_shows_queries_hits_fusion_and_times(show: Show) -> None:
    tab = show().open()
    turn = tab.ask(TEA)
    turn.get_by_role("button", name="Explain").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.locator(".bars").wait_for()
    text = dialog.inner_text()
    assert all(
        each in text for each in ("Queries", "dense:", "terms:", "Passages, joined by", "Times", "ms", "Green tea")
    )
    tab.page.keyboard.press("Escape")
    counted(tab.page.get_by_role("dialog"), 0)
    sound(tab)
