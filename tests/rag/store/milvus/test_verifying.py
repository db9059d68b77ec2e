"""What ``verify`` finds and ``repair`` mends in Milvus."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rag.knowledge_base import KnowledgeBase
from rag.store.address import address
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, answers, document
from tests.milvus_needed import needs_milvus

pytestmark = [needs_milvus, pytest.mark.slow]
E = HashingEmbedder(DIM)
_TEXT, _POSTINGS = 3, 5


def _text_gone(client) -> None:
    client.delete("records", f"kind == {_TEXT} and owner == 3")


def _text_of_another(client) -> None:
    rows = client.query("records", f"kind == {_TEXT} and owner in [3, 4]", ["owner", "data"])
    first, second = sorted(rows, key=lambda row: row["owner"])
    (whole,) = client.query("records", f"id == {first['id']}", _RECORD)
    client.write("records", [{**whole, "data": second["data"]}])


def _text_is_no_text(client) -> None:
    (whole,) = client.query("records", f"kind == {_TEXT} and owner == 3", _RECORD)
    client.write("records", [{**whole, "data": "QUJD"}])


def _chunk_gone(client) -> None:
    client.delete("chunks", "document == 3")


def _vector_of_another(client) -> None:
    (whole,) = client.query("chunks", "document == 3", ["document", "born", "died", "key", "data", "tokens", "vector"])
    client.write("chunks", [{**whole, "key": "00" * 32}])


def _chunk_of_nothing(client) -> None:
    (whole,) = client.query("chunks", "document == 3", ["document", "born", "died", "key", "data", "tokens", "vector"])
    client.write("chunks", [{**whole, "id": 500}])


def _sentences_gone(client) -> None:
    client.delete("sentences", "chunk == 3")


def _postings_gone(client) -> None:
    client.delete("records", f"kind == {_POSTINGS}")


_RECORD = ["kind", "owner", "number", "part", "born", "died", "data", "vector"]
DAMAGE: dict[Callable[..., None], set[tuple[str, str]]] = {
    _text_gone: {("documents", "missing")},
    _text_of_another: {("documents", "digest"), ("documents", "span"), ("documents", "vector")},
    _text_is_no_text: {("documents", "missing")},
    _chunk_gone: {("documents", "vector")},
    _vector_of_another: {("documents", "vector")},
    _chunk_of_nothing: {("documents", "vector"), ("chunks", "extra")},
    _sentences_gone: {("documents", "vector")},
    _postings_gone: {("bm25", "damaged"), ("bm25", "missing")},
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_damage_is_found_and_mended(place: str, damage: Callable[..., None]) -> None:
    from rag.store.milvus.client import Client

    with KnowledgeBase.create(place, embedder=E, chunker="document", granularity="chunk+sentence") as kb:
        kb.add(document(n) for n in range(6))
        before = answers(kb)
    client = Client(address(place))
    client.load(["records", "chunks", "sentences"])
    damage(client)
    client.close()
    kinds = {(problem.file, problem.kind) for problem in KnowledgeBase.check(place).problems}
    assert DAMAGE[damage] - {("documents", "vector"), ("documents", "span")} <= kinds
    assert kinds & DAMAGE[damage]
    done = KnowledgeBase.mend(place, embedder=E)
    assert KnowledgeBase.check(place).problems == (), done
    with KnowledgeBase.open(place, mode="w", embedder=E) as kb:
        kb.add(document(n) for n in range(6))
        assert kb.document_ids() == [f"d{n}" for n in range(6)]
        found = answers(kb)
        assert found.keys() == before.keys()
        for name, rows in before.items():
            if "documents" not in name:
                assert [list(row) for row in found[name]] == [list(row) for row in rows] or _close(found[name], rows)


def _close(one: list[dict[str, float]], two: list[dict[str, float]]) -> bool:
    return all(a.keys() == b.keys() and all(abs(a[k] - b[k]) < 1e-3 for k in a) for a, b in zip(one, two, strict=True))
