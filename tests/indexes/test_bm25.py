"""BM25: the contract for every variant, and the libraries of the field as outside oracles."""

import functools

import numpy as np
import pytest

import indexes
from indexes.testing import terms as contract
from indexes.testing.terms_files import TermFilesContract, term_model_test
from indexes.testing.terms_oracle import TermOracle, bags, naive_bm25, questions, some_ids

CASES = {
    "bm25": naive_bm25("lucene", 1.2, 0.75),
    "bm25:variant=robertson,b=0.3": naive_bm25("robertson", 1.2, 0.3),
    "bm25:engine=rank-bm25": naive_bm25("okapi", 1.2, 0.75),
}


@pytest.fixture(scope="module", params=CASES)
def spec(request):
    return request.param


@pytest.fixture(scope="module")
def factory(spec):
    return functools.partial(indexes.terms, spec)


@pytest.fixture(scope="module")
def score(spec):
    return CASES[spec]


class TestNumbers(contract.TermNumbersContract): ...


class TestChanges(contract.TermChangesContract): ...


class TestFilter(contract.TermFilterContract): ...


class TestInputs(contract.TermInputsContract): ...


class TestFiles(TermFilesContract): ...


class TestThreads(contract.TermThreadsContract): ...


TestModel = term_model_test(functools.partial(indexes.terms, "bm25"), CASES["bm25"])
TestModelOfNegatives = term_model_test(
    functools.partial(indexes.terms, "bm25:variant=robertson,b=0.3"), CASES["bm25:variant=robertson,b=0.3"], examples=10
)


def scores_by_id(index, query, n):
    hits = index.search([query], n)
    return dict(zip(*(part.tolist() for part in hits.row(0)), strict=True))


@pytest.mark.parametrize(("k1", "b", "epsilon"), [(1.5, 0.75, 0.25), (0.9, 0.4, 0.5), (3.0, 1.0, 0.0)])
def test_okapi_is_that_of_rank_bm25(k1, b, epsilon):
    rank_bm25 = pytest.importorskip("rank_bm25")
    documents = [bag for bag in bags(200) if bag]
    theirs = rank_bm25.BM25Okapi(documents, k1=k1, b=b, epsilon=epsilon)
    index = indexes.terms(f"bm25:variant=okapi,k1={k1},b={b},epsilon={epsilon}")
    index.build(documents, range(len(documents)))
    for query in questions():
        expected = theirs.get_scores(query)
        ours = scores_by_id(index, query, 200)
        assert ours.keys() == {i for i, bag in enumerate(documents) if set(bag) & set(query)}
        assert [ours[i] for i in sorted(ours)] == pytest.approx(expected[sorted(ours)].tolist(), rel=2e-6, abs=1e-6)


@pytest.mark.parametrize("method", ["lucene", "robertson", "bm25+", "bm25l"])
def test_the_others_are_those_of_bm25s(method):
    bm25s = pytest.importorskip("bm25s")
    documents = [bag for bag in bags(200) if bag]
    theirs = bm25s.BM25(method=method, k1=1.5, b=0.75, delta=0.7, dtype="float64")
    theirs.index(documents, show_progress=False)
    index = indexes.terms(f"bm25:variant={method},k1=1.5,delta=0.7")
    index.build(documents, range(len(documents)))
    for query in questions():
        # bm25s lifts the negative idf of robertson to 0: leave out what stands in more than half of the documents
        known = [term for term in query if term in theirs.vocab_dict and 2 * sum(term in d for d in documents) < 170]
        expected = theirs.get_scores(known) if known else np.zeros(len(documents))
        ours = scores_by_id(index, known, 200)
        absent = getattr(theirs, "nonoccurrence_array", None)
        for i, score in ours.items():
            # bm25s lets words that a document lacks score too, in bm25+ and bm25l; the papers do not
            extra = 0.0 if absent is None else sum(absent[theirs.vocab_dict[t]] for t in known if t not in documents[i])
            assert score == pytest.approx(expected[i] - extra, rel=5e-6, abs=1e-5)


