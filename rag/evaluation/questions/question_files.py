"""Read and write question sets: the toolkit's JSONL and CSV, RAGAS's, SQuAD's JSON and BEIR folders.

::

    questions.jsonl   {"id", "text", "documents", "spans", "answers" ...} a line, see `Question`
                      RAGAS: {"user_input", "reference", "reference_contexts"}, {"question", "ground_truth"}
    questions.csv     the same names as columns; lists as JSON, as Python prints them, or separated by "|"
    dev-v2.0.json     SQuAD 1.1 and 2.0: each paragraph a document "TITLE_N", answers as spans of it
    beir:DIR          queries.jsonl, qrels/SPLIT.tsv, and answers.jsonl and unanswerable.jsonl if they are there
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...documents import clean_text
from ...errors import InvalidInput
from ...whole_file import whole_file
from ..trec import MOST_GRADE, checked_grade
from .question_columns import Columns, columns
from .question_rows import LISTS, question_of
from .questions import GoldSpan, Question, QuestionSet

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


def read_questions(source: str | Path, *, split: str = "test", unanswerable: bool = False) -> QuestionSet:
    """Read a question set.

    Parameters
    ----------
    source
        A ``.jsonl``, ``.csv``, ``.tsv`` or ``.json`` file (a list, or SQuAD's form); or ``beir:DIR``.
    split
        For a BEIR folder: the file in ``qrels/`` that says which questions are asked.
    unanswerable
        For a BEIR folder: ask those of ``unanswerable.jsonl`` as well.

    Raises
    ------
    InvalidInput
        The file cannot be read, or no question in it can be asked. Single bad lines are listed in
        `QuestionSet.problems`.
    """
    text = str(source)
    try:
        if text.startswith("beir:"):
            return _beir(Path(text.removeprefix("beir:")), split, unanswerable)
        path = Path(source)
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder; of a BEIR folder say beir:{path}")
        kind = _KINDS.get(path.suffix.lower())
        if kind is None:
            raise InvalidInput(
                f"cannot tell what kind of questions {path.name} holds; give a file ending in "
                f"{', '.join(_KINDS)}, or beir:FOLDER"
            )
        reading = Reading()
        kind(path, reading)
        return reading.done(path.name)
    except OSError as error:
        raise InvalidInput(f"cannot read the questions {source}: {error.strerror or error}") from error


def write_questions(questions: QuestionSet, path: str | Path) -> None:
    """Write a set in the toolkit's own JSONL form, one question per line."""
    with whole_file(path) as out:
        out.writelines(json.dumps(q.as_dict(), ensure_ascii=False) + "\n" for q in questions)


def _jsonl(path: Path, reading: Reading) -> None:
    rows: list[tuple[str, int, Any]] = []
    for number, line in _lines(path, reading):
        try:
            rows.append((f"{path.name}:{number}", number, json.loads(line)))
        except (ValueError, RecursionError) as error:
            reading.problem(f"{path.name}:{number}: {error}")
    reading.add_rows(rows)


def _table(path: Path, reading: Reading) -> None:
    text = "".join(line for _, line in _lines(path, reading, blank=True))
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text, path))
    found: list[tuple[str, int, Any]] = []
    try:
        for row in rows:
            where = f"{path.name}:{rows.line_num}"
            if row.pop(None, None) is not None:  # the csv module's name for cells too many
                reading.problem(f"{where}: more cells than columns; put texts that hold the separator into quotes")
            else:
                found.append((where, rows.line_num, row))
    except csv.Error as error:
        reading.problem(f"{path.name}:{rows.line_num}: {error}")
    reading.add_rows(found, cells=True)


