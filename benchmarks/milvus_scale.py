"""The same chunks in a folder and in a file of Milvus Lite: copying, opening, searching, and what a reader holds.

    python benchmarks/milvus_scale.py FOLDER [--chunks 2000]

FOLDER is new. Texts are 60 words each, drawn with the frequencies of a language from 20,000; vectors have 384 numbers
and are searched exactly in both.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase

WORDS = [f"word{n}" for n in range(20_000)]
QUESTIONS, BEST = 30, 10
FILTERS = (None, "year == 2003", "year < 2020")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--chunks", type=int, default=2_000)
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    rng, shares = np.random.default_rng(1), 1 / np.arange(1, len(WORDS) + 1)
    shares /= shares.sum()
    embedder = HashingEmbedder(384)
    with KnowledgeBase.create(
        given.folder / "kb", embedder=embedder, chunker="document", granularity="chunk", indexes=("flat", "bm25")
    ) as kb:
        kb.add(
            Document(
                f"d{n}",
                " ".join(rng.choice(WORDS, 60, p=shares)),
                source=f"s{n // 20}",
                metadata={"year": 2000 + n % 25},
            )
            for n in range(given.chunks)
        )
    place = f"milvus://{given.folder.absolute()}/lite.db#team"
    took = KnowledgeBase.copy(given.folder / "kb", place).seconds
    stored = sum(path.stat().st_size for path in (given.folder / "lite.db").rglob("*") if path.is_file())
    print(f"copied: {given.chunks / took:,.0f} chunks/s, {stored / 1e6:.1f} MB on disk")
    questions = [" ".join(rng.choice(WORDS, 6, p=shares)) for _ in range(QUESTIONS)]
    for where in (given.folder / "kb", place):
        _ask(where, embedder, questions)


def _ask(where: str | Path, embedder: HashingEmbedder, questions: list[str]) -> None:
    start = time.perf_counter()
    with KnowledgeBase.open(where, embedder=embedder) as kb:
        kb.chunk_ids()
        print(f"{where}: opened in {time.perf_counter() - start:.3f} s")
        asked = {"dense": embedder.embed_queries(questions), "terms": [kb.analyser.terms(each) for each in questions]}
        for family in ("dense", "terms"):
            for where_text in FILTERS:
                allow, times = kb.allowed(where_text), []
                for n in range(QUESTIONS):
                    start = time.perf_counter()
                    with kb.view():
                        kb.index(family).search(asked[family][n : n + 1], BEST, allow=allow)
                    times.append(1000 * (time.perf_counter() - start))
                print(f"  {family}, {where_text or 'all'}: p50 {np.median(times):.1f} ms, longest {max(times):.1f} ms")
        held = getattr(kb._store, "_snapshots", None)
        if held is not None:
            mirror = held._newest.mirror
            size = mirror.pragma("page_count") * mirror.pragma("page_size")
            print(f"  the facts in the reader's memory: {size / len(kb.chunk_ids()):.0f} bytes a document of one chunk")


if __name__ == "__main__":
    main()
