"""Verify that the bags of terms are those of the chunks' texts, and that the server finds chunks by them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...terms import Analyser
from ..records import Problem
from . import bag_texts, reading
from .bag_search import BagSearch
from .connection import Connection
from .textsearch import INDEX

_ASKED = 8
"""Terms of a chunk that it is to be found by."""


def problems(
    db: Connection, spec: str, analyser: Callable[[], Analyser], index: BagSearch, sample: Sequence[int]
) -> Iterator[Problem]:
    """Compare the bags with the chunks, and let a sample of chunks find themselves."""
    for kind, query, what in _COUNTED:
        if ids := tuple(row[0] for row in db.rows(query)):
            yield Problem(spec, kind, len(ids), ids, what)
    held: dict[int, str] = dict(db.rows("select chunk, terms from bags where chunk = any(%s)", (list(sample),)))
    made = analyser().terms_many(reading.terms_texts(db, sample))
    wrong = tuple(c for c, bag in zip(sample, made, strict=True) if c in held and held[c] != bag_texts.text(bag))
    if wrong:
        yield Problem(spec, "damaged", len(wrong), wrong, "of a sample of chunks whose text has other terms")
    if not db.one(_VALID, (INDEX,)):
        yield Problem(spec, "missing", 1, (), "the index is not there")
        return
    asked = [(c, bag[:_ASKED]) for c, bag in zip(sample, made, strict=True) if bag and c in held and c not in wrong]
    lost = tuple(chunk for chunk, bag in asked if not _finds(index, bag, chunk))
    if lost:
        yield Problem(spec, "recall", len(lost), lost, "of a sample of chunks that should find themselves")


_COUNTED = (
    (
        "missing",
        "select id from chunks c where not exists (select 1 from bags b where b.chunk = c.id) order by id",
        "chunks without terms",
    ),
    (
        "strange",
        "select chunk from bags b where not exists (select 1 from chunks c where c.id = b.chunk) order by chunk",
        "terms without a chunk",
    ),
)
_VALID = "select indisvalid from pg_index where indexrelid = to_regclass(%s)"


def _finds(index: BagSearch, bag: Sequence[str], chunk: int) -> bool:
    own = index.score([bag], np.array([chunk]))[0, 0]
    best = index.search([bag], 1).scores[0, 0]
    return bool(best >= own - 1e-4 * abs(own))
