"""Questions out of Python: mappings, data frames, and questions that are there."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import InvalidInput
from .question_reading import Reading
from .questions import Question, QuestionSet


def questions_of(given: object, name: str = "questions") -> QuestionSet:
    """Return the questions of a table.

    Parameters
    ----------
    given
        A `QuestionSet`; an iterable of mappings or `Question`; or a data frame of pandas or polars. Fields are named as
        in a file, see `rag.evaluation.questions.question_columns`.
    name
        For reports.

    Raises
    ------
    InvalidInput
        It is none of these, or no question in it can be asked.
    """
    if isinstance(given, QuestionSet):
        return given
    reading = Reading()
    rows: list[tuple[str, int, Any]] = []
    for number, row in enumerate(records(given, "questions"), 1):
        if isinstance(row, Question):
            reading.add(f"question {number}", lambda row=row: row)  # type: ignore[misc]
        else:
            rows.append((f"row {number}", number, row))
    reading.add_rows(rows, cells=hasattr(given, "columns"))
    return reading.done(name)


def records(given: object, what: str) -> Iterable[Any]:
    """Return the rows of a data frame, or the items of an iterable; cells are Python's own values.

    Raises
    ------
    InvalidInput
        It is neither; ``what`` names it.
    """
    if hasattr(given, "to_dicts"):  # polars
        return [_plain(row) for row in given.to_dicts()]
    if hasattr(given, "columns") and hasattr(given, "to_dict"):  # pandas
        return [_plain(row) for row in given.to_dict(orient="records")]
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise InvalidInput(f"{what} are a file, a data frame, or a list of rows, not a {type(given).__name__}")
    return (_plain(row) for row in given)


def _plain(value: Any) -> Any:  # noqa: ANN401 - a cell of somebody's table
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "tolist") and not isinstance(value, type | types.ModuleType):  # numpy's arrays and numbers
        return _plain(value.tolist())
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
