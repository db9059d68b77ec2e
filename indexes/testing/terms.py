"""The contract of ``TermIndex`` as pytest classes: a new engine inherits them all.

In the test file of an engine::

    import functools, pytest, indexes
    from indexes.testing import terms as contract
    from indexes.testing.terms_oracle import naive_bm25

    @pytest.fixture(scope="module")
    def factory():
        return functools.partial(indexes.terms, "bm25")

    @pytest.fixture(scope="module")
    def score():
        return naive_bm25("lucene", k1=1.2, b=0.75)

    class TestNumbers(contract.TermNumbersContract): ...

``score(documents)(query)`` returns the score of every document that holds a term of the query, in plain Python.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ..errors import InvalidInput, UnknownId, UnknownParameter
from ..idset import IdSet
from ..term_index import TermIndex
from ..types import Hits
from .terms_oracle import TermOracle, bags, questions, some_ids
from .threads import at_once, beside

N, K = 200, 10
RTOL = 2e-6
LARGEST_ID = 2**63 - 1


def agree(index: TermIndex, oracle: TermOracle, queries: list[Any], k: int = K, **options: Any) -> Hits:
    """Assert that a search finds what the oracle finds, in that order, up to rounding."""
    hits = index.search(queries, k, **options)
    assert hits.ids.shape == hits.scores.shape == (len(queries), k)
    assert hits.ids.dtype == np.int64
    assert hits.scores.dtype == np.float32
    allow = options.get("allow")
    allow = allow.ids if isinstance(allow, IdSet) else allow
    for i, query in enumerate(queries):
        expected = oracle.search(query, allow)
        true, best = dict(expected), expected[:k]
        ids, scores = hits.row(i)
        assert len(ids) == len(best), f"query {i}: {len(ids)} hits for {len(best)}"
        assert (hits.ids[i, len(best) :] == -1).all()
        assert np.isneginf(hits.scores[i, len(best) :]).all()
        assert len(set(ids.tolist())) == len(ids), "a hit occurs twice in a row"
        for id_, score, (_, value) in zip(ids.tolist(), scores.tolist(), best, strict=True):
            room = RTOL * max(abs(value), 0.1)  # where terms cancel out, their rounding stays
            assert id_ in true, f"query {i}: {id_} is not a hit"
            assert abs(score - true[id_]) <= room, f"query {i}: the score of {id_} is {score}, not {true[id_]}"
            assert abs(score - value) <= room, f"query {i}: the order is wrong at {id_}"
        tied = scores[:-1] == scores[1:]
        assert (scores[:-1] >= scores[1:]).all(), "a row does not descend"
        assert (ids[:-1] < ids[1:])[tied].all(), "equal scores are not in the order of ids"
    return hits


class TermContract:
    """Fixtures of all contract classes; the test file gives ``factory()`` and ``score``."""

    @pytest.fixture
    def own(self, factory, score) -> tuple[TermIndex, TermOracle]:
        """Give an index of ``bags(N)`` and its oracle, for the test to change."""
        index = factory()
        index.build(bags(N), some_ids(N))
        return index, TermOracle(score).add(bags(N), some_ids(N))


class TermNumbersContract(TermContract):
    """Hits and their scores."""

    @pytest.mark.parametrize("k", [1, 10, N, N + 50])
    def test_search_agrees_with_the_oracle(self, own, k):
        agree(*own, questions(), k)

    def test_scores_of_ids_are_those_of_a_search(self, own):
        index, oracle = own
        gone, *wanted = np.random.default_rng(2).permutation(some_ids(N))[:60].tolist()
        index.remove([gone])
        oracle.remove([gone])
        queries = [*questions(), {"w0": 1.0, "w1": -0.7}, ["unknown"]]
        for own_scores, query in zip(index.score(queries, [*wanted, gone]), queries, strict=True):
            true = dict(oracle.search(query, wanted))
            expected = [true.get(id_, np.nan) for id_ in [*wanted, gone]]
            np.testing.assert_allclose(own_scores, expected, rtol=RTOL, atol=RTOL)

    def test_weighted_queries(self, own):
        rng = np.random.default_rng(4)
        agree(*own, [{term: float(rng.uniform(0.1, 5)) for term in query} for query in questions()])

    def test_negative_weights(self, own):
        agree(*own, [{"w0": 1.0, "w1": -0.7, "w2": 0.3}, {"w3": -1.0}])

    def test_a_repeated_term_weighs_as_often(self, own):
        index, _ = own
        one, two = index.search([["w1", "w5", "w1"]], 5), index.search([{"w1": 2, "w5": 1}], 5)
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    def test_the_order_of_a_query_is_nothing(self, own):
        index, _ = own
        for query in questions():
            one, two = index.search([query], 10), index.search([query[::-1]], 10)
            assert (one.ids == two.ids).all()
            assert (one.scores == two.scores).all()

    def test_one_by_one_equals_the_batch(self, own):
        index, _ = own
        batch = index.search(questions(), 10)
        for i, query in enumerate(questions()):
            assert (index.search([query], 10).ids[0] == batch.ids[i]).all()

    def test_twice_gives_the_same(self, own):
        index, _ = own
        one, two = index.search(questions(), 10), index.search(questions(), 10)
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    def test_ties_stand_by_ascending_id(self, factory):
        index = factory()
        index.build([["a", "b"]] * 50 + [["c"]], np.r_[np.arange(50)[::-1], 99])
        assert index.search([["a"]], 7).ids.tolist() == [[0, 1, 2, 3, 4, 5, 6]]

    def test_unknown_words_find_nothing(self, own):
        index, _ = own
        hits = index.search([["nowhere"], [], {}, {"w1": 0.0}], 3)
        assert (hits.ids == -1).all()
        assert np.isneginf(hits.scores).all()

    def test_any_string_is_a_term(self, factory):
        terms = [
            "", " ", "\0", "a\nb", '"', "\\", "ß", "ẞ", "é", "e\u0301", "\ud800", "😀", "x" * 100_000, "[", "\u2028",
        ]  # fmt: skip
        index = factory()
        index.build([[term, "pad", "filler"] for term in terms], range(len(terms)))
        for i, term in enumerate(terms):
            assert index.search([[term]], 3).ids.tolist() == [[i, -1, -1]]

    def test_ids_up_to_the_largest(self, factory):
        index = factory()
        index.build([["a", "x"], ["b", "x"], ["c", "y"]], [LARGEST_ID, 2**62, 0])
        assert index.search([["a"], ["b"], ["c"]], 1).ids.tolist() == [[LARGEST_ID], [2**62], [0]]


class TermChangesContract(TermContract):
    """Adding and removing leave no trace but the documents."""

    def test_added_in_parts_equals_built_at_once(self, own, factory):
        whole, oracle = own
        parts, documents, ids = factory(), bags(N), some_ids(N)
        for first in range(0, N, 37):
            parts.add(documents[first : first + 37], ids[first : first + 37])
        one, two = whole.search(questions(), 20), agree(parts, oracle, questions(), 20)
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    def test_added_one_by_one(self, factory, score):
        index, oracle = factory(), TermOracle(score)
        for i, bag in enumerate(bags(60)):
            index.add([bag], [i])
            oracle.add([bag], [i])
        agree(index, oracle, questions())

    def test_removed_equals_never_there(self, own, factory):
        index, oracle = own
        gone = some_ids(N)[::3]
        index.remove(gone)
        oracle.remove(gone)
        fresh = factory()
        left = [i for i in range(N) if i % 3]
        documents = bags(N)
        fresh.build([documents[i] for i in left], some_ids(N)[left])
        one, two = agree(index, oracle, questions(), 20), fresh.search(questions(), 20)
        assert (one.ids == two.ids).all()
        assert (one.scores == two.scores).all()

    @pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
    def test_remove_then_optimize(self, own, share):
        index, oracle = own
        gone = some_ids(N)[: int(N * share)]
        index.remove(gone)
        oracle.remove(gone)
        agree(index, oracle, questions())
        index.optimize()
        agree(index, oracle, questions())
        assert len(index) == N - len(gone)
        assert (index.ids() == np.sort(some_ids(N)[len(gone) :])).all()

    def test_removed_then_added_with_other_words(self, own):
        index, oracle = own
        ids = some_ids(N)[:40]
        index.remove(ids)
        oracle.remove(ids)
        index.add([["new", f"w{i}"] for i in range(40)], ids)
        oracle.add([["new", f"w{i}"] for i in range(40)], ids)
        agree(index, oracle, [*questions(), ["new"], ["new", "w3"]])

    def test_removals_in_a_row(self, own):
        index, oracle = own
        for id_ in some_ids(N)[:30].tolist():
            index.remove([id_])
            oracle.remove([id_])
        agree(index, oracle, questions())

    def test_search_between_changes(self, own):
        index, oracle = own
        for step in range(3):
            gone = some_ids(N)[10 * step : 10 * step + 10]
            index.remove(gone)
            oracle.remove(gone)
            agree(index, oracle, questions()[:8])
            index.add(bags(5, step), np.arange(5) + 2**60 + 5 * step)
            oracle.add(bags(5, step), np.arange(5) + 2**60 + 5 * step)
            agree(index, oracle, questions()[:8])

    def test_build_replaces_all(self, own, score):
        index, _ = own
        index.build([["a"], ["b", "a"]], [5, 6])
        agree(index, TermOracle(score).add([["a"], ["b", "a"]], [5, 6]), [["a"], ["b"], ["w0"]], 4)
        assert index.ids().tolist() == [5, 6]

    @pytest.mark.parametrize(
        "bad", [["w1", 3], ["w1", None], [b"w1"], "w1", 3, {"w1": math.nan}, {"w1": -1.0}, {1: 1.0}]
    )
    def test_a_bad_document_adds_nothing(self, own, bad):
        index, oracle = own
        with pytest.raises(InvalidInput, match=r"document 2|frequency"):
            index.add([["brandnew"], ["w1"], bad], [2**61, 2**61 + 1, 2**61 + 2])
        assert len(index) == N
        agree(index, oracle, [*questions()[:5], ["brandnew"]])

    def test_known_ids_are_refused(self, own):
        index, oracle = own
        with pytest.raises(InvalidInput, match="already in the index"):
            index.add([["w1"], ["w1"]], [2**61, int(some_ids(N)[0])])
        agree(index, oracle, questions()[:5])

    def test_unknown_ids_are_not_removed(self, own):
        index, oracle = own
        with pytest.raises(UnknownId, match="not in the index"):
            index.remove([int(some_ids(N)[0]), 2**61])
        agree(index, oracle, questions()[:5])

    def test_what_is_given_is_not_kept(self, factory):
        documents, ids = [["a", "b"], ["b"]], np.array([1, 2])
        index = factory()
        index.build(documents, ids)
        documents[0].append("c")
        ids[:] = 9
        assert index.search([["c"], ["a"]], 1).ids.tolist() == [[-1], [1]]


class TermFilterContract(TermContract):
    """Filtered search is exact, and scores do not depend on the filter."""

    @pytest.mark.parametrize("n", [0, 1, 3, 15, 150, N])
    def test_filtered_agrees_with_the_oracle(self, own, n):
        agree(*own, questions(), allow=np.random.default_rng(n).permutation(some_ids(N))[:n])

    def test_a_score_is_the_same_under_every_filter(self, own):
        index, _ = own
        all_, best = index.search(questions(), N), {}
        for ids, scores in zip(all_.ids, all_.scores, strict=True):
            best = dict(zip(ids.tolist(), scores.tolist(), strict=True))
            break
        for n in (2, 40, 150):
            ids, scores = index.search(questions()[:1], N, allow=some_ids(N)[:n]).row(0)
            assert [best[i] for i in ids.tolist()] == scores.tolist()

    def test_unknown_ids_in_the_filter(self, own):
        agree(*own, questions(), allow=np.r_[some_ids(N)[:20], 2**61, 2**61 + 1])

    def test_a_reused_filter_follows_changes(self, own):
        index, oracle = own
        allow = IdSet(np.r_[some_ids(N)[:50], 2**61])
        agree(index, oracle, questions(), allow=allow)
        index.remove(some_ids(N)[:10])
        oracle.remove(some_ids(N)[:10])
        index.add([["w1", "w2"]], [2**61])
        oracle.add([["w1", "w2"]], [2**61])
        agree(index, oracle, questions(), allow=allow)

    def test_removed_documents_are_not_let_in(self, own):
        index, _ = own
        index.remove(some_ids(N)[:50])
        assert (index.search(questions(), 5, allow=some_ids(N)[:50]).ids == -1).all()


class TermInputsContract(TermContract):
    """An answer or a typed error for every input."""

    def test_k_of_zero(self, own):
        assert own[0].search(questions(), 0).ids.shape == (len(questions()), 0)

    @pytest.mark.parametrize("k", [-1, 1.5, "3", None, True])
    def test_a_bad_k(self, own, k):
        with pytest.raises(InvalidInput, match="k must be"):
            own[0].search([["w1"]], k)

    def test_no_queries(self, own):
        assert own[0].search([], 5).ids.shape == (0, 5)

    def test_never_built(self, factory):
        assert factory().search([["a"], []], 3).ids.tolist() == [[-1] * 3] * 2

    @pytest.mark.parametrize("documents", [[], [[]], [[], []], [{}], [{"a": 0}]])
    def test_nothing_to_find(self, factory, documents):
        index = factory()
        index.build(documents, range(len(documents)))
        assert len(index) == len(documents)
        assert (index.search([["a"], ["b", "a"]], 2).ids == -1).all()
        index.add([["a"]], [77])
        assert index.search([["a"]], 1).ids.tolist() == [[77]]

    def test_one_document(self, factory, score):
        index = factory()
        index.build([["a", "b", "a"]], [3])
        agree(index, TermOracle(score).add([["a", "b", "a"]], [3]), [["a"], ["b", "a"], ["c"]], 2)

    def test_a_word_in_all_documents(self, factory, score):
        documents = [["all", f"w{i}"] for i in range(6)] + [["all"] * 3]
        index = factory()
        index.build(documents, range(7))
        agree(index, TermOracle(score).add(documents, range(7)), [["all"], ["all", "w3"], ["w3"]], 9)

    def test_a_word_in_half_of_the_documents(self, factory, score):
        documents = [["half", "x"], ["half", "y"], ["x"], ["y"]]
        index = factory()
        index.build(documents, range(4))
        agree(index, TermOracle(score).add(documents, range(4)), [["half"], ["half", "x"]], 4)

    @pytest.mark.parametrize("queries", ["w1", {"w1": 1.0}, 3, None])
    def test_one_bare_query(self, own, queries):
        with pytest.raises(InvalidInput, match="list of bags"):
            own[0].search(queries, 1)

    @pytest.mark.parametrize(
        "query",
        ["w1", b"w1", 3, None, [1], [None], [["w1"]], {"w1": "x"}, {"w1": math.inf}, {"w1": math.nan}, {2: 1.0}],
    )
    def test_a_bad_query_is_named(self, own, query):
        with pytest.raises(InvalidInput, match="query 1"):
            own[0].search([["w1"], query], 1)

    def test_as_many_ids_as_documents(self, own):
        with pytest.raises(InvalidInput, match="2 ids for 1 items"):
            own[0].add([["a"]], [2**61, 2**61 + 1])

    @pytest.mark.parametrize("ids", [[-1], [1.5], ["x"], [[1]]])
    def test_bad_ids(self, factory, ids):
        with pytest.raises(InvalidInput, match="ids"):
            factory().build([["a"]], ids)

    def test_an_id_twice(self, factory):
        with pytest.raises(InvalidInput, match="twice"):
            factory().build([["a"], ["b"]], [4, 4])

    def test_an_unknown_parameter(self, own):
        with pytest.raises(UnknownParameter, match="unknown parameter"):
            own[0].search([["w1"]], 1, params={"nosuch": 1})

    def test_memory_is_by_part(self, own):
        parts = own[0].memory()
        assert {"ids", "postings", "vocabulary"} <= parts.keys()
        assert all(type(n) is int and n >= 0 for n in parts.values())


class TermThreadsContract(TermContract):
    """Readers beside a writer."""

    def test_readers_never_see_half_a_change(self, factory):
        """Documents come and go in groups of 20: a search sees a whole group or nothing of it."""
        index = factory()
        index.build(bags(100), np.arange(100))
        wrong, seen = [], set()

        def look() -> None:
            members, _ = index.search([["group", "w0"], ["group"]], 200).row(1)
            seen.add(len(members))
            if len(members) not in (0, 20) or len(np.unique(members // 1000)) > 1:
                wrong.append(members.tolist())

        def change() -> None:
            for i in range(1, 30):
                index.add([["group", f"w{j}"] for j in range(20)], np.arange(20) + 1000 * i)
                index.remove(np.arange(20) + 1000 * i)

        beside(change, look)
        assert not wrong, wrong[:3]
        assert seen, "no reader got through"

    def test_searches_side_by_side_agree(self, own):
        index, _ = own
        expected = index.search(questions(), 10)
        index.remove(some_ids(N)[-1:])
        index.add(bags(N)[-1:], some_ids(N)[-1:])  # the caches are cold now
        for hits in at_once(lambda: index.search(questions(), 10), 6):
            assert (hits.ids == expected.ids).all()
            assert (hits.scores == expected.scores).all()
