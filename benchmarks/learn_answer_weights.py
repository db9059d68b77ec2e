"""Learn the weights that the extractive generator ships.

    python benchmarks/learn_answer_weights.py SQUAD_DIR --kb DIR [--out rag/extractive/answer_weights.json]

SQUAD_DIR holds ``v1`` and ``v2``: SQuAD's development sets in BEIR form with ``answers.jsonl`` and
``unanswerable.jsonl``. Questions go the real road (knowledge base, hybrid retrieval of five passages, sentences,
features). The ranker is learned on SQuAD 1.1's questions about 16 articles. The probability and the threshold are
learned on 12 others, on a mix of questions: half with an answer (of SQuAD 2.0), a quarter that only look as if they had
one (SQuAD 2.0's unanswerable ones), a quarter whose article was taken out of what was retrieved. 20 articles are left
for reporting (``benchmarks/answers.py``).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import squad
from beir import knowledge_base
from scipy.optimize import minimize

from rag.documents import Passage
from rag.extractive import scoring as ranking
from rag.extractive.features import NAMES, features, standardised
from rag.extractive.generator import EMBEDDED, settings
from rag.extractive.question_type import analyse
from rag.grounding.quotable_sentences import candidates
from rag.grounding.words import WordReader
from rag.retrieval.retriever import Retriever

K = 5
DEEP = 60
"""Passages that are retrieved where a question's own article is to be taken out."""
BY_EMBEDDER = ("raw_cosine", "mean_cosine")


@dataclass
class Case:
    """A question's candidates: features, similarities, and which hold a gold answer."""

    kind: str
    shown: np.ndarray
    cosines: np.ndarray
    right: np.ndarray

    def embedded(self, lexical: np.ndarray) -> Case:
        """Keep those that are embedded, with their similarities among the features."""
        best = np.argsort(-(ranking.columns(self.shown, self.kind) @ lexical), kind="stable")[:EMBEDDED]
        shown, cosines = self.shown[best].copy(), self.cosines[best]
        shown[:, NAMES.index("cosine")] = standardised(cosines)
        return Case(self.kind, shown, cosines, self.right[best])

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
    reader = WordReader(retriever.kb.analyser)
    asked = retriever.kb.embedder.embed_queries([item.text for item in items])
    found = retriever.search_many([item.text for item in items], DEEP if without_own else K)
    for item, question, retrieval in zip(items, asked, found, strict=True):
        kept = [p for p in retrieval.passages if not (without_own and p.document.rsplit("_", 1)[0] == item.article)][:K]
        yield case(item, kept, question, reader, vectors)


def case(item: squad.Item, passages: list[Passage], question: np.ndarray, reader: WordReader, vectors: Vectors) -> Case:
    found, analysed = candidates(passages), analyse(item.text)
    return Case(
        analysed.kind,
        features(analysed, found, settings(passages), reader),
        vectors([candidate.text for candidate in found]) @ question,
        np.array([squad.holds_gold(candidate.text, item.golds) for candidate in found]),
    )


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
    parser.add_argument("--out", type=Path, default=Path("rag/extractive/answer_weights.json"))
    args = parser.parse_args()
    with knowledge_base(args.squad / "v1", args.kb) as kb:
        retriever, vectors = Retriever(kb, k=K, rewrite="none"), Vectors(kb.embedder)
        table = learn(args.squad, retriever, vectors)
    args.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def learn(data: Path, retriever: Retriever, vectors: Vectors) -> dict:
    v1, v2, lures = (squad.answerable(data / "v1"), squad.answerable(data / "v2"), squad.unanswerable(data / "v2"))
    part = squad.parts([item.article for item in v1])

    def of(items, name, count):
        return squad.sample([item for item in items if part[item.article] == name], count)

    group = list(cases(of(v1, "learn", 10_000), retriever, vectors))
    held_out = list(cases(of(v1, "calibrate", 10_000), retriever, vectors))
    every = [i for i, name in enumerate(ranking.COLUMNS) if any(each.columns()[:, i].any() for each in group[:500])]
    lexical = learn_ranker(group, every)
    print(f"words alone: {first_right(group, lexical):.4f} learned on, {first_right(held_out, lexical):.4f} held out")
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
    return table_of(lexical, embedded, mix, retriever.kb.embedder.name)


def table_of(lexical: np.ndarray, embedded: np.ndarray, mix: list[Case], model: str) -> dict:
    supports, threshold = {}, 0.0
    for name, weights in ((ranking.LEXICAL, lexical), (ranking.ANY_EMBEDDER, embedded), (model, embedded)):
        use = mix if name == ranking.LEXICAL else [each.embedded(lexical) for each in mix]
        scores = [each.columns() @ weights for each in use]
        shown = np.array([ranking.signs(e.shown, s, e.cosines) for e, s in zip(use, scores, strict=True)])
        right = np.array([bool(e.right[np.argmax(s)]) for e, s in zip(use, scores, strict=True)])
        known = [i for i, sign in enumerate(ranking.SIGNS) if name == model or sign not in BY_EMBEDDER]
        supports[name] = learn_support(shown, right, known)
        logit = shown @ [supports[name].get(sign, 0.0) for sign in ranking.SIGNS] + supports[name]["intercept"]
        support = 1 / (1 + np.exp(-logit))
        threshold = best_threshold(support, right)
        print(
            f"support, {name}: AUROC {auroc(support, right):.3f}, threshold {threshold:.2f}, right {right.mean():.3f}"
        )
    named = [dict(zip(ranking.COLUMNS, np.round(w, 4).tolist(), strict=True)) for w in (lexical, embedded)]
    kept = [{name: w for name, w in table.items() if w} for table in named]
    return {
        "learned_by": "benchmarks/learn_answer_weights.py",
        "data": "SQuAD 1.1 and 2.0 development sets (Rajpurkar et al. 2016, 2018); articles by benchmarks/squad.py",
        "ranking": {ranking.LEXICAL: kept[0], ranking.ANY_EMBEDDER: kept[1]},
        "support": supports,
        "threshold": threshold,
    }


if __name__ == "__main__":
    main()
