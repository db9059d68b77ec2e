"""Which column of a file is what: the toolkit's names, BEIR's, RAGAS's of both generations, and plain ones.

A system's own output is never gold. RAGAS calls it ``contexts`` and ``answer`` (later ``retrieved_contexts`` and
``response``), and the gold ``ground_truth`` (later ``reference`` and ``reference_contexts``). ``answer`` alone, as
plain files have it, is the reference answer; beside any column of RAGAS it is the system's.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "_id", "question_id", "qid"),
    "text": ("text", "question", "user_input", "query"),
    "documents": ("documents", "document", "relevant_documents", "gold_documents", "reference_context_ids"),
    "chunks": ("chunks", "chunk"),
    "spans": ("spans", "span"),
    "quotes": ("quotes", "reference_contexts"),
    "answers": ("answers", "reference", "reference_answer", "ground_truth", "ground_truths", "answer"),
    "unanswerable": ("unanswerable", "is_impossible"),
    "metadata": ("metadata",),
    "history": ("history",),
    "without": ("without",),
    "nuggets": ("nuggets",),
}
"""Each field's names: where a row has several, the first one that has a value counts."""

OUTPUT = frozenset(
    {"response", "contexts", "retrieved_contexts", "retrieved_context_ids", "multi_responses", "rubrics"}
)
"""Columns that hold what a system said or found, or how a judge marks it."""
_ANSWER = "answer"
_OF_RAGAS = frozenset({*OUTPUT, "user_input", "reference", "ground_truth", "ground_truths"})

FIELDS = {alias: name for name, aliases in NAMES.items() for alias in aliases}


@dataclass(frozen=True)
class Columns:
    """What the columns of a file are.

    Attributes
    ----------
    fields
        Field by column, in the order in which they count.
    notes
        A sentence for each column that is not used, and for each whose name may be a typing error.
    """

    fields: dict[str, str]
    notes: tuple[str, ...] = ()


def columns(rows: Iterable[Iterable[str]]) -> Columns:
    """Say what each column of a file is; the others are metadata.

    Parameters
    ----------
    rows
        The names that each row has: ``answer`` is a system's output in the whole file if it is so in one row.
    """
    shapes = {tuple(row) for row in rows}
    plain = {name: name.strip().casefold() for shape in shapes for name in shape}
    known = [{plain[name] for name in shape} for shape in shapes]
    output = OUTPUT | {_ANSWER for shape in known if _ANSWER in shape and shape & _OF_RAGAS}
    used: dict[str, str] = {}
    notes = []
    for name in sorted(plain, key=lambda each: (_ORDER.get(plain[each], 0), each)):
        field = FIELDS.get(plain[name])
        if plain[name] in output:
            notes.append(f"the column {name!r} is a system's own output, not gold: not used")
        elif field is None:
            near = difflib.get_close_matches(plain[name], FIELDS, 1, 0.8)
            if near:
                notes.append(f"the column {name!r} is kept as metadata; is {near[0]!r} meant?")
        else:
            first = next((other for other, of in used.items() if of == field and _beside(other, name, shapes)), None)
            if first is not None:
                notes.append(f"the column {name!r} is not used where {first!r} has a value")
            used[name] = field
    return Columns(used, tuple(notes))


def _beside(one: str, other: str, shapes: Iterable[tuple[str, ...]]) -> bool:
    return any(one in shape and other in shape for shape in shapes)


_ORDER = {alias: at for aliases in NAMES.values() for at, alias in enumerate(aliases)}


def is_output(name: str) -> bool:
    """Whether a column that has no field holds a system's own output, which is not metadata either."""
    plain = name.strip().casefold()
    return plain in OUTPUT or plain in FIELDS
