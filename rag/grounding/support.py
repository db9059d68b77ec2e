"""Check whether the passages support what a sentence claims.

By words: the share of the claim's words, names and numbers in a few sentences of one passage, whether both affirm or
negate, and point the same way. By meaning: the embedder's cosine, which also finds a claim in other words; only for the
embedder that the weights were learned with, since cosines of another mean something else. A logistic function of these
`FEATURES` gives the score; ``benchmarks/support.py`` learned its weights and says how far it can be trusted. A number
that the passage lacks is never supported, nor is what the passage denies ("must never mix" for "must mix"), as far as
`rag.grounding.negation` sees. A model of natural-language inference can replace the score, see `Entailment`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from ..embedding.protocol import Embedder
from ..embedding.torch_runtime import cross_encoder
from ..errors import InvalidInput
from ..terms import Analyser
from .contradictions import contradiction
from .evidence import Evidence, EvidenceSpan, bare
from .quantities import lacking, quantities
from .support_features import FEATURES, Claim, features
from .words import WordReader

log = logging.getLogger(__name__)

SUPPORTED = 0.5
"""Minimum support of a supported sentence."""
_DENIED = 0.2
"""Maximum support that a span gives to what it denies."""
LOOKED_AT = 8
"""Spans that are compared by meaning: the best ones by words."""

LEXICAL = "lexical"
"""The weights for words alone."""


@runtime_checkable
class Entailment(Protocol):
    """A model of natural-language inference."""

    def entail(self, premises: Sequence[str], claims: Sequence[str]) -> NDArray[np.float64]:
        """Probability, 0 to 1, that each premise entails its claim: float64, shape (n,)."""
        ...


@dataclass(frozen=True, slots=True)
class Support:
    """How well a passage supports a claim, and its span that does so best."""

    score: float
    passage: int
    start: int
    end: int
    problem: str = ""


class SupportChecker:
    """Compares sentences with passages. Safe to share between threads if the embedder is.

    Parameters
    ----------
    embedder
        Compares meanings; None for words alone.
    analyser
        Splits texts into index terms, as the knowledge base does.
    entailment
        A model of natural-language inference, such as `rag.grounding.support.CrossEncoderEntailment`.
    """

    def __init__(self, embedder: Embedder | None, analyser: Analyser, *, entailment: Entailment | None = None) -> None:
        known = embedder is not None and embedder.name in _weights()
        self._embedder = embedder if known else None
        self.reader = WordReader(analyser)
        self._entailment = entailment
        self._last: Evidence | None = None

    def evidence(self, passages: Sequence[Passage]) -> Evidence:
        """Analyse passages, once for all claims about them and for consecutive answers from them."""
        last = self._last
        if last is None or last.passages != tuple(passages):
            self._last = last = Evidence(passages, self.reader)
        return last

    def claims(self, sentence: str) -> bool:
        """Tell whether a sentence says anything that can be checked."""
        return bool(self.reader.read(bare(sentence)).terms)

    def check(self, sentence: str, evidence: Evidence) -> list[Support]:
        """Return each passage's support for a sentence, best first; empty if there is nothing to compare."""
        claim = Claim.read(bare(sentence), self.reader)
        if not claim.terms or not evidence.spans:
            return []
        shown = np.array([features(claim, [span], evidence) for span in evidence.spans])
        lexical = _probability(shown, LEXICAL)
        order = np.argsort(-lexical, kind="stable")[:LOOKED_AT]
        cosines = self._cosines(claim.text, [evidence.spans[int(i)] for i in order], evidence)
        scores = lexical
        if cosines is not None:
            scores = np.zeros(len(lexical))
            shown[order, FEATURES.index("cosine")] = cosines
            scores[order] = _probability(shown[order], self._embedder.name)  # type: ignore[union-attr] # it gave cosines
        for i in np.flatnonzero(scores >= SUPPORTED):
            if denial(claim, evidence.spans[int(i)]):
                scores[i] = _DENIED
        best: dict[int, Support] = {}
        for i in np.argsort(-scores, kind="stable"):
            span = evidence.spans[int(i)]
            if span.passage not in best:
                score, problem = _judged(claim, [span], float(scores[i]), evidence)
                best[span.passage] = Support(score, span.passage, span.start, span.end, problem)
        found = sorted(best.values(), key=lambda each: -each.score)
        if self._entailment is not None:
            found = self._entailed(claim.text, found, evidence)
        return found

    def together(self, sentence: str, evidence: Evidence, places: Sequence[int]) -> list[Support]:
        """Return the spans of several passages that support a sentence only together, or nothing.

        Parameters
        ----------
        places
            Places of the passages, from 0.
        """
        claim = Claim.read(bare(sentence), self.reader)
        if not claim.terms:
            return []
        chosen = []
        for place in dict.fromkeys(places):
            own = [span for span in evidence.spans if span.passage == place]
            if own:
                shown = np.array([features(claim, [span], evidence) for span in own])
                chosen.append(own[int(np.argmax(_probability(shown, LEXICAL)))])
        if len(chosen) < 2:
            return []
        score = float(_probability(np.array([features(claim, chosen, evidence)]), LEXICAL)[0])
        if self._entailment is not None:
            joined = "\n".join(evidence.passages[span.passage].text[span.start : span.end] for span in chosen)
            score = float(np.asarray(self._entailment.entail([joined], [claim.text]))[0])
        score, _ = _judged(claim, chosen, score, evidence)
        return [Support(score, s.passage, s.start, s.end) for s in chosen] if score >= SUPPORTED else []

    def _cosines(self, claim: str, spans: Sequence[EvidenceSpan], evidence: Evidence) -> NDArray[np.float64] | None:
        if self._embedder is None:
            return None
        places = [(span.passage, span.start, span.end) for span in spans]
        new = [place for place in places if place not in evidence.vectors]
        texts = [evidence.passages[passage].text[start:end] for passage, start, end in new]
        try:
            vectors = np.asarray(self._embedder.embed_passages([claim, *texts]), dtype=np.float64)
        except Exception as error:  # noqa: BLE001 - whatever an embedder raises, words still decide
            log.warning("the embedder failed (%s); claims are checked by words", type(error).__name__)
            return None
        evidence.vectors.update(zip(new, vectors[1:], strict=True))
        cosines: NDArray[np.float64] = np.array([evidence.vectors[place] for place in places]) @ vectors[0]
        return cosines if np.isfinite(cosines).all() else None

    def _entailed(self, claim: str, found: list[Support], evidence: Evidence) -> list[Support]:
        assert self._entailment is not None  # noqa: S101 - checked by the caller; tells mypy
        premises = [evidence.passages[each.passage].text[each.start : each.end] for each in found]
        scores = np.asarray(self._entailment.entail(premises, [claim] * len(premises)), dtype=np.float64)
        judged = [
            replace(each, score=float(score), problem="" if score >= SUPPORTED else "no passage entails it")
            for each, score in zip(found, scores, strict=True)
        ]
        return sorted(judged, key=lambda each: -each.score)


