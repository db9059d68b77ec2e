"""Whether the passages bear out what a sentence claims.

By words: which share of the claim's words, names and numbers stands in a few sentences of one passage, and whether
both say yes or no alike. By meaning: the embedder's cosine, which also finds a claim in other words. The two give a
score by a logistic function whose weights are set by hand, not learned: it is no calibrated probability. A number that
stands in no passage is never borne out. A user's model of natural-language inference replaces the score, see
`Entailment`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..documents import Passage
from ..embedding.protocol import Embedder
from .evidence import Evidence, Span, bare, names, negations, numbers
from .words import Analyser, WordReader

log = logging.getLogger(__name__)

SUPPORTED = 0.5
"""Support from which on a sentence counts as borne out."""
LOOKED_AT = 8
"""Spans that are compared by meaning, the best by their words."""

WEIGHTS = {"lexical": (-5.0, 7.0, -2.0, -1.5, 0.0), "embedded": (-7.0, 5.0, -2.0, -1.5, 5.0)}
"""Intercept, then weights of: coverage, missing names, unlike negation, cosine."""


@runtime_checkable
class Entailment(Protocol):
    """A model of natural-language inference."""

    def entail(self, premises: Sequence[str], claims: Sequence[str]) -> NDArray[np.float64]:
        """Probability, 0 to 1, that each premise entails its claim: float64, shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Support:
    """How well one passage bears a claim out, and the span of it that does so best."""

    score: float
    passage: int
    start: int
    end: int
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Claim:
    text: str
    terms: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[str]
    negated: bool

    def weight(self, term: str) -> float:
        return 2.0 if term in self.names or term[0].isdigit() else 1.0


class SupportChecker:
    """Holds sentences against passages. Safe to share between threads if the embedder is.

    Parameters
    ----------
    embedder
        Compares meanings; None: by words alone.
    analyser
        Splits texts into index terms, as the knowledge base does.
    entailment
        A model of natural-language inference, such as `rag.generation.entailment.CrossEncoderEntailment`.
    """

    def __init__(self, embedder: Embedder | None, analyser: Analyser, *, entailment: Entailment | None = None) -> None:
        self._embedder = embedder
        self._reader = WordReader(analyser)
        self._entailment = entailment

    def evidence(self, passages: Sequence[Passage]) -> Evidence:
        """Analyse passages, once for all claims about them."""
        return Evidence(passages, self._reader)

    def claims(self, sentence: str) -> bool:
        """Whether a sentence says anything that could be checked."""
        return bool(self._reader.read(bare(sentence)).terms)

    def check(self, sentence: str, evidence: Evidence) -> list[Support]:
        """Return each passage's support for a sentence, best first; empty when there is nothing to hold it against."""
        claim = self._claim(bare(sentence))
        if not claim.terms or not evidence.spans:
            return []
        shown = np.array([_features(claim, [span], evidence) for span in evidence.spans])
        lexical = _probability(shown, "lexical")
        order = np.argsort(-lexical, kind="stable")[:LOOKED_AT]
        cosines = self._cosines(claim.text, [evidence.spans[int(i)] for i in order], evidence)
        scores = lexical
        if cosines is not None:
            scores = np.zeros(len(lexical))
            shown[order, 3] = cosines
            scores[order] = _probability(shown[order], "embedded")
        best: dict[int, Support] = {}
        for i in np.argsort(-scores, kind="stable"):
            span = evidence.spans[int(i)]
            if span.passage not in best:
                best[span.passage] = _support(claim, span, float(scores[i]), evidence)
        found = sorted(best.values(), key=lambda each: -each.score)
        if self._entailment is not None:
            found = self._entailed(claim.text, found, evidence)
        return found

    def together(self, sentence: str, evidence: Evidence, places: Sequence[int]) -> list[Support]:
        """Return the spans of several passages that only together bear a sentence out, or nothing.

        Parameters
        ----------
        places
            Which passages, from 0.
        """
        claim = self._claim(bare(sentence))
        if not claim.terms:
            return []
        chosen = []
        for place in dict.fromkeys(places):
            own = [span for span in evidence.spans if span.passage == place]
            if own:
                shown = np.array([_features(claim, [span], evidence) for span in own])
                chosen.append(own[int(np.argmax(_probability(shown, "lexical")))])
        if len(chosen) < 2:
            return []
        score = float(_probability(np.array([_features(claim, chosen, evidence)]), "lexical")[0])
        if self._entailment is not None:
            joined = "\n".join(evidence.passages[span.passage].text[span.start : span.end] for span in chosen)
            score = float(np.asarray(self._entailment.entail([joined], [claim.text]))[0])
        score, _ = _judged(claim, chosen, score, evidence)
        return [Support(score, s.passage, s.start, s.end) for s in chosen] if score >= SUPPORTED else []

    def _claim(self, text: str) -> _Claim:
        words = self._reader.read(text)
        return _Claim(text, frozenset(words.terms), names(words), numbers(text, spelt=False), negations(text) % 2 == 1)

    def _cosines(self, claim: str, spans: Sequence[Span], evidence: Evidence) -> NDArray[np.float64] | None:
        if self._embedder is None:
            return None
        texts = [evidence.passages[span.passage].text[span.start : span.end] for span in spans]
        try:
            vectors = np.asarray(self._embedder.embed_passages([claim, *texts]), dtype=np.float64)
        except Exception as error:  # noqa: BLE001 - whatever an embedder raises, the words remain
            log.warning("the embedder failed (%s); claims are checked by words", type(error).__name__)
            return None
        cosines: NDArray[np.float64] = vectors[1:] @ vectors[0]
        return cosines if np.isfinite(cosines).all() else None

    def _entailed(self, claim: str, found: list[Support], evidence: Evidence) -> list[Support]:
        assert self._entailment is not None  # noqa: S101 - checked by the caller; tells mypy
        premises = [evidence.passages[each.passage].text[each.start : each.end] for each in found]
        scores = np.asarray(self._entailment.entail(premises, [claim] * len(premises)), dtype=np.float64)
        judged = [
            replace(each, score=float(score), problem="" if score >= SUPPORTED else "no passage entails it")
            for each, score in zip(found, scores, strict=True)
        ]
        return sorted(judged, key=lambda each: -each.score)


