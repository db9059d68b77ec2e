"""Commits in Milvus: all of one or nothing of it, wherever it was cut off."""

from __future__ import annotations

import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag.documents.document import Document
from rag.errors import StoreLocked
from rag.knowledge_base import KnowledgeBase
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, answers, document
from tests.milvus_needed import needs_milvus

pytestmark = needs_milvus
E = HashingEmbedder(DIM)
_CALLS = ("write", "change", "delete")


class CutOffError(Exception):
    """Planted."""


def made(place: str, **own: Any) -> KnowledgeBase:
    options = {"embedder": E, "chunker": "document", "granularity": "chunk+sentence"}
    return KnowledgeBase.create(place, **{**options, **own})


def begun(place: str) -> None:
    with made(place) as kb:
        kb.add(document(n) for n in range(6))


def changed(kb: KnowledgeBase) -> None:
    """Replace, remove and add in one commit."""
    kb.add([document(0, text="An otter sleeps in the bay."), document(20), document(21)])


def cut_off_at(monkeypatch: pytest.MonkeyPatch, step: int) -> list[str]:
    """Let the calls that write fail from a step on, before they have done anything; return a list of those that did."""
    from rag.store.milvus.client import Client

    done: list[str] = []

    def failing(name: str) -> Any:
        original = getattr(Client, name)

        def call(self: Client, collection: str, *given: Any, **named: Any) -> Any:
            if len(done) + 1 >= step:
                raise CutOffError
            done.append(f"{name} {collection}")
            return original(self, collection, *given, **named)

        return call

    for name in _CALLS:
        monkeypatch.setattr(Client, name, failing(name))
    return done


