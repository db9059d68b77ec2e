"""Weight selection: how far the dense search is to be trusted here, measured on the knowledge base alone.

A model that was trained on one language reads another one badly or not at all, and then a fixed share of its score in
the fusion buries what the words find. Judged questions would show it; so do known items: take a sentence out of a
passage as a question, and see whether a search finds the passage that it is from among a sample of all passages.
A model that can read finds nearly all of them, and so do the terms. One that cannot read does not.

References
----------
L. Azzopardi, M. de Rijke and K. Balog, "Building simulated queries for known-item topics", SIGIR 2007.
"""

from __future__ import annotations

import json
import logging
import random
import unicodedata
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import indexes
from indexes import Hits, IdSet

from ..store.granularity import spans
from .candidates import background_of, dense_scores, encoded, sample
from .config import PipelineConfig
from .fusion import DENSE_WEIGHT

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase
    from ..store.records import ChunkRecord

_log = logging.getLogger(__name__)

SETTING = "weights"
"""Name of the setting that holds the evidence."""
LEAST_CHUNKS = 128
"""Chunks below which the default holds: among few passages every search finds."""
QUESTIONS = 128
_LEAST_QUESTIONS = 32
_LEAST_TERMS = 4
_MOST_OF_A_PASSAGE = 0.6
"""Share of its passage that a sentence may be."""
_LEAST_LETTERS = 0.9
"""Share of letters and digits in the characters of a sentence, spaces left out: markup and code ask nothing."""
LEAST_WEIGHT = 0.05
READS, READS_NOT = 0.9, 0.7
"""The dense search's share of the terms' success: from the one up the default holds, below the other the least weight
does. In between the weight follows it where the model's tokenizer breaks the words into letters, and the default holds
where it does not: some models tell sentences of one subject less well apart, and read them all the same. Chosen on six
languages, English and code with two models, see ``docs/results.md``."""
WHOLE = 2.5
"""Letters a token from which a tokenizer is not said to break words into letters; 4 are usual."""
_GROWTH = 1.5
"""Times as many chunks as measured, from which it is measured anew."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class WeightEvidence:
    """What was measured, and the weight that follows from it.

    Attributes
    ----------
    dense_weight
        The share of the dense search in the fusion.
    letters
        Letters and digits a token, in the sentences that were asked.
    dense, terms
        Mean reciprocal rank, 0 to 1, of the passages that the questions were taken from, by each search alone.
    questions, passages
        Sentences that were asked, and passages among which theirs had to be found.
    chunks
        Of the knowledge base, then.
    embedder
        Name and revision.
    """

    dense_weight: float
    letters: float
    dense: float
    terms: float
    questions: int
    passages: int
    chunks: int
    embedder: str

    def __str__(self) -> str:
        return (
            f"dense_weight {self.dense_weight:g}: of {self.questions} sentences asked, the passages were found "
            f"with a mean reciprocal rank of {self.dense:.2f} by meaning and {self.terms:.2f} by words"
        )


def stored_evidence(kb: KnowledgeBase) -> WeightEvidence | None:
    """Return what was measured last; None if nothing was, or a newer version wrote it."""
    text = kb.setting(SETTING)
    try:
        return None if text is None else WeightEvidence(**json.loads(text))
    except (TypeError, ValueError):
        return None


def select_weights(kb: KnowledgeBase) -> WeightEvidence | None:
    """Measure a knowledge base that is open for writing, and store the weight in its pipeline; return the evidence.

    Nothing is measured where there are few chunks, or where it was done and little was added since.
    A weight that somebody has set stays: one that is neither the default nor the one chosen here before.
    """
    before = stored_evidence(kb)
    if not _is_due(kb, before):
        return before
    try:
        config, found = PipelineConfig.of(kb), measure(kb)
    except Exception as error:  # noqa: BLE001 - an embedder may raise anything; what was added is safe all the same
        _log.warning("no weights were measured for %s: %s", kb.location, error)
        return before
    if found is None:
        return before
    kb.keep_setting(SETTING, json.dumps(asdict(found)))
    chosen = DENSE_WEIGHT if before is None else before.dense_weight
    if config.dense_weight == chosen != found.dense_weight:
        config.with_(dense_weight=found.dense_weight).store(kb)
    return found


def _is_due(kb: KnowledgeBase, before: WeightEvidence | None) -> bool:
    families = {indexes.kind(spec) for spec in kb.indexes}
    chunks = len(kb.chunk_ids())
    if not {"dense", "terms"} <= families or chunks < LEAST_CHUNKS:
        return False
    return before is None or before.embedder != _name(kb) or chunks > _GROWTH * before.chunks


def _name(kb: KnowledgeBase) -> str:
    return f"{kb.embedder.name} {kb.embedder.revision}"


def measure(kb: KnowledgeBase) -> WeightEvidence | None:
    """Ask sentences of a sample of passages, and say what follows; None where too few can be asked."""
    ids = sample(kb.chunk_ids())
    asked = _questions(kb, kb.chunks(ids.tolist()))
    if len(asked) < _LEAST_QUESTIONS:
        return None
    places = np.array([place for place, _ in asked])
    texts = [text for _, text in asked]
    background = background_of(kb, ids)
    dense = _reciprocal_rank(dense_scores(kb.dense(), kb.embedder.embed_queries(texts), background), places)
    queries: list[Any] = encoded(kb, texts) or [kb.analyser.terms(text) for text in texts]
    hits: Hits = kb.index("terms").search(queries, len(ids), allow=IdSet(ids))
    terms = _reciprocal_rank(_table(hits, ids), places)
    evidence = WeightEvidence(
        dense_weight=DENSE_WEIGHT,
        letters=round(_letters(kb, texts), 2),
        dense=round(dense, 4),
        terms=round(terms, 4),
        questions=len(asked),
        passages=len(ids),
        chunks=len(kb.chunk_ids()),
        embedder=_name(kb),
    )
    return replace(evidence, dense_weight=weight(dense / terms if terms else 1.0, evidence.letters))


def weight(share: float, letters: float) -> float:
    """Return the dense weight for a share of the terms' success, and so many letters a token."""
    trust = min(1.0, max(0.0, (share - READS_NOT) / (READS - READS_NOT)))
    if trust > 0 and letters >= WHOLE:
        return DENSE_WEIGHT
    return round(LEAST_WEIGHT + trust * (DENSE_WEIGHT - LEAST_WEIGHT), 2)


