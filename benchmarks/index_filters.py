"""Filtered search of every dense engine: recall@10 and queries a second at several selectivities.

    python benchmarks/index_filters.py [--n 100000] [--dim 128] [--queries 200] [SPEC ...]

Data: vectors of low intrinsic dimension (16) with noise, seed 0. Recall is tie-aware against exact filtered search in
float64. One thread; a call per query ("single") and one call for all ("batch"); speed is relative to the engine's own
unfiltered search, best of three runs.
"""

from __future__ import annotations

import argparse
import time

import faiss
import numpy as np

import indexes
from indexes.testing.oracle import cloud

SPECS = [
    "flat",
    "hnsw",
    "hnsw:storage=sq8",
    "ivf",
    "pq",
    "ivfpq",
    "ivfpq:fast_scan=true",
    "ivfpq:fast_scan=true,refine=true",
]
SPECS += ["sq", "lsh", "lsh:refine=true", "rabitq", "rabitq:bits=1,refine=true"]
SPECS += ["annoy", "flann", "flann:algorithm=kdtree", "sptag", "sptag:algorithm=kdt"]
SHARES = (1.0, 0.5, 0.1, 0.01, 0.001)


def best_of(call, times=3):
    """Return the least seconds of a few calls."""
    least = np.inf
    for _ in range(times):
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", default=SPECS)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--queries", type=int, default=200)
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    x, q = cloud(args.n, args.dim, 0, 16), cloud(args.queries, args.dim, 1, 16)
    ids = np.arange(args.n)
    order = np.random.default_rng(5).permutation(args.n)
    wide, wide_q = x.astype(np.float64), q.astype(np.float64)
    true = (wide_q / np.linalg.norm(wide_q, axis=1, keepdims=True)) @ (
        wide / np.linalg.norm(wide, axis=1, keepdims=True)
    ).T
    print(f"n={args.n} dim={args.dim} queries={args.queries} metric=cosine k=10")
    print(
        "| spec | build s | MiB | share | recall@10 batch / single | short rows | batch q/s | single q/s | relative |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for spec in args.specs:
        index = indexes.dense(spec, args.dim)
        start = time.perf_counter()
        index.build(x, ids)
        seconds, size = time.perf_counter() - start, sum(index.memory().values()) / 2**20
        free = None
        for share in SHARES:
            chosen = np.sort(order[: int(args.n * share)])
            allow = None if share == 1 else indexes.IdSet(chosen)
            k = min(10, len(chosen))
            worst = -np.partition(-true[:, chosen], k - 1, axis=1)[:, k - 1 : k] - 1e-6
            batch = index.search(q, 10, allow=allow)
            single = np.concatenate([index.search(row[None], 10, allow=allow).ids for row in q])
            recall = [(np.take_along_axis(true, f[:, :k], axis=1) >= worst).mean() for f in (batch.ids, single)]
            short = int((batch.ids[:, :k] < 0).sum() + (single[:, :k] < 0).sum())
            many = args.queries / best_of(lambda i=index, a=allow: i.search(q, 10, allow=a))
            one = args.queries / best_of(lambda i=index, a=allow: [i.search(row[None], 10, allow=a) for row in q])
            free = free or (many, one)
            print(
                f"| {spec} | {seconds:.1f} | {size:.0f} | {share:g} | {recall[0]:.3f} / {recall[1]:.3f} | {short} | "
                f"{many:.0f} | {one:.0f} | {many / free[0]:.2f} / {one / free[1]:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
