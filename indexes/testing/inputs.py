"""The contract on input: bad input is refused by name, good input is never written to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from ..errors import InvalidInput, UnknownParameter
from ..spec import facts
from .oracle import DIM, cloud, shuffled_ids


def _with(value: float) -> np.ndarray:
    x = cloud(6, DIM, 2).copy()
    x[4, 3] = value
    return x


BAD_VECTORS = {
    "nan": (_with(np.nan), r"\[4\].*position 3"),
    "inf": (_with(np.inf), r"\[4\].*position 3"),
    "minus inf": (_with(-np.inf), r"\[4\].*position 3"),
    "float64 beyond float32": (_with(0).astype(np.float64) + np.eye(6, DIM) * 1e300, r"\[0\].*position 0"),
    "one vector": (np.ones(DIM, np.float32), r"\[None, :\]"),
    "number": (np.float32(3), "shape"),
    "cube": (np.ones((2, 3, DIM), np.float32), "shape"),
    "too wide": (np.ones((6, DIM + 1), np.float32), f"{DIM}"),
    "too narrow": (np.ones((6, DIM - 1), np.float32), f"{DIM}"),
    "no width": (np.ones((6, 0), np.float32), f"{DIM}"),
    "bool": (np.ones((6, DIM), np.bool_), "dtype"),
    "complex": (np.ones((6, DIM), np.complex64), "dtype"),
    "text": (np.full((6, DIM), "1"), "dtype"),
    "objects": (np.full((6, DIM), None, object), "dtype"),
    "ragged": ([[1.0] * DIM, [1.0]], "length"),
    "nothing": (None, "dtype"),
}

BAD_IDS = {
    "negative": ([0, 1, 2, 3, 4, -1], r"ids\[5\] is -1"),
    "twice": ([0, 1, 2, 3, 4, 3], "3 is given twice"),
    "too few": ([0, 1, 2], "3 ids for 6"),
    "too many": (np.arange(7), "7 ids for 6"),
    "floats": (np.arange(6.0), "float64"),
    "bools": (np.ones(6, np.bool_), "bool"),
    "matrix": (np.arange(6)[:, None], "shape"),
    "beyond int64": (np.arange(6, dtype=np.uint64) + np.uint64(2**63), "2\\*\\*63"),
    "text": (list("abcdef"), "whole numbers"),
    "ragged": ([[1], [2, 3]], "length"),
}

BAD_K = {"negative": -1, "float": 2.0, "text": "3", "none": None, "bool": True, "huge": 2**40, "beyond int64": 2**70}


@contextmanager
def refused(case: str, match: str | None = None) -> Iterator[None]:
    """Expect ``InvalidInput``; what comes instead is told with the case."""
    try:
        with pytest.raises(InvalidInput, match=match):
            yield
    except BaseException as error:
        error.add_note(f"case: {case}")
        raise


class InputsContract:
    """Bad input raises ``InvalidInput`` and changes nothing."""

    @pytest.fixture
    def small(self, factory):
        index = factory(DIM, metric="cosine")
        index.build(cloud(50), np.arange(100, 150))
        return index

    def test_bad_vectors(self, small):
        before = small.search(cloud(5, DIM, 1), 5)
        for case, (x, match) in BAD_VECTORS.items():
            for call in (small.add, small.build):
                with refused(case, match):
                    call(x, np.arange(6))
            with refused(case, match):
                small.search(x, 3)
            after = small.search(cloud(5, DIM, 1), 5)
            assert (before.ids == after.ids).all(), case
            assert len(small) == 50, case

    @pytest.mark.parametrize("metric", ["ip", "l2"])
    def test_scores_that_would_overflow(self, factory, metric):
        index = factory(DIM, metric=metric)
        with pytest.raises(InvalidInput, match=r"x\[4\].*scale"):
            index.build(_with(1e38), np.arange(6))
        assert len(index) == 0

    def test_bad_ids(self, small):
        for case, (ids, match) in BAD_IDS.items():
            for call in (small.add, small.build):
                with refused(case, match):
                    call(cloud(6), ids)
            assert (small.ids() == np.arange(100, 150)).all(), case

    def test_bad_ids_to_remove(self, small):
        for case, (ids, match) in BAD_IDS.items():
            if not case.startswith("too"):
                with refused(case, match):
                    small.remove(ids)
                assert len(small) == 50, case

    def test_bad_allow(self, small):
        for allow in ([-1], [1.5], [[1]], ["a"], [True]):
            with refused(repr(allow)):
                small.search(cloud(1), 3, allow=allow)

    def test_bad_k(self, small):
        for case, k in BAD_K.items():
            with refused(case, "k"):
                small.search(cloud(2), k)

    def test_any_id_goes_in_and_comes_out(self, small):
        x = -cloud(1, DIM, 8) * 3
        for id_ in (0, 2**31, 2**53 + 1, 2**62, 2**63 - 1):
            small.add(x, [id_])
            assert small.search(x, 1).ids.tolist() == [[id_]]
            small.remove(np.array([id_], np.uint64))
            assert id_ not in small

    def test_other_numbers_are_converted(self, factory):
        for dtype in ("float64", "float16", "int8", "uint8", "int64", ">f4", "list"):
            x = np.rint(cloud(60) * 3).clip(-100, 100)
            x = abs(x) if dtype == "uint8" else x
            given = x.tolist() if dtype == "list" else x.astype(dtype)
            one, two = factory(DIM, metric="cosine"), factory(DIM, metric="cosine")
            one.build(x, np.arange(60))
            two.build(given, list(range(60)))
            q = given[:9] if dtype != "list" else x[:9].tolist()
            a, b = one.search(x[:9], 5), two.search(q, 5)
            assert (a.ids == b.ids).all(), dtype
            np.testing.assert_array_equal(a.scores, b.scores, dtype)

    def test_any_memory_order(self, factory):
        x, ids = cloud(60), np.arange(60)
        wide = np.repeat(x, 2, axis=1)
        hits = []
        for given in (x, np.asfortranarray(x), wide[:, ::2], x[::-1][::-1], np.array(x)):
            index = factory(DIM, metric="l2")
            index.build(given, ids)
            hits.append(index.search(given[:7], 5).ids)
        assert all((h == hits[0]).all() for h in hits)

    @pytest.mark.parametrize("metric", ["cosine", "l2"])
    def test_inputs_are_neither_written_nor_kept(self, factory, metric):
        x, ids, q = cloud(60).copy(), shuffled_ids(60).copy(), cloud(5, DIM, 1).copy()
        allow = ids[:30].copy()
        copies = [a.copy() for a in (x, ids, q, allow)]
        index = factory(DIM, metric=metric)
        index.build(x, ids)
        first = index.search(q, 5, allow=allow)
        for now, then in zip((x, ids, q, allow), copies, strict=True):
            assert (now == then).all()
            now[:] = 0
        again = index.search(copies[2], 5, allow=copies[3])
        assert (again.ids == first.ids).all()
        assert (again.scores == first.scores).all()

    def test_hits_are_the_callers_own(self, small):
        q = cloud(3, DIM, 1)
        hits = small.search(q, 4)
        copy = hits.ids.copy()
        hits.ids[:] = 0
        small.ids()[:] = 0
        assert (small.search(q, 4).ids == copy).all()

    def test_unknown_search_parameter(self, small):
        with pytest.raises(UnknownParameter, match="no_such_parameter"):
            small.search(cloud(1), 1, params={"no_such_parameter": 3})
        with pytest.raises(InvalidInput, match="params"):
            small.search(cloud(1), 1, params=3)

    def test_search_parameters_of_a_call_stay_in_it(self, small):
        q, before = cloud(20, DIM, 1), small.search_params
        hits = small.search(q, 5)
        lows = {f.name: facts(f)["low"] for f in dataclasses.fields(before)}
        lowest = {name: low for name, low in lows.items() if low is not None}
        small.search(q, 5, params=lowest)
        small.search(q, 5, params=type(before)(**lowest))
        assert small.search_params == before
        assert (small.search(q, 5).ids == hits.ids).all()

    def test_bad_dim(self, factory):
        for dim in (0, -1, 2.5, "3", None, True, 2**40):
            with refused(repr(dim), "dim"):
                factory(dim, metric="cosine")

    def test_bad_metric_and_seed(self, factory):
        with pytest.raises(InvalidInput, match="cosine, ip, l2"):
            factory(DIM, metric="hamming")
        with pytest.raises(InvalidInput, match="seed"):
            factory(DIM, metric="l2", seed=-1)

    def test_repr_names_the_spec_and_the_size(self, small):
        assert small.spec in repr(small)
        assert "50" in repr(small)
