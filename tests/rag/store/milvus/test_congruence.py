"""Milvus Lite at 2,000 chunks finds what a folder finds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rag.documents.document import Document
from rag.embedding import HashingEmbedder
from rag.knowledge_base import KnowledgeBase
from rag.testing.store_contract import WORDS
from tests.milvus_needed import needs_milvus

pytestmark = [needs_milvus, pytest.mark.slow]
_CHUNKS, _DIM, _K = 2_000, 128, 20
_MORE = tuple(f"word{n}" for n in range(400))


def _documents() -> Iterator[Document]:
    rng = np.random.default_rng(5)
    for n in range(_CHUNKS):
        words = [*rng.choice(WORDS, 12), *rng.choice(_MORE, 12)]
        metadata = {"year": 2000 + n % 25, "tag": ["a", "b", "c"][n % 3]}
        yield Document(f"d{n}", " ".join(words) + ".", source=f"s{n // 10}", metadata=metadata)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KnowledgeBase]]:
    folder = tmp_path_factory.mktemp("congruence")
    own = HashingEmbedder(_DIM)
    with KnowledgeBase.create(folder / "kb", embedder=own, chunker="document", granularity="chunk") as kb:
        kb.add(_documents())
        kb.remove("s7")
        kb.hide("s9")
    place = f"milvus://{folder}/lite.db#team"
    KnowledgeBase.copy(folder / "kb", place)
    opened = [KnowledgeBase.open(where, embedder=own) for where in (folder / "kb", place)]
    yield opened
    for kb in opened:
        kb.close()


def _questions() -> list[str]:
    rng = np.random.default_rng(6)
    return [" ".join([*rng.choice(WORDS, 2), *rng.choice(_MORE, 3)]) for _ in range(25)]


@pytest.mark.parametrize("where", [None, "year == 2003", 'tag == "a" and year > 2010', "year < 2020", "year == 1"])
@pytest.mark.parametrize("family", ["dense", "terms"])
def test_the_same_ids_and_scores(both: list[KnowledgeBase], family: str, where: str | None) -> None:
    found = []
    for kb in both:
        names = {record.id: record.document for record in kb.chunks(kb.chunk_ids())}
        asked = _questions()
        queries = kb.embedder.embed_queries(asked) if family == "dense" else [kb.analyser.terms(q) for q in asked]
        with kb.view():
            hits = kb.index(family).search(queries, _K, allow=kb.allowed(where))  # type: ignore[arg-type]
        found.append(
            [[(names[i], s) for i, s in zip(*map(np.ndarray.tolist, hits.row(n)), strict=True)] for n in range(25)]
        )
    assert len(names) == _CHUNKS - 10
    for local, remote in zip(*found, strict=True):
        assert [score for _, score in remote] == pytest.approx([score for _, score in local], abs=1e-5)
        least = min((score for _, score in local), default=0.0) + 2e-5
        assert {name for name, score in remote if score > least} == {name for name, score in local if score > least}
        assert len(remote) == len(local)