@pytest.mark.slow
def test_a_commit_that_is_cut_off_is_seen_by_nobody(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each of its steps, by readers and by the writer; the next one clears what was left, and nothing is doubled."""
    begun(place)
    with KnowledgeBase.open(place, mode="w", embedder=E) as kb, KnowledgeBase.open(place, embedder=E) as reader:
        before, seq = answers(kb), kb.seq
        with monkeypatch.context() as patched:
            steps = len(cut_off_at(patched, 10**9))
            assert steps == 0
        for step in range(1, 40):
            with monkeypatch.context() as patched:
                done = cut_off_at(patched, step)
                try:
                    changed(kb)
                except CutOffError:
                    pass
                else:
                    break
            assert answers(kb) == before, done
            assert answers(reader) == before, done
            kb.keep_setting("step", str(step))  # a commit of the same number: it must not bring to life what was left
            assert answers(kb) == answers(reader) == before, done
            assert (kb.seq, reader.seq) == (seq, seq)
        assert step == 8, "a commit has seven steps"
        assert kb.document_ids() == sorted([*(f"d{n}" for n in range(6)), "d20", "d21"])
        assert answers(reader) == answers(kb) != before
        assert kb.verify().ok
        counted = kb.status()
        kb.purge()
        assert kb.status().embeddings == counted.embeddings - counted.orphans


@pytest.mark.slow
def test_a_commit_whose_answer_is_lost_was_made(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.store.milvus import schema

    begun(place)
    with KnowledgeBase.open(place, mode="w", embedder=E) as kb, KnowledgeBase.open(place, embedder=E) as reader:
        original = schema.commit

        def lost(*given: Any) -> None:
            original(*given)
            raise CutOffError

        with monkeypatch.context() as patched:
            patched.setattr(schema, "commit", lost)
            with pytest.raises(CutOffError):
                kb.add([document(30)])
        assert "d30" in reader.document_ids()
        assert (kb.add([document(30)]).unchanged, kb.add([document(31)]).added) == (1, 1)
        assert kb.verify().ok
        assert answers(reader) == answers(kb)


@pytest.mark.slow
def test_long_texts_are_kept_in_parts(place: str) -> None:
    """A document and a chunk that are longer than Milvus takes a text."""
    words = np.random.default_rng(3).integers(0, 10**9, 40_000)
    long = Document("long", " ".join(map(str, words.tolist())) + " Ü\0.", source="s")
    with made(place, granularity="chunk") as kb:
        kb.add([document(1), long])
        assert len(long.text) > 5 * 65_535
        assert kb.document("long") == long
        assert long.text in {record.text for record in kb.chunks(kb.chunk_ids())}
        assert kb.verify().ok
        kb.add([Document("long", "Short now.", source="s")])
        assert kb.document("long").text == "Short now."
        assert kb.verify().ok


_WORK = """
import os, signal, sys
from rag.knowledge_base import KnowledgeBase
from rag.store.milvus.client import Client
from rag.testing import HashingEmbedder
from rag.testing.store_contract import DIM, document

place, step = sys.argv[1], int(sys.argv[2])
done = 0

def counted(original):
    def call(*given, **named):
        global done
        for moment in range(2):
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            if not moment:
                found = original(*given, **named)
        return found
    return call

with KnowledgeBase.open(place, mode="w", embedder=HashingEmbedder(DIM)) as kb:
    for name in ("write", "change", "delete"):
        setattr(Client, name, counted(getattr(Client, name)))
    changed = [document(0, text="An otter sleeps in the bay."), document(20), document(21)]
    kb.add(changed, on_commit=lambda ids: print(*ids, flush=True))
    kb.remove("s1")
    kb.purge()
print("all", done)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills by a signal")
@pytest.mark.parametrize("step", [1, 5, 9, 13, 16, 19, 24, 30, 36])
def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(place: str, step: int, tmp_path: Path) -> None:
    for n in range(3):  # once in some thirty runs Lite's own server failed ("Method not implemented"); a loss is always
        try:
            _killed(place.replace("#team", f"#team{n}"), step, tmp_path / f"twin{n}")
        except Exception:
            if n == 2:
                raise
            traceback.print_exc()
        else:
            return


def _killed(place: str, step: int, beside: Path) -> None:
    begun(place)
    work = subprocess.run([sys.executable, "-c", _WORK, place, str(step)], capture_output=True, text=True, check=False)
    assert work.returncode == -signal.SIGKILL, work.stdout + work.stderr[-2000:]
    found = KnowledgeBase.check(place)
    assert found.ok, found.problems
    with KnowledgeBase.open(place, mode="w", embedder=E) as kb, made(str(beside)) as twin:
        acknowledged = work.stdout.split()
        assert set(acknowledged) <= set(kb.document_ids())
        assert set(kb.document_ids()) - {"d2", "d3"} >= {"d0", "d1", "d4", "d5"}
        changed(kb)
        kb.remove("s1")
        kb.purge()
        twin.add(document(n) for n in range(6))
        changed(twin)
        twin.remove("s1")
        assert kb.document_ids() == twin.document_ids()
        assert kb.status().orphans == 0
        assert kb.verify().ok
        assert _rounded(answers(kb)) == _rounded(answers(twin))


def _rounded(found: dict[str, Any]) -> dict[str, Any]:
    return {
        name: rows if "documents" in name else [{k: round(v, 3) for k, v in row.items()} for row in rows]
        for name, rows in found.items()
    }


@pytest.mark.slow
def test_two_knowledge_bases_in_one_file(place: str) -> None:
    """They know nothing of each other."""
    other = place.replace("#team", "#other")
    with made(place) as kb, made(other) as second:
        kb.add([document(1)])
        second.add([document(2)])
        assert (kb.document_ids(), second.document_ids()) == (["d1"], ["d2"])
        with pytest.raises(StoreLocked):
            KnowledgeBase.open(other, mode="w")
    assert KnowledgeBase.check(other).ok


@pytest.mark.slow
def test_segments_are_joined_and_find_the_same(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.store import postings_search

    monkeypatch.setattr(postings_search, "_SMALLEST", 60)
    with made(place, granularity="chunk") as kb, KnowledgeBase.open(place, embedder=E) as reader:
        for n in range(12):
            kb.add([document(n)])
        segments = kb._store._write().state.segments  # type: ignore[attr-defined]
        assert len(segments) < 12
        before = answers(kb)
        assert answers(reader) == before
        kb.reindex(["flat", "bm25"])
        assert answers(kb) == answers(reader) == before
        kb.remove("s4")
        kb.purge()
        assert len(kb._store._write().state.segments) == 1  # type: ignore[attr-defined]
        assert kb.verify().ok
        assert answers(reader) == answers(kb) != before
