"""What a reader adds on the page: documents, thumbs with reason and correction, reviews."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from chromium import counted, serious
from pdf_files import make_pdf

from rag import KnowledgeBase
from rag.feedback import Feedback

from .conftest import TEA, Show, sound

pytestmark = pytest.mark.slow
BEAVERS = ["Beavers", "Beavers fell trees with their teeth to build dams.", "A lodge has its entrance under water."]


@pytest.fixture
def base(folder: Path, tmp_path: Path) -> Path:
    """A copy of the knowledge base, to write into."""
    shutil.copytree(folder / "kb", tmp_path / "kb")
    return tmp_path / "kb"


def test_files_are_dropped_read_and_accounted_for_and_their_pages_open(show: Show, base: Path) -> None:
    tab = show(base=base, uploads=True).open()
    tab.page.get_by_role("button", name="Add documents").click()
    dialog = tab.page.get_by_role("dialog")
    files = [
        {"name": "beavers.pdf", "mimeType": "application/pdf", "buffer": make_pdf(BEAVERS, title="Beavers")},
        {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 nothing"},
    ]
    assert "They go into kb." in dialog.inner_text()
    dialog.get_by_label("Drop files").set_input_files(files)
    done = dialog.locator(".job", has_text="1 document added")
    done.wait_for()
    told = done.inner_text()
    assert "words" in told
    assert "were read" in told
    assert "broken.pdf: not a readable PDF" in told
    assert serious(tab) == []
    tab.page.keyboard.press("Escape")
    turn = tab.ask("How do beavers fell trees?")
    turn.locator(".cite").first.click()
    tab.page.locator("figure[data-loaded] .box").wait_for()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Documents", exact=True).click()
    dialog.get_by_role("button", name="Remove Beavers").wait_for()
    counted(dialog.get_by_role("button", name="Remove"), 1)  # others came by rag ingest
    dialog.get_by_role("button", name="Remove Beavers").click()
    dialog.get_by_role("button", name="Yes, remove it").click()
    dialog.locator(".card", has_text="Beavers").wait_for(state="detached")
    tab.page.keyboard.press("Escape")
    turn = tab.ask("How do beavers fell trees?")
    assert "teeth" not in turn.inner_text()
    sound(tab)


DROPPED = """([name, text]) => {
  const moved = new DataTransfer();
  moved.items.add(new File([text], name, {type: "text/markdown"}));
  const made = {bubbles: true, cancelable: true, dataTransfer: moved};
  document.body.dispatchEvent(new DragEvent("dragover", made));
  const shown = document.body.classList.contains("dropping");
  document.body.dispatchEvent(new DragEvent("drop", made));
  return shown;
}"""


def test_a_file_is_dropped_anywhere(show: Show, base: Path) -> None:
    tab = show(base=base, uploads=True).open()
    assert tab.page.evaluate(DROPPED, ["otters.md", "# Otters\n\nOtters hold hands while they sleep.\n"])
    tab.page.locator(".job", has_text="1 document added").wait_for()
    tab.page.keyboard.press("Escape")
    assert "hold hands" in tab.ask("What do otters do while they sleep?").inner_text()


def test_nothing_is_offered_where_the_server_takes_nothing(show: Show) -> None:
    tab = show().open()
    for name in ("Add documents", "Review feedback", "Reports"):
        counted(tab.page.get_by_role("button", name=name), 0)
    assert tab.page.evaluate(DROPPED, ["x.md", "x"]) is False
    turn = tab.ask(TEA)
    counted(turn.locator(".thumbs"), 0)
    tab.page.get_by_role("button", name="Documents", exact=True).click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Harbour rules").wait_for()
    counted(dialog.get_by_role("button", name="Remove"), 0)
    dialog.get_by_role("button", name="Harbour rules").click()
    tab.page.locator("#viewer .document", has_text="dredged in May").wait_for()
    counted(tab.page.locator("#viewer .note"), 0)
    assert serious(tab) == []


def test_thumbs_with_reason_and_correction_are_kept_and_reviewed(show: Show, base: Path, tmp_path: Path) -> None:
    tab = show(base=base, feedback=True).open()
    turn = tab.ask(TEA)
    down = turn.get_by_role("button", name="Bad answer")
    down.click()
    turn.get_by_label("Why").fill("it says nothing of time")
    turn.get_by_label("The right answer").fill("At 80 degrees, for two minutes.")
    turn.get_by_role("button", name="Send").click()
    turn.get_by_text("Kept. Thank you.").wait_for()
    tab.open()
    assert tab.page.get_by_role("button", name="Bad answer").get_attribute("aria-pressed") == "true"
    assert serious(tab) == []
    with KnowledgeBase.open(base) as kb, Feedback.open(kb) as kept:
        (row,) = kept.rows("new")
        assert (row.vote, row.reason, row.correction) == (
            "down",
            "it says nothing of time",
            "At 80 degrees, for two minutes.",
        )
    tab.page.get_by_role("button", name="Review feedback").click()
    dialog = tab.page.get_by_role("dialog")
    dialog.get_by_role("heading", name=TEA).wait_for()
    assert serious(tab) == []
    dialog.get_by_role("checkbox", name="This answers it: Green tea is steeped").first.check()
    dialog.get_by_role("button", name="Accept").click()
    dialog.get_by_text("There is nothing to review").wait_for()
    with KnowledgeBase.open(base) as kb, Feedback.open(kb) as kept:
        assert [each.state for each in kept.rows()] == ["accepted"]
    sound(tab)


def test_a_thumb_is_taken_back(show: Show, base: Path) -> None:
    tab = show(base=base, feedback=True).open()
    turn = tab.ask(TEA)
    turn.get_by_role("button", name="Good answer").click()
    turn.locator(".why form").wait_for()
    with KnowledgeBase.open(base) as kb, Feedback.open(kb) as kept:
        assert [each.vote for each in kept.rows()] == ["up"]
    turn.get_by_role("button", name="Good answer").click()
    turn.locator(".why form").wait_for(state="detached")
    assert turn.get_by_role("button", name="Good answer").get_attribute("aria-pressed") == "false"
    with KnowledgeBase.open(base) as kb, Feedback.open(kb) as kept:
        assert kept.rows() == []
