"""How well the check of support tells claims that passages bear out from claims that they do not; and its weights.

    python benchmarks/support.py DATA --scifact KB --squad KB [--learn rag/grounding/support_weights.json] [--json]

DATA holds ``scifact`` (BEIR form with ``evidence.jsonl``: the labels of the claims; Wadden et al., EMNLP 2020) and
``squad``. KB are knowledge bases of ``beir:DATA/scifact`` and ``beir:DATA/squad/v1``. Each claim is held against the
five passages that are retrieved for it, as an answer's sentences are:

- SciFact: claims that experts found supported; contradicted; and not stated, which are supported ones with the
  abstracts of their evidence taken out of what was retrieved. Learned on the training claims, reported on the test
  ones.
- SQuAD: questions whose question word is replaced by an answer. True with the gold answer; swapped with one of the same
  kind from another paragraph of the article, or with "not" after the verb (as FactCC changes sentences; Kryscinski et
  al., EMNLP 2020). Learned on the articles that ``learn_answer_weights.py`` learned on, reported on the 20 others.
- Sentences of SQuAD's passages that say "not" or "never", as they are and without it; not learned from.

Reported: the share called supported, of true and of other claims, and the AUROC of the score, each with all false
claims and with one kind of them; for the embedder's weights and for words alone.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import squad
from answers import auroc
from machine import machine
from scipy.optimize import minimize

from rag.documents.document import Passage
from rag.extractive.question_type import analyse
from rag.grounding.evidence import bare
from rag.grounding.support import LEXICAL, LOOKED_AT, SUPPORTED, SupportChecker, number_missing
from rag.grounding.support_features import FEATURES, Claim, features
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever
from rag.sentences import sentences

K, DEEP = 5, 20
SIGNS = {"coverage": 1, "nearby": 1, "pairs": 1, "missing_names": -1, "denies": -1, "sentences": -1, "cosine": 1}
"""Which way a feature may count: a fit may not make more of a claim's words speak against it."""
LEAST = {"sentences": -0.5}
"""Claims that join sentences are rarer in this data than in answers; a fit may not shut them out."""
_ASKS = re.compile(r"\b(?:who|whom|what|which|when|where|how (?:many|much|long|old|far)|why|how)\b", re.IGNORECASE)


_NOT = re.compile(r"(?<=\w) (?:not|never)\b(?! only)|(?<=can)not\b")
_VERB = re.compile(r"\b(is|are|was|were|can|could|will|would|did|does|do|has|have|had|must|should|may|might)\b")


@dataclass
class Case:
    """A claim and the passages it is held against."""

    data: str
    kind: str
    text: str
    passages: list[Passage]
    shown: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    blocked: np.ndarray = field(default_factory=lambda: np.zeros(0))
    spans: list[str] = field(default_factory=list)

    @property
    def true(self) -> bool:
        return self.kind == "true"


def passages_of(retriever: Retriever, questions: Sequence[str], k: int) -> list[list[Passage]]:
    return [found.passages for found in retriever.search_many(questions, k)]


def scifact(data: Path, split: str, retriever: Retriever) -> Iterator[Case]:
    texts = {row["_id"]: row["text"] for row in squad.rows(data / "queries.jsonl")}
    with (data / "qrels" / f"{split}.tsv").open(encoding="utf-8") as file:
        asked = {line.split("\t")[0] for line in list(file)[1:]}
    labels: dict[str, dict[str, str]] = defaultdict(dict)
    for row in squad.rows(data / "evidence.jsonl"):
        if row["_id"] in asked:
            labels[row["_id"]][row["doc"]] = row["label"]
    ids = [each for each in labels if len(set(labels[each].values())) == 1]
    for name, found in zip(ids, passages_of(retriever, [texts[i] for i in ids], DEEP), strict=True):
        own = labels[name]
        label = next(iter(own.values()))
        # What is not retrieved cannot be judged: the evidence comes first then, as it would from a better retriever.
        best = found[:K]
        if any(p.document in own for p in best):
            yield Case("SciFact", "true" if label == "SUPPORT" else "contradicted", texts[name], best)
        if label == "SUPPORT":
            yield Case("SciFact", "not stated", texts[name], [p for p in found if p.document not in own][:K])


