"""The grid of 48 configurations on SciFact: embedded three times, killed, gone on with, and free the second time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.experiments import Experiment, Measure, Result, run
from rag.testing import HashingEmbedder

SCIFACT = Path(os.environ.get("RAG_SHARED_DATA", "/nowhere")) / "scifact"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not SCIFACT.is_dir(), reason="set RAG_SHARED_DATA to the folder that holds scifact/"),
]


def grid() -> Experiment:
    return Experiment(
        corpus=(f"beir:{SCIFACT}",),
        questions=f"beir:{SCIFACT}",
        sample=60,
        measure=Measure(metrics=("nDCG@10", "R@10"), latency=5),
        vary={
            "embedder": ("counted",),
            "chunker": ("headings:256/32", "tokens:128/16", "sentences:64/1"),
            "index": ("flat", "hnsw", "ivf", "pq:m=32"),
            "fusion": ("zscore", "rrf", "dense", "terms"),
        },
    )


class Counted(HashingEmbedder):
    """Writes down how many texts it embeds, so that the count outlives a killed process."""

    def __init__(self, count: Path) -> None:
        super().__init__(64)
        self.count = count

    def embed_passages(self, texts: Any) -> Any:
        with self.count.open("a") as file:
            file.write(f"{len(texts)}\n")
        return super().embed_passages(texts)


def run_grid(out: Path, *, resume: bool = False) -> Result:
    return run(grid(), out, resume=resume, embedders={"counted": Counted(out.with_suffix(".count"))})


def texts_embedded(out: Path) -> int:
    return sum(map(int, out.with_suffix(".count").read_text().split()))


def figures(result: Result) -> list[tuple[Any, ...]]:
    own = [(row.name, row.memory_bytes, {m: a.as_dict() for m, a in row.metrics.items()}) for row in result.rows]
    return [*own, *map(str, result.comparisons.values()), *map(str, result.effects)]


CHILD = """
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("grid", sys.argv[1])
grid = importlib.util.module_from_spec(spec)
spec.loader.exec_module(grid)
grid.run_grid(Path(sys.argv[2]))
"""


def test_48_configurations_are_3_embedding_passes_survive_a_kill_and_are_then_free(tmp_path: Path):
    whole = run_grid(tmp_path / "whole")
    assert len(whole.rows) == 48
    assert not [row.error for row in whole.rows if row.error]
    assert whole.card["stages_done"] == {"store": 3, "index": 12, "run": 48, "scores": 48}
    one_pass = [facts["embedded"] for facts in store_facts(tmp_path / "whole")]
    assert len(one_pass) == 3
    assert min(one_pass) >= 5_100, "SciFact has 5,183 abstracts"
    # Besides the three passes there are only the probes that compare an embedder with a store's identity: not a fourth.
    assert 0 <= texts_embedded(tmp_path / "whole") - sum(one_pass) < min(one_pass)

    killed = tmp_path / "killed"
    child = subprocess.Popen([sys.executable, "-c", CHILD, __file__, str(killed)])
    while child.poll() is None and len(list((killed / "cache" / "run").glob("[!.]*/manifest.json"))) < 10:
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL, "a kill that came after the end would prove nothing"
    resumed = run_grid(killed, resume=True)
    assert resumed.card["stages_done"]["store"] == 0
    assert resumed.card["stages_from_cache"]["run"] >= 10
    assert figures(resumed) == figures(whole)

    start = time.process_time()
    again = run_grid(killed)
    assert time.process_time() - start < 5, "of processor time, so that a busy machine does not matter"
    assert sum(again.card["stages_done"].values()) == 0
    assert figures(again) == figures(whole)
    assert [row.latency for row in again.rows] == [row.latency for row in resumed.rows]


def store_facts(out: Path) -> list[dict[str, Any]]:
    from indexes import files

    return [files.verify(each) for each in (out / "cache" / "store").iterdir() if each.name[0] != "."]
