"""Similarity of an answer to its references and to the question, by embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...embedding.protocol import Embedder
from ...errors import InvalidInput
from ...sentences import sentences
from ..aggregate import Score
from .answer_rows import references, unscored
from .cases import Cases, Resources


def embedding_similarity(cases: Cases, resources: Resources) -> list[Score]:
    """Cosine of the answer and the nearest reference, -1 to 1; negative ones count 0. An abstention gives 0."""
    found: dict[int, Score] = {}
    texts: list[str] = []
    for at, case in enumerate(cases):
        wrong = unscored(case)
        if wrong is None and not any(references(case)):
            wrong = Score(float(not case.text))
        elif wrong is None and not case.text:
            wrong = Score(0.0)
        if wrong is not None:
            found[at] = wrong
        else:
            texts += [case.text, *references(case)]
    vectors = iter(_embedded(_embedder(resources), texts))
    for at, case in enumerate(cases):
        if at not in found:
            own = next(vectors)
            found[at] = Score(max(0.0, *(float(own @ next(vectors)) for _ in references(case))))
    return [found[at] for at in range(len(cases))]


def answer_relevance(cases: Cases, resources: Resources) -> list[Score]:
    """Cosine of the question and the sentence of the answer that is nearest to it; an abstention gives 0."""
    found = []
    embedder = _embedder(resources)
    for case in cases:
        wrong = unscored(case, needs_references=False)
        if wrong is None and case.question.unanswerable:
            wrong = Score(None, "unanswerable")
        parts = [case.text[start:end] for start, end in sentences(case.text)] if wrong is None else []
        if wrong is not None or not parts:
            found.append(wrong or Score(0.0))
            continue
        question = np.asarray(embedder.embed_queries([case.question.text]))[0]
        found.append(Score(max(0.0, float((_embedded(embedder, parts) @ question).max()))))
    return found


def _embedder(resources: Resources) -> Embedder:
    if resources.embedder is None:
        raise InvalidInput("a metric of meaning needs an embedder; give embedder=..., or evaluate a knowledge base")
    return resources.embedder


def _embedded(embedder: Embedder, texts: list[str]) -> NDArray[np.float32]:
    return np.asarray(embedder.embed_passages(texts)) if texts else np.zeros((0, embedder.dim), np.float32)