def test_the_constants_can_change_with_every_search():
    index, other = indexes.terms("bm25"), indexes.terms("bm25:k1=0.4,b=0.1")
    for each in (index, other):
        each.build(bags(200), some_ids(200))
    before = index.search(questions(), 10)
    assert (
        index.search(questions(), 10, params={"k1": 0.4, "b": 0.1}).scores == other.search(questions(), 10).scores
    ).all()
    assert (index.search(questions(), 10).scores == before.scores).all()


@pytest.mark.parametrize("spec", ["bm25:k1=0", "bm25:engine=rank-bm25,k1=0", "bm25:engine=rank-bm25,b=1", "bm25:b=1"])
def test_constants_at_their_ends(spec):
    index, k1 = indexes.terms(spec), 0.0 if "k1=0" in spec else 1.2
    documents = [*bags(50), []]
    index.build(documents, range(51))
    score = naive_bm25("okapi" if "rank" in spec else "lucene", k1, 1.0 if "b=1" in spec else 0.75)
    contract.agree(index, TermOracle(score).add(documents, range(51)), questions())


def test_many_sets_of_constants_do_not_fill_memory():
    index = indexes.terms("bm25")
    index.build(bags(200), some_ids(200))
    sizes = []
    for i in range(12):
        index.search(questions(), 10, params={"k1": 0.1 * i})
        sizes.append(index.memory()["cached impacts"])
    assert max(sizes) == sizes[-1] <= 4.5 * sizes[0]


def test_frequencies_need_not_be_whole():
    documents = [{"a": 0.5, "b": 2.25}, {"a": 3.0}, {"b": 0.125, "c": 1e6}]
    index = indexes.terms("bm25")
    index.build(documents, range(3))
    contract.agree(index, TermOracle(CASES["bm25"]).add(documents, range(3)), [["a"], ["b", "c"]], 3)


@pytest.mark.parametrize("count", [255, 256, 65_535, 65_536, 100_000])
def test_large_frequencies(count):
    documents = [["a"] * count + ["b"], ["a", "c"], ["c"]]
    index = indexes.terms("bm25")
    index.build(documents, range(3))
    index.add([["a"] * 300], [3])
    oracle = TermOracle(CASES["bm25"]).add([*documents, ["a"] * 300], range(4))
    contract.agree(index, oracle, [["a"], ["b", "a"]], 4)


def test_removed_words_leave_no_byte(tmp_path):
    index = indexes.terms("bm25")
    index.build([["kept", "xyzcanary"], ["kept", "other"]], [1, 2])
    index.remove([1])
    index.save(tmp_path / "index")
    assert all(b"xyzcanary" not in path.read_bytes() for path in (tmp_path / "index").iterdir())
    index.optimize()
    assert "xyzcanary" not in index._postings.vocabulary


def test_adding_leaves_the_large_segment_alone():
    index = indexes.terms("bm25")
    index.build(bags(2000), range(2000))
    large = index._postings.segments()[0]
    for i in range(20):
        index.add(bags(20, i), np.arange(20) + 2000 + 20 * i)
    parts = index._postings.segments()
    assert parts[0].rows is large.rows
    assert len(parts) <= 6


def test_the_reference_refuses_what_it_cannot():
    with pytest.raises(indexes.InvalidInput, match="okapi only"):
        indexes.terms("bm25:engine=rank-bm25,variant=lucene")
    index = indexes.terms("bm25:engine=rank-bm25")
    index.build([{"a": 0.5}], [0])
    with pytest.raises(indexes.InvalidInput, match="whole frequencies"):
        index.search([["a"]], 1)


def test_the_sample_that_every_question_is_scored_for_follows_the_index():
    """Where its rows are is kept for an array that cannot change, until the index does."""
    index, ids = indexes.terms("bm25"), np.arange(40) * 3
    index.build([["even" if i % 2 else "odd", "all"] for i in range(40)], ids)
    sample = indexes.IdSet(ids[::4]).ids
    before = index.score([["even"], ["all"]], sample)
    assert index._places(sample)[0] is index._places(sample)[0]
    assert index._places(sample.copy())[0] is not index._places(sample)[0]
    index.remove(ids[:30:2])
    index.optimize()
    index.add([["even", "all"]], [1])
    after = index.score([["even"], ["all"]], sample)
    np.testing.assert_array_equal(after, index.score([["even"], ["all"]], sample.copy()))
    assert not np.array_equal(before, after, equal_nan=True)
