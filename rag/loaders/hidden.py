"""Sheets and slides that may be hidden: what a reader of the file does not see goes to the account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .draft import Draft


@contextmanager
def page_of(draft: Draft, number: int, hidden: str = "") -> Iterator[Draft]:
    """Open a page of a draft without headings; ``hidden`` names one that is left out with a remark."""
    page = Draft() if hidden else draft
    page.drop_headings()
    page.page(number)
    yield page
    if hidden:
        made = page.parsed("")
        for text in (made.text, *made.left_out.values()):
            draft.leave_out("hidden", text)
        draft.remark(f"{hidden} is hidden and left out")


def leave_out_hidden(draft: Draft, text: str, what: str) -> None:
    """Account for hidden rows or columns of a sheet."""
    if text.strip():
        draft.leave_out("hidden", text)
        draft.remark(f"hidden {what} are left out")
