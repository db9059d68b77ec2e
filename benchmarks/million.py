"""A knowledge base of a million chunks: ingest after embedding, build, opening, memory, search and filters.

    python benchmarks/million.py FOLDER SHARED [--chunks 1000000] [--index auto]
    python benchmarks/million.py FOLDER SHARED --table

SHARED is the folder with ``scifact/corpus.jsonl`` and ``vectors_minilm/*.npy``. Each step runs in a process of its own,
whose peak memory is measured, and writes a line into ``FOLDER/runs.jsonl`` when it is done; a line that is there is not
made again, and an ingest that was killed goes on where it was: run it again.

Data: texts of three to seven sentences of SciFact's abstracts and a number of their own, twenty to a document; vectors
mixed of two real MiniLM embeddings with a little noise. Questions are SciFact's claims with their real vectors, a third
of them mixed towards a chunk. The embedder looks the vectors up, so that all figures are without embedding. Recall is
tie-aware against exact search over all vectors. ``part`` is a field of every document, by which the filters choose.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

DIM, K, A_DOCUMENT, PARTS = 384, 10, 20, 1000
NOISE = 0.35
SHARES = {"50 %": 500, "10 %": 100, "1 %": 10, "0.1 %": 1}
STEPS = ("ingest", "open", "search", "filters")
_NUMBER = re.compile(r"Record (\d+)\.")


class Data:
    """Texts and vectors by number."""

    def __init__(self, shared: Path) -> None:
        files = sorted((shared / "vectors_minilm").glob("*.npy"))
        self.real = np.concatenate([np.load(file)[:, :DIM] for file in files]).astype(np.float32)
        self.questions = np.load(shared / "vectors_minilm" / "scifact_qemb.npy").astype(np.float32)
        self.claims = [json.loads(line)["text"] for line in (shared / "scifact" / "queries.jsonl").open()]
        abstracts = (json.loads(line)["text"] for line in (shared / "scifact" / "corpus.jsonl").open())
        self.sentences = [s for text in abstracts for s in re.split(r"(?<=[.!?])\s+", text) if 20 < len(s) < 400]
        self.noise = np.random.default_rng(7).standard_normal((4096, DIM)).astype(np.float32) / DIM**0.5

    def text(self, number: int) -> str:
        rng = np.random.default_rng(number)
        at = rng.integers(0, len(self.sentences), int(rng.integers(3, 8)))
        return f"Record {number}. " + " ".join(self.sentences[i] for i in at)

    def vectors(self, numbers: np.ndarray) -> np.ndarray:
        """Return vectors of unit length: float32, shape (n, DIM)."""
        mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ (numbers.astype(np.uint64) >> np.uint64(7))
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        one, other = mixed % np.uint64(len(self.real)), (mixed >> np.uint64(20)) % np.uint64(len(self.real))
        share = 0.5 + 0.5 * ((mixed >> np.uint64(40)) % np.uint64(1024)).astype(np.float32) / 1024
        noise = self.noise[mixed >> np.uint64(52)]
        x = share[:, None] * self.real[one] + (1 - share[:, None]) * self.real[other] + NOISE * noise
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def asked(self, n: int, chunks: int) -> list[tuple[str, np.ndarray]]:
        """Return questions and their vectors."""
        towards = self.vectors(np.random.default_rng(1).integers(0, chunks, n))
        rows = []
        for i in range(n):
            q = self.questions[i % len(self.questions)]
            q = q + (towards[i] if i % 3 == 0 else 0)
            rows.append((self.claims[i % len(self.claims)], (q / np.linalg.norm(q)).astype(np.float32)))
        return rows


class LookedUp:
    """An embedder that knows the vectors of the texts by their numbers."""

    name, revision, dim = "looked-up", "1", DIM

    def __init__(self, data: Data) -> None:
        from rag.embedding import WordTokenizer

        self.data, self.tokenizer, self.seconds = data, WordTokenizer(), 0.0

    def embed_passages(self, texts):
        start = time.perf_counter()
        found = [_NUMBER.search(text) for text in texts]
        x = self.data.vectors(np.array([int(m[1]) if m else len(t) for m, t in zip(found, texts, strict=True)]))
        self.seconds += time.perf_counter() - start
        return x

    embed_queries = embed_passages


class Paragraphs:
    """A chunk for each paragraph."""

    name = "paragraphs"

    def chunk(self, document):
        from rag.documents.document import Chunk

        at, found = 0, []
        for part in document.text.split("\n\n"):
            found.append(Chunk(at, at + len(part), part))
            at += len(part) + 2
        return found


class Memory:
    """Peak memory of this process: resident in all, and what is its own and not a mapped file's."""

    def __init__(self) -> None:
        self.own = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self.own = max(self.own, self.now("RssAnon"))
            time.sleep(0.05)

    @staticmethod
    def now(what: str) -> int:
        line = next(row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith(what))
        return int(line.split()[1]) // 1024

    def facts(self) -> dict[str, float]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return {"peak_mib": peak, "peak_own_mib": max(self.own, self.now("RssAnon"))}


