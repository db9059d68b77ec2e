"""Leaning: a question in a language that the documents are not in relies on the dense search: its terms cannot match.

Only where the embedder reads many languages: one that reads English alone finds such a question's passages neither way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from indexes import IdSet

from ..languages import question_language
from .fusion import DENSE_WEIGHT, Fusion, ZScore

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase

LEANING = 0.85
"""The dense search's share then. Chosen on 600 Spanish questions asked of English sections with multilingual-e5-small:
nDCG@10 is .532 with the usual .7, .561 with .85, .557 with .9 and .523 without the terms, as names and code are written
alike in every language."""
_FOREIGN = 0.1
"""Share of the passages of known language below which a language is none of theirs."""
_READ_ALIKE = frozenset(("ja", "zh"))
"""Told apart by their kana, which a short question may lack."""


class Leaning:
    """Chooses the fusion for each question of a knowledge base.

    Parameters
    ----------
    kb
        The open knowledge base. Its embedder says by a true ``multilingual`` that it reads many languages.
    fusion
        The usual one. A weight below the default was chosen with care, and stays; so does a fusion without a weight.
    """

    def __init__(self, kb: KnowledgeBase, fusion: Fusion) -> None:
        self._kb, self._usual = kb, fusion
        weighted = isinstance(fusion, ZScore) and DENSE_WEIGHT <= fusion.dense_weight < LEANING
        self._may = weighted and bool(getattr(kb.embedder, "multilingual", False))

    def of(self, question: str, allow: IdSet | None) -> tuple[Fusion, str]:
        """Return the fusion for a question, and why it is another than usual; empty where it is not.

        Parameters
        ----------
        allow
            The chunks that may be found: the languages of others do not count.
        """
        code = question_language(question) if self._may else ""
        if not code or not self._is_foreign(code, allow):
            return self._usual, ""
        leaning = replace(self._usual, dense_weight=LEANING)  # type: ignore[type-var] # `_may` says that it is a ZScore
        return leaning, f"the question is in {code!r} and the documents are not: dense weight {LEANING:g}"

    def _is_foreign(self, code: str, allow: IdSet | None) -> bool:
        codes = sorted(_READ_ALIKE) if code in _READ_ALIKE else [code]
        known = self._count("exists(language)", allow)
        same = " or ".join(f'language == "{each}"' for each in codes)
        return known > 0 and self._count(same, allow) < _FOREIGN * known

    def _count(self, where: str, allow: IdSet | None) -> int:
        found = self._kb.allowed(where)  # kept by the knowledge base until something changes
        if found is None:
            return 0
        return len(found.ids) if allow is None else len(np.intersect1d(found.ids, allow.ids, assume_unique=True))
