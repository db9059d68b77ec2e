"""Questions as they are read: what is one, what is left out and why, and lines of text files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from .question_columns import Columns, columns
from .question_rows import LISTS, question_of
from .questions import Question, QuestionSet

MAX_PROBLEMS = 1000


@dataclass(slots=True)
class Reading:
    """Questions read so far, problems, and notes on columns that are not used."""

    questions: dict[str, Question] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def add_rows(self, rows: Sequence[tuple[str, int, Any]], *, cells: bool = False) -> None:
        """Add rows of one file, each with its place and number: what a column is depends on all of its columns.

        ``cells``: they are a table's, whose cells separate several values by ``|``.
        """
        known = columns([row for _, _, row in rows if isinstance(row, dict)])
        self.notes += known.notes
        for where, number, row in rows:
            self.add(where, partial(question_of, _split(row, known) if cells else row, number, known))

    def add(self, where: str, make: Callable[[], Question]) -> None:
        """Add a question, or note why it is left out."""
        try:
            question = make()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self.problem(f"{where}: {error}")
            return
        if not question.text.strip():
            self.problem(f"{where}: question {question.id!r} is empty")
        elif question.id in self.questions:
            self.problem(f"{where}: question id {question.id!r} occurs twice; the first one counts")
        else:
            self.questions[question.id] = question

    def problem(self, text: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)
        elif len(self.problems) == MAX_PROBLEMS:
            self.problems.append("more problems of the kind follow")

    def done(self, name: str) -> QuestionSet:
        """Return the set of questions."""
        if not self.questions:
            why = f": {self.problems[0]}" if self.problems else ""
            raise InvalidInput(f"{name} does not hold a question that can be asked{why}")
        return QuestionSet(tuple(self.questions.values()), name, tuple(self.problems), self.notes)


def _split(row: Any, known: Columns) -> Any:  # noqa: ANN401 - a row, or what is refused as none
    """Split the cells of a table that hold several values by ``|``."""
    if not isinstance(row, dict):
        return row
    return {key: _cell(known.fields.get(key, ""), value) for key, value in row.items()}


def _cell(name: str, value: object) -> object:
    if not isinstance(value, str) or name not in LISTS or "|" not in value or value.strip()[:1] in ("[", "{"):
        return value
    return [part.strip() for part in value.split("|") if part.strip()]


def object_rows(path: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file of JSON lines; none where there is no such file."""
    if not path.exists():
        return
    for number, line in lines(path, reading):
        try:
            yield json_object(line)
        except ValueError as error:
            reading.problem(f"{path.name}:{number}: {error}")


def lines(path: Path, reading: Reading, *, blank: bool = False) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file with their numbers; those that are not UTF-8 are named and left out."""
    with path.open("rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")  # the byte order marks of UTF-16
    encoding = "utf-16" if wide else "utf-8-sig"
    with path.open(encoding=encoding, errors="strict" if wide else "surrogateescape", newline="") as file:
        try:
            for number, line in enumerate(file, 1):
                if _UNREAD.search(line):
                    reading.problem(f"{path.name}:{number}: not UTF-8; save the file as UTF-8")
                elif blank or line.strip():
                    yield number, line.removeprefix("\ufeff").replace("\r\n", "\n")
        except UnicodeError as error:
            raise InvalidInput(f"{path.name} is neither UTF-8 nor UTF-16: {error}") from error


_UNREAD = re.compile("[\udc80-\udcff]")


def json_object(line: str) -> dict[str, Any]:
    """Return the object of a line; raises ValueError where it is none."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - broken data, not a wrong argument
    return row
