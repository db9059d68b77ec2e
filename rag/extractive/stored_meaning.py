"""Similarities of sentences with a question, by the vectors that the knowledge base keeps of its sentences.

Late chunking took them while the model read the whole chunk, so that "It was built in 1889" has the sense of its tower;
and they cost no embedding when a question is asked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from ..grounding.quotable_sentences import Quotable
from ..store.granularity import spans

Stored = Callable[[Iterable[int]], tuple[NDArray[np.float32], NDArray[np.int64]]]
"""Returns the vectors of the sentences of chunks, and the chunk of each: `rag.knowledge_base.KnowledgeBase` has it."""


def stored_similarities(
    stored: Stored, embed: Callable[[], NDArray[np.float32]], found: Sequence[Quotable], passages: Sequence[Passage]
) -> NDArray[np.float64] | None:
    """Return the cosine of each sentence with the question; None where the vectors do not fit the passages' sentences.

    Parameters
    ----------
    embed
        Returns the question's vector, of unit length.

    Raises
    ------
    ValueError
        If the vectors are not finite, or of another size than the question's.
    """
    used = sorted({each.passage for each in found})
    vectors, owners = stored(sorted({passages[number].chunk for number in used}))
    starts = {number: [start for start, _ in spans(passages[number].text)] for number in used}
    own = {number: np.asarray(vectors[owners == passages[number].chunk], dtype=np.float64) for number in used}
    if any(len(own[number]) != len(starts[number]) for number in used):
        return None  # none are kept, or a context step gave the passage another text
    at = [max(bisect_right(starts[each.passage], each.start) - 1, 0) for each in found]
    theirs = np.array([own[each.passage][place] for each, place in zip(found, at, strict=True)])
    lengths = np.linalg.norm(theirs, axis=1)
    result: NDArray[np.float64] = (theirs @ embed()) / np.where(lengths > 0, lengths, 1.0)
    if not np.isfinite(result).all():
        raise ValueError("vectors that are not finite")
    return result
