"""What the contract costs over the bare library: build, batched search and single queries, paired in one run.

    python benchmarks/index_overhead.py [--n 50000] [--dim 128]

Bare is the same faiss index with the same parameters, given unit vectors, called with arrays that fit. Both sides take
turns; the figure is the median of the paired ratios or differences. One thread.
"""

from __future__ import annotations

import argparse
import statistics
import time

import faiss
import numpy as np

import indexes
from indexes.testing_oracle import cloud


def seconds(call):
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def bare(spec, x):
    """Return a function that makes the library's own index, and its search parameters."""
    dim, ip = x.shape[1], faiss.METRIC_INNER_PRODUCT
    if spec == "flat":
        return lambda: faiss.IndexFlatIP(dim), None
    if spec == "hnsw":

        def make():
            index = faiss.IndexHNSWFlat(dim, 32, ip)
            index.hnsw.efConstruction = 100
            return index

        return make, faiss.SearchParametersHNSW(efSearch=128)
    nlist = max(1, min(int(4 * len(x) ** 0.5), len(x) // 39))
    return lambda: faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, nlist, ip), faiss.SearchParametersIVF(nprobe=16)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=128)
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    x, q = cloud(args.n, args.dim, 0, 16).copy(), cloud(1000, args.dim, 1, 16).copy()
    faiss.normalize_L2(x)
    faiss.normalize_L2(q)
    ids = np.arange(args.n)
    print(f"n={args.n} dim={args.dim} k=10, inner product of unit vectors, one thread")
    print("| spec | build | batch of 1,000 | single query |")
    print("|---|---|---|---|")
    for spec in ("flat", "hnsw", "ivf"):
        make, params = bare(spec, x)
        ours, theirs = indexes.dense(spec, args.dim, metric="ip"), make()

        def build_bare(index=theirs):
            if not index.is_trained:
                index.train(x)
            index.add(x)

        mine, bares = seconds(lambda i=ours: i.build(x, ids)), seconds(build_bare)
        theirs = getattr(ours, "_index", theirs)  # the very same graph and lists, so that only the wrapper differs
        batches, singles = [], []
        for _ in range(7):
            a = seconds(lambda i=ours: i.search(q, 10))
            b = seconds(lambda i=theirs, p=params: i.search(q, 10, params=p))
            batches.append(a / b)
        for i in range(1000):
            row = q[i : i + 1]
            theirs.search(row, 10, params=params)  # whoever goes first would pay for fetching what both look at
            a = seconds(lambda i=ours, r=row: i.search(r, 10))
            b = seconds(lambda i=theirs, p=params, r=row: i.search(r, 10, params=p))
            singles.append((a - b) * 1e6)
        build, batch, single = (
            100 * (mine / bares - 1),
            100 * (statistics.median(batches) - 1),
            statistics.median(singles),
        )
        print(f"| {spec} | {build:+.1f} % ({mine:.2f} s) | {batch:+.1f} % | {single:+.1f} microseconds |", flush=True)


if __name__ == "__main__":
    main()
