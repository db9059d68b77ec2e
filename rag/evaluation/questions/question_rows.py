"""Make a `Question` of one row of a file, whatever its fields are called."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from ...documents.document import clean_text
from ...loaders.results import metadata_of
from ..trec import checked_grade
from .question_cells import decoded, flag, is_empty, name_of, says_empty, values, whole
from .question_columns import NAMES, Columns, columns, is_output
from .questions import GoldSpan, Nugget, Question

LISTS = ("documents", "chunks", "quotes", "answers", "history", "without")
"""Fields that hold several values; a cell of a table separates them by ``|``, or holds JSON."""


def question_of(row: Mapping[str, Any], number: int, known_as: Columns | None = None) -> Question:
    """Make a question of a row; fields of other names go into its metadata.

    Parameters
    ----------
    number
        Its id where the row has none.
    known_as
        What the columns of the whole file are; those of the row alone where None.

    Raises
    ------
    ValueError
        No text, or a field of another kind than it should be; the message names it.
    """
    if not isinstance(row, Mapping):
        raise ValueError("not a JSON object with a text")  # noqa: TRY004 - broken data
    fields = (known_as or columns([row])).fields
    known: dict[str, Any] = {}
    for key, field in fields.items():
        if key in row and field not in known and not _none(field, row[key]):
            known[field] = row[key]
    other = {
        key: value
        for key, value in row.items()
        if key not in fields and not is_output(key) and not (isinstance(value, float) and is_empty(value))
    }
    if "text" not in known:
        raise ValueError(f"no text of a question{_meant(row)}")
    own = decoded(known.get("metadata", {}), "metadata")
    answers, none = _of_squad(known.get("answers"))
    return Question(
        id=clean_text(name_of(known.get("id", number))),
        text=clean_text(str(known["text"])),
        documents=_grades(known.get("documents"), "documents"),
        chunks=_chunks(known.get("chunks")),
        spans=tuple(_span(each) for each in values(known.get("spans"), "spans")),
        quotes=_texts(known.get("quotes"), "quotes"),
        answers=_texts(answers, "answers"),
        unanswerable=flag(known.get("unanswerable", none), "unanswerable"),
        metadata=metadata_of({**other, **(own if isinstance(own, Mapping) else {})}),
        history=_texts(known.get("history"), "history"),
        without=_texts(known.get("without"), "without"),
        nuggets=tuple(_nugget(each) for each in values(known.get("nuggets"), "nuggets")),
    )


def _of_squad(value: Any) -> tuple[Any, bool]:  # noqa: ANN401 - whatever a file holds
    """Return answers, and whether there is none: a row of SQuAD on the hub has ``{"text": [], "answer_start": []}``."""
    found = decoded(value, "answers")
    if not isinstance(found, Mapping) or "text" not in found:
        return value, False
    texts = values(found["text"], "answers")
    return list(dict.fromkeys(map(str, texts))), not texts


def _none(field: str, value: object) -> bool:
    """Whether a value says that there is none.

    Raises
    ------
    ValueError
        It could be an answer as well.
    """
    if is_empty(value):
        return True
    if not says_empty(value) or (field == "text" and not str(value).strip()):  # an empty question is named by its id
        return False
    if field == "answers" and str(value).strip().casefold() not in {"nan", "<na>"}:
        raise ValueError(
            f'the answer is {value!r}: leave it empty if there is none, or write ["{value}"] if it is meant'
        )
    return True


def _meant(row: Mapping[str, Any]) -> str:
    near = [key for key in row if difflib.get_close_matches(str(key).casefold(), NAMES["text"], 1, 0.7)]
    return f"; is {near[0]!r} meant to be 'text'?" if near and str(near[0]).casefold() not in NAMES["text"] else ""


def _texts(value: Any, field: str) -> tuple[str, ...]:  # noqa: ANN401 - whatever a file holds
    return tuple(clean_text(name_of(_item(each, field))) for each in values(value, field))


def _item(value: Any, field: str) -> Any:  # noqa: ANN401
    """Return the text or id of one of several values, also of an object that holds it.

    Raises
    ------
    ValueError
        It is a list or an object without one: as text it would be gold that nothing can match.
    """
    if isinstance(value, Mapping):
        found = next((value[key] for key in _HOLDING if not is_empty(value.get(key))), None)
        if found is not None and not isinstance(found, Mapping | list | tuple):
            return found
    if isinstance(value, Mapping | list | tuple):
        raise ValueError(f"{field} has {str(value)[:60]!r} where a text is needed")  # noqa: TRY004 - broken data
    return value


_HOLDING = ("text", "id", "_id", "doc_id", "docid", "document")
"""Keys of objects in lists: SQuAD's answers are ``{"text", "answer_start"}``."""


def _grades(value: Any, field: str) -> dict[str, int]:  # noqa: ANN401
    found = decoded(value, field)
    if isinstance(found, list) and found and all(isinstance(each, tuple) and len(each) == 2 for each in found):
        found = dict(found)  # Arrow's maps
    if isinstance(found, Mapping):
        grades = {clean_text(str(name)): whole(grade, field) for name, grade in found.items() if not is_empty(grade)}
        return {name: checked_grade(grade) for name, grade in grades.items()}
    return {clean_text(name_of(_item(name, field))): 1 for name in values(found, field)}


def _chunks(value: Any) -> dict[int, int]:  # noqa: ANN401
    return {whole(name, "chunks"): grade for name, grade in _grades(value, "chunks").items()}


def _nugget(value: Any) -> Nugget:  # noqa: ANN401
    importance = str(value.get("importance", "vital")).strip().casefold() if isinstance(value, Mapping) else "vital"
    if importance not in {"vital", "okay"}:
        raise ValueError(f"the importance of a nugget is vital or okay, not {importance!r}")
    return Nugget(clean_text(str(_item(value, "nuggets"))), importance == "vital")


def _span(value: Any) -> GoldSpan:  # noqa: ANN401
    if not isinstance(value, Mapping) or not {"document", "start", "end"} <= set(value):
        raise ValueError('a span is {"document": ID, "start": N, "end": N}')
    start, end = whole(value["start"], "start"), whole(value["end"], "end")
    return GoldSpan(clean_text(name_of(value["document"])), start, end, whole(value.get("grade", 1), "grade"))
