"""A small corpus, and what searches find in it: the reference that a check compares with."""

from __future__ import annotations

from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase

CHUNKER = "sentences:16/0"
E = HashingEmbedder(32)
WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heron",
    "islet",
    "jetty",
    "knoll",
    "larch",
    "marsh",
    "north",
    "otter",
    "pearl",
    "quartz",
    "river",
]


def text_of(n: int, version: int = 1) -> str:
    """A few sentences that no other document has; some shared, some of the version."""
    pick = [WORDS[(n * 7 + i * 5 + version) % len(WORDS)] for i in range(12)]
    return (
        f"Note{n} says that {pick[0]} lies near {pick[1]} and {pick[2]}. "
        f"The {pick[3]} of version{version} is kept by {pick[4]} until {pick[5]} comes. "
        f"Nobody saw {pick[6]} at {pick[7]}, unique{n}v{version} or not. "
        f"A line that all documents share stands here."
    )


def documents(count: int, *, version: int = 1, start: int = 0) -> list[Document]:
    """Documents ``note-N``, each its own source."""
    return [
        Document.from_text(text_of(n, version), id=f"note-{n}", title=f"Note {n}", number=n, even=n % 2 == 0)
        for n in range(start, start + count)
    ]


def answers(kb: KnowledgeBase, count: int = 20) -> list[list[tuple[float, str, int, str]]]:
    """What searches give, told by document and place instead of chunk id.

    Ties are cut off by id at the end of a result, and ids depend on the order of writing: the last score is left out.
    """
    texts = [f"{WORDS[n % len(WORDS)]} near {WORDS[(n + 3) % len(WORDS)]} note{n}" for n in range(count)]
    dense = kb.index("dense").search(HashingEmbedder(kb.dim).embed_queries(texts), 10)
    terms = kb.index("terms").search([kb.analyser.terms(text) for text in texts], 10)
    mixed = kb.dense().search(HashingEmbedder(kb.dim).embed_queries(texts), 10)  # by sentences too, where there are
    found = []
    for hits in (dense, terms, mixed):
        for i in range(len(texts)):
            ids, scores = hits.row(i)
            told = [
                (round(float(s), 4), c.document, c.start, c.text) for s, c in zip(scores, kb.chunks(ids), strict=True)
            ]
            last = told[-1][0] if len(told) == 10 else None
            found.append(sorted(entry for entry in told if entry[0] != last))
    return found
