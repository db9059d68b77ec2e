"""The terms of chunks on their way to another store, from the index of the folder they come from: none is analysed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexes.bm25 import BM25Index

from .postings_search import MOST_FREQUENT, POSTING, TermPostings, checked_chunks, packed, term_postings

Ids = NDArray[np.int64]


class CopiedTerms:
    """The terms that an index of terms holds.

    Parameters
    ----------
    index
        Its documents are chunks, whose terms the analyser of both stores gave.
    """

    def __init__(self, index: BM25Index) -> None:
        self._index = index

    def lengths(self, originals: Ids) -> list[int] | None:
        """Return the numbers of terms of chunks, repeated ones included; None if some are not in the index."""
        found = self._index.lengths(originals)
        return None if np.isnan(found).any() else found.astype(np.int64).tolist()

    def postings(self, originals: Ids, chunks: Ids) -> TermPostings:
        """Return the terms of chunks with their postings under the chunks' new ids, which ascend.

        Raises
        ------
        InvalidInput
            A chunk's id does not fit into a posting.
        """
        checked_chunks(chunks)
        words, part = self._index.taken(originals)
        rows = part.rows
        records = np.empty(len(part), POSTING)
        records["chunk"] = chunks.astype(np.uint32)[rows]
        lengths = self._index.lengths(originals).astype(np.int64)
        records["packed"] = packed(lengths, np.zeros(1, np.int64))[rows]
        records["packed"] |= np.minimum(part.frequencies.astype(np.uint16), MOST_FREQUENT)
        return term_postings(dict(zip(words, range(len(words)), strict=True)), part.starts, records)
