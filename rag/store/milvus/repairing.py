"""Repair: drop documents that are not as they were written, and analyse terms anew."""

from __future__ import annotations

from collections.abc import Sequence

import indexes

from .. import reading
from ..records import RepairReport, VerifyReport
from .rows import MilvusRows
from .schema import CHUNKS
from .writing import MilvusWriting, Writer


def repair(found: VerifyReport, writer: Writer, writing: MilvusWriting, specs: Sequence[str]) -> RepairReport:
    """Drop documents that are not as they were written, and analyse all terms anew if these do not agree."""
    broken = sorted({int(i) for problem in found.problems if problem.file == "documents" for i in problem.ids})
    extra = [int(i) for problem in found.problems if problem.file == "chunks" for i in problem.ids]
    lost: list[str] = []
    reingest: dict[str, str] = {}

    def work(rows: MilvusRows) -> None:
        db = rows.facts
        query = """select d.name, s.name, s.location, s.id from documents d join sources s on s.id = d.source
                   where d.id = ?"""
        for document in broken:
            for name, source, location, row in list(db.execute(query, (document,))):
                lost.append(name)
                reingest[source] = location
                rows.drop(document)
                db.execute("update sources set complete = 0 where id = ?", (row,))
        short = """update sources set complete = 0 where complete = 1
            and produced <> (select count(*) from documents d where d.source = sources.id) returning name, location"""
        reingest.update(dict(list(db.execute(short))))

    writer.change(work)
    with writer.alone() as snapshot:
        for document in broken:  # a damaged vector must not be found in the cache when the document comes again
            snapshot.client.delete(CHUNKS, f"document == {document}")
        if extra:
            snapshot.client.delete(CHUNKS, f"id in {extra}")
    files = {problem.file for problem in found.problems}
    rebuilt = tuple(spec for spec in specs if indexes.kind(spec) == "terms" and spec in files)
    if rebuilt:
        writing.rearrange(writer.state.specs, automatic=writer.state.automatic)
    with writer.reading() as snapshot, snapshot.facts() as db:
        documents = reading.one(db, "select count(*) from documents")
    return RepairReport(rebuilt, (), tuple(lost), dict(sorted(reingest.items())), documents=documents)
