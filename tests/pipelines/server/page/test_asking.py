"""Asking on the page: streams, stops, what is not known or not supported, and what comes next."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import counted

from rag import KnowledgeBase

from .conftest import TEA, Show, sound

pytestmark = pytest.mark.slow


class Told:
    """A model that says one sentence, and the next when it is let go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.prompts: list[str] = []

    def __call__(self, prompt: str) -> Iterator[str]:
        self.prompts.append(prompt)
        yield "Green tea is steeped at 80 degrees for two minutes [1]. Black"
        assert self.go_on.wait(60)
        yield " tea takes boiling water [1]."


def test_an_answer_is_shown_while_it_is_made_and_told_to_a_screen_reader(show: Show) -> None:
    model = Told()
    tab = show(model).open()
    tab.page.fill("#question", TEA)
    tab.page.keyboard.press("Enter")
    first = tab.page.locator("article .answer .text", has_text="80 degrees")
    first.wait_for()
    counted(tab.page.locator("article[data-done]"), 0)
    tab.page.locator("#live", has_text="80 degrees").wait_for(state="attached")
    assert tab.page.get_attribute("#chat", "aria-busy") == "true"
    model.go_on.set()
    turn = tab.done()
    assert "Black tea" in turn.locator(".answer .text").inner_text()
    counted(turn.locator(".cite"), 2)
    tab.page.locator("#live", has_text="Answered, with").wait_for(state="attached")
    sound(tab)


def test_stop_stops_the_answer(show: Show) -> None:
    model = Told()
    tab = show(model).open()
    tab.page.fill("#question", TEA)
    tab.page.keyboard.press("Enter")
    tab.page.locator("article .answer .text", has_text="80 degrees").wait_for()
    tab.page.get_by_role("button", name="Stop").click()
    assert "It was stopped." in tab.done().inner_text()
    model.go_on.set()
    assert tab.page.get_by_role("button", name="Ask", exact=True).is_visible()


def test_what_is_not_answered_is_said_and_the_nearest_passages_are_shown(show: Show) -> None:
    tab = show().open()
    turn = tab.ask("How do zebras sleep on the moon?")
    said = turn.locator(".note").inner_text()
    assert re.fullmatch(
        r"The documents do not answer this\. [A-Z][^.]*\. The nearest passages are below; .*\.", said
    ), said
    assert "quoted from the documents" not in turn.inner_text()
    counted(turn.locator(".cite"), 0)
    turn.locator("details[open] .card").first.wait_for()
    sound(tab)


def test_without_documents_the_page_says_so(show: Show, tmp_path: Path) -> None:
    KnowledgeBase.create(tmp_path / "empty", embedder="hashing-64").close()
    tab = show(base=tmp_path / "empty").open()
    assert "There are no documents here" in tab.page.locator("#turns").inner_text()
    assert "Nothing was retrieved." in tab.ask(TEA).inner_text()


def test_unsupported_sentences_and_failed_models_are_visibly_so(show: Show) -> None:
    from rag.errors import LLMUnavailable

    tab = show(lambda _: "Green tea is steeped at 80 degrees [1]. The moon is made of green cheese and honey.").open()
    turn = tab.ask(TEA)
    counted(turn.locator(".unsupported"), 1)
    assert "not supported by the documents" in turn.inner_text()

    def broken(_: str) -> str:
        raise LLMUnavailable("the model's server is gone")

    turn = show(broken).open().ask(TEA)
    assert "Quotes only: the language model failed" in turn.inner_text()
    assert "80 degrees" in turn.inner_text()


def test_cited_sources_come_first_and_the_rest_behind(show: Show) -> None:
    tab = show().open()
    turn = tab.ask(TEA)
    counted(turn.locator("ol.cards > li"), 1)
    counted(turn.locator(".cite"), 1)
    assert turn.locator("details .card").first.is_hidden()
    turn.locator("summary").click()
    assert turn.locator("details .card").first.is_visible()
    assert turn.locator("ol.cards a").get_attribute("href") == "https://example.org/tea"
