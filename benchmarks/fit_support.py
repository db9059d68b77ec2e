"""Fit the support of extractive answers to one embedder's cosines, and report it.

    python benchmarks/fit_support.py DATA --kbs DIR --crossed DIR --docs DIR [--embedder e5] [--report] [--out FILE]

DATA is ``shared/data``; ``--kbs`` has knowledge bases made with that embedder, by name: ``squad-e5`` of ``squad/v1``,
``docs-e5`` of ``--docs``, which is FastAPI's English documentation, ``crossed-e5`` of the English sections that
``made_collections.py`` wrote to ``--crossed``, and one of each of ``languages``, such as ``ar-e5``.
The rankers stay as ``learn_answer_weights.py`` learned them; the two probabilities "stored vectors of EMBEDDER" are
fitted and put into the table: on the calibrating articles of SQuAD, the first halves of the languages' questions, and
the Spanish questions that are asked of English sections. Half of all questions have their own document taken out, or
are SQuAD 2.0's unanswerable ones. ``--report`` asks the other halves: odd articles, second halves, Japanese.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import squad
from learn_answer_weights import Case, auroc, case, cases, how_to_of, learn_support, signs_of

from rag.extractive import scoring as ranking
from rag.grounding.words import WordReader
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

LANGUAGES = ("ar", "ja", "th", "tr", "zh")
MOST = 600
"""SQuAD's questions with an answer, and half as many of both kinds without one."""


@dataclass
class Part:
    """Questions of one source: with an answer, and without one."""

    name: str
    known: list[Case]
    unknown: list[Case]


def nothing(texts: list[str]) -> np.ndarray:
    """Stand for the vectors of sentences alone, which stored ones make needless."""
    return np.zeros((len(texts), 384))


def of_squad(data: Path, kb: KnowledgeBase, part: str) -> Iterator[Part]:
    retriever = Retriever(kb, k=5, rewrite="none")
    v2, lures = squad.answerable(data / "v2"), squad.unanswerable(data / "v2")
    names = squad.parts([item.article for item in squad.answerable(data / "v1")])
    asked = [
        squad.sample([item for item in items if names[item.article] == part], count)
        for items, count in ((v2, MOST), (lures, MOST // 2), (v2, MOST // 2))
    ]
    known = list(cases(asked[0], retriever, nothing))
    yield Part("SQuAD, unanswerable", known, _wrong(cases(asked[1], retriever, nothing)))
    yield Part("SQuAD, article out", known, _wrong(cases(asked[2], retriever, nothing, without_own=True)))


def of_language(folder: Path, kb: KnowledgeBase, *, report: bool) -> Part:
    items = squad.answerable(folder)
    asked = items[len(items) // 2 :] if report else items[: len(items) // 2]
    retriever = Retriever(kb, k=5, rewrite="none")
    known = list(cases(asked, retriever, nothing))
    return Part(folder.name, known, _wrong(cases(asked, retriever, nothing, without_own=True)))


def of_crossed(folder: Path, kb: KnowledgeBase) -> Part:
    """Ask in another language; right is a sentence of the section that the question is a translation from."""
    reader, retriever = WordReader(kb.analyser), Retriever(kb, k=20, rewrite="none")
    own = dict(line.split("\t")[:2] for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:])
    rows = squad.rows(folder / "queries.jsonl")[:300]
    vectors = kb.embedder.embed_queries([row["text"] for row in rows])
    part = Part(folder.name, [], [])
    found = retriever.search_many([row["text"] for row in rows], 20)
    for row, vector, result in zip(rows, vectors, found, strict=True):
        gold = own[row["_id"]]
        whole, rest = result.passages[:5], [each for each in result.passages if each.document != gold][:5]
        item = squad.Item(row["text"], gold, ())
        for passages, group in ((whole, part.known), (rest, part.unknown)):
            made = case(item, passages, vector, reader, nothing, kb.sentence_vectors)
            made.right = np.array([passages[owner].document == gold for owner in made.passages])
            group.append(made)
    return part


def _kept(each: Case) -> bool:
    return each.stored is not None  # None where sentences are cut otherwise than when they were stored


def _wrong(group: Iterator[Case]) -> list[Case]:
    made = list(group)
    for each in made:
        each.right[:] = False
    return made


def parts(data: Path, kbs: Path, embedder: str, *, report: bool, crossed: Path, docs: Path) -> Iterator[Part]:
    def opened(name: str) -> KnowledgeBase:
        return KnowledgeBase.open(kbs / f"{name}-{embedder}")

    with opened("squad") as kb:
        yield from of_squad(data / "squad", kb, "report" if report else "calibrate")
    for name in LANGUAGES:
        with opened(name) as kb:
            yield of_language(data / "languages" / name, kb, report=report)
    with opened("crossed") as kb:
        yield of_crossed(crossed / f"crossed_{'ja' if report else 'es'}", kb)
    if not report:
        with opened("docs") as kb:
            yield Part("docs", *how_to_of(kb, docs, nothing))


def fitted(found: list[Part]) -> dict[str, dict[str, float]]:
    """Fit one probability to all questions, and one to those that one fact seldom answers."""
    weights = ranking._weights(ranking.STORED)
    every = [each.with_stored() for part in found for each in (*part.known, *part.unknown) if _kept(each)]
    long = [each for each in every if each.kind in ranking.LONG_ANSWERS]
    signs = list(range(len(ranking.SIGNS)))
    return {"": learn_support(*signs_of(every, weights), signs), "long": learn_support(*signs_of(long, weights), signs)}


def shown(part: Part, embedder: str) -> str:
    weights = ranking._weights(ranking.STORED)
    values, right = [], []
    for group in (part.known, part.unknown):
        for each in (one.with_stored() for one in group if _kept(one)):
            scores = each.columns() @ weights
            signs = ranking.signs(each.shown, scores, each.cosines)
            values.append(ranking.support(signs, each.kind, ranking.STORED, embedder))
            right.append(bool(each.right[np.argmax(scores)]))
    support, known = np.array(values), np.arange(len(values)) < sum(map(_kept, part.known))
    given, correct = support >= ranking.default_threshold(), np.array(right)
    return (
        f"{part.name:20} {known.sum():4} + {(~known).sum():4}  AUROC answerable {auroc(support, known):.3f}, "
        f"right {auroc(support, correct):.3f}  answered {given[known].mean():.3f}, right ones kept "
        f"{given[correct].mean():.3f}, unanswerable answered {given[~known].mean():.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--kbs", type=Path, required=True)
    parser.add_argument("--crossed", type=Path, required=True, help="made_collections.py's folder")
    parser.add_argument("--docs", type=Path, required=True, help="the documentation of the knowledge base ``docs``")
    parser.add_argument("--embedder", default="e5")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("rag/extractive/answer_weights.json"))
    args = parser.parse_args()
    with KnowledgeBase.open(args.kbs / f"squad-{args.embedder}") as kb:
        name = kb.embedder.name
    found = []
    for part in parts(args.data, args.kbs, args.embedder, report=args.report, crossed=args.crossed, docs=args.docs):
        print(shown(part, ""), flush=True)  # by the weights for any embedder
        if args.report:
            print(shown(part, name), flush=True)
        found.append(part)
    if args.report:
        return
    tables = fitted(found)
    table = json.loads(args.out.read_text(encoding="utf-8"))
    own = ranking.of_embedder(ranking.STORED, name)
    table["support"] |= {own: tables[""], ranking.for_long_answers(own): tables["long"]}
    args.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    ranking._table = lambda: table
    print("\nfitted")
    for part in found:
        print(shown(part, name), flush=True)


if __name__ == "__main__":
    main()
