"""The table of saturations against the formula."""

from __future__ import annotations

import numpy as np
import pytest

from indexes.inverted.bm25_formulas import VARIANTS, Formula, Saturations, Variant


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("frequent", [60, 200])
@pytest.mark.parametrize("longest", [900, 5000])
def test_what_is_looked_up_is_what_the_formula_gives(variant: Variant, frequent: int, longest: int) -> None:
    rng = np.random.default_rng(0)
    formula = Formula(variant, 1.2, 0.75, 0.5, 0.25)
    tf = rng.integers(1, frequent, 3000).astype(np.uint8)
    lengths = rng.integers(1, longest, 3000).astype(np.uint16)
    expected = formula.saturation(tf.astype(np.float64), lengths / 17.3)
    for rows in (10, 1 << 20):
        assert (Saturations(formula, 17.3, rows).of(tf, lengths) == expected).all(), "to the bit"


def test_weights_that_are_not_whole_are_computed() -> None:
    formula = Formula("lucene", 1.2, 0.75, 0.0, 0.25)
    tf, lengths = np.array([0.5, 2.25], np.float32), np.array([3.5, 8.0])
    found = Saturations(formula, 4.0, 1 << 20).of(tf, lengths)
    assert (found == formula.saturation(tf.astype(np.float64), lengths / 4.0)).all()
