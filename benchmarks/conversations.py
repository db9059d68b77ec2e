"""Questions in the middle of a conversation: how much of what a person would have written condensing by rules restores.

    python benchmarks/conversations.py REWRITES.jsonl [--documents CORPUS.jsonl] [--json]

Each line has ``history`` (earlier questions), ``utterance`` and ``rewrite`` (the same question by a person, so that it
stands alone). Term recall is the share of the rewrite's terms that a question holds (function words left out, stems);
term precision the share of its own terms that the rewrite holds. Turns without a history stand alone and are counted:
whatever changes one of them is wrong. With documents (in BEIR's form) the rules know what these have, and may search
for both readings of a question, as it was asked and with the topic: then the terms of both count.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from machine import machine

from rag import Document, KnowledgeBase
from rag.evaluation.comparison import compare
from rag.grounding.words import FUNCTION_WORDS
from rag.rewriting.condensing import Condenser
from rag.rewriting.corpus import Corpus
from rag.rewriting.protocol import QueryDraft
from rag.terms import Analyser

ANALYSER = Analyser()
_WORD = re.compile(r"[\w'’-]+")


def terms(text: str) -> set[str]:
    return set(ANALYSER.terms(" ".join(w for w in _WORD.findall(text) if w.lower() not in FUNCTION_WORDS)))


def scored(rows: Sequence[dict], way: Callable[[dict], str]) -> dict[str, dict[str, float]]:
    recall, precision = {}, {}
    for row in rows:
        gold, got = terms(row["rewrite"]), terms(way(row))
        if gold:
            recall[row["_id"]] = len(gold & got) / len(gold)
            precision[row["_id"]] = len(gold & got) / len(got) if got else 0.0
    return {"recall": recall, "precision": precision}


def none(row: dict) -> str:
    return row["utterance"]


def rules(row: dict) -> str:
    asked = QueryDraft(row["utterance"], row["utterance"], tuple(row["history"]))
    return Condenser().rewrite(asked, None).text  # type: ignore[arg-type] - rules look at no corpus


def both_readings(corpus: Corpus) -> Callable[[dict], str]:
    def way(row: dict) -> str:
        asked = QueryDraft(row["utterance"], row["utterance"], tuple(row["history"]))
        found = Condenser().rewrite(asked, corpus)
        return " ".join([found.text, *(each.text for each in found.variants)])

    return way


def corpus_of(path: Path, folder: str) -> Corpus:
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    kb = KnowledgeBase.create(folder, embedder="hashing-64")
    kb.add(Document.from_text(row["text"], id=row["_id"], title=row.get("title", "")) for row in rows)
    return Corpus(kb, lambda *_: [])


def everything(row: dict) -> str:
    """Put the whole history behind: all that can be restored, and all that is beside the point."""
    return " ".join([row["utterance"], *row["history"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--documents", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.data.read_text(encoding="utf-8").splitlines()]
    first = [row for row in rows if not row["history"]]
    sets = {"all turns": rows, "turns with a history": [row for row in rows if row["history"]]}
    sets |= {source: [r for r in rows if r["source"] == source] for source in sorted({r["source"] for r in rows})}
    result: dict = {"first turns changed": sum(rules(row) != row["utterance"] for row in first)}
    ways = {"none": none, "rules": rules, "whole history": everything}
    if args.documents:
        ways["both readings"] = both_readings(corpus_of(args.documents, tempfile.mkdtemp()))
    for name, own in sets.items():
        found = {way: scored(own, make) for way, make in ways.items()}
        means = {w: {m: sum(v.values()) / len(v) for m, v in f.items()} for w, f in found.items()}
        difference = compare(found["rules"]["recall"], found["none"]["recall"], metric="term recall")
        result[name] = {"n": len(found["none"]["recall"]), **means, "p": difference.p}
        said = "   ".join(f"{w}: recall {v['recall']:.4f}, precision {v['precision']:.4f}" for w, v in means.items())
        print(f"{name:22} {result[name]['n']:5}   {said}   p = {difference.p:.2g}", flush=True)
    print(f"first turns changed: {result['first turns changed']} of {len(first)}")
    if args.json:
        print(json.dumps({**result, "machine": machine()}, indent=1))


if __name__ == "__main__":
    main()
