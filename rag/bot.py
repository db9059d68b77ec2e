"""A question-answering bot: a retriever and a generator behind one call."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .answers import Answer
from .documents import Passage
from .errors import InvalidInput
from .generation.extractive import ExtractiveGenerator

if TYPE_CHECKING:
    from .generation.protocol import Generator
    from .searching import Searcher

log = logging.getLogger(__name__)


class Bot:
    """Answers questions from what a retriever finds.

    Parameters
    ----------
    retriever
        Where passages come from; its knowledge base is the one that ``indexes`` benchmarks measure.
    generator
        Turns a question and passages into an `Answer`. Default: `ExtractiveGenerator`, which quotes and needs no model
        beyond the embedder at hand.
    """

    def __init__(self, retriever: Searcher, generator: Generator | None = None) -> None:
        self.retriever = retriever
        kb = retriever.kb
        self._extractive = ExtractiveGenerator(kb.embedder, kb.analyser)
        self.generator: Generator = generator or self._extractive

    def ask(self, question: str, *, k: int | None = None, where: str | None = None) -> Answer:
        """Answer one question.

        Parameters
        ----------
        question
            In plain words.
        k
            Passages to read; default: the retriever's own.
        where
            Filter over documents, as in `rag.filters`.

        Returns
        -------
        Answer
            With citations whose quotes are verbatim; ``abstained`` when nothing retrieved supports an answer;
            ``degraded`` when the generator failed and the extractive one answered.

        Raises
        ------
        InvalidInput
            If the question is empty.
        InvalidFilter
            If ``where`` does not parse.
        """
        if not question.strip():
            raise InvalidInput("the question is empty; ask something in words")
        start = time.perf_counter()
        found = self.retriever.search(question, k, where=where)
        read = time.perf_counter()
        answer = self._generate(question, found.passages)
        end = time.perf_counter()
        timings = {**found.timings, "generate": end - read, "total": end - start}
        if found.notes:
            reason = "; ".join(filter(None, (answer.reason, *found.notes)))
            return replace(answer, timings=timings, degraded=True, reason=reason)
        return replace(answer, timings=timings)

    def _generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        try:
            return self.generator.generate(question, passages)
        except Exception as error:  # whatever a model raises, quotes remain
            if self.generator is self._extractive:
                raise
            log.warning("the generator failed (%s: %s); answering with quotes", type(error).__name__, error)
            answer = self._extractive.generate(question, passages)
            return replace(answer, degraded=True, reason=f"the generator failed: {type(error).__name__}")
