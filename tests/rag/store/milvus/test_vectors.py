"""Search by vectors in Milvus, whatever it leaves out."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from indexes import METRICS, Metric
from rag.documents.document import Document
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, document
from tests.milvus_needed import needs_milvus

pytestmark = needs_milvus
E = HashingEmbedder(DIM)


def test_a_search_among_ids_that_finds_too_little_is_completed(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Lite's graphs do: 76 of 100 ids came back."""
    from rag.store.milvus.client import Client

    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk") as kb:
        kb.add(document(n) for n in range(20))
        query = E.embed_queries(["otter in the bay"])
        allow = kb.chunk_ids()[3:15]
        expected = kb.index("dense").search(query, 10, allow=allow)
        original = Client.search

        def lossy(self: Client, name: str, vector: Any, test: str, *rest: Any) -> list[dict[str, Any]]:
            found = original(self, name, vector, test, *rest)
            return found[::2] if "id in" in test else found

        monkeypatch.setattr(Client, "search", lossy)
        found = kb.index("dense").search(query, 10, allow=allow)
        assert found.ids.tolist() == expected.ids.tolist()
        assert found.scores == pytest.approx(expected.scores, abs=1e-6)
        several = kb.index("dense").search(query, 3, allow=np.array([2, 10**6, -5]))  # two that are not there
        assert several.row(0)[0].tolist() == [2]


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_scores_are_those_of_a_folder(
    place: str, metric: Metric, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rag.store.milvus import vectors

    monkeypatch.setattr(vectors, "_ALLOWED", 7)  # several expressions
    found = []
    for where in (place, tmp_path / "kb"):
        with KnowledgeBase.create(where, embedder=E, chunker="document", granularity="chunk", metric=metric) as kb:
            kb.add([*(document(n) for n in range(30)), Document("odd", "!", source="odd")])
            queries = np.concatenate([E.embed_queries(["otter", "kelp and a storm"]), np.zeros((1, DIM), np.float32)])
            ids = kb.chunk_ids()
            every = (kb.index("dense").search(queries, 40, allow=allow) for allow in (None, ids[::2]))
            found.append(
                [dict(zip(*map(np.ndarray.tolist, hits.row(n)), strict=True)) for hits in every for n in range(3)]
            )
    for one, two in zip(*found, strict=True):
        assert one == pytest.approx(two, abs=1e-5)


_WORDS = "id|born|died|kind|owner|number|chunk|key|document|and|or|in"
_EXPRESSION = re.compile(rf'(?:\b(?:{_WORDS})\b|\d+|"[0-9a-f]{{64}}"|[()\[\],<>= ])*')


@pytest.mark.slow
def test_no_text_is_part_of_an_expression(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a document's nor a question's nor a filter's."""
    from pymilvus import MilvusClient

    sent: list[str] = []
    for name in ("query", "search", "delete"):
        original = getattr(MilvusClient, name)

        def noted(*given: Any, _original: Any = original, **named: Any) -> Any:
            sent.append(named["filter"])
            return _original(*given, **named)

        monkeypatch.setattr(MilvusClient, name, noted)
    odd = 'x\' or id >= 0 or key == "y" \0 \\'
    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk+sentence") as kb:
        kb.add([Document(odd, f"Otters {odd} dive.", source=odd, title=odd, metadata={odd: odd, "key": odd})])
        kb.keep_setting(odd, odd)
        for where in (f"key == {json.dumps(odd)}", f"{json.dumps(odd)} == 1", f"title startswith {json.dumps(odd)}"):
            allow = kb.allowed(where)
            kb.dense().search(E.embed_queries([odd]), 3, allow=allow)
            kb.index("terms").search([[odd, "otters"]], 3, allow=allow)
        kb.hide(odd)
        kb.document(odd)
        kb.verify()
        kb.remove(odd, purge=True)
        assert not kb.document_ids()
    assert len(sent) > 40
    assert [each for each in sent if not _EXPRESSION.fullmatch(each)] == []
