"""The tuner against the full grid: how near to the grid's best it comes, in what share of its time.

    python benchmarks/tuner.py DATA [--recall 0.95] [--index hnsw --index ivf ...] [--grid full]

Both search among the same engines. Afterwards the tuner's choice and the grid's fastest configuration of at least that
recall take turns at being measured again, since a machine is not equally busy at all times; the figure is the ratio of
their medians.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

from pipelines.benchmark.findings import fastest
from pipelines.benchmark.results import good
from pipelines.benchmark.run import run
from pipelines.benchmark.settings import Settings
from pipelines.benchmark.sweep import installed, plan
from pipelines.datasets import open_vectors
from pipelines.tuning.constraints import Constraints
from pipelines.tuning.tuner import Tuner


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--index", action="append")
    parser.add_argument("--grid", default="full")
    args = parser.parse_args()
    data = open_vectors(args.data)
    engines = args.index or installed(data.dim)[0]
    print(f"{data.name}: {len(data):,} x {data.dim}, recall {args.recall}, engines {', '.join(engines)}", flush=True)
    with TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "tuner").mkdir()
        tuned = Tuner(data, Constraints(recall=args.recall), Settings(seconds=0.05), here / "tuner").run(engines)
        print(
            f"tuner: {tuned.seconds:.0f} s, {tuned.chosen.spec}, held-out recall {tuned.chosen.held_out:.4f}",
            flush=True,
        )
        report = run(data, plan(engines, args.grid), here / "grid", Settings())
        best = fastest(good(report.rows), args.recall)
        print(
            f"grid: {report.seconds:.0f} s, {len(report.rows)} rows, {best['spec']}, recall {best['recall']:.4f}",
            flush=True,
        )
        again = run(data, plan([tuned.chosen.spec, best["spec"]]), here / "again", Settings(rounds=15))
        rows = {row["spec"]: row for row in again.rows}
        chosen, other = rows[tuned.chosen.spec], rows[best["spec"]]
        print(f"again, by turns: tuner's {chosen['qps']:,.0f} queries/s at {chosen['recall']:.4f}, "
              f"grid's {other['qps']:,.0f} at {other['recall']:.4f}: {chosen['qps'] / other['qps']:.3f}")  # fmt: skip
        print(f"time: {tuned.seconds / report.seconds:.3f} of the grid's")


if __name__ == "__main__":
    main()
