"""Pseudo-relevance feedback: add words, or a direction, from the best passages of a first search.

It costs a second search and helps questions whose words are few or other than the documents'; where the first search
goes astray, so does the second.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..errors import InvalidInput
from .corpus import Corpus
from .protocol import QueryDraft

_TERM = re.compile(r"[^\W_]{2,20}")
_FREQUENT = 0.1  # terms in more than this share of the chunks say nothing


def _checked(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise InvalidInput(f"{name}={value}: give a whole number, 1 or more")


class RM3:
    """Relevance model 3: the question's terms mixed with those that are likely in the best passages.

    P(w|R) is the sum over the feedback chunks of P(w|d) times the chunk's share of the scores.

    Parameters
    ----------
    docs, terms
        Feedback chunks, and terms that are added.
    weight
        Share of the question's own terms.

    References
    ----------
    N. Abdul-Jaleel et al., "UMass at TREC 2004: novelty and HARD"; the constants are Anserini's.
    """

    name = "rm3"
    waits = False

    def __init__(self, *, docs: int = 10, terms: int = 10, weight: float = 0.5) -> None:
        _checked(docs=docs, terms=terms)
        if not 0 < weight < 1:
            raise InvalidInput(f"weight={weight}: give a number between 0 and 1")
        self.docs, self.terms, self.weight = docs, terms, weight

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with the relevance model's terms."""
        own = _own_terms(asked, corpus)
        found = corpus.holding(own, self.docs)
        total = sum(score for _, score in found)
        if not found or total <= 0:
            return asked
        model: dict[str, float] = {}
        for text, score in found:
            counts = _counts(text, corpus)
            length = sum(counts.values())
            for term, count in counts.items():
                model[term] = model.get(term, 0.0) + score / total * count / length
        return replace(asked, terms=_mixed(own, _best(model, self.terms), self.weight))


class Bo1:
    """Bose-Einstein 1: terms that occur in the best passages more often than by chance.

    w(t) = tf log2((1 + P) / P) + log2(1 + P), where tf is the frequency in the feedback chunks and P the mean
    frequency of the term in a chunk, here the share of chunks that hold it.

    Parameters
    ----------
    docs, terms
        Feedback chunks, and terms that are added.

    References
    ----------
    G. Amati, "Probability models for information retrieval based on divergence from randomness", PhD thesis, Glasgow
    2003; the constants are Terrier's.
    """

    name = "bo1"
    waits = False

    def __init__(self, *, docs: int = 3, terms: int = 10) -> None:
        _checked(docs=docs, terms=terms)
        self.docs, self.terms = docs, terms

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with the terms of most information."""
        own = _own_terms(asked, corpus)
        found = corpus.holding(own, self.docs)
        if not found:
            return asked
        pool: Counter[str] = Counter()
        for text, _ in found:
            pool.update(_counts(text, corpus))
        frequencies, n = corpus.frequencies(), max(1, corpus.n)
        weights = {}
        for term, tf in pool.items():
            p = max(1, frequencies.get(term, 0)) / n
            weights[term] = tf * math.log2((1 + p) / p) + math.log2(1 + p)
        best = _best(weights, self.terms)
        top, most = max(best.values(), default=0.0), max(own.values())
        if top <= 0:
            return asked
        merged = {term: count / most for term, count in own.items()}
        for term, weight in best.items():
            merged[term] = merged.get(term, 0.0) + weight / top
        return replace(asked, terms=merged)


class Rocchio:
    """Moves the question's vector towards the mean of the nearest chunks' vectors.

    Parameters
    ----------
    docs
        Feedback chunks.
    weight
        Of their mean, the question's own vector weighing 1.

    References
    ----------
    J. Rocchio, "Relevance feedback in information retrieval", 1971; for vectors H. Li et al., "Pseudo relevance
    feedback with deep language models and dense retrievers", ACM TOIS 2023.
    """

    name = "rocchio"

    def __init__(self, *, docs: int = 3, weight: float = 0.4) -> None:
        _checked(docs=docs)
        if not weight > 0:
            raise InvalidInput(f"weight={weight}: give a number above 0")
        self.docs, self.weight = docs, weight

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with its vector moved."""
        own = asked.vector if asked.vector is not None else corpus.embedder.embed_queries([asked.text])[0]
        found = corpus.nearest(np.asarray(own, np.float32), self.docs)
        if not len(found):
            return asked
        moved = own + self.weight * found.mean(axis=0)
        length = float(np.linalg.norm(moved))
        return asked if length == 0 else replace(asked, vector=np.asarray(moved / length, np.float32))


def _own_terms(asked: QueryDraft, corpus: Corpus) -> Mapping[str, float]:
    from ..terms import topic_terms

    own = asked.terms if asked.terms is not None else Counter(topic_terms(asked.text, corpus.analyser))
    return {term: float(weight) for term, weight in own.items()} or {"": 1.0}


def _counts(text: str, corpus: Corpus) -> Counter[str]:
    """Count a chunk's terms, without those that occur everywhere or are not words."""
    frequencies, n = corpus.frequencies(), max(1, corpus.n)
    most = max(_FREQUENT * n, 10)
    terms = corpus.analyser.terms(text)
    return Counter(t for t in terms if _TERM.fullmatch(t) and frequencies.get(t, 0) <= most)


def _best(model: Mapping[str, float], k: int) -> dict[str, float]:
    return dict(sorted(model.items(), key=lambda each: (-each[1], each[0]))[:k])


def _mixed(own: Mapping[str, float], model: Mapping[str, float], weight: float) -> dict[str, float]:
    total, mass = sum(own.values()), sum(model.values()) or 1.0
    mixed = {term: weight * count / total for term, count in own.items()}
    for term, p in model.items():
        mixed[term] = mixed.get(term, 0.0) + (1 - weight) * p / mass
    return mixed
