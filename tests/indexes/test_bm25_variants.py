"""The variants that differ from the default in their formula only: numbers, and statistics after changes."""

import functools

import pytest

import indexes
from indexes.testing import terms as contract
from indexes.testing.terms_oracle import TermOracle, bags, naive_bm25, questions, some_ids

CASES = {
    "bm25:variant=okapi,k1=1.5": naive_bm25("okapi", 1.5, 0.75),
    "bm25:variant=bm25+": naive_bm25("bm25+", 1.2, 0.75, 1.0),
    "bm25:variant=bm25l,k1=2": naive_bm25("bm25l", 2.0, 0.75, 0.5),
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


def test_removed_equals_never_there(factory, score):
    documents, ids = bags(150), some_ids(150)
    index, fresh = factory(), factory()
    index.build(documents, ids)
    index.remove(ids[::3])
    left = [i for i in range(150) if i % 3]
    fresh.build([documents[i] for i in left], ids[left])
    oracle = TermOracle(score).add([documents[i] for i in left], ids[left])
    one, two = contract.agree(index, oracle, questions()), fresh.search(questions(), contract.K)
    assert (one.ids == two.ids).all()
    assert (one.scores == two.scores).all()
