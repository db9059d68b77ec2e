"""The pipeline values that were stored with a knowledge base before the present one, to go back to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..errors import StoreMismatch

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase

HISTORY = "pipeline history"
"""Name of the setting: a JSON list of stored texts, the oldest first; null is the default."""
KEPT = 20


def earlier(kb: KnowledgeBase) -> list[str | None]:
    """Return the texts that were stored before, the oldest first; None is the default.

    Raises
    ------
    StoreMismatch
        This version cannot read them.
    """
    text = kb.setting(HISTORY)
    try:
        found = [] if text is None else json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(each is None or isinstance(each, str) for each in found):
        raise StoreMismatch(
            f"the history of the pipeline stored in {kb.location} cannot be read; a newer version wrote it"
        )
    return found


def remember(kb: KnowledgeBase, text: str | None) -> None:
    """Note a stored text that another one is about to replace; a history that cannot be read begins anew."""
    try:
        before = earlier(kb)
    except StoreMismatch:
        before = []
    if not before or before[-1] != text:
        keep(kb, [*before, text])


def keep(kb: KnowledgeBase, texts: list[str | None]) -> None:
    """Keep the latest of the texts."""
    kb.keep_setting(HISTORY, json.dumps(texts[-KEPT:], ensure_ascii=False) if texts else None)
