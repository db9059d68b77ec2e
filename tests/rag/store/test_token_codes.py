"""States of tokens kept with the chunks: made at ingest, checked, and gone with their texts."""

from __future__ import annotations

import numpy as np
import pytest

from rag.documents.document import Document
from rag.embedding import HashingEmbedder, TokenStates, residual_codes
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase


class Words(HashingEmbedder):
    """Every word is a token, and its state is its own vector."""

    def embed_tokens(self, texts, *, query=False):
        return [TokenStates(self.embed_passages(t.split()), np.zeros((len(t.split()), 2), np.int64)) for t in texts]

    def embed_parts(self, texts, spans, *, see_tokens=None):
        for place, states in enumerate(self.embed_tokens(texts)):
            if see_tokens is not None:
                see_tokens(place, states.vectors)
        parts = [self.embed_passages([t[a:b] for a, b in own]) for t, own in zip(texts, spans, strict=True)]
        return self.embed_passages(texts), parts


DOCUMENTS = [
    Document("a", "Otters hold hands. They sleep."),
    Document("b", "They sleep."),  # also a sentence of the other's
    Document("c", "Herons stand still in water."),
]
EMBEDDER = Words(32)


def counts(kb):
    return [residual_codes.count(code, 32) for code in kb.token_codes(kb.chunk_ids().tolist())]


@pytest.fixture
def place(tmp_path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=EMBEDDER, granularity="chunk+late+tokens") as kb:
        kb.add(DOCUMENTS)
    return tmp_path / "kb"


def test_each_chunk_has_the_states_of_its_tokens(place):
    with KnowledgeBase.open(place, embedder=EMBEDDER) as kb:
        ids = kb.chunk_ids().tolist()
        assert counts(kb) == [len(c.text.split()) for c in kb.chunks(ids)]
        assert kb.token_codes([ids[2], ids[0]]) == [kb.token_codes(ids)[2], kb.token_codes(ids)[0]]
        assert kb.verify().ok


def test_other_granularities_keep_none_and_can_be_made_to(tmp_path):
    with KnowledgeBase.create(tmp_path / "kb", embedder=EMBEDDER, granularity="chunk+late") as kb:
        kb.add(DOCUMENTS)
        assert kb.token_codes(kb.chunk_ids().tolist()) == [None] * 3
        assert kb.verify().ok
    KnowledgeBase.reembed(tmp_path / "kb", EMBEDDER, granularity="chunk+late+tokens")
    with KnowledgeBase.open(tmp_path / "kb", embedder=EMBEDDER) as kb:
        assert counts(kb) == [5, 2, 5]
        assert kb.verify().ok
    KnowledgeBase.reembed(tmp_path / "kb", EMBEDDER, granularity="chunk+late")
    with KnowledgeBase.open(tmp_path / "kb", embedder=EMBEDDER) as kb:
        assert counts_none(kb)


def counts_none(kb):
    return set(kb.token_codes(kb.chunk_ids().tolist())) == {None}


def test_states_that_are_missing_are_found_and_made_again(place):
    with KnowledgeBase.open(place, mode="w", embedder=EMBEDDER) as kb:
        with kb._store.session.writing() as db:
            db.execute("update embeddings set tokens = null where id = (select embedding from chunks limit 1)")
        assert [(problem.kind, problem.count) for problem in kb.verify().problems] == [("vector", 1)]
    KnowledgeBase.mend(place, embedder=EMBEDDER)
    with KnowledgeBase.open(place, embedder=EMBEDDER) as kb:
        assert kb.verify().ok
        assert -1 not in counts(kb)


def test_a_salvaged_store_has_them_too(place):
    with KnowledgeBase.open(place, mode="w", embedder=EMBEDDER) as kb:
        kb.add(Document(f"more {n}", f"Document {n} says something long. " * 200) for n in range(20))
    file = place / "store.sqlite"
    raw = bytearray(file.read_bytes())
    middle = len(raw) // 8192 * 4096
    raw[middle : middle + 4096] = bytes(4096)
    file.write_bytes(raw)
    report = KnowledgeBase.mend(place, embedder=EMBEDDER)
    assert report.salvaged
    with KnowledgeBase.open(place, embedder=EMBEDDER) as kb:
        assert None not in kb.token_codes(kb.chunk_ids().tolist())
        assert kb.verify().ok


def test_they_go_with_their_text(place):
    with KnowledgeBase.open(place, mode="w", embedder=EMBEDDER) as kb:
        kept = dict(zip([c.document for c in kb.chunks(kb.chunk_ids())], kb.token_codes(kb.chunk_ids()), strict=True))
        kb.remove("a", purge=True)
        assert counts(kb) == [2, 5]
    raw = b"".join(file.read_bytes() for file in place.rglob("*") if file.is_file())
    assert kept["a"] not in raw
    assert kept["c"] in raw


def test_an_embedder_without_token_states_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"chunk\+late\+tokens needs"):
        KnowledgeBase.create(tmp_path / "kb", embedder=HashingEmbedder(8), granularity="chunk+late+tokens")
