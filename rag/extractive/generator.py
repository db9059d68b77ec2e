"""The extractive generator: answers made of the passages' own sentences."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..answers import UNKNOWN, Answer, Sentence, citation
from ..documents.document import Passage
from ..embedding.protocol import Embedder
from ..errors import InvalidInput
from ..grounding.quotable_sentences import Quotable, candidates
from ..grounding.words import FUNCTION_WORDS, WordReader
from ..terms import Analyser
from . import scoring
from .answer_type import defines
from .completion import asks_for_list, completed, with_items
from .features import PassageFacts, asking_left_out, features, read_in, with_cosines
from .question_type import AnalysedQuestion, analyse, asks
from .row_fit import label_noise, of_asked_periods
from .selection import select
from .stored_meaning import Stored, stored_similarities

log = logging.getLogger(__name__)

EMBEDDED = 8
"""Sentences that are embedded where none are stored: the best by words; more cost time and gain nothing (measured)."""

_LISTS = 2.0
"""Bonus of a sentence that announces a list, if one is asked for; it ends with a colon, which costs 1."""
_DEFINES = 1.0
"""Bonus of a definition, in log odds, if one is asked for; set by hand, as the training data hold few."""


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Candidates, best first, with their scores and the support of the first."""

    candidates: list[Quotable]
    scores: NDArray[np.float64]
    support: float
    failure: str = ""


class ExtractiveGenerator:
    """Quotes the sentences that answer a question best, each with a citation that can be checked.

    Sentences are scored by a linear model of similarity of embeddings, rarity-weighted shared words, phrases, and
    nearness of words of the kind asked for (see `rag.extractive.features`). Needs no language model. Safe to share
    between threads if the embedder is.

    Parameters
    ----------
    embedder
        Compares sentences with the question; None for words alone, which takes milliseconds.
    analyser
        Splits texts into index terms, as the knowledge base does.
    max_sentences
        Maximum number of sentences; the best one comes first.
    threshold
        Support, 0 to 1, below which the generator abstains; 0 never abstains. Default: calibrated on questions with and
        without an answer, see `rag.extractive.scoring.default_threshold`.
    stored
        The knowledge base's ``sentence_vectors``: sentences are then compared by the vectors that it keeps. Without
        them, and for passages whose sentences have none, the best ones by words are embedded.

    Raises
    ------
    InvalidInput
        If ``max_sentences`` is below 1 or ``threshold`` outside 0 to 1.
    """

    def __init__(
        self,
        embedder: Embedder | None,
        analyser: Analyser,
        *,
        max_sentences: int = 3,
        threshold: float | None = None,
        stored: Stored | None = None,
    ) -> None:
        self.threshold = scoring.default_threshold() if threshold is None else threshold
        if max_sentences < 1:
            raise InvalidInput(f"max_sentences={max_sentences}: an answer needs at least 1")
        if not 0 <= self.threshold <= 1:
            raise InvalidInput(f"threshold={threshold}: give a probability from 0 to 1")
        self.max_sentences = max_sentences
        self._embedder = embedder
        self._stored = stored
        self._reader = WordReader(analyser)

    def generate(self, question: str, passages: Sequence[Passage]) -> Answer:
        """Answer from the passages, best first, or abstain with a reason.

        Returns
        -------
        Answer
            ``text`` is the quoted sentences with ``[n]`` after each, line breaks inside a quote shown as spaces;
            ``citations`` hold the verbatim quotes. ``degraded`` if the embedder failed and words alone decided.
        """
        if not question.strip():
            return _abstain(question, passages, "the question is empty")
        if not passages:
            return _abstain(question, passages, "nothing was retrieved")
        found = [each for each in candidates(passages) if not each.heading and not asks(each.text, question)]
        found = of_asked_periods(question, found)
        if not found:
            return _abstain(question, passages, "the retrieved passages hold no sentences")
        asked = analyse(question)
        ranked = self._rank(asked, found, passages)
        if ranked.support < self.threshold:
            answer = _abstain(question, passages, "")
        else:
            chosen = select(ranked.candidates, ranked.scores, self._reader, self.max_sentences)
            answer = _quote(question, completed(chosen, found, passages), passages)
        answer = replace(answer, support=ranked.support, calibrated=True, threshold=self.threshold)
        if answer.abstained:
            answer = replace(answer, reason=f"best sentence found: {answer.support_in_words}")
        if not ranked.failure:
            return answer
        note = f"{ranked.failure}; sentences were ranked by their words alone"
        return replace(answer, degraded=True, reason=f"{answer.reason}; {note}" if answer.reason else note)

    def _rank(self, asked: AnalysedQuestion, found: list[Quotable], passages: Sequence[Passage]) -> _Ranked:
        shown = features(asked, found, settings(passages), self._reader)
        stems = frozenset(asking_left_out(asked, self._reader, FUNCTION_WORDS).terms)
        noise = np.array([each.noise + label_noise(each, stems, self._reader) for each in found])
        if asked.kind == "definition":
            code = read_in(asked, found)
            noise -= _DEFINES * np.array([defines(self._reader.read(each.shown), stems, code) for each in found])
        if asks_for_list(asked.text, asked.language):
            lists = [with_items(each, found, passages[each.passage].text) is not each for each in found]
            noise -= _LISTS * np.array(lists)
        score = scoring.scores(shown, asked.kind, scoring.LEXICAL) - noise
        cosines, model, failure = None, scoring.LEXICAL, ""
        if self._embedder is not None:
            try:
                cosines = self._stored_cosines(self._embedder, asked.text, found, passages)
                if cosines is not None:
                    model, kept = scoring.STORED, np.arange(len(found))
                else:
                    model, kept = scoring.ANY_EMBEDDER, np.argsort(-score, kind="stable")[:EMBEDDED]
                    cosines = similarities(self._embedder, asked.text, [found[int(i)].shown for i in kept])
            except Exception as error:  # noqa: BLE001 - whatever an embedder raises, words still decide
                log.warning("the embedder failed (%s: %s); ranking sentences by words", type(error).__name__, error)
                model, failure = scoring.LEXICAL, f"the embedder failed ({type(error).__name__})"
            else:
                found = [found[int(i)] for i in kept]
                owners = [each.passage for each in found] if model == scoring.STORED else None
                shown = with_cosines(shown[kept], cosines, owners)
                score = scoring.scores(shown, asked.kind, model) - noise[kept]
        order = np.argsort(-score, kind="stable")
        # The probability was learned on scores without the noise that only orders the sentences.
        plain = scoring.scores(shown, asked.kind, model)
        plain = np.where(np.arange(len(plain)) == order[0], plain, np.minimum(plain, plain[order[0]]))
        name = getattr(self._embedder, "name", "")
        support = scoring.support(scoring.signs(shown, plain, cosines), asked.kind, model, name)
        return _Ranked([found[int(i)] for i in order], score[order], support, failure)

    def _stored_cosines(
        self, embedder: Embedder, question: str, found: Sequence[Quotable], passages: Sequence[Passage]
    ) -> NDArray[np.float64] | None:
        if self._stored is None:
            return None
        return stored_similarities(self._stored, lambda: embedder.embed_queries([question])[0], found, passages)


