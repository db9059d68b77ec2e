"""Learn the weights that the extractive generator ships.

    python benchmarks/learn_answer_weights.py SQUAD_DIR --kb DIR --docs FASTAPI_DOCS [--out answer_weights.json]

SQUAD_DIR holds ``v1`` and ``v2``: SQuAD's development sets in BEIR form with ``answers.jsonl`` and
``unanswerable.jsonl``. Questions go the real road (knowledge base, hybrid retrieval of five passages, sentences,
features). The rankers are learned on SQuAD 1.1's questions about 16 articles. The probabilities and the threshold are
learned on 8 others, on a mix of questions: half with an answer (of SQuAD 2.0), a quarter that only look as if they had
one (SQuAD 2.0's unanswerable ones), a quarter whose article was taken out of what was retrieved. The odd 24 articles
are left for reporting (``benchmarks/answers.py``). Questions that one fact seldom answers get a probability of their
own: it is learned on those of SQuAD and on the headings of FastAPI's documentation ("Use a proxy": "How do I use a
proxy?"), asked of all documents and without their own where nothing else holds most of their words; each of these
counts twice.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import squad
from beir import knowledge_base
from scipy.optimize import minimize

from rag.documents.document import Passage
from rag.extractive import scoring as ranking
from rag.extractive.features import features, with_cosines
from rag.extractive.generator import EMBEDDED, settings
from rag.extractive.question_type import analyse
from rag.extractive.stored_meaning import stored_similarities
from rag.grounding.quotable_sentences import candidates
from rag.grounding.words import WordReader
from rag.knowledge_base import KnowledgeBase
from rag.loaders import load
from rag.retrieval.retriever import Retriever

K = 5
DEEP = 60
"""Passages that are retrieved where a question's own article is to be taken out."""
BY_EMBEDDER = ("raw_cosine", "mean_cosine")
HELD = 0.6
"""Share of a question's terms in a passage from which on that may answer it."""
VERB = re.compile(
    r"(?:use|add|create|return|declare|set|get|run|import|include|define|configure|install|read|write|check|test|update"
    r"|disable|enable|override|upload|send|handle|mount|serve|stream|validate|document|customize|change|hash|combine"
    r"|generate|deploy)\b",
    re.IGNORECASE,
)


@dataclass
class Case:
    """A question's candidates: features, similarities of each alone and stored ones, and which hold a gold answer."""

    kind: str
    shown: np.ndarray
    cosines: np.ndarray
    stored: np.ndarray
    passages: list[int]
    right: np.ndarray

    def embedded(self, lexical: np.ndarray) -> Case:
        """Keep those that are embedded, with their similarities among the features."""
        best = np.argsort(-(ranking.columns(self.shown, self.kind) @ lexical), kind="stable")[:EMBEDDED]
        cosines, owners = self.cosines[best], [self.passages[i] for i in best]
        return Case(
            self.kind, with_cosines(self.shown[best], cosines), cosines, self.stored[best], owners, self.right[best]
        )

    def with_stored(self) -> Case:
        """Keep all, with the stored similarities among the features."""
        shown = with_cosines(self.shown, self.stored, self.passages)
        return Case(self.kind, shown, self.stored, self.stored, self.passages, self.right)

    def columns(self) -> np.ndarray:
        return ranking.columns(self.shown, self.kind)


