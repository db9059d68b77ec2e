"""The formulas of BM25 and its variants.

A document's score is the sum, over the query's terms that it holds, of the term's weight in the query times ``idf``
times ``saturation``. With n documents, of which df hold the term, its frequency tf in the document, and
``norm`` = 1 - b + b * length / mean length:

=========  ==========================================  ==========================================================
variant    idf                                         saturation
=========  ==========================================  ==========================================================
lucene     ln(1 + (n - df + .5) / (df + .5))           tf / (tf + k1 * norm)
robertson  ln((n - df + .5) / (df + .5))               tf / (tf + k1 * norm)
okapi      as robertson; if negative, epsilon times    tf * (k1 + 1) / (tf + k1 * norm)
           the mean idf of the vocabulary
bm25+      ln((n + 1) / df)                            tf * (k1 + 1) / (tf + k1 * norm) + delta
bm25l      ln((n + 1) / (df + .5))                     (c + delta) * (k1 + 1) / (c + delta + k1), c = tf / norm
=========  ==========================================  ==========================================================

Sources: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009 (robertson); Kamphuis, de
Vries, Boytsov and Lin, Which BM25 Do You Mean?, ECIR 2020 (lucene, the "accurate" one, and the table of variants);
Trotman, Jia and Crane, Towards an Efficient and Effective Search Engine, 2012, with the floor that rank-bm25's
``BM25Okapi`` sets under negative idf (okapi); Lv and Zhai, Lower-Bounding Term Frequency Normalization, CIKM 2011
(bm25+) and When Documents Are Very Long, BM25 Fails!, SIGIR 2011 (bm25l). As these two papers say, delta counts for the
terms that a document holds; rank-bm25 and bm25s add it for the missing ones too, where it changes no ranking: there,
bm25+ ranks as if delta were 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Variant = Literal["lucene", "okapi", "robertson", "bm25+", "bm25l"]
VARIANTS: tuple[Variant, ...] = ("lucene", "okapi", "robertson", "bm25+", "bm25l")
DELTAS: dict[str, float] = {"bm25+": 1.0, "bm25l": 0.5}


@dataclass(frozen=True, slots=True)
class Formula:
    """One variant with its constants; ``delta`` and ``epsilon`` count only where the table above has them."""

    variant: Variant
    k1: float
    b: float
    delta: float
    epsilon: float

    def idf(self, df: NDArray[np.int64] | Floats, n: int) -> Floats:
        """Return the inverse document frequency, before the floor of okapi."""
        df = np.asarray(df, np.float64)
        if self.variant == "bm25+":
            values = np.log((n + 1) / df)
        elif self.variant == "bm25l":
            values = np.log((n + 1) / (df + 0.5))
        elif self.variant == "lucene":
            values = np.log1p((n - df + 0.5) / (df + 0.5))
        else:
            values = np.log((n - df + 0.5) / (df + 0.5))
        return cast("Floats", values)

    def floor(self, document_frequencies: NDArray[np.int64], n: int) -> float | None:
        """Return what okapi puts in place of a negative idf, given the df of all terms; None for the others."""
        if self.variant != "okapi":
            return None
        held = document_frequencies[document_frequencies > 0]
        return self.epsilon * float(self.idf(held, n).mean()) if len(held) else 0.0

    def saturation(self, tf: Floats, relative_length: Floats) -> Floats:
        """Return the part of frequency and length; ``relative_length`` is length over mean length."""
        norm = 1 - self.b + self.b * relative_length
        if self.variant == "bm25l":
            raised = tf / norm + self.delta
            return raised * (self.k1 + 1) / (raised + self.k1)
        bare = tf / (tf + self.k1 * norm)
        if self.variant in ("lucene", "robertson"):
            return bare
        return bare * (self.k1 + 1) + (self.delta if self.variant == "bm25+" else 0.0)


_FREQUENCIES, _LENGTHS = 64, 1024
_MANY = 1 << 16
"""Rows from which a table of saturations is worth its millisecond."""


class Saturations:
    """The saturation of many postings: frequencies and lengths are small whole numbers, so each pair is computed once.

    Parameters
    ----------
    mean
        The mean length.
    rows
        How many there are.
    """

    def __init__(self, formula: Formula, mean: float, rows: int) -> None:
        self._formula = formula
        self._mean = mean
        self._table: Floats | None = None
        if rows >= _MANY:  # frequency 0 has no place
            tf, lengths = np.arange(1.0, _FREQUENCIES), np.arange(float(_LENGTHS))
            self._table = formula.saturation(tf[:, None], lengths / mean).ravel()

    def of(self, frequencies: NDArray[Any], lengths: NDArray[Any]) -> Floats:
        """Return the saturation of each posting, to the bit what the formula gives: float64."""
        table = self._table if frequencies.dtype.kind == lengths.dtype.kind == "u" else None
        if table is not None and frequencies.max(initial=0) < _FREQUENCIES and lengths.max(initial=0) < _LENGTHS:
            return np.asarray(table.take((frequencies.astype(np.int32) - 1) * _LENGTHS + lengths), np.float64)
        return self._formula.saturation(frequencies.astype(np.float64), lengths / self._mean)
