"""An ingest gives the same knowledge base wherever its work is done, and whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import sys
import time

import docx
import numpy as np
import pytest

from pipelines.ingest import Options, ingest
from rag import KnowledgeBase
from rag.errors import InvalidInput
from rag.execution import SupervisedProcesses

OPTIONS = Options(embedder="hashing-64", chunker="headings:64/8", granularity="chunk+sentence")


def folder(path, n=40):
    """Write files of all kinds: those that need a parser, those that do not, and broken ones."""
    path.mkdir()
    for i in range(n):
        words = " ".join(f"Sentence {k} of file {i} tells of otter{i * k % 7} and river{k % 5}." for k in range(30))
        if i % 3 == 0:
            made = docx.Document()
            made.add_heading(f"Report {i}")
            made.add_paragraph(words)
            made.save(str(path / f"{i:02}.docx"))
        elif i % 3 == 1:
            (path / f"{i:02}.html").write_text(f"<title>Page {i}</title><h1>Page {i}</h1><p>{words}</p>")
        else:
            (path / f"{i:02}.md").write_text(f"# Note {i}\n\n{words}\n")
    (path / "broken.docx").write_bytes(b"PK\x03\x04 not a zip")
    (path / "empty.html").write_text("")
    return path


def contents(kb_folder):
    """Return all that a knowledge base holds."""
    with KnowledgeBase.open(kb_folder) as kb:
        ids = kb.chunk_ids()
        records = [(r.document, r.start, r.end, r.text, r.heading) for r in kb.chunks(ids)]
        vectors, owners = kb.sentence_vectors(ids)
        sources = {name: (info.sha256, info.complete, info.documents) for name, info in kb.sources().items()}
        assert not kb.verify().problems
        return records, kb.vectors(ids), vectors, owners.tolist(), sources


def assert_same(one, other):
    assert one[0] == other[0]
    assert one[4] == other[4]
    assert one[3] == other[3]
    np.testing.assert_allclose(one[1], other[1], atol=1e-6)
    np.testing.assert_allclose(one[2], other[2], atol=1e-3)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    place = tmp_path_factory.mktemp("here")
    docs = folder(place / "docs")
    report = ingest([docs], place / "kb", options=OPTIONS)
    return docs, report, contents(place / "kb")


def test_processes_give_what_this_process_gives(expected, tmp_path):
    docs, here, held = expected
    told = []
    report = ingest([docs], tmp_path / "kb", options=OPTIONS, executor="processes:2", on_progress=told.append)
    assert (report.added, report.chunks, report.embedded) == (here.added, here.chunks, here.embedded)
    assert [(f.source, f.reason) for f in report.failures] == [(f.source, f.reason) for f in here.failures]
    assert report.account == here.account
    assert_same(contents(tmp_path / "kb"), held)
    assert told[-1].documents == report.added
    assert told[-1].embedded == report.embedded
    again = ingest([docs], tmp_path / "kb", options=Options(), executor="processes:2")
    assert (again.added, again.changed, again.embedded) == (0, 0, 0)


class Killing(SupervisedProcesses):
    """Two processes, one of which is killed after each of some submissions."""

    def __init__(self, after=()):
        super().__init__(2)
        self.after, self.submitted, self.killed = frozenset(after), 0, []

    def submit(self, work, /, *arguments):
        future = super().submit(work, *arguments)
        self.submitted += 1
        if self.submitted in self.after:
            until(lambda: self.pids)
            self.killed.append(self.pids[self.submitted % len(self.pids)])
            os.kill(self.killed[-1], signal.SIGKILL)
        return future


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def ingested(docs, kb, workers):
    try:
        return ingest([docs], kb, options=OPTIONS, executor=workers)
    finally:
        workers.close()


@pytest.fixture(scope="module")
def submissions(expected, tmp_path_factory):
    """How many pieces of work an undisturbed ingest gives away."""
    workers = Killing()
    ingested(expected[0], tmp_path_factory.mktemp("undisturbed") / "kb", workers)
    return workers.submitted


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_killed_workers_cost_time_only(expected, submissions, tmp_path):
    docs, here, held = expected
    workers = Killing([2, submissions])
    report = ingested(docs, tmp_path / "kb", workers)
    assert len(set(workers.killed)) == 2
    assert (report.added, report.failed) == (here.added, here.failed)
    assert_same(contents(tmp_path / "kb"), held)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("moment", range(10))
def test_at_any_moment(expected, submissions, tmp_path, moment):
    docs, here, held = expected
    workers = Killing([1 + (submissions - 1) * moment // 9])
    report = ingested(docs, tmp_path / "kb", workers)
    assert len(workers.killed) == 1
    assert (report.added, report.failed) == (here.added, here.failed)
    assert_same(contents(tmp_path / "kb"), held)


def test_an_embedder_that_only_this_process_knows_is_refused_there(tmp_path):
    from rag.embedding import CallableEmbedder

    docs = folder(tmp_path / "docs", 3)
    mine = CallableEmbedder(lambda texts: [[len(text), 1.0] for text in texts], dim=2, name="mine")
    with pytest.raises(InvalidInput, match=r"embedder .mine. is an object of this process"):
        ingest([docs], tmp_path / "kb", options=Options(embedder=mine), executor="processes:1")