def squad_claims(data: Path, names: set[str], count: int, retriever: Retriever) -> Iterator[Case]:
    items = squad.answerable(data / "v1")
    part = squad.parts([item.article for item in items])
    kept = [item for item in items if part[item.article] in names and _ASKS.search(item.text)]
    pool = defaultdict(list)
    for item in kept:
        pool[item.article, analyse(item.text).kind].append(item)
    rng = random.Random(squad.SEED)
    made = []
    for item in squad.sample(kept, count):
        others = [o for o in pool[item.article, analyse(item.text).kind]
                  if o.paragraph != item.paragraph and not squad.holds_gold(o.golds[0], item.golds)]  # fmt: skip
        if others:
            true = claim(item, item.golds[0])
            made += [(item, "true", true), (item, "swapped", claim(item, rng.choice(others).golds[0]))]
            if _VERB.search(true):
                made.append((item, "negated", _VERB.sub(r"\1 not", true, count=1)))
    found = passages_of(retriever, [item.text for item, _, _ in made], K)
    for (item, kind, text), passages in zip(made, found, strict=True):
        if any(p.document == item.paragraph for p in passages):
            yield Case("SQuAD", kind, text, passages)


def denials(data: Path, names: set[str], count: int, retriever: Retriever) -> Iterator[Case]:
    """Yield sentences of the retrieved passages that say "not", and the same without it."""
    items = squad.answerable(data / "v1")
    part = squad.parts([item.article for item in items])
    kept = squad.sample([item for item in items if part[item.article] in names], count)
    seen = set()
    for passages in passages_of(retriever, [item.text for item in kept], K):
        said = [p.text[start:end] for p in passages for start, end in sentences(p.text)]
        denying = next((each for each in said if _NOT.search(each) and each not in seen), None)
        if denying is not None:
            seen.add(denying)
            yield Case("SQuAD", "denial kept", denying, passages)
            yield Case("SQuAD", "denial left out", _NOT.sub("", denying), passages)


def claim(item: squad.Item, answer: str) -> str:
    """Return a question with an answer in the place of its question word."""
    return _ASKS.sub(lambda _: answer, item.text, count=1).rstrip("? ") + "."


def show(cases: list[Case], kb: KnowledgeBase) -> None:
    """Fill in the features of every span by words, and whether a number of the claim is missing."""
    checker = SupportChecker(None, kb.analyser)
    for case in cases:
        evidence = checker.evidence(case.passages)
        read = Claim.read(bare(case.text), checker.reader)
        case.shown = np.array([features(read, [span], evidence) for span in evidence.spans])
        case.blocked = np.array([bool(number_missing(read, [span], evidence)) for span in evidence.spans])
        case.spans = [case.passages[s.passage].text[s.start : s.end] for s in evidence.spans]


def embedded(cases: list[Case], lexical: np.ndarray, kb: KnowledgeBase) -> list[Case]:
    """Keep the spans that the checker would look at, with their cosines."""
    near = []
    for case in cases:
        best = np.argsort(-(case.shown @ lexical[1:]), kind="stable")[:LOOKED_AT]
        spans = [case.spans[i] for i in best]
        near.append(replace(case, shown=case.shown[best].copy(), blocked=case.blocked[best], spans=spans))
    texts = list(dict.fromkeys(text for case in near for text in (case.text, *case.spans)))
    vectors = dict(zip(texts, kb.embedder.embed_passages([bare(text) for text in texts]), strict=True))
    for case in near:
        cosines = np.array([vectors[span] for span in case.spans]) @ vectors[case.text]
        case.shown[:, FEATURES.index("cosine")] = cosines
    return near


