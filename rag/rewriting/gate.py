"""Automatic rewriting: cheap signals decide which strategies a question needs, so that clear questions cost nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ExtraMissing, in_words
from ..languages import question_language
from ..llm.language_model import LanguageModel
from ..llm.parsed_completion import CompletionStore
from .condensing import Condenser, topic_words
from .corpus import Corpus
from .dependence import Need, need, own_words, spoken
from .normalising import Normaliser
from .protocol import BEHIND, QueryDraft, QueryRewriter, Unfinished, Variant

if TYPE_CHECKING:
    from ..documents.document import Passage

_VAGUE = 2
"""Words of its own up to which a question without a history is vague; a model may then ask it in other words."""
_WORD = re.compile(r"[^\W_]+")
_TOP = 10
EVEN = 0.7
"""Margin, in the deviations of `rag.retrieval.fusion.ZScore`, below which no passage is clearly best. On SciFact's
training questions and half of SQuAD's articles it holds of 10 and 3 % of the questions, and of 33 and 38 % of those
with nothing relevant among the first ten."""


class Automatic:
    """Normalises, condenses where there is a history, and corrects words that no document has.

    Where a language model is configured, it condenses in place of the rules and asks in several ways what is vague, or
    what the plain search found no clear answer to; where it fails, the rules do. Nothing is done to a question that
    shows no sign of need.

    Parameters
    ----------
    model
        Or None.
    completions
        Keeps its answers by content.
    """

    name = "auto"
    waits = False  # the rules take no time, and what asks the model watches it

    def __init__(self, model: LanguageModel | None = None, completions: CompletionStore | None = None) -> None:
        self._normalise = Normaliser()
        self._condense = Condenser()
        self._model = model
        self._completions = completions
        self._spelling: QueryRewriter | None = None
        try:
            from .spelling import SpellingCorrector

            self._spelling = SpellingCorrector()
        except ExtraMissing:
            pass  # an extra: without it words stay as they are

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:
        """Return the question as far as it needs rewriting."""
        asked = self._normalise.rewrite(asked, corpus)
        if self._spelling is not None:
            asked = self._spelling.rewrite(asked, corpus, deadline=deadline)
        code = spoken(asked.text, asked.history) if asked.history else ""
        topic = topic_words(asked.text, asked.history, self._condense.most, code) if asked.history else []
        if topic and (lacks := need(asked.text, topic, corpus, code)) != "nothing":
            return self._condensed(asked, lacks, corpus, deadline)
        if self._model is not None and not asked.history and is_vague(asked.text, corpus):
            from .by_model import MultiQuery

            try:
                return MultiQuery(self._model, self._completions).rewrite(asked, corpus, deadline=deadline)
            except Exception as error:
                raise Unfinished(asked, in_words(error)) from error
        return asked

    @property
    def sees_results(self) -> bool:
        """Whether there is a model to ask when a result is too even."""
        return self._model is not None

    def looks_again(self, passages: Sequence[Passage]) -> bool:
        """Say whether a fused result is so even that the question is worth asking in other words too."""
        return margin(passages) < EVEN

    def again(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:
        """Return the question with variants, for a second look."""
        from .by_model import MultiQuery

        assert self._model is not None  # noqa: S101 - `sees_results` says so
        return MultiQuery(self._model, self._completions).rewrite(asked, corpus, deadline=deadline)

    def _condensed(self, asked: QueryDraft, lacks: Need, corpus: Corpus, deadline: float | None) -> QueryDraft:
        if self._model is None:
            return self._condense.rewrite(asked, corpus, deadline=deadline)
        from .by_model import CondenseByModel

        found = CondenseByModel(self._model, self._completions).rewrite(asked, corpus, deadline=deadline)
        if lacks == "doubt" and found.text != asked.text:
            return replace(asked, variants=(Variant(found.text, BEHIND),))
        return found


def margin(passages: Sequence[Passage]) -> float:
    """Return by how much the best passage's score exceeds the mean of the next nine; infinite without any."""
    scores = [passage.score for passage in passages[:_TOP]]
    return scores[0] - sum(scores[1:]) / (len(scores) - 1) if len(scores) > 1 else math.inf


def is_vague(text: str, corpus: Corpus) -> bool:
    """Say whether a question has hardly a word of its own that documents have."""
    words = own_words(text, question_language(text))
    frequencies = corpus.frequencies()
    known = [w for w in words if any(term in frequencies for term in corpus.analyser.terms(w))]
    return len(known) <= _VAGUE and len(_WORD.findall(text)) < 8
