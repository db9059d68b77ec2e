"""Ranking metrics on a million (question, passage) pairs: this toolkit, ranx and pytrec_eval, side by side.

    python -m venv /tmp/ranx && /tmp/ranx/bin/pip install ranx
    python benchmarks/evaluation_ranking.py --ranx /tmp/ranx/bin/python [--questions 10000] [--depth 100] [--rounds 5]

ranx brings numba and much else, so it runs in an environment of its own, a process that answers on a pipe; the sides
take turns. Cold is the first evaluation of a fresh process, imports and compiling included; warm starts from what each
side builds of plain dictionaries (``Qrels`` and ``Run``; ``judged_ranks``) or, whole, from the dictionaries themselves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

import numpy as np

METRICS = {"nDCG@10": "ndcg@10", "P@10": "precision@10", "R@100": "recall@100", "RR": "mrr", "AP": "map"}


def data(questions: int, depth: int):
    rng = np.random.default_rng(0)
    run = {
        f"q{i}": {f"d{x}": float(s) for x, s in zip(rng.integers(0, 5_000_000, depth), rng.random(depth), strict=True)}
        for i in range(questions)
    }
    qrels = {
        q: {**{d: int(g) for d, g in zip(list(r)[::20], rng.integers(0, 3, depth), strict=False)}, f"x{q}": 1}
        for q, r in run.items()
    }
    return qrels, run


def ours():
    from rag.evaluation.metrics.judged_ranks import judged_ranks
    from rag.evaluation.metrics.ranking import per_question

    def build(qrels, run):
        return qrels, run, judged_ranks(qrels, run)

    def score(built):
        found = per_question(list(METRICS), built[0], built[1], ranks=built[2])
        return {name: float(np.mean(list(values.values()))) for name, values in found.items()}

    return build, score


def theirs():
    from ranx import Qrels, Run, evaluate

    def build(qrels, run):
        return Qrels(qrels), Run(run)

    def score(built):
        found = evaluate(*built, list(METRICS.values()))
        return {name: float(found[metric]) for name, metric in METRICS.items()}

    return build, score


def worker(side: str, questions: int, depth: int) -> None:
    """Answer each line on stdin with the seconds of one round; the first is cold."""
    qrels, run = data(questions, depth)
    prepare = ours if side == "ours" else theirs
    start, cpu = time.perf_counter(), time.process_time()
    build, score = prepare()
    ready = None
    for _ in sys.stdin:
        if ready is not None:
            start, cpu = time.perf_counter(), time.process_time()
        built = build(qrels, run)
        middle = time.perf_counter()
        values = score(built)
        end = time.perf_counter()
        row = {"whole": end - start, "metrics": end - middle, "cpu": time.process_time() - cpu, "values": values}
        ready = built
        print(json.dumps(row), flush=True)


def asked(process: subprocess.Popen) -> dict:
    process.stdin.write("go\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranx", default=sys.executable, help="a Python that has ranx")
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", choices=["ours", "ranx"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(args.worker, args.questions, args.depth)
        return
    sides = {"ours": sys.executable, "ranx": args.ranx}
    size = ["--questions", str(args.questions), "--depth", str(args.depth)]
    running = {
        side: subprocess.Popen(
            [python, "-W", "ignore", __file__, "--worker", side, *size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for side, python in sides.items()
    }
    cold = {side: asked(process) for side, process in running.items()}
    rounds = {side: [] for side in running}
    for _ in range(args.rounds):
        for side, process in running.items():
            rounds[side].append(asked(process))
    for process in running.values():
        process.stdin.close()
        process.wait()
    for name in METRICS:
        pair = [cold[side]["values"][name] for side in ("ours", "ranx")]
        assert abs(pair[0] - pair[1]) < 1e-6, (name, pair)
    print(f"{args.questions * args.depth:,} pairs, {', '.join(METRICS)}; seconds, medians of {args.rounds}")
    table = {
        "cold, import to figures": {side: cold[side]["whole"] for side in running},
        "warm, dictionaries to figures": {s: statistics.median(r["whole"] for r in rounds[s]) for s in running},
        "warm, built objects to figures": {s: statistics.median(r["metrics"] for r in rounds[s]) for s in running},
        "warm, dictionaries, CPU": {s: statistics.median(r["cpu"] for r in rounds[s]) for s in running},
    }
    for what, row in table.items():
        print(f"{what:32} ours {row['ours']:8.3f}   ranx {row['ranx']:8.3f}   {row['ranx'] / row['ours']:6.1f} x")


if __name__ == "__main__":
    main()