def learn(cases: list[Case], used: list[str], rounds: int = 8, l2: float = 1.0) -> np.ndarray:
    """Fit a logistic regression on each claim's best span, found anew in each round; returns intercept and weights.

    Data sets count alike, and true claims as much as others.
    """
    at = [FEATURES.index(name) for name in used]
    y = np.array([case.true for case in cases])
    groups = [(case.data, case.true) for case in cases]
    share = np.array([1 / groups.count(g) for g in groups])
    share *= len(cases) / share.sum()
    weights = np.array([-5.0, *[7.0 if f == "coverage" else 0.0 for f in FEATURES]])
    bounds = [(None, None), *[(LEAST.get(f), 0) if SIGNS[f] < 0 else (0, None) for f in used]]
    for _ in range(rounds):
        best = np.array([best_span(case, weights)[0] for case in cases])
        x = np.hstack([np.ones((len(cases), 1)), best[:, at]])

        def loss(w, x=x):
            odds = x @ w
            value = (share * np.logaddexp(0, np.where(y, -odds, odds))).sum() + l2 * (w[1:] ** 2).sum() / 2
            return value, x.T @ (share * (1 / (1 + np.exp(-odds)) - y)) + l2 * np.append(0, w[1:])

        fitted = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B", bounds=bounds).x
        weights = np.zeros(1 + len(FEATURES))
        weights[[0, *[i + 1 for i in at]]] = fitted
    return weights


def best_span(case: Case, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the features of the best span and its score; a missing number is the checker's own rule."""
    score = 1 / (1 + np.exp(-(weights[0] + case.shown @ weights[1:])))
    score[case.blocked] = np.minimum(score[case.blocked], 0.05)
    place = int(np.argmax(score))
    return case.shown[place], float(score[place])


def report(cases: list[Case], checker: SupportChecker) -> dict[str, dict[str, float]]:
    """Judge every claim by the checker that ships."""
    out = {}
    for data in dict.fromkeys(case.data for case in cases):
        own = [case for case in cases if case.data == data]
        scores = np.array([checker.check(case.text, checker.evidence(case.passages))[0].score for case in own])
        kinds = np.array([case.kind for case in own])
        said = scores >= SUPPORTED
        rows = {"n_true": float((kinds == "true").sum()), "true": float(said[kinds == "true"].mean())}
        for kind in sorted(set(kinds) - {"true"}):
            pair = (kinds == kind) | (kinds == "true")
            rows |= {f"n_{kind}": float((kinds == kind).sum()), kind: float(said[kinds == kind].mean()),
                     f"auroc_{kind}": auroc(scores[pair], kinds[pair] == "true")}  # fmt: skip
        out[data] = {name: round(value, 4) for name, value in rows.items()}
    return out


def table(cases: list[Case], kb: KnowledgeBase) -> dict:
    show(cases, kb)
    lexical = learn(cases, [name for name in FEATURES if name != "cosine"])
    fits = {LEXICAL: lexical, kb.embedder.name: learn(embedded(cases, lexical, kb), list(FEATURES))}
    named = {
        name: dict(zip(("intercept", *FEATURES), np.round(w, 4).tolist(), strict=True)) for name, w in fits.items()
    }
    return {
        "learned_by": "benchmarks/support.py",
        "data": "SciFact, training claims; SQuAD 1.1, the articles of answer_weights.json",
        "weights": {name: {f: w for f, w in own.items() if w} for name, own in named.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scifact", type=Path, required=True, help="knowledge base of SciFact")
    parser.add_argument("--squad", type=Path, required=True, help="knowledge base of SQuAD 1.1's paragraphs")
    parser.add_argument("--learn", type=Path, help="learn the weights and write them there; nothing is reported")
    parser.add_argument("--count", type=int, default=1000, help="questions of SQuAD")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with KnowledgeBase.open(args.scifact) as claims, KnowledgeBase.open(args.squad) as articles:
        split, parts = ("train", {"learn", "calibrate"}) if args.learn else ("test", {"report"})
        of_claims, of_articles = Retriever(claims, rewrite="none"), Retriever(articles, rewrite="none")
        cases = [*scifact(args.data / "scifact", split, of_claims),
                 *squad_claims(args.data / "squad", parts, args.count, of_articles)]  # fmt: skip
        if not args.learn:
            cases += denials(args.data / "squad", parts, args.count, of_articles)
        if args.learn:
            args.learn.write_text(json.dumps(table(cases, claims), indent=1) + "\n", encoding="utf-8")
            return
        result = {
            "embedder": report(cases, SupportChecker(claims.embedder, claims.analyser)),
            "words": report(cases, SupportChecker(None, claims.analyser)),
        }
    if args.json:
        print(json.dumps({**result, "machine": machine()}, indent=1))
        return
    for name, own in result.items():
        for data, rows in own.items():
            print(f"{name:9}{data:9}" + "  ".join(f"{key} {value:g}" for key, value in rows.items()))


if __name__ == "__main__":
    main()
