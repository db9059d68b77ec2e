"""Vectors of a knowledge base, and questions as queries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.errors import InvalidInput

from .vector_data import VectorData, apart, checked

if TYPE_CHECKING:
    from rag.knowledge_base import KnowledgeBase

_LEAST_WORDS, _MOST_WORDS = 5, 40
_RUN = 12
"""Words of a question from a chunk without sentences, such as a table; of a short chunk, two thirds of its words."""


def is_knowledge_base(path: Path) -> bool:
    """Return whether a folder is a knowledge base, whole or damaged."""
    from rag.knowledge_base import KnowledgeBase

    return KnowledgeBase.exists(path)


def knowledge_base_vectors(
    path: Path,
    *,
    questions: str | None,
    n_queries: int,
    seed: int,
    keep_overlap: bool = False,
    ood: str | None = None,
) -> VectorData:
    """Return the embeddings of all chunks under their ids, and embedded questions that are no copies of a chunk.

    Parameters
    ----------
    path
        The knowledge base.
    questions
        File of questions, as for `rag evaluate`; None takes a sentence of each of ``n_queries`` chunks drawn at random.
        A sentence has another embedding than its chunk, so no query is contained in the base.
    n_queries
        Maximum number of questions.
    seed
        Random seed.
    ood
        File of questions of another distribution, as people ask them, beside sentences of the chunks.

    Raises
    ------
    InvalidInput
        There are no chunks, or no questions.
    """
    from rag.knowledge_base import KnowledgeBase

    with KnowledgeBase.open(path) as kb:
        ids = kb.chunk_ids()
        if not len(ids):
            raise InvalidInput(f"{path} is empty: ingest documents first")
        texts, note = _questions(kb, questions, n_queries, seed)
        queries = checked(kb.embedder.embed_queries(texts), "the embedded questions")
        base = checked(kb.vectors(ids.tolist()), f"the embeddings of {path}")
        queries, dropped = apart(queries, base, keep=keep_overlap)
        if not len(queries):
            raise InvalidInput("every question is a chunk, word for word: give other questions, or --keep-overlap")
        what = "left in as asked" if keep_overlap else "left out"
        notes = (note, f"{dropped} questions that are a chunk, word for word, {what}") if dropped else (note,)
        data = VectorData(path.resolve().name, base, ids, queries, kb.index("dense").metric, notes)
        if ood is None:
            return data
        texts, note = _questions(kb, ood, n_queries, seed)
        asked, _ = apart(
            checked(kb.embedder.embed_queries(texts), f"the embedded questions of {ood}"), base, keep=False
        )
        if not len(asked):
            raise InvalidInput(f"every question of --ood {ood} is a chunk, word for word: give other questions")
        return replace(data, ood=asked, ood_name=note)


def _questions(kb: KnowledgeBase, file: str | None, n: int, seed: int) -> tuple[list[str], str]:
    rng = np.random.default_rng(seed)
    if file is not None:
        from rag.evaluation.questions.question_files import read_questions

        found = read_questions(file)
        chosen = np.sort(rng.choice(len(found), min(n, len(found)), replace=False)).tolist()
        bad = f", {len(found.problems)} lines left out" if found.problems else ""
        return [found.questions[i].text for i in chosen], f"{len(chosen)} questions of {file}{bad}"
    made = list(made_questions(kb, n, seed).values())
    return made, f"{len(made)} sentences, or words in a row, drawn at random from the chunks as questions (seed {seed})"


def made_questions(kb: KnowledgeBase, n: int, seed: int) -> dict[int, str]:
    """Return a sentence of each of ``n`` chunks drawn at random: chunk id -> text.

    If too few chunks have a sentence of 5 to 40 words among others, 12 consecutive words of other chunks replace them,
    or two thirds of the words of a short chunk.

    Raises
    ------
    InvalidInput
        No chunk has more than 5 words.
    """
    rng, other_rng = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    made: dict[int, str] = {}
    spare: dict[int, str] = {}
    order = rng.permutation(kb.chunk_ids())
    for start in range(0, len(order), 256):
        for record in kb.chunks(order[start : start + 256].tolist()):
            fitting = _sentences(record.text)
            if fitting:
                made[record.id] = fitting[int(rng.integers(len(fitting)))]
            elif len(spare) < n and len(words := record.text.split()) > _LEAST_WORDS:
                run = min(_RUN, len(words) * 2 // 3)
                first = int(other_rng.integers(len(words) - run + 1))
                spare[record.id] = " ".join(words[first : first + run])
            if len(made) == n:
                return made
    made |= dict(list(spare.items())[: n - len(made)])
    if not made:
        raise InvalidInput(f"no chunk of {kb.path} has more than {_LEAST_WORDS} words: give --questions FILE")
    return made


def _sentences(text: str) -> list[str]:
    """Return the sentences of a chunk that can serve as questions, except the chunk itself."""
    from rag.sentences import sentences

    found = (text[a:b] for a, b in sentences(text))
    return [each for each in found if _LEAST_WORDS <= len(each.split()) <= _MOST_WORDS and each != text]
