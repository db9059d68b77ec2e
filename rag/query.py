"""What is searched for: a question as asked, or as rewriters made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .documents import clean_text
from .errors import InvalidInput


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question with what a conversation or a rewriter adds to it.

    Attributes
    ----------
    text
        In plain words; embedded, and analysed into terms.
    history
        Earlier questions of the conversation, oldest first; read by rewriters, never searched for themselves.
    terms
        Index terms and their weights, in place of the text's own.
    vector
        float32, shape (dim,), in place of the text's own embedding.
    """

    text: str
    history: tuple[str, ...] = ()
    terms: Mapping[str, float] | None = None
    vector: NDArray[np.float32] | None = None


def as_query(question: str | Query) -> Query:
    """Return a question as a query, its text storable.

    Raises
    ------
    InvalidInput
        It is no text, or empty.
    """
    query = question if isinstance(question, Query) else Query(question)
    if not isinstance(query.text, str):
        raise InvalidInput(f"a question is a string, not {type(question).__name__}")
    text = clean_text(query.text)
    if not text.strip():
        raise InvalidInput("the question is empty; ask something in words")
    return query if text == query.text else replace(query, text=text)
