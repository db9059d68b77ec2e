"""BM25 side by side with rank-bm25 and bm25s: queries a second, updates, loading, and the same ranking.

    RAG_SHARED_DATA=/path/to/data python benchmarks/bm25.py [--documents 100000] [--queries 2000] [--rounds 7]

Documents are the sentences of SQuAD and SciFact, filled up with sentences of the same lengths drawn from their words,
three in a hundred replaced by new words of Zipf's frequencies. Queries are SQuAD's questions. Engines take turns in
every round; figures are medians, by CPU seconds and by the clock. The second part needs bm25s and ir-measures.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from pathlib import Path

import bm25s
import ir_measures
import numpy as np
import rank_bm25
from ir_measures import nDCG

import indexes

DATA = Path(os.environ["RAG_SHARED_DATA"])


def words(text):
    return re.findall(r"\w+", text.lower())


def lines(path):
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def short_documents(n):
    rng = np.random.default_rng(0)
    texts = [row["text"] for part in ("squad/v1", "squad/v2", "scifact") for row in lines(DATA / part / "corpus.jsonl")]
    sentences = [words(s) for text in texts for s in re.split(r"(?<=[.?!])\s+", text) if len(s) > 20]
    pool, sizes = [w for s in sentences for w in s], np.array([len(s) for s in sentences])
    documents = [list(s) for s in dict.fromkeys(map(tuple, sentences))][:n]
    while len(documents) < n:
        made = [pool[i] for i in rng.integers(0, len(pool), rng.choice(sizes))]
        fresh = np.flatnonzero(rng.random(len(made)) < 0.03).tolist()
        for i in fresh:
            made[i] = f"w{min(int(rng.zipf(1.2)), 200_000)}"
        documents.append(made)
    return documents


def questions(n):
    texts = [row["text"] for row in lines(DATA / "squad/v1/queries.jsonl")]
    return [words(texts[i]) for i in np.random.default_rng(1).choice(len(texts), n, replace=False)]


def timed(action):
    clock, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - cpu


def speed(n_documents, n_queries, rounds):
    documents, queries = short_documents(n_documents), questions(n_queries)
    ours, numba = indexes.terms("bm25:k1=1.5"), bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numba")
    print(
        f"{n_documents} documents, {sum(map(len, documents)) / n_documents:.1f} words each; {n_queries} queries, k=10"
    )
    build = [timed(lambda: ours.build(documents, range(n_documents))) for _ in range(3)]
    print(
        f"build: ours {_seconds(build)}; bm25s {_seconds([timed(lambda: numba.index(documents, show_progress=False))])}"
    )
    slow = rank_bm25.BM25Okapi(documents)
    few = queries[:2]
    actions = {
        "ours": (lambda: ours.search(queries, 10), n_queries),
        "ours, one by one": (lambda: [ours.search([q], 10) for q in queries], n_queries),
        "ours, first time after a change": (lambda: _cold(ours, queries, n_documents), n_queries),
        "bm25s, numba": (
            lambda: numba.retrieve(queries, k=10, show_progress=False, backend_selection="numba"),
            n_queries,
        ),
        "rank-bm25": (lambda: [np.argsort(slow.get_scores(q))[::-1][:10] for q in few], len(few)),
    }
    for action, _ in actions.values():
        action()
    runs = {name: [] for name in actions}
    for _ in range(rounds):
        for name, (action, _) in actions.items():
            runs[name].append(timed(action))
    for name, (_, n) in actions.items():
        clock, cpu = (statistics.median(run[i] for run in runs[name]) for i in (0, 1))
        print(f"search, {name}: {n / clock:,.1f} queries/s by the clock, {n / cpu:,.1f} by CPU")
    print("memory:", {part: f"{n / 1e6:.1f} MB" for part, n in ours.memory().items()})
    updates(ours, documents, n_documents)


def _cold(index, queries, n_documents):
    index.add([["new"]], [n_documents])
    index.remove([n_documents])
    index.search(queries, 10)


def updates(index, documents, n):
    share = n // 100
    build = [timed(lambda: index.build(documents, range(n))) for _ in range(5)]
    added, removed = [], []
    for i in range(10):
        new = np.arange(n + i * share, n + (i + 1) * share)
        added.append(timed(lambda new=new, i=i: index.add(documents[i * share : (i + 1) * share], new)))
    gone = np.arange(share)
    removed.append(timed(lambda: (index.remove(gone), index.search([["the"]], 1))))
    print(f"rebuild {_seconds(build)}; add 1 % {_seconds(added)}; remove 1 % and search {_seconds(removed)}")
    with tempfile.TemporaryDirectory() as folder:
        index.save(Path(folder) / "index")
        load = [timed(lambda: indexes.load(Path(folder) / "index")) for _ in range(5)]
    print(f"load with all digests checked {_seconds(load)}, {len(index)} documents")


def _seconds(runs):
    return (
        f"{statistics.median(cpu for _, cpu in runs):.4f} s CPU, {statistics.median(clock for clock, _ in runs):.4f} s"
    )


def quality(name):
    from rag.terms import Analyser

    terms = Analyser("english").terms
    rows = list(lines(DATA / name / "corpus.jsonl"))
    documents = [terms(f"{row.get('title', '')}\n{row['text']}") for row in rows]
    names = [row["_id"] for row in rows]
    qrels = [line.split("\t") for line in (DATA / name / "qrels/test.tsv").read_text().splitlines()[1:]]
    gold = [ir_measures.Qrel(q, d, int(score)) for q, d, score in qrels]
    judged = {q for q, _, _ in qrels}
    asked = [(row["_id"], terms(row["text"])) for row in lines(DATA / name / "queries.jsonl") if row["_id"] in judged]

    def ndcg(run):
        docs = [ir_measures.ScoredDoc(q, names[d], float(s)) for q, hits in run for d, s in hits]
        return ir_measures.calc_aggregate([nDCG @ 10], gold, docs)[nDCG @ 10]

    index = indexes.terms("bm25:k1=1.2,b=0.75")
    index.build(documents, range(len(documents)))
    found = index.search([q for _, q in asked], 100)
    ours = ndcg((q, zip(*found.row(i), strict=True)) for i, (q, _) in enumerate(asked))
    theirs = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    theirs.index(documents, show_progress=False)
    known = [(q, [t for t in query if t in theirs.vocab_dict]) for q, query in asked]
    got = [(q, theirs.retrieve([query], k=100, show_progress=False)) for q, query in known if query]
    other = ndcg((q, zip(r.documents[0], r.scores[0], strict=True)) for q, r in got)
    print(f"{name}: nDCG@10 ours {ours:.4f}, bm25s {other:.4f}")
    same_as_okapi(name, documents, [query for _, query in asked])


def same_as_okapi(name, documents, queries):
    index, slow = indexes.terms("bm25:variant=okapi,k1=1.5"), rank_bm25.BM25Okapi(documents)
    index.build(documents, range(len(documents)))
    equal, ties = 0, 0
    for query in queries:
        scores = slow.get_scores(query)
        ids, _ = index.search([query], 10).row(0)
        best = np.lexsort((np.arange(len(scores)), -scores))[: len(ids)]
        if np.array_equal(ids, best):
            equal += 1
        elif np.allclose(scores[ids], scores[best], rtol=1e-6):
            ties += 1
    print(f"{name}: top 10 as rank-bm25's Okapi for {equal} of {len(queries)} questions, {ties} more up to ties")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for name in ("scifact", "cranfield"):
        quality(name)
    speed(options.documents, options.queries, options.rounds)


if __name__ == "__main__":
    main()
