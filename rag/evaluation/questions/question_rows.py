"""Make a `Question` of one row of a file, whatever its fields are called."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any

from ...documents import clean_text
from ...loaders.results import metadata_of
from .questions import GoldSpan, Question

# What each field is called in the files that people have: ours first, then BEIR's, RAGAS's and plain ones.
_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "_id", "question_id", "qid"),
    "text": ("text", "question", "user_input", "query"),
    "documents": ("documents", "document", "relevant_documents", "gold_documents", "reference_context_ids"),
    "chunks": ("chunks", "chunk"),
    "spans": ("spans", "span"),
    "quotes": ("quotes", "reference_contexts", "contexts"),
    "answers": ("answers", "answer", "reference", "ground_truth", "ground_truths"),
    "unanswerable": ("unanswerable", "is_impossible"),
    "metadata": ("metadata",),
    "history": ("history",),
}
LISTS = ("documents", "chunks", "quotes", "answers", "history")
"""Fields that hold several values; a cell of a table separates them by ``|``, or holds JSON."""

FIELDS = {alias: name for name, aliases in _NAMES.items() for alias in aliases}
_IGNORED = frozenset({"response", "retrieved_contexts", "retrieved_context_ids", "rubrics", "multi_responses"})


def question_of(row: Mapping[str, Any], number: int) -> Question:
    """Make a question of a row; fields of other names go into its metadata.

    Raises
    ------
    ValueError
        No text, or a field of another kind than it should be; the message names it.
    """
    if not isinstance(row, Mapping):
        raise ValueError("not an object with a text")  # noqa: TRY004 - broken data
    known: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for key, value in row.items():
        if key in FIELDS and value not in (None, "", [], {}):
            known.setdefault(FIELDS[key], value)
        elif key not in FIELDS and key not in _IGNORED:
            other[key] = value
    if "text" not in known:
        raise ValueError(f"no text of a question{_meant(row)}")
    own = _decoded(known.get("metadata", {}))
    return Question(
        id=clean_text(str(known.get("id", number))),
        text=clean_text(str(known["text"])),
        documents=_grades(known.get("documents"), "documents"),
        chunks=_chunks(known.get("chunks")),
        spans=tuple(_span(each) for each in _list(known.get("spans"))),
        quotes=_texts(known.get("quotes")),
        answers=_texts(known.get("answers")),
        unanswerable=_flag(known.get("unanswerable", False)),
        metadata=metadata_of({**other, **(own if isinstance(own, Mapping) else {})}),
        history=_texts(known.get("history")),
    )


def _meant(row: Mapping[str, Any]) -> str:
    near = [key for key in row if key not in FIELDS and difflib.get_close_matches(str(key), _NAMES["text"], 1, 0.7)]
    return f"; is {near[0]!r} meant to be 'text'?" if near else ""


def _decoded(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Read JSON inside a cell of a table."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _list(value: Any) -> list[Any]:  # noqa: ANN401
    value = _decoded(value)
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    return tuple(clean_text(str(each)) for each in _list(value))


def _grades(value: Any, field: str) -> dict[str, int]:  # noqa: ANN401
    value = _decoded(value)
    if isinstance(value, Mapping):
        return {clean_text(str(name)): _whole(grade, field) for name, grade in value.items()}
    return {clean_text(str(name)): 1 for name in _list(value)}


def _chunks(value: Any) -> dict[int, int]:  # noqa: ANN401
    return {_whole(name, "chunks"): grade for name, grade in _grades(value, "chunks").items()}


def _span(value: Any) -> GoldSpan:  # noqa: ANN401
    if not isinstance(value, Mapping) or not {"document", "start", "end"} <= set(value):
        raise ValueError('a span is {"document": ID, "start": N, "end": N}')
    start, end = _whole(value["start"], "start"), _whole(value["end"], "end")
    return GoldSpan(clean_text(str(value["document"])), start, end, _whole(value.get("grade", 1), "grade"))


def _whole(value: Any, field: str) -> int:  # noqa: ANN401
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"{field} has {value!r} where a whole number is needed")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ValueError(f"{field} has {value!r} where a whole number is needed") from None


def _flag(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, str):
        return value.strip().lower() in {"true", "1", "yes"}
    return bool(value)