def documents(data: Data, chunks: int):
    from rag.documents.document import Document

    for n in range(0, chunks, A_DOCUMENT):
        text = "\n\n".join(data.text(i) for i in range(n, min(n + A_DOCUMENT, chunks)))
        yield Document.from_text(text, id=f"d{n // A_DOCUMENT}", part=(n // A_DOCUMENT) % PARTS)


def opened(kb: Path, data: Data):
    from rag import KnowledgeBase

    return KnowledgeBase.open(kb, embedder=LookedUp(data), chunker=Paragraphs())


def ingest(args, data: Data) -> dict[str, object]:
    """Add everything; the seconds of embedding are taken off, the build of the indexes comes after the last commit."""
    from rag import KnowledgeBase

    embedder = LookedUp(data)
    kb = KnowledgeBase.open_or_create(
        args.kb, indexes=[args.index, "bm25"], embedder=embedder, chunker=Paragraphs(), granularity="chunk"
    )
    start = last = time.perf_counter()
    told = 0

    def committed(_: list[str]) -> None:
        nonlocal last
        last = time.perf_counter()

    def progress(now) -> None:
        nonlocal told
        if now.chunks - told > 50_000:
            told = now.chunks
            print(
                f"  {now.chunks:,} chunks, {now.seconds:,.0f} s, {Memory.now('VmRSS')} MiB", file=sys.stderr, flush=True
            )

    with kb:
        report = kb.add(documents(data, args.chunks), on_commit=committed, on_progress=progress)
        ended = time.perf_counter()
        status = kb.status()
    ingest_s = last - start - embedder.seconds
    return {
        "chunks": status.chunks,
        "added": report.chunks,
        "ingest_s": round(ingest_s, 1),
        "chunks_a_second": round(report.chunks / ingest_s),
        "build_s": round(ended - last, 1),
        "index": str(status.automatic or " ".join(status.indexes)),
        "disk_mib": status.disk_bytes >> 20,
        "bytes": status.bytes,
    }


def reindex(args, data: Data) -> dict[str, object]:
    """Build the indexes anew."""
    from rag import KnowledgeBase

    start = time.perf_counter()
    with KnowledgeBase.open(args.kb, mode="w", embedder=LookedUp(data), chunker=Paragraphs()) as kb:
        kb.reindex([args.index, "bm25"])
        status = kb.status()
    return {
        "build_s": round(time.perf_counter() - start, 1),
        "chunks": status.chunks,
        "index": str(status.automatic or " ".join(status.indexes)),
        "generations": {each.spec: each.bytes >> 20 for each in status.generations},
        "disk_mib": status.disk_bytes >> 20,
        "bytes": status.bytes,
    }


def opening(args, data: Data) -> dict[str, object]:
    """Open and ask one question."""
    from rag import Query, Retriever

    text, vector = data.asked(1, args.chunks)[0]
    start = time.perf_counter()
    with opened(args.kb, data) as kb, Retriever(kb) as retriever:
        between = time.perf_counter()
        retriever.search(Query(text, vector=vector))
        asked = time.perf_counter()
        own, all_ = Memory.now("RssAnon"), Memory.now("VmRSS")
    return {
        "open_s": round(between - start, 2),
        "first_answer_s": round(asked - start, 2),
        "own_mib": own,
        "resident_mib": all_,
    }


def exact(data: Data, chunks: int, vectors: np.ndarray, allowed=None) -> np.ndarray:
    """Return the scores of the K nearest of each question among the chunks, or those of allowed documents."""
    best = np.full((len(vectors), K), -np.inf, np.float32)
    for start in range(0, chunks, 50_000):
        numbers = np.arange(start, min(start + 50_000, chunks))
        if allowed is not None:
            numbers = numbers[(numbers // A_DOCUMENT) % PARTS < allowed]
        if len(numbers):
            scores = vectors @ data.vectors(numbers).T
            best = -np.sort(-np.concatenate((best, scores), axis=1), axis=1)[:, :K]
    return best


def recall(data: Data, worst: np.ndarray, vectors: np.ndarray, found: np.ndarray, first: int) -> float:
    """Return the share of hits that are at least as good as the K-th best; ``first`` is the id of chunk 0."""
    hits = 0
    for q, ids, least in zip(vectors, found, worst, strict=True):
        hits += int((data.vectors(ids[ids >= 0] - first) @ q >= least - 1e-5).sum())
    return round(hits / (K * len(worst)), 4)


def percentiles(seconds: list[float]) -> dict[str, float]:
    return {f"p{p}_ms": round(1000 * float(np.percentile(seconds, p)), 2) for p in (50, 99)}


def medians(stages: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for stage in stages for name in stage})
    return {n: round(1000 * float(np.median([s.get(n, 0.0) for s in stages])), 2) for n in names}


def search(args, data: Data) -> dict[str, object]:
    """Ask questions one by one, by everything and by each index alone."""
    from rag import Query, Retriever

    rows = data.asked(args.questions, args.chunks)
    vectors = np.stack([v for _, v in rows])
    worst = exact(data, args.chunks, vectors[:200])[:, -1]
    line: dict[str, object] = {}
    with opened(args.kb, data) as kb:
        dense, terms = kb.dense(), kb.index("terms")
        first = int(kb.chunk_ids()[0])
        for what, fusion in (("hybrid", None), ("dense", "dense"), ("terms", "terms")):
            with Retriever(kb, **({"fusion": fusion} if fusion else {})) as retriever:
                queries = [Query(text, vector=v) for text, v in rows]
                for query in queries[:20]:
                    retriever.search(query)
                for round_ in ("", ", again"):  # the second time their terms and pages are known
                    spent, stages = [], []
                    for query in queries:
                        start = time.perf_counter()
                        stages.append(retriever.search(query).timings)
                        spent.append(time.perf_counter() - start)
                    line[what + round_] = {**percentiles(spent), "stages": medians(stages)}
        alone = []
        for v in vectors:
            start = time.perf_counter()
            dense.search(v[None], K)
            alone.append(time.perf_counter() - start)
        line["index of vectors alone"] = percentiles(alone)
        alone = []
        for text, _ in rows:
            bag = kb.analyser.terms(text)
            start = time.perf_counter()
            terms.search([bag], 100)
            alone.append(time.perf_counter() - start)
        line["index of terms alone, 100"] = percentiles(alone)
        found = np.concatenate([dense.search(v[None], K).ids for v in vectors[:200]])
        line["recall@10"] = recall(data, worst, vectors[:200], found, first)
        line["memory"] = {name: size >> 20 for index in (dense, terms) for name, size in index.memory().items()}
    return line


def filters(args, data: Data) -> dict[str, object]:
    """Ask under filters: first with the filter new, then with it known."""
    from rag import Query, Retriever

    rows = data.asked(100, args.chunks)
    vectors = np.stack([v for _, v in rows])
    line: dict[str, object] = {}
    with opened(args.kb, data) as kb, Retriever(kb) as retriever:
        first = int(kb.chunk_ids()[0])
        retriever.search(Query(rows[0][0], vector=rows[0][1]))
        dense = kb.dense()
        for name, parts in SHARES.items():
            where = f"part < {parts}"
            start = time.perf_counter()
            retriever.search(Query(rows[0][0], vector=rows[0][1]), where=where)
            new = time.perf_counter() - start
            spent = []
            for text, v in rows:
                start = time.perf_counter()
                retriever.search(Query(text, vector=v), where=where)
                spent.append(time.perf_counter() - start)
            allow = kb.allowed(where)
            alone = []
            found = []
            for v in vectors:
                start = time.perf_counter()
                found.append(dense.search(v[None], K, allow=allow).ids)
                alone.append(time.perf_counter() - start)
            worst = exact(data, args.chunks, vectors, parts)[:, -1]
            line[name] = {
                "matches": len(allow.ids),
                "first_ms": round(1000 * new, 1),
                "hybrid": percentiles(spent),
                "vectors alone": percentiles(alone),
                "recall@10": recall(data, worst, vectors, np.concatenate(found), first),
            }
    return line


RUN = {"ingest": ingest, "reindex": reindex, "open": opening, "search": search, "filters": filters}


def done(path: Path) -> dict[str, dict[str, object]]:
    return {row["step"]: row for row in map(json.loads, path.read_text().splitlines())} if path.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--index", default="auto")
    parser.add_argument("--steps", nargs="*", default=STEPS, choices=(*STEPS, "reindex"), help="which, in this order")
    parser.add_argument("--again", action="store_true", help="run steps though they are done")
    parser.add_argument("--table", action="store_true", help="print what was measured")
    parser.add_argument("--step", choices=RUN, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.kb = args.folder / "kb"
    if args.step:
        memory, cpu = Memory(), time.process_time()
        line = RUN[args.step](args, Data(args.shared))
        spent = {"cpu_s": round(time.process_time() - cpu, 1), "load": round(os.getloadavg()[0], 1)}
        print(json.dumps({"step": args.step, **line, **memory.facts(), **spent}))
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    runs = args.folder / "runs.jsonl"
    for step in () if args.table else args.steps:
        if step in done(runs) and not args.again:
            continue
        print(f"{time.strftime('%H:%M:%S')} {step} ...", file=sys.stderr, flush=True)
        argv = [sys.executable, *sys.argv, "--step", step]
        child = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        with runs.open("a") as file:
            file.write(child.stdout.splitlines()[-1] + "\n")
    for row in done(runs).values():
        print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
