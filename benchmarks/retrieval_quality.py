"""How well retrieval finds: nDCG@10, recall@5 and recall@100 on BEIR folders, by document, with trec_eval's own code.

    python benchmarks/retrieval_quality.py BEIR_DIR [BEIR_DIR...] [--split test] [--questions N] [--cache DIR] [--json]
        [--index flat --index bm25] [--chunker headings:256/32] [--way 'hybrid zscore'] [--reference]

Each folder becomes a knowledge base through the public API; its questions are answered by the dense search alone, the
term search alone, and both fused in each way. A document scores what its best passage scores. ``--reference`` adds the
same chunks searched by others: the bare model in fp32 with exact search (numpy), and bm25s with the same analyser.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import machine

from rag.documents.document import context_text
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load
from rag.retrieval.retriever import Retriever

WAYS = {
    "dense": {"fusion": "dense"},
    "terms": {"fusion": "terms"},
    "hybrid zscore": {"fusion": "zscore"},
    "hybrid rrf": {"fusion": "rrf"},
    "hybrid minmax": {"fusion": "minmax"},
    "hybrid dbsf": {"fusion": "dbsf"},
    "hybrid adaptive": {"fusion": "adaptive"},
}
MEASURES = ("nDCG@10", "R@5", "R@100")
PASSAGES = 150
"""QueryDraft for per question: enough for 100 documents, where most documents are one chunk or two."""

Run = dict[str, dict[str, float]]


def knowledge_base(data: Path, place: Path, args: argparse.Namespace) -> KnowledgeBase:
    """Open the knowledge base of a BEIR folder; make it first where there is none."""
    if not KnowledgeBase.exists(place):
        with KnowledgeBase.create(place, indexes=args.index, chunker=args.chunker) as kb:
            report = kb.add(load(f"beir:{data}"))
            print(
                f"{data.name}: {report.added} documents, {report.chunks} chunks in {report.seconds:.0f} s", flush=True
            )
    return KnowledgeBase.open(place)


def judgments(data: Path, split: str, count: int | None) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
    """Return the judged questions and their judgments; a fixed sample of them if ``count`` is given."""
    qrels: dict[str, dict[str, int]] = {}
    for line in (data / "qrels" / f"{split}.tsv").read_text().splitlines()[1:]:
        question, document, grade = line.split("\t")
        qrels.setdefault(question, {})[document] = int(grade)
    rows = (json.loads(line) for line in (data / "queries.jsonl").read_text().splitlines())
    texts = {row["_id"]: row["text"] for row in rows if row["_id"] in qrels}
    names = sorted(texts)
    if count is not None and count < len(names):
        names = random.Random(0).sample(names, count)
    return {name: texts[name] for name in names}, {name: qrels[name] for name in names}


def measured(run: Run, qrels: dict[str, dict[str, int]]) -> dict[str, float]:
    import ir_measures

    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    found = ir_measures.pytrec_eval.calc_aggregate(measures, qrels, run)
    return {str(measure): found[measure] for measure in measures}


def ours(kb: KnowledgeBase, questions: dict[str, str], options: dict[str, object]) -> Run:
    retriever = Retriever(kb, rewrite="none", dedupe=False, **options)
    run: Run = {}
    for name, found in zip(questions, retriever.search_many(list(questions.values()), PASSAGES), strict=True):
        best: dict[str, float] = {}
        for passage in found.passages:
            best.setdefault(passage.document, passage.score)
        run[name] = {document: -float(rank) for rank, document in enumerate(best)}  # our order, ties included
    return run


def by_document(scores: np.ndarray, documents: list[str]) -> dict[str, float]:
    best: dict[str, float] = {}
    for i in np.lexsort((np.arange(len(scores)), -scores))[:PASSAGES]:
        if scores[i] > -np.inf:
            best.setdefault(documents[i], -float(len(best)))
    return best


def bare_dense(kb: KnowledgeBase, questions: dict[str, str], cache: Path) -> Run:
    """Search the same chunks exactly, by the bare model in fp32."""
    chunks = kb.chunks(kb.chunk_ids())
    documents = [chunk.document for chunk in chunks]
    x = encoded(cache / "bare_chunks.npy", [context_text(c.title, c.heading, c.text) for c in chunks])
    q = encoded(cache / f"bare_questions_{len(questions)}.npy", list(questions.values()))
    return {name: by_document(x @ vector, documents) for name, vector in zip(questions, q, strict=True)}


def encoded(cache: Path, texts: list[str]) -> np.ndarray:
    if cache.exists():
        return np.load(cache)
    from sentence_transformers import SentenceTransformer

    from rag.embedding.models import find_model

    model = SentenceTransformer(str(find_model().folder), device="cpu")
    vectors = model.encode(texts, normalize_embeddings=True)
    np.save(cache, vectors)
    return vectors


def bm25s_terms(kb: KnowledgeBase, questions: dict[str, str]) -> Run:
    """Search the same chunks by bm25s with the same analyser, k1 and b."""
    import bm25s

    chunks = kb.chunks(kb.chunk_ids())
    documents = [chunk.document for chunk in chunks]
    terms = kb.analyser.terms
    corpus = [terms(context_text(c.title, c.heading, c.text)) for c in chunks]
    known = {term for each in corpus for term in each}
    params = kb.index("terms").search_params
    engine = bm25s.BM25(method="lucene", k1=params.k1, b=params.b)
    engine.index(corpus, show_progress=False)
    run: Run = {}
    for name, text in questions.items():
        wanted = [term for term in terms(text) if term in known]
        scores = engine.get_scores(wanted) if wanted else np.zeros(len(corpus))
        run[name] = by_document(np.where(scores > 0, scores, -np.inf), documents)
    return run


def evaluate(data: Path, cache: Path, args: argparse.Namespace) -> dict[str, dict[str, float]]:
    questions, qrels = judgments(data, args.split, args.questions)
    place = cache / f"{data.parent.name}-{data.name}"
    place.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, float]] = {}
    with knowledge_base(data, place / "kb", args) as kb:
        for way in args.way or WAYS:
            start = time.perf_counter()
            run = ours(kb, questions, WAYS[way])
            rows[way] = {**measured(run, qrels), "ms": 1000 * (time.perf_counter() - start) / len(questions)}
        if args.reference:
            rows["bare model, exact"] = measured(bare_dense(kb, questions, place), qrels)
            rows["bm25s"] = measured(bm25s_terms(kb, questions), qrels)
    print(f"\n{data.name} ({args.split}, {len(questions)} questions)")
    print(f"{'':18}" + "".join(f"{name:>9}" for name in (*MEASURES, "ms each")))
    for way, row in rows.items():
        print(
            f"{way:18}" + "".join(f"{row[name]:9.4f}" for name in MEASURES) + f"{row.get('ms', np.nan):9.1f}",
            flush=True,
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--questions", type=int, help="a fixed sample of so many")
    parser.add_argument("--cache", type=Path, help="where knowledge bases are kept for the next time")
    parser.add_argument("--index", action="append", help="flat and bm25 where not given")
    parser.add_argument("--chunker", default="headings:256/32")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="all of them where not given")
    parser.add_argument("--reference", action="store_true")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.index = args.index or ["flat", "bm25"]
    with tempfile.TemporaryDirectory() as scratch:
        results = {str(data): evaluate(data, args.cache or Path(scratch), args) for data in args.data}
    if args.json:
        print(json.dumps({"results": results, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
