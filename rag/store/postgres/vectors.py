"""Search by vectors: exact, or by candidates that the server scores anew in float32.

Candidates come from the server's graph over bits or half-precision numbers, or from hashes that the reader holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pgvector import Vector

import indexes
from indexes import Hits, IdSet, Metric
from indexes.spec import Parameters, param

from ...errors import InvalidInput
from ...filters import Filter
from . import hash_building, hashes
from .connection import Connection, Snapshot, Snapshots
from .filters import CHUNKS, condition
from .hashes_cache import HashesCache
from .id_arrays import IdArray, scored

Ids = NDArray[np.int64]
Scored = tuple[Ids, NDArray[np.float32]]
EXACT_UP_TO = 20_000
"""So many allowed chunks are compared one by one: an index that filters what it finds finds too little."""
_LEAST = 200  # candidates, however few hits are wanted: 40 found .958 of the ten nearest of 40,000, 100 found .984
_MOST = 1000  # of hnsw.ef_search
_INDEX = "chunks_vectors"
_FEWEST_BITS = 256
"""Shorter vectors are not told apart by their signs."""
_EXACT_CHUNKS = 20_000
_SCANNED_CHUNKS = 5_000_000
"""A question takes 5 ms for each million hashes of 256 bits, and a reader 40 MB."""
_LEAST_HASHED = 400
"""Candidates by hashes of 256 bits, however few hits are wanted: 200 held .98 of the ten nearest of a million chunks.
By longer hashes fewer are as good: 200 by 384 bits held .996."""
_DENSER = ",M=32,ef_construction=200"
_FACTORS = (40, 100)
"""Ten hits have 200 candidates as it is, 400 and 1,000 by these."""
_OPERATORS = {"cosine": ("<=>", "cosine"), "ip": ("<#>", "ip"), "l2": ("<->", "l2")}


@dataclass(frozen=True, kw_only=True)
class HnswBuild(Parameters):
    """Build parameters of the server's graph."""

    storage: str = param("bit", "bit: signs; half: float16", choices=("bit", "half"))
    M: int = param(16, "links of each vector", low=2, high=100)
    ef_construction: int = param(64, "candidates while it is built", low=4, high=1000)


@dataclass(frozen=True, kw_only=True)
class HnswSearch(Parameters):
    """Search parameters of the server's graph."""

    factor: int = param(4, "candidates that are scored anew, times the hits wanted", low=1, high=100)


@dataclass(frozen=True, kw_only=True)
class LSHBuild(Parameters):
    """Build parameters of hashes."""

    nbits: int = param(256, "bits of a hash, a multiple of 64", low=64, high=4096)


@dataclass(frozen=True, kw_only=True)
class LSHSearch(Parameters):
    """Search parameters of hashes."""

    factor: int = param(4, "candidates that are scored anew, times the hits wanted", low=1, high=1000)


@dataclass(frozen=True, slots=True)
class VectorSpec:
    """``flat``, ``hnsw`` or ``lsh`` with parameters, as text."""

    text: str
    build: HnswBuild | LSHBuild | None = None
    search: HnswSearch | LSHSearch = HnswSearch()


_KINDS: dict[str, tuple[type[HnswBuild | LSHBuild], type[HnswSearch | LSHSearch], tuple[str, ...]]] = {
    "hnsw": (HnswBuild, HnswSearch, ("storage",)),
    "lsh": (LSHBuild, LSHSearch, ()),
}
"""Build and search parameters of each engine, and those that its spec always tells."""


