"""When to rewrite: cheap signs say which strategies a question needs, so that clear questions pay nothing."""

from __future__ import annotations

import re

from ..errors import ExtraMissing
from ..generation.language_model import LanguageModel
from .condensing import Condenser, depends
from .normalising import Normaliser
from .protocol import Asked, Corpus, QueryRewriter, Unfinished

_VAGUE = 2
"""Words of its own up to which a question without a history is vague; a model may then ask it in other words."""
_WORD = re.compile(r"[^\W_]+")


class Automatic:
    """Normalises, condenses where there is a history, and corrects words that no document has.

    Where a language model is configured, it condenses in place of the rules and asks vague questions in several ways;
    where it fails, the rules do. Nothing is done to a question that shows no sign of need.

    Parameters
    ----------
    model
        Or None.
    """

    name = "auto"
    waits = False  # the rules take no time, and what asks the model watches it

    def __init__(self, model: LanguageModel | None = None) -> None:
        self._normalise = Normaliser()
        self._condense = Condenser()
        self._model = model
        self._spelling: QueryRewriter | None = None
        try:
            from .spelling import SpellingCorrector

            self._spelling = SpellingCorrector()
        except ExtraMissing:
            pass  # an extra: without it words stay as they are

    def rewrite(self, asked: Asked, corpus: Corpus, *, deadline: float | None = None) -> Asked:
        """Return the question as far as it needs rewriting."""
        asked = self._normalise.rewrite(asked, corpus)
        if self._spelling is not None:
            asked = self._spelling.rewrite(asked, corpus, deadline=deadline)
        if asked.history and depends(asked.text):
            return self._condensed(asked, corpus, deadline)
        if self._model is not None and not asked.history and is_vague(asked.text, corpus):
            from .by_model import MultiQuery

            try:
                return MultiQuery(self._model).rewrite(asked, corpus, deadline=deadline)
            except Exception as error:
                raise Unfinished(asked, f"{type(error).__name__}: {error}") from error
        return asked

    def _condensed(self, asked: Asked, corpus: Corpus, deadline: float | None) -> Asked:
        if self._model is None:
            return self._condense.rewrite(asked, corpus)
        from .by_model import CondenseByModel

        return CondenseByModel(self._model).rewrite(asked, corpus, deadline=deadline)


def is_vague(text: str, corpus: Corpus) -> bool:
    """Say whether a question has hardly a word of its own that documents have."""
    from .condensing import own_words

    words = own_words(text)
    frequencies = corpus.frequencies()
    known = [w for w in words if any(term in frequencies for term in corpus.analyser.terms(w))]
    return len(known) <= _VAGUE and len(_WORD.findall(text)) < 8
