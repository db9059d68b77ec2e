"""The worker process of the benchmark: it builds one index, or loads and searches it.

``python -m pipelines.benchmark.worker`` is started by `worker_process`. It reads one JSON object a line from standard
input, the first of which describes the work, and answers each with one line on the original standard output; what
native code prints there goes to standard error. Arrays go through files in the folder that the first line names.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import indexes
from indexes import Hits, IdSet, Vectors
from indexes.dense_index import DenseIndex
from indexes.files import write_array
from rag.children import PARENT, end_with_parent

from . import process_memory, timing
from .load import MAX_REQUESTS, PATIENCE
from .open_loop import arrivals, serve
from .requests import IndexRequests

Reply = dict[str, Any]


class Worker:
    """Executes commands on one index.

    Parameters
    ----------
    job
        ``spec``, ``dim``, ``metric``, ``seed``, ``folder`` (base.npy, ids.npy, queries.npy), ``memory`` (bytes, or
        None) and ``index`` (the folder that the index is saved in).
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job
        self._folder = Path(job["folder"])
        self._queries: Vectors = np.load(self._folder / "queries.npy", allow_pickle=False)
        self._index: DenseIndex | None = None
        self._baseline = 0
        if job["memory"]:
            process_memory.limit(int(job["memory"]))

    def build(self, k: int) -> Reply:
        """Build until the first query is answered, so that an engine that builds lazily pays here; then save."""
        x: Vectors = np.load(self._folder / "base.npy", allow_pickle=False)
        ids = np.load(self._folder / "ids.npy", allow_pickle=False)
        index = indexes.dense(self._job["spec"], self._job["dim"], metric=self._job["metric"], seed=self._job["seed"])
        self._import_engine()
        before, counted = process_memory.resident(), process_memory.forget_peak()
        with process_memory.peak_of_children() as children:
            start = time.perf_counter()
            index.build(x, ids)
            index.optimize()
            built = time.perf_counter()
            index.search(self._queries[:1], k)
            answered = time.perf_counter()
        peak = process_memory.peak() - before + children[0] if counted else None
        place = Path(self._job["index"])
        index.save(place)
        saved = time.perf_counter()
        size = sum(entry.stat().st_size for entry in place.iterdir())
        return {
            "build_s": answered - start,
            "first_query_ms": 1000 * (answered - built),
            "build_peak_bytes": peak,
            "save_s": saved - answered,
            "disk_bytes": size,
        }

    def load(self, k: int) -> Reply:
        """Load the saved index, which is searched from now on, and answer one query."""
        self._import_engine()
        before = process_memory.resident()
        start = time.perf_counter()
        index: Any = indexes.load(self._job["index"])
        index.search(self._queries[:1], k)
        loaded = time.perf_counter() - start
        self._index = index
        parts = index.memory()
        return {
            "load_s": loaded,
            "resident_bytes": max(0, process_memory.resident() - before),
            "memory_bytes": sum(parts.values()),
            "memory": parts,
        }

    def measure(  # noqa: PLR0917 - given by name, in JSON
        self, search: Mapping[str, Any], k: int, seconds: float, number: int, threads: list[int], out: str
    ) -> Reply:
        """Search all queries at once and one at a time; answers and latencies go to files that begin with ``out``."""
        rng = np.random.default_rng([self._job["seed"], number])
        ask = self._ask(search, k)
        calls = timing.warm_up(ask, self._queries, rng, 10 * seconds if number == 0 else 0.0)
        found = timing.batched(ask, self._queries, rng, seconds)
        one = timing.single(ask, self._queries, rng, 2 * seconds)
        more = {t: timing.batched(ask, self._queries, rng, seconds, t).qps for t in threads if t > 1}
        self._write(out, ids=found.ids, seconds=one.seconds, single_queries=one.queries, single_ids=one.ids)
        return {"qps": found.qps, "warm_up_calls": calls, "threads": more}

    def filtered(self, search: Mapping[str, Any], k: int, seconds: float, filters: list[str], out: str) -> Reply:
        """Search groups of queries, each at once among the ids of its own filter, until the searches took so long."""
        rng = np.random.default_rng(self._job["seed"])
        groups = []
        for name in filters:
            own, ids = (
                np.load(self._folder / f"{name}-{part}.npy", allow_pickle=False) for part in ("queries", "allow")
            )
            groups.append((self._ask(search, k, IdSet(ids)), own))
        timing.grouped(groups, self._queries, rng, 0.0)  # to warm up
        found = timing.grouped(groups, self._queries, rng, seconds)
        self._write(out, ids=found.ids)
        return {"qps": found.qps}

    def batch(
        self,
        search: Mapping[str, Any],
        k: int,
        seconds: float,
        out: str,
        queries: str = "queries.npy",
    ) -> Reply:
        """Search all queries at once."""
        rng = np.random.default_rng(self._job["seed"])
        asked: Vectors = np.load(self._folder / queries, allow_pickle=False)
        ask = self._ask(search, k)
        if seconds:
            timing.warm_up(ask, asked, rng, 0.0)
        found = timing.batched(ask, asked, rng, seconds)
        self._write(out, ids=found.ids)
        return {"qps": found.qps}

    def load_test(  # noqa: PLR0917 - given by name, in JSON
        self,
        search: Mapping[str, Any],
        k: int,
        rate: float | None,
        seconds: float,
        servers: int,
        writes: float,
        number: int,
        out: str,
    ) -> Reply:
        """Serve a schedule of requests; without a rate, all come at once. With writes, begin with the saved index."""
        if writes:
            self._index = None
        rng = np.random.default_rng([self._job["seed"], number])
        burst = rate is None
        scheduled = np.zeros(MAX_REQUESTS) if rate is None else arrivals(rate, min(seconds, MAX_REQUESTS / rate), rng)
        ask, index = self._ask(search, k), self._loaded()
        requests = IndexRequests(
            index,
            ask,
            queries=self._queries,
            rows=np.load(self._folder / "base.npy", mmap_mode="r", allow_pickle=False),
            ids=np.load(self._folder / "ids.npy", allow_pickle=False),
            n=len(scheduled),
            k=k,
            writes=writes,
            rng=rng,
        )
        ask(self._queries)
        with timing.quiet():
            served = serve(requests, scheduled, servers=servers, until=seconds if burst else PATIENCE * seconds)
        done = int((~np.isnan(served.ended)).sum()) if burst else len(scheduled)
        after = ask(self._queries).ids
        held = index.ids()
        self._write(
            out,
            times=np.stack([served.scheduled, served.began, served.ended])[:, :done],
            writes=requests.is_write[:done],
            queries=requests.queries[:done],
            ids=requests.answers[:done],
            renewed=requests.renewed,
            after=after,
        )
        return {"stopped": served.stopped, "removed_found": int((~np.isin(after, held) & (after >= 0)).sum())}

    def churn(self, share: float, batch: int, out: str) -> Reply:
        """Remove a share of the vectors and add them again under new ids, in batches; return the times."""
        index = self._loaded()
        x: Vectors = np.load(self._folder / "base.npy", allow_pickle=False)
        ids = np.load(self._folder / "ids.npy", allow_pickle=False)
        rng = np.random.default_rng(self._job["seed"])
        rows = rng.permutation(len(x))[: max(1, round(share * len(x)))]
        new = int(ids.max()) + 1 + rows  # one new id for each row
        removing = adding = 0.0
        for start in range(0, len(rows), batch):
            part = rows[start : start + batch]
            begin = time.perf_counter()
            index.remove(ids[part])
            between = time.perf_counter()
            index.add(x[part], new[start : start + batch])
            adding += time.perf_counter() - between
            removing += between - begin
        self._write(out, rows=rows)
        return {"changed": len(rows), "removes_per_s": len(rows) / removing, "adds_per_s": len(rows) / adding}

    def _import_engine(self) -> None:
        """Use the engine once on two vectors: importing a library is not loading an index."""
        tiny = indexes.dense(self._job["spec"], self._job["dim"], metric=self._job["metric"])
        tiny.build(self._queries[:2], np.arange(len(self._queries[:2])))
        tiny.search(self._queries[:1], 1)

    def _loaded(self) -> DenseIndex:
        if self._index is None:
            self.load(1)
        assert self._index is not None  # noqa: S101 - what load has just set
        return self._index

    def _ask(self, search: Mapping[str, Any], k: int, allow: IdSet | None = None) -> Callable[[Vectors], Hits]:
        index = self._loaded()
        params = index.search_params.replace(dict(search))
        if allow is None:
            return lambda queries: index.search(queries, k, params=params)
        return lambda queries: index.search(queries, k, params=params, allow=allow)

    def _write(self, out: str, **arrays: np.ndarray[Any, Any]) -> None:
        for name, array in arrays.items():
            write_array(self._folder / f"{out}-{name}.npy", array)


def main() -> None:
    """Serve until standard input ends, or the parent."""
    end_with_parent(int(os.environ.get(PARENT, os.getppid())))
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    worker: Worker | None = None
    for line in sys.stdin:
        message = json.loads(line)
        try:
            if worker is None:
                worker, reply = Worker(message), {}
            else:
                reply = getattr(worker, message.pop("do"))(**message)
        except MemoryError as error:
            reply = {"failed": "memory", "text": str(error)}
        except OSError as error:
            kind = "disk" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "error"
            reply = {"failed": kind, "text": f"{type(error).__name__}: {error}"}
        except Exception as error:  # noqa: BLE001 - anything an engine raises is its row's error
            kind = "memory" if "bad_alloc" in str(error) else "error"
            reply = {"failed": kind, "text": f"{type(error).__name__}: {error}"}
        with contextlib.suppress(BrokenPipeError):
            answers.write(json.dumps(reply) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
