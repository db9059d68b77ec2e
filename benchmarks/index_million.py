"""A million vectors of 128 numbers in every dense engine: build time, memory, recall@10 and queries a second.

    python benchmarks/index_million.py runs.jsonl [--threads 2] [--n 1000000] [SPEC ...]
    python benchmarks/index_million.py runs.jsonl --table

Each engine is built and searched in a process of its own; a line is written when it is done, and what is in the file
already is not run again, so an interrupted run goes on where it stopped. `--threads` is for building; searches run on
one thread. Seconds of CPU are given beside those of the clock, because the clock says little on a busy machine.

Data: 1,000 clusters whose centres and spread lie in 16 dimensions, turned into 128 with a little noise; seed 0. Queries
are drawn in the same way, seed 1. Recall is tie-aware against exact search.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DIM, LATENT, CLUSTERS, K = 128, 16, 1000, 10

SWEEPS = {
    "flat": [{}],
    "sq": [{}],
    "ivf": [{"nprobe": n} for n in (8, 32, 128)],
    "ivfpq": [{"nprobe": n} for n in (8, 32, 128)],
    "ivfpq:fast_scan=true,refine=true": [{"nprobe": n} for n in (8, 32, 128)],
    "rabitq": [{"nprobe": n} for n in (8, 32, 128)],
    "rabitq:bits=1,refine=true": [{"nprobe": n, "refine_factor": r} for n, r in ((32, 4), (32, 16), (128, 16))],
    "pq": [{}],
    "lsh": [{"refine_factor": n} for n in (4, 16, 64)],
    "lsh:refine=true": [{"refine_factor": n} for n in (16, 64, 256)],
    "flann": [{"checks": n} for n in (1024, 4096, 16384)],
    "flann:algorithm=kdtree": [{"checks": n} for n in (1024, 4096, 16384)],
    "annoy": [{"search_k": n} for n in (2000, 8000, 32000)],
    "hnsw": [{"ef": n} for n in (32, 128, 512)],
    "hnsw:storage=sq8": [{"ef": n} for n in (32, 128, 512)],
    "sptag": [{"max_check": n} for n in (512, 2048, 8192)],
    "sptag:algorithm=kdt": [{"max_check": n} for n in (512, 2048, 8192)],
}
"""Spec -> search parameters to try, quick engines first."""


def clustered(n, seed):
    """Return vectors: float32, shape (n, DIM)."""
    fixed, rng = np.random.default_rng(99), np.random.default_rng(seed)
    turn = fixed.standard_normal((LATENT, DIM)).astype(np.float32) / LATENT**0.5
    centres = fixed.standard_normal((CLUSTERS, LATENT)).astype(np.float32)
    out = np.empty((n, DIM), np.float32)
    for start in range(0, n, 100_000):
        m = min(100_000, n - start)
        latent = centres[rng.integers(0, CLUSTERS, m)] + 0.4 * rng.standard_normal((m, LATENT), dtype=np.float32)
        out[start : start + m] = latent @ turn + 0.05 * rng.standard_normal((m, DIM), dtype=np.float32)
    return out


def prepare(n, n_queries, folder):
    """Write vectors, queries and the true 11th-best score into a folder, unless they are there."""
    names = [folder / f"{what}-{n}-{n_queries}.npy" for what in ("x", "q", "worst")]
    if not all(p.exists() for p in names):
        import indexes

        x, q = clustered(n, 0), clustered(n_queries, 1)
        exact = indexes.dense("flat", DIM)
        exact.build(x, np.arange(n))
        worst = exact.search(q, K).scores[:, -1]
        for path, array in zip(names, (x, q, worst), strict=True):
            np.save(path, array)
    return names


def resident():
    """Return MiB of memory in use by this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def cpu():
    """Return CPU seconds of this process and of its children that have ended."""
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def measure(spec, names, threads):
    """Build and search one engine; return the line of the file."""
    import faiss

    import indexes

    faiss.omp_set_num_threads(threads)
    x, q, worst = (np.load(path, mmap_mode="r") for path in names)
    q, worst = np.array(q), np.array(worst)
    unit = q / np.linalg.norm(q, axis=1, keepdims=True)
    index = indexes.dense(spec, DIM)
    before, clock, busy = resident(), time.perf_counter(), cpu()
    index.build(x, np.arange(len(x)))
    line = {
        "spec": spec,
        "n": len(x),
        "threads": threads,
        "build_s": round(time.perf_counter() - clock, 1),
        "build_cpu_s": round(cpu() - busy, 1),
        "mib": round(sum(index.memory().values()) / 2**20, 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before, 1),
        "load": [round(v, 1) for v in os.getloadavg()],
        "points": [],
    }
    faiss.omp_set_num_threads(1)
    for params in SWEEPS.get(spec, [{}]):
        index.search(q[:20], K, params=params)
        clock, busy = time.perf_counter(), cpu()
        found = index.search(q, K, params=params)
        seconds, spent = time.perf_counter() - clock, cpu() - busy
        scores = np.array(
            [unit[i] @ (v / np.linalg.norm(v, axis=1, keepdims=True)).T for i, v in rows_of(x, found.ids)]
        )
        one = min(len(q), 200)
        single = cpu()
        for row in q[:one]:
            index.search(row[None], K, params=params)
        line["points"].append(
            {
                "params": params,
                "recall": round(float((scores >= worst[:, None] - 1e-6).mean()), 4),
                "qps": round(len(q) / seconds, 1),
                "qps_cpu": round(len(q) / spent, 1),
                "single_qps_cpu": round(one / max(cpu() - single, 1e-9), 1),
            }
        )
    return line


