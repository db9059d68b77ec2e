"""Equal rows: one of each goes in, all of them come out."""

import numpy as np

from indexes.duplicate_rows import Twins

X = np.array([[5, 1], [0, 0], [5, 1], [2, 2], [-0.0, 0], [5, 1]], np.float32)


def test_one_of_each_in_the_order_of_first_rows():
    twins = Twins.among(X)
    assert twins.of.tolist() == [0, 1, 0, 2, 1, 0]
    assert twins.one_of_each(X).tolist() == [[5, 1], [0, 0], [2, 2]]


def test_what_is_found_stands_for_all_its_twins():
    twins = Twins.among(X)
    found = np.array([[2, 0, 1, -1], [1, 2, -1, -1], [-1, -1, -1, -1]])
    assert twins.rows(found).tolist() == [[3, 0, 2, 5], [1, 4, 3, -1], [-1, -1, -1, -1]]


def test_rows_that_all_differ_cost_nothing():
    twins = Twins.among(X[:2])
    assert twins.of is None
    assert twins.nbytes == 0
    assert twins.one_of_each(X) is X
    assert twins.rows(np.array([[1, 0]])).tolist() == [[1, 0]]