def parsed(spec: str) -> VectorSpec:
    """Read the spec of an index of vectors.

    Raises
    ------
    InvalidInput
        A server has no such index, or a parameter is wrong.
    """
    name, _, rest = spec.partition(":")
    if name == "flat" and not rest:
        return VectorSpec("flat")
    if name not in _KINDS:
        raise InvalidInput(f"index {spec!r}: PostgreSQL has flat, hnsw:storage=bit, hnsw:storage=half and lsh")
    building, searching, told = _KINDS[name]
    pairs = dict(each.partition("=")[::2] for each in rest.split(",")) if rest else {}
    try:
        values = {key: int(value) if value.isdigit() else value for key, value in pairs.items()}
        own = {key: value for key, value in values.items() if key in searching.names()}
        search = searching().replace(own)
        build = building().replace({key: value for key, value in values.items() if key not in own})
    except indexes.InvalidInput as error:
        raise InvalidInput(f"index {spec!r}: {error}") from error
    if isinstance(build, LSHBuild) and build.nbits % 64:
        raise InvalidInput(f"index {spec!r}: nbits must be a multiple of 64")
    shown = {**{key: getattr(build, key) for key in told}, **build.changed(), **search.changed()}
    text = ":".join(filter(None, (name, ",".join(f"{key}={value}" for key, value in shown.items()))))
    return VectorSpec(text, build, search)


def check_metric(spec: str, metric: Metric) -> None:
    """Refuse an index that cannot search by a metric.

    Raises
    ------
    InvalidInput
        Hashes are by angles.
    """
    if isinstance(parsed(spec).build, LSHBuild) and metric != "cosine":
        raise InvalidInput(f"index {spec!r} is for the cosine; by {metric} take hnsw:storage=half or flat")


def recommended(chunks: int, dim: int, metric: Metric) -> list[str]:
    """Return the indexes to try for a number of vectors, the cheapest of its kind first."""
    if chunks <= _EXACT_CHUNKS:
        return ["flat"]
    both = ["hnsw:storage=bit", "hnsw:storage=half"]
    graphs = [each + denser for each in (both if dim >= _FEWEST_BITS else both[::-1]) for denser in ("", _DENSER)]
    hashed = ["lsh"] if metric == "cosine" and chunks <= _SCANNED_CHUNKS else []
    return [graphs[0], *hashed, *graphs[1:]]


def efforts(spec: str) -> list[str]:
    """Return a spec, and the same with more candidates, which costs no other build."""
    if parsed(spec).build is None:
        return [spec]
    return [spec, *(f"{spec}{',' if ':' in spec else ':'}factor={factor}" for factor in _FACTORS)]


def build(db: Connection, spec: VectorSpec, dim: int, metric: Metric) -> None:
    """Put an index in the place of the one there is, inside the caller's transaction."""
    db.execute(f"drop index if exists {_INDEX}")
    hashes.drop(db)
    if spec.build is None:
        return
    if isinstance(spec.build, LSHBuild):
        with db.unlimited():
            hash_building.build(db, spec.build.nbits, dim)
        return
    if spec.build.storage == "bit":
        expression = f"(binary_quantize(vector)::bit({dim})) bit_hamming_ops"
    else:
        expression = f"(vector::halfvec({dim})) halfvec_{_OPERATORS[metric][1]}_ops"
    options = f"m = {spec.build.M}, ef_construction = {spec.build.ef_construction}"
    # The graph is built in the memory of one process: others would share it in /dev/shm, which containers keep small.
    with db.unlimited():
        db.execute("set local maintenance_work_mem = '1GB'")
        db.execute("set local max_parallel_maintenance_workers = 0")
        db.execute(f"create index {_INDEX} on chunks using hnsw ({expression}) with ({options})")  # numbers and words


def score(metric: Metric, column: str = "vector") -> str:
    """Return the expression of a score, higher is better; a vector of length 0 scores 0."""
    if metric == "cosine":
        return f"coalesce(nullif(1 - ({column} <=> %s::vector), 'NaN'), 0)"
    if metric == "ip":
        return f"-({column} <#> %s::vector)"
    return f"-l2_squared_distance({column}, %s::vector)"


class FilteredIds(IdSet):
    """Allowed ids that know their filter, so that the server can apply it itself."""

    __slots__ = ("where",)

    def __init__(self, ids: Ids, where: Filter | None) -> None:
        super().__init__(ids)
        self.where = where


