"""What the contract costs over the bare library: build, batch, single query and memory, paired in one run.

    python benchmarks/index_overhead.py [--n 50000] [--dim 128] [SPEC ...]

Bare is the same faiss index with the same parameters, called by faiss's own Python face with arrays that fit, and for
searching it is the very object that the wrapper holds, so that only the wrapper differs. The sides take turns, in an
order that changes from turn to turn, after one search more of the bare side, which fetches what both will look at (but
for flat, where each side has an array of its own).
Figures are medians of paired differences in CPU time of the calling thread; everything runs on one thread. Memory is
what `memory()` says without ids, against the bytes of the library's own file, which hold the ids of list engines.
"""

from __future__ import annotations

import argparse
import statistics
import time

import faiss
import numpy as np

import indexes
from indexes.testing.oracle import cloud

SPECS = ["flat", "hnsw", "hnsw:storage=sq8", "ivf", "pq", "ivfpq", "ivfpq:fast_scan=true", "sq"]


FEW = 2000
"""Vectors for flat: its two sides have arrays of their own, and beyond the cache the figure would be that of memory."""


def cpu_us(call):
    """Return the CPU microseconds of a call."""
    start = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - start) / 1000


def bare(spec, dim, n):
    """Return a new index of the library's own, and how the wrapper searches it by default."""
    ip = faiss.METRIC_INNER_PRODUCT
    nlist = max(1, min(int(4 * n**0.5), n // 39))
    lists = faiss.SearchParametersIVF(nprobe=max(16, nlist // 12))
    if spec.startswith("hnsw"):
        sq8 = "sq8" in spec
        index = (
            faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, 32, ip) if sq8 else faiss.IndexHNSWFlat(dim, 32, ip)
        )
        index.hnsw.efConstruction = 100
        return index, faiss.SearchParametersHNSW(efSearch=128)
    if spec.startswith("ivf"):
        centres = faiss.IndexFlatIP(dim)
        index = {
            "ivf": lambda: faiss.IndexIVFFlat(centres, dim, nlist, ip),
            "ivfpq": lambda: faiss.IndexIVFPQ(centres, dim, nlist, dim // 4, 8, ip),
            "ivfpq:fast_scan=true": lambda: faiss.IndexIVFPQFastScan(centres, dim, nlist, dim // 4, 4, ip),
        }[spec]()
        index.cp.min_points_per_centroid = 1
        return index, lists
    if spec == "pq":
        return faiss.IndexPQ(dim, dim // 4, 8, ip), None
    if spec == "sq":
        return faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit_uniform, ip), None
    return (faiss.IndexFlatIP(dim) if spec == "flat" else faiss.IndexLSH(dim, 4 * dim, True, False)), None


def paired(ours, theirs, arguments, warm):
    """Return the median difference and the median of ``theirs``, in microseconds."""
    differences, alone = [], []
    for turn, argument in enumerate(arguments):
        sides = [lambda a=argument: ours(a), lambda a=argument: theirs(a)]
        if warm:
            theirs(argument)
        taken = [cpu_us(side) for side in (sides if turn % 2 else sides[::-1])]
        mine, bares = taken if turn % 2 else taken[::-1]
        differences.append(mine - bares)
        alone.append(bares)
    return statistics.median(differences), statistics.median(alone)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", nargs="*", default=SPECS)
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--builds", type=int, default=3)
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    x, q = cloud(args.n, args.dim, 0, 16).copy(), cloud(1000, args.dim, 1, 16).copy()
    faiss.normalize_L2(x)
    faiss.normalize_L2(q)
    ids = np.arange(args.n)
    print(f"n={args.n} dim={args.dim} k=10, inner product of unit vectors, one thread, CPU time")
    print("| spec | build | batch of 1,000 | single query, added | single query, bare | memory |")
    print("|---|---|---|---|---|---|")
    everything, all_ids = x, ids
    for spec in args.specs:
        few = FEW if spec == "flat" else args.n
        x, ids = everything[:few], all_ids[:few]

        def build_bare(_, spec=spec, x=x):
            index, _ = bare(spec, args.dim, len(x))
            if not index.is_trained:
                index.train(x)
            index.add(x)

        ours = indexes.dense(spec, args.dim, metric="ip")
        build, built = paired(
            lambda _, i=ours, x=x, ids=ids: i.build(x, ids), build_bare, range(args.builds), warm=False
        )
        other, params = bare(spec, args.dim, few)
        held = getattr(ours, "_index", None)
        shared = held is not None
        if not shared:  # flat: two arrays, so no side is to be warmed
            other.add(x)
            held = other

        def search_bare(some, index=held, params=params):
            return index.search(some, 10, params=params)

        def search_ours(some, index=ours):
            return index.search(some, 10)

        batch, batched = paired(search_ours, search_bare, [q] * 9, warm=shared)
        single, one = paired(search_ours, search_bare, [q[i : i + 1] for i in range(1000)] * 2, warm=shared)
        parts = ours.memory()
        memory = (sum(parts.values()) - parts["ids"]) / len(faiss.serialize_index(held))
        print(
            f"| {spec} | {100 * build / built:+.1f} % ({built / 1e6:.2f} s) | {100 * batch / batched:+.1f} % | "
            f"{single:+.1f} microseconds | {one:.0f} | {100 * (memory - 1):+.1f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
