"""How often the "95 %" intervals hold the truth, and how often the tests find what is not there.

    python benchmarks/interval_coverage.py [--simulations 1000] [--json]

Simulated questions with a known mean: rates (0 or 1), reciprocal ranks, values like nDCG, and paired differences of two
systems. Reported: the share of intervals that hold the mean, and their mean width, at each number of questions; the
share of p below 5 % and the Kolmogorov-Smirnov p against the uniform distribution, on differences that are nothing but
chance; the share of families of 12 such comparisons in which Holm's correction leaves any p below 5 %. Seeded.
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from scipy.stats import kstest

from rag.evaluation.comparison import TESTS, holm, p_value
from rag.evaluation.intervals import bootstrap_interval, difference_interval

SIZES = (10, 20, 30, 50, 100, 300)
FAMILY = 12


def reciprocal(rng, n, p):
    return 1 / np.minimum(rng.geometric(p, n), 20)


def ndcg(rng, n):
    return np.where(rng.random(n) < 0.4, 1, np.where(rng.random(n) < 0.15, 0, rng.beta(2, 1.5, n)))


MEANS = {
    "rate .5": lambda rng, n: (rng.random(n) < 0.5) * 1.0,
    "rate .9": lambda rng, n: (rng.random(n) < 0.9) * 1.0,
    "rate .97": lambda rng, n: (rng.random(n) < 0.97) * 1.0,
    "RR of .83": lambda rng, n: reciprocal(rng, n, 0.7),
    "RR of .97": lambda rng, n: reciprocal(rng, n, 0.95),
    "nDCG of .65": ndcg,
    "beta(2, 3)": lambda rng, n: rng.beta(2, 3, n),
}
DIFFERENCES = {
    "rates .97 and .9": lambda rng, n: (rng.random(n) < 0.97) * 1.0 - (rng.random(n) < 0.9),
    "rates, 7 % differ": lambda rng, n: rng.choice([-1.0, 0.0, 1.0], n, p=[0.02, 0.93, 0.05]),
    "RR": lambda rng, n: reciprocal(rng, n, 0.7) - reciprocal(rng, n, 0.6),
    "nDCG, 30 % differ": lambda rng, n: np.where(rng.random(n) < 0.3, rng.normal(0.05, 0.2, n).clip(-1, 1), 0),
    "nDCG, 10 % differ": lambda rng, n: np.where(rng.random(n) < 0.1, rng.normal(0.05, 0.2, n).clip(-1, 1), 0),
}


def covered(make, interval, n, simulations):
    truth = make(np.random.default_rng(99), 2_000_000).mean()
    rng = np.random.default_rng(n)
    found = [interval(make(rng, n), seed) for seed in range(simulations)]
    return {
        "covers": np.mean([low <= truth <= high for low, high in found]),
        "width": np.mean([high - low for low, high in found]),
        "narrowest": min(high - low for low, high in found),
    }


def nulls(test, n, simulations):
    """p of differences whose sign is chance and whose spread varies, as questions do."""
    rng = np.random.default_rng(n)
    p = np.array([p_value(rng.normal(size=n) * rng.gamma(2, size=n), test, seed=s) for s in range(simulations)])
    return {"below 5 %": (p < 0.05).mean(), "KS p": kstest(p, "uniform").pvalue}


def families(simulations, n=40):
    rng = np.random.default_rng(9)
    wrong = 0
    for seed in range(simulations):
        base = rng.normal(size=n)  # the baseline that all are compared with
        wrong += min(holm([p_value(rng.normal(size=n) - base, "t", seed=seed) for _ in range(FAMILY)])) < 0.05
    return wrong / simulations


def measured(simulations):
    rows = []
    for name, make in MEANS.items():
        rows += [
            {"of": name, "n": n, **covered(make, lambda v, s: bootstrap_interval(v, seed=s), n, simulations)}
            for n in SIZES
        ]
    for name, make in DIFFERENCES.items():
        rows += [
            {"of": f"difference, {name}", "n": n,
             **covered(make, lambda v, s: difference_interval(v, bounded=True, seed=s), n, simulations)}
            for n in SIZES
        ]  # fmt: skip
    rows += [{"of": f"null, {test}", "n": n, **nulls(test, n, simulations)} for test in TESTS for n in (5, 20, 40)]
    return [
        *rows,
        {"of": f"Holm, families of {FAMILY} against one baseline", "n": 40, "any below 5 %": families(simulations)},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [
        {key: round(float(value), 4) if isinstance(value, float) else value for key, value in row.items()}
        for row in measured(args.simulations)
    ]
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    for row in rows:
        print("  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
