"""The terms of chunks, from the index of the folder they come from."""

from __future__ import annotations

import numpy as np
import pytest

import indexes
from indexes.bm25 import BM25Index
from rag.errors import InvalidInput
from rag.store.copied_terms import CopiedTerms
from rag.store.postings_search import MOST_FREQUENT, grouped

BAGS = [["tea", "oak", "tea"], ["oak"], [], ["tea"] * 5000, ["elm", "ash"], ["ash", "tea"]]
ORIGINALS = [3, 9, 4, 20, 21, 30]


def held() -> BM25Index:
    index = indexes.terms("bm25")
    assert isinstance(index, BM25Index)
    index.add([["gone", "oak"], *BAGS[:4]], ids=[1, *ORIGINALS[:4]])
    index.add(BAGS[4:], ids=ORIGINALS[4:])
    index.remove([1])
    return index


def test_postings_are_those_of_analysed_chunks_under_their_new_ids() -> None:
    terms = CopiedTerms(held())
    wanted, chunks = [0, 5, 3, 4], [100, 101, 105, 200]
    originals = np.array([ORIGINALS[n] for n in wanted])
    bags = [BAGS[n] for n in wanted]
    found = list(terms.postings(originals, np.array(chunks)))
    assert [(term, records.tolist()) for term, records in found] == [
        (term, records.tolist()) for term, records in grouped(chunks, bags)
    ]
    assert terms.lengths(originals) == [len(bag) for bag in bags]
    assert max(int(records["packed"].max()) & MOST_FREQUENT for _, records in found) == MOST_FREQUENT


def test_a_chunk_that_the_index_lacks_is_told() -> None:
    assert CopiedTerms(held()).lengths(np.array([3, 1])) is None
    assert CopiedTerms(held()).lengths(np.array([77])) is None


def test_ids_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInput, match="4,294,967,295"):
        list(CopiedTerms(held()).postings(np.array([3]), np.array([1 << 32])))


def test_weights_are_no_counts() -> None:
    index = indexes.terms("bm25")
    assert isinstance(index, BM25Index)
    index.add([{"tea": 2.0}], ids=[1])
    assert index.counts_terms
    index.add([{"tea": 0.5}], ids=[2])
    assert not index.counts_terms