class Vectors:
    """Embeds each sentence once."""

    def __init__(self, embedder) -> None:
        self.embedder, self.known = embedder, {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known.update(zip(new, self.embedder.embed_passages(new), strict=True))
        return np.array([self.known[text] for text in texts])


def cases(
    items: list[squad.Item], retriever: Retriever, vectors: Vectors, *, without_own: bool = False
) -> Iterator[Case]:
    """Read what is retrieved for each question; ``without_own``: from other articles than its own."""
    reader, stored = WordReader(retriever.kb.analyser), retriever.kb.sentence_vectors
    asked = retriever.kb.embedder.embed_queries([item.text for item in items])
    found = retriever.search_many([item.text for item in items], DEEP if without_own else K)
    for item, question, retrieval in zip(items, asked, found, strict=True):
        kept = [p for p in retrieval.passages if not (without_own and p.document.rsplit("_", 1)[0] == item.article)][:K]
        if kept:
            yield case(item, kept, question, reader, vectors, stored)


def case(
    item: squad.Item, passages: list[Passage], question: np.ndarray, reader: WordReader, vectors: Vectors, stored
) -> Case:
    found, analysed = candidates(passages), analyse(item.text)
    return Case(
        analysed.kind,
        features(analysed, found, settings(passages), reader),
        vectors([candidate.text for candidate in found]) @ question,
        stored_similarities(stored, lambda: question, found, passages),
        [candidate.passage for candidate in found],
        np.array([squad.holds_gold(candidate.text, item.golds) for candidate in found]),
    )


def how_to(folder: Path) -> tuple[list[Case], list[Case]]:
    """Ask the headings of a documentation, and those that are left without an answer when their document is."""
    with TemporaryDirectory() as place, KnowledgeBase.create(Path(place) / "kb") as kb:
        kb.add(load(folder))
        return how_to_of(kb, folder, Vectors(kb.embedder))


def how_to_of(kb: KnowledgeBase, folder: Path, vectors) -> tuple[list[Case], list[Case]]:
    """Do so with a knowledge base of the documentation."""
    whole, without = [], []
    reader, retriever = WordReader(kb.analyser), Retriever(kb, k=DEEP, rewrite="none")
    for text, source in headings(folder):
        passages = retriever.retrieve(text)
        rest = [each for each in passages if each.source != source][:K]
        item, vector = squad.Item(text, "", ()), kb.embedder.embed_queries([text])[0]
        terms = set(kb.analyser.terms(text))
        whole.append(case(item, passages[:K], vector, reader, vectors, kb.sentence_vectors))
        whole[-1].right[:] = True
        held = [terms & set(kb.analyser.terms(" ".join((p.title, *p.heading, p.text)))) for p in rest]
        if all(len(each) < HELD * len(terms) for each in held):
            without.append(case(item, rest, vector, reader, vectors, kb.sentence_vectors))
    return whole, without


def headings(folder: Path) -> list[tuple[str, str]]:
    """Return the headings that begin with a verb, as questions, with their files."""
    found = []
    for file in sorted(folder.rglob("*.md")):
        prose = re.sub(r"^```.*?^```", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for line in re.findall(r"^#{1,4} (.+?)(?: \{.*)?$", prose, re.MULTILINE):
            plain = re.sub(r"[`*_]", "", line).rstrip(".")
            if VERB.match(plain) and 3 <= len(plain.split()) <= 9:
                found.append((f"How do I {plain[0].lower()}{plain[1:]}?", str(file)))
    return found


def learn_ranker(group: list[Case], used: list[int], l2: float = 30.0) -> np.ndarray:
    """Maximise the summed log probability that a softmax over the candidates draws a right one."""
    group = [each for each in group if each.right.any()]
    x = np.vstack([each.columns() for each in group])[:, used]
    right = np.concatenate([each.right for each in group])
    sizes = np.array([len(each.right) for each in group])
    starts, owner = np.cumsum(sizes) - sizes, np.repeat(np.arange(len(sizes)), sizes)
    # A kind's own columns are scaled as the feature is over all kinds: weights of rare kinds stay small.
    deviations = dict(zip(ranking.COLUMNS, np.vstack([each.columns() for each in group]).std(0), strict=True))
    spread = np.array([deviations[ranking.COLUMNS[i].split(":")[-1]] for i in used]) + 1e-9
    z = (x - x.mean(0)) / spread

    def loss(weights):
        score = z @ weights
        power = np.exp(score - np.maximum.reduceat(score, starts)[owner])
        drawn = power / np.add.reduceat(power, starts)[owner]
        hit = np.add.reduceat(drawn * right, starts)
        gradient = z.T @ (drawn - drawn * right / hit[owner]) + l2 * weights
        return -np.log(hit).sum() + l2 * weights @ weights / 2, gradient

    learned = np.zeros(len(ranking.COLUMNS))
    learned[used] = minimize(loss, np.zeros(len(used)), jac=True, method="L-BFGS-B").x / spread
    return learned


def first_right(group: list[Case], weights: np.ndarray) -> float:
    return float(np.mean([each.right[np.argmax(each.columns() @ weights)] for each in group]))


def learn_support(x: np.ndarray, right: np.ndarray, used: list[int], l2: float = 1.0) -> dict[str, float]:
    """Fit a logistic regression on what the first sentence shows."""
    mean, spread = x[:, used].mean(0), x[:, used].std(0) + 1e-9
    z = np.hstack([(x[:, used] - mean) / spread, np.ones((len(x), 1))])
    penalty = np.append(np.full(len(used), l2), 0.0)

    def loss(weights):
        logit = z @ weights
        value = np.logaddexp(0, np.where(right, -logit, logit)).sum() + (penalty * weights**2).sum() / 2
        return value, z.T @ (1 / (1 + np.exp(-logit)) - right) + penalty * weights

    found = minimize(loss, np.zeros(z.shape[1]), jac=True, method="L-BFGS-B").x
    weights = found[:-1] / spread
    table = {ranking.SIGNS[i]: round(float(w), 4) for i, w in zip(used, weights, strict=True)}
    return {**table, "intercept": round(float(found[-1] - weights @ mean), 4)}


def auroc(value: np.ndarray, right: np.ndarray) -> float:
    rank = np.argsort(np.argsort(value)) + 1
    n = right.sum()
    return float((rank[right].sum() - n * (n + 1) / 2) / (n * (len(right) - n)))


def best_threshold(support: np.ndarray, right: np.ndarray) -> float:
    """Find the best; right counts +1, wrong -1/6: a quote shows its source, so it misleads little."""
    grid = np.round(np.arange(0.05, 0.8, 0.01), 2)
    return float(grid[np.argmax([(right - ~right / 6)[support >= t].sum() for t in grid])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("squad", type=Path)
    parser.add_argument("--kb", type=Path, required=True, help="knowledge base of v1's paragraphs; made if missing")
    parser.add_argument("--docs", type=Path, required=True, help="Markdown files whose headings say what can be done")
    parser.add_argument("--out", type=Path, default=Path("rag/extractive/answer_weights.json"))
    args = parser.parse_args()
    with knowledge_base(args.squad / "v1", args.kb) as kb:
        retriever, vectors = Retriever(kb, k=K, rewrite="none"), Vectors(kb.embedder)
        table = learn(args.squad, args.docs, retriever, vectors)
    args.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def learn(data: Path, docs: Path, retriever: Retriever, vectors: Vectors) -> dict:
    v1, v2, lures = (squad.answerable(data / "v1"), squad.answerable(data / "v2"), squad.unanswerable(data / "v2"))
    part = squad.parts([item.article for item in v1])

    def of(items, name, count):
        return squad.sample([item for item in items if part[item.article] == name], count)

    group = list(cases(of(v1, "learn", 10_000), retriever, vectors))
    held_out = list(cases(of(v1, "calibrate", 10_000), retriever, vectors))
    every = [i for i, name in enumerate(ranking.COLUMNS) if any(each.columns()[:, i].any() for each in group[:500])]
    lexical = learn_ranker(group, every)
    print(f"words alone: {first_right(group, lexical):.4f} learned on, {first_right(held_out, lexical):.4f} held out")
    chunked, held_chunked = [each.with_stored() for each in group], [each.with_stored() for each in held_out]
    every_stored = [i for i in range(len(ranking.COLUMNS)) if any(e.columns()[:, i].any() for e in chunked[:500])]
    stored = learn_ranker(chunked, every_stored)
    print(f"stored: {first_right(chunked, stored):.4f} learned on, {first_right(held_chunked, stored):.4f} held out")
    closer, held_closer = [each.embedded(lexical) for each in group], [each.embedded(lexical) for each in held_out]
    embedded = learn_ranker(closer, [0, *every])
    print(
        f"embedded: {first_right(closer, embedded):.4f} learned on, {first_right(held_closer, embedded):.4f} held out"
    )

    count = min(2000, len(of(v2, "calibrate", 10_000)))
    mix = [
        *cases(of(v2, "calibrate", count), retriever, vectors),
        *cases(of(lures, "calibrate", count // 2), retriever, vectors),
        *cases(of(v2, "calibrate", count // 2), retriever, vectors, without_own=True),
    ]
    # Without its article a question has no answer, whatever words its gold answer shares with other articles.
    for each in mix[-(count // 2) :]:
        each.right[:] = False
    rankers = {ranking.LEXICAL: lexical, ranking.ANY_EMBEDDER: embedded, ranking.STORED: stored}
    table = table_of(rankers, mix, retriever.kb.embedder.name)
    table["support"] |= long_supports(stored, mix, docs, retriever.kb.embedder.name)
    return table


def long_supports(weights: np.ndarray, mix: list[Case], docs: Path, embedder: str) -> dict:
    """Fit the probabilities for long answers; their intercept makes a chance of .2 the threshold that .15 is to all."""
    whole, without = how_to(docs)
    long = [each for each in mix if each.kind in ranking.LONG_ANSWERS]
    use = [each.with_stored() for each in (*long, *whole, *whole, *without, *without)]
    shown, right = signs_of(use, weights)
    tables = {}
    for name in (ranking.STORED, ranking.of_embedder(ranking.STORED, embedder)):
        known = [i for i, sign in enumerate(ranking.SIGNS) if name != ranking.STORED or sign not in BY_EMBEDDER]
        table = learn_support(shown, right, known)
        table["intercept"] = round(table["intercept"] - np.log(0.2 / 0.8) + np.log(0.15 / 0.85), 4)
        tables[ranking.for_long_answers(name)] = table
    return tables


def signs_of(use: list[Case], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the signs of the best sentences, and whether they are right."""
    scores = [each.columns() @ weights for each in use]
    shown = np.array([ranking.signs(e.shown, s, e.cosines) for e, s in zip(use, scores, strict=True)])
    return shown, np.array([bool(e.right[np.argmax(s)]) for e, s in zip(use, scores, strict=True)])


def table_of(rankers: dict[str, np.ndarray], mix: list[Case], embedder: str) -> dict:
    supports, threshold = {}, 0.0
    uses = {
        ranking.LEXICAL: mix,
        ranking.ANY_EMBEDDER: [each.embedded(rankers[ranking.LEXICAL]) for each in mix],
        ranking.STORED: [each.with_stored() for each in mix],
    }
    own = [(ranking.of_embedder(name, embedder), name) for name in (ranking.ANY_EMBEDDER, ranking.STORED)]
    for name, model in (*((each, each) for each in rankers), *own):
        weights, use = rankers[model], uses[model]
        shown, right = signs_of(use, weights)
        known = [i for i, sign in enumerate(ranking.SIGNS) if name != model or sign not in BY_EMBEDDER]
        supports[name] = learn_support(shown, right, known)
        logit = shown @ [supports[name].get(sign, 0.0) for sign in ranking.SIGNS] + supports[name]["intercept"]
        support = 1 / (1 + np.exp(-logit))
        threshold = best_threshold(support, right)
        print(
            f"support, {name}: AUROC {auroc(support, right):.3f}, threshold {threshold:.2f}, right {right.mean():.3f}"
        )
    named = {name: dict(zip(ranking.COLUMNS, np.round(w, 4).tolist(), strict=True)) for name, w in rankers.items()}
    kept = {name: {column: w for column, w in table.items() if w} for name, table in named.items()}
    return {
        "learned_by": "benchmarks/learn_answer_weights.py",
        "data": "SQuAD 1.1 and 2.0 development sets (Rajpurkar et al. 2016, 2018); articles by benchmarks/squad.py; "
        "headings of a documentation for long answers",
        "ranking": kept,
        "support": supports,
        "threshold": threshold,
    }


if __name__ == "__main__":
    main()
