"""What the steps between search and generator bring: gold answers in the context, and in the answer, at equal budgets.

    python benchmarks/context.py SQUAD_DIR [--kb DIR] [--questions 300] [--budget 200 400 800] [--chunk 64] [--json]

SQuAD's articles are put together again: a document each, a section a paragraph, cut into chunks of 64 tokens, so that
there is something around a passage. Twenty passages are searched for, shaped by a context, and packed into a budget of
tokens (as the embedder's tokenizer counts, 16 more a passage). ``in context``: share of the questions of which a gold
answer stands in what is packed, within the paragraph that answers it. ``in answer``: share of which the extractive
generator's answer holds a gold answer; the generator reads what is packed. Differences are tested against ``budget``
alone, by sign flips of paired questions, corrected by Holm.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from machine import machine
from squad import Item, answerable, holds_gold, rows, sample

from rag import Bot
from rag.components import chain
from rag.context import BUILDERS, Context
from rag.deadlines import Deadline
from rag.documents.document import Document, Passage, Section
from rag.evaluation.comparison import holm, p_value
from rag.evaluation.metrics.squad import contains_reference
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.stages import Tools

FOUND = 20
FIRST = "first that fit"
CONTEXTS = (
    "budget",
    "neighbours:sentences=1+budget",
    "neighbours:sentences=2+budget",
    "section+budget",
    "unique+budget",
    "budget+edges",
    FIRST,
)


class FirstThatFit:
    """What packing by value is compared with: passages in their order until one does not fit."""

    name = FIRST

    def __init__(self, kb: KnowledgeBase, tokens: int) -> None:
        self._count = lambda text: len(kb.embedder.tokenizer.offsets([text])[0]) + 16
        self._tokens = tokens

    def build(self, question: str, passages: Sequence[Passage]) -> list[Passage]:  # noqa: ARG002
        spent = np.cumsum([self._count(passage.text) for passage in passages])
        return list(passages[: int((spent <= self._tokens).sum())])


def articles(folder: Path) -> tuple[list[Document], dict[str, tuple[str, int, int]]]:
    """Return a document for each article, and of each paragraph its document and span."""
    parts: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row in rows(folder / "corpus.jsonl"):
        name, _, number = row["_id"].rpartition("_")
        parts[name].append((int(number), row["_id"], row["text"]))
    documents, spans = [], {}
    for name, paragraphs in parts.items():
        text, sections = "", []
        for _, paragraph, words in sorted(paragraphs):
            spans[paragraph] = (name, len(text), len(text) + len(words))
            sections.append(Section(len(text), len(text) + len(words) + 2, ()))
            text += f"{words}\n\n"
        title = name.replace("_", " ")
        documents.append(Document(name, text, source=name, title=title, sections=tuple(sections)))
    return documents, spans


def in_context(passages: list[Passage], item: Item, spans: dict[str, tuple[str, int, int]]) -> bool:
    document, start, end = spans[item.paragraph]
    inside = [
        passage.text[max(0, start - passage.start) : max(0, end - passage.start)]
        for passage in passages
        if passage.document == document
    ]
    return any(holds_gold(text, item.golds) for text in inside)


def measure(
    kb: KnowledgeBase, items: list[Item], budget: int, spans: dict, contexts: Sequence[str]
) -> dict[str, dict[str, list]]:
    """Return for each context, question by question, what is in it and in the answer; passages and seconds too."""
    plain, tools, found = Retriever(kb, k=FOUND, rewrite="none"), Tools(kb), {}
    generator = Bot(plain).generator
    for names in contexts:
        steps = [FirstThatFit(kb, budget)] if names == FIRST else names.replace("budget", f"budget:tokens={budget}")
        own, row = Context(chain("context step", BUILDERS, steps, tools)), defaultdict(list)
        for item in items:
            start = time.perf_counter()
            searched = plain.search(item.text).passages
            shaping = time.perf_counter()
            passages = own.run(item.text, searched, Deadline.after(None)).passages
            row["ms"].append(1000 * (time.perf_counter() - shaping))
            row["passages"].append(len(passages))
            row["in context"].append(in_context(passages, item, spans))
            answer = generator.generate(item.text, passages)
            row["in answer"].append(not answer.abstained and contains_reference(answer.text, item.golds) > 0)
            row["s"].append(time.perf_counter() - start)
        found[names] = dict(row)
    return found


def compared(found: dict[str, dict[str, list]], what: str) -> dict[str, float]:
    base = np.array(found["budget"][what], np.float64)
    others = [name for name in found if name != "budget"]
    p = holm([p_value(np.array(found[name][what], np.float64) - base) or 1.0 for name in others])
    return dict(zip(others, p, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kb", type=Path)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--budget", type=int, nargs="+", default=[200, 400, 800])
    parser.add_argument("--chunk", type=int, default=64)
    parser.add_argument("--context", nargs="+", default=CONTEXTS, help="budget among them")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    documents, spans = articles(args.data)
    items = sample(answerable(args.data), args.questions)
    result: dict = {"machine": machine(), "questions": len(items)}
    with tempfile.TemporaryDirectory() as scratch:
        place = args.kb or Path(scratch) / "kb"
        if not KnowledgeBase.exists(place):
            with KnowledgeBase.create(place, chunker=f"headings:{args.chunk}/0") as kb:
                kb.add(documents)
        with KnowledgeBase.open(place) as kb:
            for budget in args.budget:
                found = measure(kb, items, budget, spans, args.context)
                p = {what: compared(found, what) for what in ("in context", "in answer")}
                print(f"{budget} tokens")
                for name, row in found.items():
                    shares = {what: float(np.mean(row[what])) for what in ("in context", "in answer", "passages", "ms")}
                    result[f"{budget}, {name}"] = {**shares, **{f"p {w}": p[w].get(name) for w in p}}
                    told = "  ".join(
                        f"{w} {shares[w]:.3f}" + (f" (p {p[w][name]:.4f})" if name in p[w] else "") for w in p
                    )
                    print(f"  {name:32} {told}  {shares['passages']:.1f} passages  {shares['ms']:.2f} ms")
    print(json.dumps(result, indent=1) if args.json else result["machine"])


if __name__ == "__main__":
    main()
