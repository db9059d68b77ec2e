"""Base of the indexes of vectors: checks, normalisation, filters, exact fallback and order around an engine."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import scan
from .base import Allow, Index, spread
from .checks import checked_ids, checked_k
from .errors import InvalidInput
from .rows import Keep
from .spec import Parameters, Value
from .types import METRICS, Family, Hits, Ids, Metric, Scores, Vectors
from .vectors import checked_vectors, one_query, unit

MAX_DIM = 1 << 16


class DenseIndex(Index[Vectors]):
    """Base of the indexes of vectors.

    Parameters
    ----------
    dim
        Length of the vectors, 1 to 65,536.
    metric
        ``cosine``: both sides are brought to length 1 inside; a zero vector scores 0. ``ip``: the inner product.
        ``l2``: scores are minus the squared Euclidean distance.
    seed
        Random seed of building.
    build, search
        Parameters of the engine's own classes ``Build`` and ``Search``; None for the defaults.

    Notes
    -----
    Vectors are given as float32 of shape (n, dim); other numbers (float64, float16, ints, nested lists) are converted
    to float32, bools, complex numbers and objects are refused. Arguments are never written to or kept.
    """

    family: ClassVar[Family] = "dense"
    settles_ties: ClassVar[bool] = False
    """Whether the engine returns equal scores in the order of ids."""

    def __init__(
        self,
        dim: int,
        *,
        metric: Metric = "cosine",
        seed: int = 0,
        build: Parameters | None = None,
        search: Parameters | None = None,
    ) -> None:
        super().__init__(build, search)
        self.dim = _whole("dim", dim, 1, MAX_DIM)
        self.seed = _whole("seed", seed, 0, 2**31 - 1)
        if metric not in METRICS:
            raise InvalidInput(f"metric must be one of {', '.join(METRICS)}, got {metric!r}")
        self.metric: Metric = metric
        self._longest = 0.0  # squared length of the longest vector seen; bounds the rounding of scores

    # ---- for engines to implement -----------------------------------------------------------------------------

    @abstractmethod
    def _search(self, q: Vectors, k: int, params: Any, keep: Keep | None) -> tuple[Scores, Ids]:  # noqa: ANN401 - the engine's own Search
        """Return the best ``k`` rows for every query, best first, padded by -1.

        ``keep`` has the rows that may be returned, at least ``k`` of them; None allows all. An engine may
        find fewer than ``k``: the base then scans exactly.
        """

    @abstractmethod
    def _vectors(self, rows: Ids) -> Vectors:
        """Return the vectors of rows: float32, shape (len(rows), dim); decoded where only codes are held."""

    def _scores(self, q: Vectors, rows: Ids) -> Scores | None:  # noqa: ARG002 - for engines to answer
        """Score rows directly, shape (len(q), len(rows)); return None if a search is as fast."""
        return None

    def _prefers_scan(self, n_queries: int, n_allowed: int, params: Any) -> bool:  # noqa: ANN401, ARG002 - for engines to answer
        """Return whether scoring all allowed rows one by one is better here than the engine's own filter."""
        return self.traits.filter == "scan"

    # ---- public -----------------------------------------------------------------------------------------------

    def build(self, x: ArrayLike, ids: ArrayLike) -> None:
        """Replace the contents by these vectors.

        Parameters
        ----------
        x
            float32, shape (n, dim), finite.
        ids
            int64, shape (n,), unique, >= 0.

        Raises
        ------
        InvalidInput
            Names the first bad row or id and the fix; the index is unchanged.
        """
        vectors, longest = self._ready(x, "x")
        new = checked_ids(ids, len(vectors))
        self._longest = max(
            self._longest, longest
        )  # never lowered: too high a bound costs time, too low a bound is wrong
        self._replace_all(vectors, new)

    def add(self, x: ArrayLike, ids: ArrayLike) -> None:
        """Add vectors: all of them, or none if an error is raised.

        Parameters
        ----------
        x
            float32, shape (n, dim), finite.
        ids
            int64, shape (n,), unique, >= 0, not yet in the index.

        Raises
        ------
        InvalidInput
            Names the first bad row or id and the fix; the index is unchanged.
        """
        vectors, longest = self._ready(x, "x")
        new = checked_ids(ids, len(vectors))
        self._longest = max(self._longest, longest)
        self._insert(vectors, new)

    def search(
        self,
        queries: ArrayLike,
        k: int,
        *,
        allow: Allow | None = None,
        params: Parameters | Mapping[str, Value] | None = None,
    ) -> Hits:
        """Find the best ``k`` items for every query.

        Parameters
        ----------
        queries
            float32, shape (n_queries, dim), finite.
        k
            Hits per query; 0 gives tables of width 0, more than there are items gives padding.
        allow
            The ids that may be returned: int64 of shape (n,), or an ``IdSet``, which is resolved once and reused.
            None allows all. Every row gets min(k, number of allowed items) hits.
        params
            Search parameters for this call only: the engine's ``Search``, or a mapping of some of its fields.

        Returns
        -------
        Hits
            ids int64 and scores float32, shape (n_queries, k); higher is better, equal scores by ascending id.

        Raises
        ------
        InvalidInput
            Names the first bad row and the fix.
        UnknownParameter
            ``params`` has a name that this engine does not have.
        """
        q = one_query(queries, self.dim, to_unit=self.metric == "cosine")
        if q is None:
            q, _ = self._ready(queries, "queries")
        chosen = self.search_params if params is None else self._chosen(params)
        self._lock.start_reading()
        try:
            self._check_whole()
            held = self._rows
            if type(k) is not int or not 0 < k <= held.n_live:
                k = checked_k(k, len(q), held.n_live)
            keep = None if allow is None and held.n_live == held.n_rows else self._keep(allow)
            found = min(k, held.n_live if keep is None else len(keep))
            if not found or not len(q):
                return _padded(len(q), k)
            scores, rows = self._find(q, found, chosen, keep)
            ids = held.by_row.take(rows)
        finally:
            self._lock.stop_reading()
        if not self.settles_ties:
            scan.settle_ties(scores, ids)
        return Hits(ids, scores) if found == k else _padded(len(q), k, ids, scores)

    def score(
        self, queries: ArrayLike, ids: ArrayLike, *, params: Parameters | Mapping[str, Value] | None = None
    ) -> Scores:
        """Return the scores that a search for each query would give to each of ``ids``.

        Parameters
        ----------
        queries, params
            As for ``search``.
        ids
            int64, shape (n,), unique.

        Returns
        -------
        float32, shape (n_queries, n), up to rounding; NaN for ids that are not held.
        """
        q, _ = self._ready(queries, "queries")
        wanted = checked_ids(ids)
        with self._lock.reading():
            self._check_whole()
            rows = self._rows.lookup(wanted)
            there = rows >= 0
            own = self._scores(q, rows[there])
        if own is None:
            return self.search(q, len(wanted), allow=wanted, params=params).scores_of(wanted)
        return spread(own, there)

    def vectors(self, ids: ArrayLike) -> Vectors:
        """Return vectors: float32, shape (n, dim), in the order of ``ids``.

        They are as the engine holds them: of length 1 for the cosine, and decoded if it keeps codes only, which may be
        far coarser than its scores.

        Raises
        ------
        UnknownId
            Names the ids that are not in the index.
        """
        wanted = checked_ids(ids)
        with self._lock.reading():
            return self._vectors(self._known_rows(wanted, "`ids()` lists those that are"))

    # ---- machinery --------------------------------------------------------------------------------------------

    def _find(self, q: Vectors, k: int, params: Parameters, keep: Keep | None) -> tuple[Scores, Ids]:
        """Return exactly ``k`` rows for every query; at least ``k`` rows may be returned."""
        if keep is not None and self._prefers_scan(len(q), len(keep), params):
            return self._scan(q, k, keep.rows)
        scores, rows = self._search(q, k, params, keep)
        if scan.unfilled(rows):
            short = rows[:, -1] < 0
            eligible = np.arange(self._rows.n_rows) if keep is None else keep.rows
            scores[short], rows[short] = self._scan(q[short], k, eligible)
        return scores, rows

    def _scan(self, q: Vectors, k: int, eligible: Ids) -> tuple[Scores, Ids]:
        """Score every eligible row."""
        return scan.blocks(q, self._vectors, eligible, k, self.metric)

    def _compact(self, live: Ids) -> None:
        self._build(self._vectors(live))

    def _ready(self, x: ArrayLike, name: str) -> tuple[Vectors, float]:
        """Check and normalise vectors for the engine; return them and the largest squared length."""
        vectors, squares = checked_vectors(x, self.dim, name, bounded=self.metric != "cosine")
        if self.metric == "cosine":
            return unit(vectors, squares), 1.0
        return vectors, float(squares.max()) if len(squares) else 0.0

    def _identity(self) -> dict[str, Any]:
        return {"dim": self.dim, "metric": self.metric, "seed": self.seed}


def _whole(name: str, value: object, low: int, high: int) -> int:
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise InvalidInput(f"{name} must be an int in the range [{low}, {high}]. Got {value!r} instead")
    return number


def _padded(n: int, k: int, ids: Ids | None = None, scores: Scores | None = None) -> Hits:
    hits = Hits(np.full((n, k), -1, np.int64), np.full((n, k), -np.inf, np.float32))
    if ids is not None and scores is not None:
        hits.ids[:, : ids.shape[1]] = ids
        hits.scores[:, : scores.shape[1]] = scores
    return hits
