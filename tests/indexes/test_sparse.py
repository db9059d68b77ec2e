"""Learned sparse vectors: the contract, and numpy's own dot product."""

import functools

import numpy as np
import pytest

import indexes
from indexes.testing import terms as contract
from indexes.testing.terms_files import TermFilesContract, term_model_test
from indexes.testing.terms_oracle import naive_dot


@pytest.fixture(scope="module")
def factory():
    return functools.partial(indexes.terms, "sparse")


@pytest.fixture(scope="module")
def score():
    return naive_dot


class TestNumbers(contract.TermNumbersContract): ...


class TestChanges(contract.TermChangesContract): ...


class TestFilter(contract.TermFilterContract): ...


class TestInputs(contract.TermInputsContract): ...


class TestFiles(TermFilesContract): ...


class TestThreads(contract.TermThreadsContract): ...


TestModel = term_model_test(functools.partial(indexes.terms, "sparse"), naive_dot, examples=10)


def test_scores_are_those_of_a_matrix_product():
    rng = np.random.default_rng(0)
    weights = (rng.random((300, 80)) * (rng.random((300, 80)) < 0.2)).astype(np.float32)
    asked = (rng.random((15, 80)) * (rng.random((15, 80)) < 0.3)).astype(np.float32)
    as_bags = lambda rows: [{f"t{j}": float(row[j]) for j in np.flatnonzero(row)} for row in rows]  # noqa: E731
    index = indexes.terms("sparse")
    index.build(as_bags(weights), range(300))
    hits = index.search(as_bags(asked), 10)
    exact = asked.astype(np.float64) @ weights.astype(np.float64).T
    best = np.argsort(-exact, axis=1, kind="stable")[:, :10]
    assert (hits.ids == best).all()
    assert hits.scores == pytest.approx(np.take_along_axis(exact, best, 1), rel=1e-6)