def rows_of(x, ids):
    """Give, query by query, the vectors found."""
    for i, row in enumerate(ids):
        yield i, x[row]


def done(path):
    """Return the lines of the file, by spec; the last of a spec counts."""
    if not path.exists():
        return {}
    return {line["spec"]: line for line in map(json.loads, path.read_text().splitlines())}


def table(lines):
    """Print what was measured as one Markdown table."""
    print("| spec | build s (CPU) | MiB | searched with | recall@10 | queries/s (CPU) | one by one |")
    print("|---|---|---|---|---|---|---|")
    for line in lines.values():
        for i, point in enumerate(line["points"]):
            head = f"`{line['spec']}` | {line['build_s']:,.0f} ({line['build_cpu_s']:,.0f}) | {line['mib']:,.0f}"
            how = ", ".join(f"{k}={v}" for k, v in point["params"].items()) or "defaults"
            print(
                f"| {head if not i else ' | | '} | {how} | {point['recall']:.3f} | "
                f"{point['qps']:,.0f} ({point['qps_cpu']:,.0f}) | {point['single_qps_cpu']:,.0f} |"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("specs", nargs="*", default=list(SWEEPS))
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "index-million")
    parser.add_argument("--table", action="store_true", help="print what is in the file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.table:
        table(done(args.runs))
        return
    args.data.mkdir(exist_ok=True)
    names = prepare(args.n, args.queries, args.data)
    if args.child:
        print(json.dumps(measure(args.specs[0], names, args.threads)))
        return
    for spec in args.specs:
        if spec in done(args.runs):
            continue
        print(f"{time.strftime('%H:%M:%S')} {spec} ...", file=sys.stderr, flush=True)
        argv = [sys.executable, __file__, str(args.runs), spec, "--child", "--data", str(args.data)]
        argv += ["--n", str(args.n), "--queries", str(args.queries), "--threads", str(args.threads)]
        child = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False)
        if child.returncode:
            print(f"{spec} ended with {child.returncode}", file=sys.stderr, flush=True)
            continue
        with args.runs.open("a") as file:
            file.write(child.stdout.splitlines()[-1] + "\n")


if __name__ == "__main__":
    main()