def _delimiter(text: str, path: Path) -> str:
    """Return what separates the names in the first line: some programs write ``;`` into a CSV."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    head = text.partition("\n")[0]
    return next((mark for mark in ",;\t" if mark in head), ",")


def _split(row: Any, known: Columns) -> Any:  # noqa: ANN401 - a row, or what is refused as none
    """Split the cells of a table that hold several values by ``|``."""
    if not isinstance(row, dict):
        return row
    return {key: _cell(known.fields.get(key, ""), value) for key, value in row.items()}


def _cell(name: str, value: object) -> object:
    if not isinstance(value, str) or name not in LISTS or "|" not in value or value.strip()[:1] in ("[", "{"):
        return value
    return [part.strip() for part in value.split("|") if part.strip()]


def _squad(path: Path, reading: Reading) -> None:
    try:
        data = json.loads("".join(line for _, line in _lines(path, reading, blank=True)))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path.name} is not JSON: {error}") from error
    if isinstance(data, list):
        reading.add_rows([(f"{path.name}, item {number}", number, row) for number, row in enumerate(data, 1)])
        return
    try:
        articles = data["data"]
        for article in articles:
            title = str(article.get("title") or "")
            for number, paragraph in enumerate(article["paragraphs"]):
                document = f"{title}_{number}"
                for qa in paragraph["qas"]:
                    reading.add(f"{path.name}, {document}", partial(_qa, qa, document, title))
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{path.name} is neither a list of questions nor of SQuAD's form "
            f"(data, paragraphs, qas): {type(error).__name__} {error}"
        ) from error


def _qa(qa: Mapping[str, Any], document: str, title: str) -> Question:
    answers = [(str(a["text"]), int(a["answer_start"])) for a in qa.get("answers", ())]
    none = bool(qa.get("is_impossible", False))
    return Question(
        id=str(qa["id"]),
        text=clean_text(str(qa["question"])),
        documents={} if none else {document: 1},
        spans=tuple(dict.fromkeys(GoldSpan(document, start, start + len(text)) for text, start in answers if text)),
        answers=tuple(dict.fromkeys(text for text, _ in answers)),
        unanswerable=none,
        metadata={"title": title},
    )


_KINDS: dict[str, Callable[[Path, Reading], None]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".csv": _table,
    ".tsv": _table,
    ".json": _squad,
}


def _beir(folder: Path, split: str, unanswerable: bool) -> QuestionSet:
    reading = Reading()
    grades = _qrels(folder, split, reading)
    answers = {str(row["_id"]): tuple(map(str, row["answers"])) for row in _rows(folder / "answers.jsonl", reading)}
    unasked = 0
    for number, line in _lines(folder / "queries.jsonl", reading):
        try:
            row = _object(line)
            name = str(row["_id"])
        except (ValueError, KeyError) as error:
            reading.problem(f"queries.jsonl:{number}: {error}")
            continue
        if name not in grades:
            unasked += 1
            continue
        metadata = row.get("metadata")
        fields = {"id": name, "text": row.get("text"), "documents": grades[name], "answers": answers.get(name, ())}
        fields["metadata"] = metadata if isinstance(metadata, dict) else {}
        reading.add(f"queries.jsonl:{number}", partial(question_of, fields, 0))
    unknown = [name for name in grades if name not in reading.questions]
    if unknown:
        shown = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        reading.problem(f"qrels/{split}.tsv judges {len(unknown)} questions that queries.jsonl does not hold: {shown}")
    if unanswerable:
        for row in _rows(folder / "unanswerable.jsonl", reading):
            fields = {"id": row.get("_id"), "text": row.get("text"), "unanswerable": True}
            reading.add("unanswerable.jsonl", partial(question_of, fields, 0))
    return reading.done(f"{folder.name} ({split})")


def _qrels(folder: Path, split: str, reading: Reading) -> dict[str, dict[str, int]]:
    path = folder / "qrels" / f"{split}.tsv"
    if not path.exists():
        there = sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))
        held = f"it has {', '.join(there)}" if there else "it has no qrels/*.tsv at all"
        raise InvalidInput(f"no judgments {path}; {held}")
    grades: dict[str, dict[str, int]] = {}
    for number, line in _lines(path, reading):
        fields = line.rstrip("\n").split("\t")
        if number == 1 and fields[-1] == "score":
            continue
        try:
            question, document, grade = fields
            own = grades.setdefault(question, {})
            if document in own:
                reading.problem(
                    f"{path.name}:{number}: {document!r} is judged twice for {question!r}; the first counts"
                )
            own.setdefault(document, checked_grade(int(grade)))
        except ValueError:
            reading.problem(
                f"{path.name}:{number}: not question, document and a whole number up to {MOST_GRADE}, separated by tabs"
            )
    return grades


def _rows(path: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for number, line in _lines(path, reading):
        try:
            yield _object(line)
        except ValueError as error:
            reading.problem(f"{path.name}:{number}: {error}")


def _lines(path: Path, reading: Reading, *, blank: bool = False) -> Iterator[tuple[int, str]]:
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


def _object(line: str) -> dict[str, Any]:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - broken data, not a wrong argument
    return row