def _questions(kb: KnowledgeBase, chunks: list[ChunkRecord]) -> list[tuple[int, str]]:
    """Return sentences to ask, and the place of the passage that each is from; the same ones every time."""
    draw = random.Random(_SEED)  # noqa: S311 - no secret
    order = draw.sample(range(len(chunks)), len(chunks))
    found: list[tuple[int, str]] = []
    for place in order:
        text = chunks[place].text
        parts = [text[start:end] for start, end in spans(text) if end - start <= _MOST_OF_A_PASSAGE * len(text)]
        if fit := [part for part in parts if _is_prose(part) and len(set(kb.analyser.terms(part))) >= _LEAST_TERMS]:
            found.append((place, draw.choice(fit)))
        if len(found) == QUESTIONS:
            break
    return found


def _letters(kb: KnowledgeBase, texts: list[str]) -> float:
    tokens = sum(map(len, kb.embedder.tokenizer.offsets(texts)))
    return sum(char.isalnum() for text in texts for char in text) / max(1, tokens)


def _is_prose(text: str) -> bool:
    kinds = [unicodedata.category(char)[0] for char in text if not char.isspace()]
    return sum(kind in "LMN" for kind in kinds) >= _LEAST_LETTERS * len(kinds)


def _table(hits: Hits, ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return hits as a score for each of ``ids``: float32, shape (n_queries, n_ids)."""
    scores = np.zeros((len(hits.ids), len(ids)), np.float32)
    for row in range(len(scores)):
        found, values = hits.row(row)
        scores[row, np.searchsorted(ids, found)] = values
    return scores


def _reciprocal_rank(scores: NDArray[np.float32], places: NDArray[np.int64]) -> float:
    """Return the mean of 1 / rank of the item at each row's place; half of those with an equal score are before it."""
    own = scores[np.arange(len(places)), places][:, None]
    above, equal = (scores > own).sum(axis=1), (scores == own).sum(axis=1) - 1
    return float((1 / (1 + above + equal / 2)).mean())