def _features(claim: _Claim, spans: Sequence[Span], evidence: Evidence) -> tuple[float, float, float, float]:
    """Coverage, share of missing names, unlike negation, and room for the cosine; of one span, or of several joined."""
    held = frozenset().union(*(span.terms | span.numbers | evidence.context[span.passage] for span in spans))
    around = frozenset().union(*(evidence.terms[span.passage] for span in spans))
    total = got = 0.0
    for term in claim.terms:
        weight = claim.weight(term)
        total += weight
        got += weight if term in held else weight / 2 if term in around else 0.0
    missing = sum(term not in around for term in claim.names) / max(1, len(claim.names))
    unlike = float(claim.negated != (sum(span.negations for span in spans) % 2 == 1))
    # A longer span holds more words by chance: each further sentence costs a little.
    return got / total - 0.02 * (sum(span.sentences for span in spans) - 1), missing, unlike, 0.0


def _probability(shown: NDArray[np.float64], model: str) -> NDArray[np.float64]:
    intercept, *weights = WEIGHTS[model]
    result: NDArray[np.float64] = 1 / (1 + np.exp(-(intercept + shown @ np.array(weights))))
    return result


def _support(claim: _Claim, span: Span, score: float, evidence: Evidence) -> Support:
    score, problem = _judged(claim, [span], score, evidence)
    return Support(score, span.passage, span.start, span.end, problem)


def _judged(claim: _Claim, spans: Sequence[Span], score: float, evidence: Evidence) -> tuple[float, str]:
    """Return the score, low where a number of the claim is missing, and what is wrong."""
    passages = [evidence.passages[span.passage] for span in spans]
    heads = " ".join(" ".join((passage.title, *passage.heading)) for passage in passages)
    known = numbers(heads, spelt=True).union(*(span.numbers for span in spans))
    absent = sorted(claim.numbers - known)
    if absent:
        return min(score, 0.05), f"{absent[0]} does not stand there"
    if score >= SUPPORTED:
        return score, ""
    unknown = sorted(claim.names.difference(*(evidence.terms[span.passage] for span in spans)))
    return score, f"{unknown[0]!r} does not stand there" if unknown else "too little of it stands there"
