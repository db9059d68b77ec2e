"""Whether `rag bench` reports the speed of the library itself: its queries/s against a bare loop, in one run.

    python benchmarks/bench_speed.py DATA [--rounds 7] [--index SPEC ...]

The harness's own timing code (pipelines.benchmark.timing, as a worker runs it) and a loop that calls the library's
search with nothing around it take turns over the very same index in memory, one thread, queries shuffled in both. The
figure is the median of the paired ratios of queries per second; 1 means that harness and contract cost nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time

import faiss
import numpy as np

import indexes
from pipelines.benchmark import timing
from pipelines.datasets import open_vectors

K = 10
SPECS = (
    "flat", "hnsw:ef=64", "ivf:nprobe=16", "pq:train_at=5000", "ivfpq:nprobe=16,train_at=5000",
    "ivfpq:nprobe=16,fast_scan=true", "rabitq:nprobe=16", "sq", "lsh", "annoy", "flann", "sptag",
)  # fmt: skip


def bare_search(index):
    """Return the library's own search of the index under ours, for a matrix of queries: ids and distances of each."""
    if index.name == "annoy":
        nodes = 4 * index.build_params.n_trees * K  # what our auto means
        return lambda q: [index._forest.get_nns_by_vector(v, K, nodes, include_distances=True) for v in q]
    if index.name == "flann":
        checks = {"checks": max(index.search_params.checks, 64 * K)}
        return lambda q: index._trees.knnSearch(q, K, params=checks)
    if index.name == "sptag":
        index._graph.SetSearchParam("MaxCheck", str(index.search_params.max_check), "Index")
        return lambda q: index._graph.BatchSearch(q.tobytes(), len(q), K, False)
    if index.name == "flat":
        library = faiss.IndexFlat(index.dim, faiss.METRIC_L2 if index.metric == "l2" else faiss.METRIC_INNER_PRODUCT)
        library.add(index._x.rows)
        return lambda q: library.search(q, K)
    chosen = index.search_params
    if index.name == "lsh":  # its bits alone; the contract's scores are estimated from more candidates than k
        return lambda q: index._index.search(q, K * chosen.refine_factor)
    if index.name == "hnsw":
        params = faiss.SearchParametersHNSW(efSearch=chosen.ef)
    elif hasattr(chosen, "nprobe"):
        params = faiss.SearchParametersIVF(nprobe=chosen.nprobe)
    else:
        return lambda q: index._index.search(q, K)
    rotated = getattr(index, "_rotated", lambda q: q)  # without it the codes bound nothing, and faiss looks at more
    return lambda q: index._index.search(rotated(q), K, params=params)


def qps(search, queries, rng, seconds):
    """Time whole batches, in a new order each time as the harness does: an order met before is faster to search."""
    spent = calls = 0
    while spent < seconds:
        shuffled = queries[rng.permutation(len(queries))]
        start = time.perf_counter()
        search(shuffled)
        spent += time.perf_counter() - start
        calls += 1
    return calls * len(queries) / spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2)
    parser.add_argument("--index", action="append", help="a spec; else one of each engine that is installed")
    args = parser.parse_args()
    data = open_vectors(args.data)
    print(f"{data.name}: {len(data):,} x {data.dim}, {data.metric}, k={K}, one thread, {args.rounds} rounds")
    print("| spec | harness queries/s | bare queries/s | harness / bare |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(0)
    queries = data.queries
    if data.metric == "cosine":
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    while len(queries) < 1000:
        queries = np.concatenate((queries, queries))
    faiss.omp_set_num_threads(1)
    for spec in args.index or SPECS:
        index = indexes.dense(spec, data.dim, metric=data.metric)
        index.build(data.base, data.ids)
        bare = bare_search(index)
        mine, bares = [], []
        for number in range(args.rounds):
            sides = [
                (mine, lambda i=index: timing.batched(lambda q: i.search(q, K), queries, rng, args.seconds).qps),
                (bares, lambda b=bare: qps(b, queries, rng, args.seconds)),
            ]
            for into, measure in sides if number % 2 else sides[::-1]:
                into.append(measure())
        ratio = statistics.median(a / b for a, b in zip(mine, bares, strict=True))
        print(
            f"| {spec} | {statistics.median(mine):,.0f} | {statistics.median(bares):,.0f} | {ratio:.3f} |", flush=True
        )


if __name__ == "__main__":
    main()