@cache
def _weights() -> dict[str, NDArray[np.float64]]:
    """Return the intercept and the weights of `FEATURES`, by embedder."""
    table: Mapping[str, Mapping[str, float]] = json.loads(
        (files(__package__) / "support_weights.json").read_text("utf-8")
    )["weights"]
    return {name: np.array([own.get(f, 0.0) for f in ("intercept", *FEATURES)]) for name, own in table.items()}


def _probability(shown: NDArray[np.float64], model: str) -> NDArray[np.float64]:
    intercept, *weights = _weights()[model]
    result: NDArray[np.float64] = 1 / (1 + np.exp(-(intercept + shown @ np.array(weights))))
    return result


def number_missing(claim: Claim, spans: Sequence[EvidenceSpan], evidence: Evidence) -> str:
    """Return a number of the claim that the spans and the headings above them lack; empty if they lack none."""
    if not claim.quantities:
        return ""
    heads = " ".join(" ".join((p.title, *p.heading)) for p in (evidence.passages[span.passage] for span in spans))
    known = [*quantities(heads, document=True), *(each for span in spans for each in span.quantities)]
    missing = lacking(claim.quantities, known, f"{heads} {evidence.text(spans)}")
    return missing.said if missing else ""


def denial(claim: Claim, span: EvidenceSpan) -> str:
    """Return a term that the claim affirms and the span denies; empty if there is none."""
    return "" if claim.denies else min(claim.terms & span.denied, default="")


def _judged(claim: Claim, spans: Sequence[EvidenceSpan], score: float, evidence: Evidence) -> tuple[float, str]:
    """Return the score, low if a number of the claim is missing, and the problem."""
    absent = number_missing(claim, spans, evidence)
    if absent:
        return min(score, 0.05), f"the passage lacks {absent}"
    denying = next((term for span in spans if (term := denial(claim, span))), "")
    if denying:
        return min(score, _DENIED), f"the passage denies {denying!r}"
    if score >= SUPPORTED:
        strange = claim.names.difference(*(evidence.terms[span.passage] for span in spans))
        problem = contradiction(claim.text, evidence.text(spans), evidence.reader, strange)
        return (min(score, _DENIED), problem) if problem else (score, "")
    unknown = sorted(claim.names.difference(*(evidence.terms[span.passage] for span in spans)))
    return score, f"the passage lacks {unknown[0]!r}" if unknown else "the passage holds too little of it"


class CrossEncoderEntailment:
    """Probability that a premise entails a claim, by a sentence-transformers cross-encoder.

    Parameters
    ----------
    model
        A model's name or folder, such as ``cross-encoder/nli-deberta-v3-small``, or a ``CrossEncoder``; one of its
        labels must be ``entailment``.

    Raises
    ------
    InvalidInput
        The model has no such label.
    ModelMissing
        The model is not on this machine.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401 - sentence-transformers is imported where used
        if isinstance(model, str):
            model = cross_encoder(model)
        labels = {str(name).lower(): int(at) for at, name in model.config.id2label.items()}
        place = next((at for name, at in labels.items() if name.startswith("entail")), None)
        if place is None:
            raise InvalidInput(f"the model has the labels {', '.join(labels)}; one must be 'entailment'")
        self._model, self._place = model, place

    def entail(self, premises: Sequence[str], claims: Sequence[str]) -> NDArray[np.float64]:
        """Return the probabilities: float64, shape (n,)."""
        if not premises:
            return np.zeros(0)
        pairs = list(zip(premises, claims, strict=True))
        logits = np.asarray(self._model.predict(pairs, show_progress_bar=False, activation_fn=_same), dtype=np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: NDArray[np.float64] = (odds / odds.sum(axis=1, keepdims=True))[:, self._place]
        return result


def _same(logits: Any) -> Any:  # noqa: ANN401 - a torch tensor
    return logits
