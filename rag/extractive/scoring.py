"""Learned weights that rank sentences by their features, and give the probability that the first one answers.

The ranker is a linear model learned list-wise (the softmax likelihood of ListNet, Cao et al., ICML 2007, summed over
the right sentences); the probability is a logistic regression on signs of the ranker's first sentence (Platt, 1999).
Both are learned by ``benchmarks/learn_answer_weights.py``, which wrote ``answer_weights.json`` beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .features import NAMES
from .question_type import KINDS, Kind

LEXICAL = "lexical"
ANY_EMBEDDER = "any embedder"
STORED = "stored vectors"
"""Those of the sentences in their chunk, which the knowledge base keeps; `ANY_EMBEDDER` embeds when it is asked."""
PER_KIND = ("clue", "clues", "near", "overlap", "names_new", "numbers_new", "new", "length", "focus")
"""Features with a weight for each kind of question."""
COLUMNS = (*NAMES, *(f"{kind}:{name}" for kind in KINDS for name in PER_KIND))
SIGNS = (
    "score", "margin", "context", "rarest_missing", "numbers_missing", "near", "raw_cosine", "mean_cosine"
)  # fmt: skip
"""Inputs of the probability; the two cosines count only for the embedder that it was learned with."""

LONG_ANSWERS: frozenset[Kind] = frozenset(("manner", "reason", "definition", "other", "yesno"))
"""Kinds of question that one fact seldom answers."""

_USUAL_MARGIN = 1.8
"""Median margin between the first and the second sentence; a sentence without a rival gets it."""


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads((files(__package__) / "answer_weights.json").read_text("utf-8"))
    return table


def default_threshold() -> float:
    """Return the support below which an answer is withheld.

    It is the best one if a right answer counts +1 and a wrong one -1/6, since a quote shows its source and misleads
    little. On 1,000 questions each, half of them without an answer (``benchmarks/answers.py``), it keeps 95 % of the
    right answers and refuses 84 % of the questions whose topic the documents lack, but 13 % of SQuAD 2.0's
    unanswerable ones, which were written to look answered; those need a model that understands the sentence.
    """
    return float(_table()["threshold"])


def columns(features: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    """Add the columns for each kind of question: shape (n, len(COLUMNS))."""
    wide = np.zeros((len(features), len(COLUMNS)))
    wide[:, : len(NAMES)] = features
    own = features[:, [NAMES.index(name) for name in PER_KIND]]
    begin = len(NAMES) + KINDS.index(kind) * len(PER_KIND)
    wide[:, begin : begin + len(PER_KIND)] = own
    return wide


@cache
def _weights(model: str) -> NDArray[np.float64]:
    table: Mapping[str, float] = _table()["ranking"][model]
    return np.array([table.get(name, 0.0) for name in COLUMNS])


def scores(features: NDArray[np.float64], kind: Kind, model: str) -> NDArray[np.float64]:
    """Score sentences, higher is better; a difference is the log odds between two sentences of one result.

    ``model`` is `LEXICAL`, `ANY_EMBEDDER` or `STORED`: what the similarities are of, if there are any.
    """
    result: NDArray[np.float64] = columns(features, kind) @ _weights(model)
    return result


def of_embedder(model: str, embedder: str) -> str:
    """Return the name of the probability that is fitted to one embedder's cosines."""
    return f"{model} of {embedder}"


def signs(
    features: NDArray[np.float64], score: NDArray[np.float64], cosines: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the signs of the best-scored sentence, in the order of `SIGNS`; unknown cosines are 0."""
    best = int(np.argmax(score))
    others = np.delete(score, best)
    values = {
        "score": float(score[best]),
        "margin": min(float(score[best] - others.max()), 5.0) if len(others) else _USUAL_MARGIN,
        "raw_cosine": float(cosines[best]) if cosines is not None else 0.0,
        "mean_cosine": float(cosines.mean()) if cosines is not None else 0.0,
    }
    row = features[best]
    return np.array([values[name] if name in values else row[NAMES.index(name)] for name in SIGNS])


def for_long_answers(name: str) -> str:
    """Return the name of the probability for questions that one fact seldom answers (`LONG_ANSWERS`)."""
    return f"{name}, long answers"


def support(shown: NDArray[np.float64], kind: Kind, model: str, embedder: str = "") -> float:
    """Return the probability, 0 to 1, that the sentence with these `signs` answers the question.

    Parameters
    ----------
    shown
        From `signs`.
    kind
        Of the question: long answers have weights of their own.
    model
        As in `scores`.
    embedder
        Its name; one without weights of its own gets those of any.
    """
    supports: Mapping[str, Mapping[str, float]] = _table()["support"]
    name = own if (own := of_embedder(model, embedder)) in supports else model
    table = supports.get(for_long_answers(name), supports[name]) if kind in LONG_ANSWERS else supports[name]
    logit = table["intercept"] + sum(table.get(name, 0.0) * value for name, value in zip(SIGNS, shown, strict=True))
    return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))
