"""Whether `rag bench` reports the speed of the library itself: its queries/s against a bare loop, in one run.

    python benchmarks/bench_speed.py DATA [--rounds 7]

For the engines on faiss the harness's own timing code (pipelines.benchmark.timing, as a worker runs it) and a loop
that calls the library's search with nothing around it take turns over the very same index in memory. The figure is the
median of the paired ratios of queries per second; 1 means that the harness and the contract cost nothing.
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
    "ivfpq:nprobe=16,fast_scan=true",
)  # fmt: skip


def bare_search(index):
    """Return the library's own search of the index under ours, for a matrix of queries."""
    if index.name == "flat":
        library = faiss.IndexFlat(index.dim, faiss.METRIC_L2 if index.metric == "l2" else faiss.METRIC_INNER_PRODUCT)
        library.add(index._x.rows)
        return lambda q: library.search(q, K)
    chosen = index.search_params
    if index.name == "hnsw":
        params = faiss.SearchParametersHNSW(efSearch=chosen.ef)
    elif hasattr(chosen, "nprobe"):
        params = faiss.SearchParametersIVF(nprobe=chosen.nprobe)
    else:
        return lambda q: index._index.search(q, K)
    return lambda q: index._index.search(q, K, params=params)


def qps(search, queries, seconds):
    spent = calls = 0
    while spent < seconds:
        start = time.perf_counter()
        search(queries)
        spent += time.perf_counter() - start
        calls += 1
    return calls * len(queries) / spent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2)
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
    for spec in SPECS:
        index = indexes.dense(spec, data.dim, metric=data.metric)
        index.build(data.base, data.ids)
        bare = bare_search(index)
        mine, bares = [], []
        for number in range(args.rounds):
            sides = [
                (mine, lambda i=index: timing.batched(lambda q: i.search(q, K), queries, rng, args.seconds).qps),
                (bares, lambda b=bare: qps(b, queries, args.seconds)),
            ]
            for into, measure in sides if number % 2 else sides[::-1]:
                into.append(measure())
        ratio = statistics.median(a / b for a, b in zip(mine, bares, strict=True))
        print(
            f"| {spec} | {statistics.median(mine):,.0f} | {statistics.median(bares):,.0f} | {ratio:.3f} |", flush=True
        )


if __name__ == "__main__":
    main()
