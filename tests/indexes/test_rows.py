"""Ids by row and rows by id, against a dictionary."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from indexes import rows as module
from indexes.rows import Keep, RowMap

ids_strategy = st.lists(st.one_of(st.integers(0, 50), st.integers(2**62, 2**63 - 1)), max_size=15, unique=True)


@given(
    st.lists(st.tuples(st.sampled_from(["append", "kill", "compact", "look"]), ids_strategy), max_size=25),
    st.sampled_from([0, 4, 4096]),
)
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_any_order_of_changes(steps, tail):
    before, module._TAIL = module._TAIL, tail
    try:
        held, by_row, table = {}, [], RowMap()
        for step, ids in steps:
            if step == "append":
                new = [i for i in ids if i not in held]
                table.append(np.array(new, np.int64))
                held.update(zip(new, range(len(by_row), len(by_row) + len(new)), strict=True))
                by_row += new
            elif step == "kill":
                gone = [i for i in ids if i in held]
                table.kill(np.array([held[i] for i in gone], np.int64))
                for i in gone:
                    by_row[held.pop(i)] = -1
            elif step == "compact":
                live = table.live()
                by_row = [by_row[r] for r in live]
                table.compact(live)
                held = {i: r for r, i in enumerate(by_row)}
            expected = [held.get(i, -1) for i in [*ids, *held]]
            assert table.lookup(np.array([*ids, *held], np.int64)).tolist() == expected
            assert table.by_row.tolist() == by_row
            assert table.ids().tolist() == sorted(held)
            assert (table.n_rows, table.n_live, table.n_dead) == (len(by_row), len(held), len(by_row) - len(held))
            assert [by_row[r] for r in table.live()] == [i for i in by_row if i >= 0]
    finally:
        module._TAIL = before


@pytest.mark.parametrize("n", [1, 7, 8, 9, 64, 65])
def test_bits_are_read_lowest_first(n):
    rows = np.arange(0, n, 3)
    keep = Keep(rows, n)
    read = [row for row in range(n) if keep.bits[row >> 3] >> (row & 7) & 1]
    assert read == rows.tolist() == np.flatnonzero(keep.mask).tolist()
    assert len(keep) == len(rows)
