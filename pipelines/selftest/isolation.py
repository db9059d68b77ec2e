"""Search one tenant's documents among another's: none of the other's is found, and they change no result."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from rag.documents.document import Document
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.retriever import Retriever

from .corpus import E, text_of
from .tally import Tally

_EACH = 80


def _documents(tenant: str) -> list[Document]:
    return [Document.from_text(f"{tenant}secret {text_of(n)}", id=f"{tenant}{n}", tenant=tenant) for n in range(_EACH)]


def check(place: Path, tally: Tally) -> None:
    for spec in ("flat", "hnsw"):
        with KnowledgeBase.create(place / spec, embedder=E, indexes=(spec, "bm25"), granularity="chunk") as kb:
            kb.add([*_documents("ada"), *_documents("bob")])
            retriever = Retriever(kb, rewrite="none")
            for n in range(_EACH):
                question = f"bobsecret {text_of(n)[:60]}"
                found = retriever.retrieve(question, 10, where='tenant == "ada"')
                tally.expect(len(found) == 10, f"{spec}: only {len(found)} of 10 passages that match")
                foreign = [p.document for p in found if not p.document.startswith("ada")]
                tally.expect(not foreign, f"{spec}: another tenant's documents: {foreign}")
            allowed = kb.allowed('tenant == "ada"')
            own = sorted(c.id for c in kb.chunks(kb.chunk_ids()) if c.document.startswith("ada"))
            tally.expect(
                allowed is not None and allowed.ids.tolist() == own,
                f"{spec}: a filter allows other chunks than match",
            )
            for where in ('tenant = "ada"', "tenant == ada or", "__import__('os')", "1 == 1; drop table chunks"):
                tally.refused(InvalidInput, partial(retriever.retrieve, "x", 5, where=where))
            for where in ('tenant == "ada\' or 1=1"', "tenant == 1", "nosuch == 3"):
                tally.expect(not retriever.retrieve("secret", 5, where=where), f"{where} finds something")