def settings(passages: Sequence[Passage]) -> list[PassageFacts]:
    """Return the facts of passages for `features`."""
    fused = [passage.score for passage in passages]
    spread = max(fused) - min(fused)
    relative = [(score - max(fused)) / spread if 0 < spread < float("inf") else 0.0 for score in fused]
    return [
        PassageFacts(" ".join((passage.title, *passage.heading)), rank, relative[rank])
        for rank, passage in enumerate(passages)
    ]


def similarities(embedder: Embedder, question: str, sentences: Sequence[str]) -> NDArray[np.float64]:
    """Return the cosine of each sentence with the question: float64, shape (n_sentences,).

    Raises
    ------
    ValueError
        If the embedder's vectors are not of one shape, or not finite.
    """
    texts = np.asarray(embedder.embed_passages(sentences), dtype=np.float64)
    asked = np.asarray(embedder.embed_queries([question]), dtype=np.float64)
    if texts.shape != (len(sentences), asked.shape[-1]) or asked.shape[:1] != (1,):
        raise ValueError(
            f"vectors of shape {texts.shape} and {asked.shape} for {len(sentences)} sentences and a question"
        )
    result: NDArray[np.float64] = texts @ asked[0]
    if not np.isfinite(result).all():
        raise ValueError("vectors that are not finite")
    return result


def _abstain(question: str, passages: Sequence[Passage], reason: str) -> Answer:
    return Answer(question, UNKNOWN, passages=tuple(passages), abstained=True, reason=reason, generator="extractive")


def _quote(question: str, chosen: Sequence[Quotable], passages: Sequence[Passage]) -> Answer:
    citations = tuple(citation(n, passages[each.passage], each.start, each.end) for n, each in enumerate(chosen, 1))
    sentences = tuple(Sentence(" ".join(each.shown.split()), 1.0, citations=(n,)) for n, each in enumerate(chosen, 1))
    text = " ".join(f"{each.text} [{n}]" for n, each in enumerate(sentences, 1))
    return Answer(question, text, citations, tuple(passages), sentences=sentences, generator="extractive")
