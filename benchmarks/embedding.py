"""Compare the embedder with the bare model: rate, one question's time, cold start, closeness.

    python benchmarks/embedding.py --corpus squad/v1/corpus.jsonl --queries squad/v1/queries.jsonl [--json]

Rounds of the compared runs alternate, so that a busy machine hurts them alike; medians are reported. The bare model is
``SentenceTransformer.encode`` in fp32 with its default batches.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

_COLD = """
import sys, time
start = time.perf_counter()
from rag.embedding import embedder
vector = embedder(runtime=sys.argv[1]).embed_queries(["who wrote the letter?"])
print(time.perf_counter() - start, "torch" in sys.modules, "transformers" in sys.modules)
"""


def read_texts(path: Path, count: int) -> list[str]:
    """Take ``count`` texts spread evenly over a JSONL file, title and text joined as in ingest."""
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    texts = [f"{row['title']}\n{row['text']}" if row.get("title") else row["text"] for row in rows]
    return texts[:: max(1, len(texts) // count)][:count]


def clock(run, *arguments) -> float:
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def rates(runs, texts: list[str], rounds: int) -> dict[str, float]:
    """Texts a second: the median over alternating rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            seconds[name].append(clock(run, texts))
    return {name: len(texts) / float(np.median(taken)) for name, taken in seconds.items()}


def latencies(runs, questions: list[str]) -> dict[str, dict[str, float]]:
    """Milliseconds of one question: p50 and p95, question by question in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for question in questions:
        for name, run in runs.items():
            seconds[name].append(clock(run, [question]))
    return {
        name: {"p50": 1e3 * float(np.median(taken)), "p95": 1e3 * float(np.quantile(taken, 0.95))}
        for name, taken in seconds.items()
    }


def cold_start(runtime: str, rounds: int) -> dict[str, object]:
    """Seconds in a new process from the first import to the first question's vector."""
    taken, loaded = [], set()
    for _ in range(rounds):
        line = subprocess.run([sys.executable, "-c", _COLD, runtime], capture_output=True, text=True, check=True).stdout
        seconds, torch, transformers = line.split()
        taken.append(float(seconds))
        loaded |= {name for name, there in (("torch", torch), ("transformers", transformers)) if there == "True"}
    return {"seconds": float(np.median(taken)), "least": min(taken), "imported": sorted(loaded)}


def closeness(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Cosines of matching rows."""
    cosines = (a * b).sum(axis=1)
    return {"mean": float(cosines.mean()), "least": float(cosines.min())}


def machine() -> dict[str, str | int]:
    """What the figures were taken on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    found: dict[str, str | int] = {"cpu": cpu, "cores": os.cpu_count() or 0, "python": platform.python_version()}
    for package in ("sentence-transformers", "torch", "openvino", "tokenizers", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def measure(texts: list[str], questions: list[str], rounds: int) -> dict[str, object]:
    from sentence_transformers import SentenceTransformer

    from rag.embedding import embedder
    from rag.embedding.models import find_model

    bare = SentenceTransformer(str(find_model().folder), device="cpu")
    ours = {name: embedder(runtime=name, device="cpu") for name in ("openvino", "torch")}

    def encode(batch: list[str]) -> np.ndarray:
        return bare.encode(batch, normalize_embeddings=True, show_progress_bar=False)

    passages = {"bare": encode, **{name: one.embed_passages for name, one in ours.items()}}
    queries = {"bare": encode, **{name: one.embed_queries for name, one in ours.items()}}
    reference = encode(texts)
    close = {name: closeness(reference, run(texts)) for name, run in passages.items() if name != "bare"}
    latencies(queries, questions[:20])
    load = [os.getloadavg()[0]]
    found = {
        "texts_per_second": rates(passages, texts, rounds),
        "one_question_ms": latencies(queries, questions),
        "cosine_to_bare": close,
    }
    cold = {name: cold_start(name, 5 if name == "openvino" else 1) for name in ("openvino", "torch")}
    load.append(os.getloadavg()[0])
    sizes = {"texts": len(texts), "questions": len(questions), "rounds": rounds}
    return {**found, "cold_start": cold, "sizes": sizes, "load_average": load, "machine": machine()}


def show(found: dict[str, object]) -> None:
    rate, one = found["texts_per_second"], found["one_question_ms"]
    print(f"{'':10}{'texts/s':>10}{'ratio':>8}{'p50 ms':>10}{'ratio':>8}{'p95 ms':>10}")
    for name in rate:
        print(
            f"{name:10}{rate[name]:10.1f}{rate[name] / rate['bare']:8.2f}"
            f"{one[name]['p50']:10.2f}{one[name]['p50'] / one['bare']['p50']:8.2f}{one[name]['p95']:10.2f}"
        )
    for part in ("cosine_to_bare", "cold_start", "sizes", "load_average", "machine"):
        print(f"{part}: {json.dumps(found[part])}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="JSONL with text and, perhaps, title")
    parser.add_argument("--queries", type=Path, required=True, help="JSONL with text")
    parser.add_argument("--texts", type=int, default=400)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(read_texts(given.corpus, given.texts), read_texts(given.queries, given.questions), given.rounds)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        show(found)


if __name__ == "__main__":
    main()
