"""Repair: drop documents that are not as they were written, and build indexes anew that do not agree with them."""

from __future__ import annotations

from typing import Protocol

import indexes

from ..identity import Identity
from ..records import RepairReport, Status, VerifyReport
from . import btrees
from .escaping import unescaped
from .rows import PostgresRows
from .writing import Writer

_DANGLING = (
    "delete from documents d where not exists (select 1 from sources s where s.id = d.source)",
    "delete from chunks c where not exists (select 1 from documents d where d.id = c.document)",
    "delete from sentences s where not exists (select 1 from chunks c where c.id = s.chunk)",
    "delete from facts f where not exists (select 1 from documents d where d.id = f.document)",
)
_SHORT = """update sources s set complete = 0 where complete = 1
    and produced <> (select count(*) from documents d where d.source = s.id) returning name, location"""


class Repairable(Protocol):
    """What a repair asks of a store."""

    @property
    def identity(self) -> Identity:
        """What it was made with."""
        ...

    @property
    def specs(self) -> tuple[str, ...]:
        """Specs of its indexes."""
        ...

    def verify(self) -> VerifyReport:
        """Find what is wrong."""
        ...

    def status(self) -> Status:
        """Return counts."""
        ...

    def rebuild(self, spec: str) -> None:
        """Build an index anew."""
        ...


def repair(store: Repairable, writer: Writer) -> RepairReport:
    """Drop documents that are not as they were written, and build indexes anew that do not agree with them."""
    with writer.transaction() as db, db.unlimited():
        trees = btrees.rebuild(db)  # first of all: a row that is not found looks like one that is lost
    found = store.verify()
    broken = {int(i) for p in found.problems if p.file == "documents" for i in p.ids}
    lost: list[str] = []
    reingest: dict[str, str] = {}
    with writer.transaction() as db:
        for query in _DANGLING:
            db.execute(query)
        names = db.rows(
            """select d.id, d.name, s.name, s.location, s.key from documents d join sources s on s.id = d.source
               where d.id = any(%s)""",
            (list(broken),),
        )
        rows = PostgresRows(db, store.identity, None)
        rows.read_sources([row[4] for row in names])
        for id_, name, source, location, _ in names:
            rows.drop(id_)
            lost.append(unescaped(name))
            reingest[unescaped(source)] = unescaped(location)
        rows.finish(changed=bool(names))
        # A damaged vector must not be found in the cache when the document comes again.
        db.execute("delete from cached where %s", (bool(names),))
        db.execute("update sources set complete = 0 where key = any(%s)", ([row[4] for row in names],))
        for name, location in db.rows(_SHORT):
            reingest[unescaped(name)] = unescaped(location)
    files = {problem.file for problem in found.problems}
    if files & {"chunks", "sentences", "documents"}:  # what was left without a document is counted no more
        files |= {spec for spec in store.specs if indexes.kind(spec) == "terms" or spec.startswith("lsh")}
        with writer.transaction() as db:
            db.execute("update state set (chunks, terms) = (select count(*), coalesce(sum(terms), 0) from chunks)")
    rebuilt = tuple(spec for spec in store.specs if spec in files)
    for spec in rebuilt:
        store.rebuild(spec)
    return RepairReport(
        (*trees, *rebuilt), (), tuple(lost), dict(sorted(reingest.items())), documents=store.status().documents
    )