class PostgresVectors:
    """Searches the vectors of chunks; it answers as an `indexes.DenseIndex` does.

    Parameters
    ----------
    ids
        Returns the ids of all chunks.
    cache
        Holds the hashes.
    """

    family = "dense"

    def __init__(
        self,
        snapshots: Snapshots,
        spec: VectorSpec,
        metric: Metric,
        ids: Callable[[], Ids],
        count: Callable[[], int],
        *,
        cache: HashesCache,
    ) -> None:
        self._snapshots = snapshots
        self._spec = spec
        self.metric: Metric = metric
        self.ids = ids
        self._count = count
        self._cache = cache

    @property
    def name(self) -> str:
        """The engine."""
        return self._spec.text.partition(":")[0]

    def __len__(self) -> int:
        return self._count()

    def memory(self) -> dict[str, int]:
        """Return the bytes that this process holds for it: hashes, once they were searched; the server has the rest."""
        return self._cache.memory() if isinstance(self._spec.build, LSHBuild) else {}

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        allow: IdSet | Ids | None = None,
        params: Mapping[str, float] | None = None,
    ) -> Hits:
        """Return the ``k`` best chunks for each vector, among those of ``allow``; ``params`` as behind a graph's spec.

        Raises
        ------
        indexes.UnknownParameter
            There is no such parameter; `indexes.InvalidInput` where its value is out of range.
        """
        search = self._spec.search.replace(params or {})
        allowed = None if allow is None else np.asarray(allow.ids if isinstance(allow, IdSet) else allow, np.int64)
        found = Hits(np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -np.inf, np.float32))
        if not k or (allowed is not None and not len(allowed)):
            return found
        every = np.asarray(queries, np.float32)
        with self._one_state():
            near = self._hashed(every, k, allow, allowed, search.factor)  # while other threads may read
            with self._snapshots.reading() as snapshot:
                for i, query in enumerate(every):
                    ids, scores = (
                        self._found(snapshot, Vector(query), k, allow, allowed, factor=search.factor)
                        if near is None
                        else self._exactly(snapshot.db, Vector(query), k, near[i])
                    )
                    found.ids[i, : len(ids)], found.scores[i, : len(ids)] = ids, scores
        return found

    @property
    def scans(self) -> bool:
        """Whether a search compares all vectors' hashes in this process."""
        return isinstance(self._spec.build, LSHBuild)

    def _one_state(self) -> AbstractContextManager[None]:
        """Let all that a search reads be of one snapshot; a writer has but one."""
        return self._snapshots.view() if isinstance(self._snapshots, Snapshots) else nullcontext()

    def score(
        self,
        queries: NDArray[np.float32],
        ids: Ids,
        *,
        params: Mapping[str, float] | None = None,  # noqa: ARG002 - there are none to give
    ) -> NDArray[np.float32]:
        """Return the scores of chunks (ascending) for each vector: float32, shape (n_queries, n), NaN for no chunk."""
        found = np.full((len(queries), len(ids)), np.nan, np.float32)
        with self._snapshots.reading() as snapshot:
            for own, query in zip(found, np.asarray(queries, np.float32), strict=True):
                sql = f"select id, {score(self.metric)} as score from chunks where id = any((select %s)::int8[])"  # noqa: S608
                there, scores = scored(snapshot.db, sql, (Vector(query), IdArray(ids)))
                own[np.searchsorted(ids, there)] = scores
        return found

    def _found(
        self, snapshot: Snapshot, query: Vector, k: int, allow: IdSet | Ids | None, allowed: Ids | None, *, factor: int
    ) -> Scored:
        if self._spec.build is None or (allowed is not None and len(allowed) <= EXACT_UP_TO):
            return self._exactly(snapshot.db, query, k, allowed)
        if self.scans:  # not built yet
            return self._exactly(snapshot.db, query, k, allowed)
        wanted = min(_MOST, max(_LEAST, factor * k))
        if k > wanted:
            return self._exactly(snapshot.db, query, k, allowed)
        if allowed is None:
            return self._nearly(snapshot.db, query, k, wanted, "chunks c", "true", [])
        if isinstance(allow, FilteredIds):
            test, values = condition(allow.where)
            found = self._nearly(snapshot.db, query, k, wanted, CHUNKS, test, values)
            if len(found[0]) >= min(k, len(allowed)):
                return found
        return self._exactly(snapshot.db, query, k, allowed)  # the graph was left before enough of them were found

    def _hashed(
        self, queries: NDArray[np.float32], k: int, allow: IdSet | Ids | None, allowed: Ids | None, factor: int
    ) -> list[Ids] | None:
        """Return each query's candidates by the hashes; None where there are none, or all allowed are compared."""
        if not isinstance(self._spec.build, LSHBuild) or (allowed is not None and len(allowed) <= EXACT_UP_TO):
            return None
        with self._snapshots.reading() as snapshot:
            held = self._cache.hashes(snapshot)
        if held is None:
            return None
        within = allow if allow is None or isinstance(allow, IdSet) else IdSet(allow)
        wanted = max(_LEAST_HASHED * 256 // self._spec.build.nbits, factor * k)
        return [held.nearest(query, wanted, within) for query in queries]

    def _exactly(self, db: Connection, query: Vector, k: int, allowed: Ids | None) -> Scored:
        # In a query of its own the array is not a constant, whose every element the planner would look at.
        test, values = ("true", []) if allowed is None else ("id = any((select %s)::int8[])", [IdArray(allowed)])
        sql = f"""select id, score from (select id, {score(self.metric)} as score from chunks where {test} offset 0) n
                  order by score desc, id limit %s"""  # noqa: S608 - parameters only
        return scored(db, sql, (query, *values, k))

    def _nearly(  # noqa: PLR0917 - two callers
        self, db: Connection, query: Vector, k: int, wanted: int, tables: str, test: str, values: Sequence[object]
    ) -> Scored:
        """Take candidates from the graph, and score them by their vectors."""
        dim = query.dimensions()
        if isinstance(self._spec.build, HnswBuild) and self._spec.build.storage == "bit":
            distance = f"binary_quantize(c.vector)::bit({dim}) <~> binary_quantize(%s::vector)"
        else:
            distance = f"c.vector::halfvec({dim}) {_OPERATORS[self.metric][0]} %s::halfvec({dim})"
        sql = f"""select id, {score(self.metric)} as score from (
                  select c.id, c.vector from {tables} where {test} order by {distance} limit %s) n
                  order by score desc, id limit %s"""  # noqa: S608 - parameters only
        plain = test == "true"
        with db.pipeline():  # one trip: what is executed goes with what is fetched
            # Without a filter the planner takes a scan of everything for cheaper than it is, and the graph for dearer.
            # That holds until the snapshot's end: what is read after it is found by its key.
            db.execute(_TUNED, (str(wanted), *(("off", "off") if plain else ("strict_order", "on"))))
            return scored(db, sql, (query, *values, query, wanted, k))


_TUNED = """select set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', %s, true),
    set_config('enable_seqscan', %s, true)"""


class PostgresSentences:
    """Scores chunks by their best sentence; see `rag.store.sentence_search.BestSentences`."""

    def __init__(self, snapshots: Snapshots, metric: Metric) -> None:
        self._snapshots = snapshots
        self._metric: Metric = metric

    def scores(self, query: NDArray[np.float32], chunks: Ids) -> NDArray[np.float32]:
        """Return the best sentence's score of each of ``chunks`` (ascending); NaN for a chunk without any."""
        best = np.full(len(chunks), np.nan, np.float32)
        if not len(chunks):
            return best
        sql = f"""select chunk, max({score(self._metric, "vector::vector")}) from sentences
                  where chunk = any(%s) group by chunk"""  # noqa: S608 - parameters only
        with self._snapshots.reading() as snapshot:
            rows = snapshot.db.rows(sql, (Vector(np.asarray(query[0], np.float32)), IdArray(chunks)))
        if rows:
            at = np.searchsorted(chunks, np.array([row[0] for row in rows], np.int64))
            best[at] = np.array([row[1] for row in rows], np.float32)
        return best
