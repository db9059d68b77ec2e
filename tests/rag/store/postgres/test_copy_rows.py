"""Rows in COPY's binary form come back as they were given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from rag import KnowledgeBase
from rag.store.address import address
from rag.store.postgres.connection import Connection, connect
from rag.store.postgres.copy_rows import (
    CHUNK_COLUMNS,
    SENTENCE_COLUMNS,
    ChunkRow,
    SentenceRow,
    chunk_rows,
    sent,
    sentence_rows,
)
from rag.store.postgres.escaping import unescaped
from rag.testing import HashingEmbedder
from tests.postgres_server import needs_postgres

pytestmark = needs_postgres
DIM = 6


@pytest.fixture
def db(place: str) -> Iterator[Connection]:
    KnowledgeBase.create(place, embedder=HashingEmbedder(DIM), chunker="document").close()
    made = connect(address(place))
    yield made
    made.close()


def key(n: int) -> bytes:
    return bytes([n]) * 31 + b"\0"


def test_chunks_come_back(db: Connection) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((600, DIM)).astype(np.float32)
    rows = [ChunkRow(n, n // 7, n % 7, n, n + 5, (None, None, None), (), key(n % 256), None, f"Ä {n}", "t") for n in range(598)]  # fmt: skip  # noqa: E501
    rows.append(ChunkRow(1 << 40, 2, 3, 0, 1, (4, 5, None), ("Part\0", "ü"), key(9), b"\1\0", "a\0b", "t"))
    rows.append(ChunkRow(1 << 41, 2, 4, 0, 1, (None, None, 7), ("",), key(9), b"", "", "t"))
    sent(db, f"chunks ({CHUNK_COLUMNS})", chunk_rows(rows, range(600), vectors))
    found = db.rows(f"select {CHUNK_COLUMNS} from chunks order by id")
    assert len(found) == len(rows)
    for n, (row, given) in enumerate(zip(found, rows, strict=True)):
        assert (*row[:5], row[5:8]) == given[:6]
        assert tuple(unescaped(each) for each in row[8]) == given.heading
        assert (row[9], row[10]) == (n, given.key)
        np.testing.assert_array_equal(row[11].to_numpy(), vectors[n])
        assert (row[12], unescaped(row[13])) == (given.tokens, given.text)


@pytest.mark.parametrize("kind", ["vector", "halfvec"])
def test_sentences_come_back(db: Connection, kind: str) -> None:
    db.execute(f"alter table sentences alter vector type {kind}({DIM})")
    vectors = np.random.default_rng(3).standard_normal((3, DIM)).astype(np.float16 if kind == "halfvec" else np.float32)
    rows = [SentenceRow(1 << 40, n, 2 * n, 3 * n, key(n)) for n in range(3)]
    sent(db, f"sentences ({SENTENCE_COLUMNS})", [sentence_rows(rows, vectors)])
    found = db.rows(f"select {SENTENCE_COLUMNS} from sentences order by ordinal")
    assert [row[:5] for row in found] == rows
    np.testing.assert_array_equal([row[5].to_numpy() for row in found], vectors)


def test_parts_larger_than_a_send_arrive_whole(db: Connection) -> None:
    vectors = np.zeros((3, DIM), np.float32)
    rows = [ChunkRow(n, 1, n, 0, 1, (None, None, None), (), key(n), None, "x" * 900_000, "") for n in range(3)]
    sent(db, f"chunks ({CHUNK_COLUMNS})", (part for row, v in zip(rows, vectors, strict=True) for part in chunk_rows([row], [0], v[None])))  # fmt: skip  # noqa: E501
    assert db.rows("select length(text) from chunks") == [(900_000,)] * 3
