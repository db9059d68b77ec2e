"""Whether a knowledge base can choose by itself what share of the dense score its sentences get: it can't by sentences.

    python benchmarks/sentence_share.py KB [KB ...]

Asks sentences of the passages, as `rag.retrieval.weight_selection` does, and headings, and prints the mean reciprocal
rank of their passages for each share of the best sentence.
"""

from __future__ import annotations

import sys

import numpy as np

from rag.knowledge_base import KnowledgeBase
from rag.retrieval import weight_selection
from rag.retrieval.candidates import background_of, sample
from rag.store.similarities import similarities

SHARES = (0.0, 0.3, 0.5, 0.7, 0.9, 1.0)
LEAST = 32


def main() -> None:
    """Print a row for each knowledge base and kind of question."""
    for place in sys.argv[1:]:
        with KnowledgeBase.open(place) as kb:
            ids = sample(kb.chunk_ids())
            records, background = kb.chunks(ids.tolist()), background_of(kb, ids)
            headed = [(at, record.heading[-1]) for at, record in enumerate(records) if record.heading]
            asked = {"sentences": weight_selection._questions(kb, records), "headings": headed[:128]}
            for kind, questions in asked.items():
                if len(questions) < LEAST:
                    continue
                vectors = kb.embedder.embed_queries([text for _, text in questions])
                places = np.array([place for place, _ in questions])
                own = similarities(vectors, background.vectors, "cosine")
                every = similarities(vectors, background.sentences, "cosine")
                best = np.maximum.reduceat(every, background.starts, axis=1)
                ranks = {s: weight_selection._reciprocal_rank((1 - s) * own + s * best, places) for s in SHARES}
                print(place, kind, len(questions), *(f"{share:g}: {rank:.3f}" for share, rank in ranks.items()))


if __name__ == "__main__":
    main()
