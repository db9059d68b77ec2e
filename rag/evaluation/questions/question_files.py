"""Read and write question sets: JSONL, CSV and Parquet of the toolkit's and RAGAS's form, SQuAD's JSON, data sets.

::

    questions.jsonl   {"id", "text", "documents", "spans", "answers" ...} a line, see `Question`
                      RAGAS: {"user_input", "reference", "reference_contexts"}, {"question", "ground_truth"}
    questions.csv     the same names as columns; lists as JSON, as Python prints them, or separated by "|"
    dev-v2.0.json     SQuAD 1.1 and 2.0: each paragraph a document "TITLE_N", answers as spans of it
    questions.parquet the same names as columns; .arrow and .feather too, extra `parquet`
    beir:DIR          queries.jsonl, qrels/SPLIT.tsv, and answers.jsonl and unanswerable.jsonl if they are there
    datasets:DIR      a folder of Hugging Face's `datasets`: BEIR's tables, or rows as above
    ir_datasets:NAME  a collection of ir_datasets that is on this machine
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...documents.document import clean_text
from ...errors import InvalidInput
from ...loaders.table_rows import rows
from ...source_prefixes import BEIR, FOLDER, NAMED, split_prefix
from ...whole_file import whole_file
from .judged_questions import beir_questions, collection_questions, folder_questions
from .question_reading import Reading, lines
from .questions import GoldSpan, Question, QuestionSet


def read_questions(source: str | Path, *, split: str = "test", unanswerable: bool = False) -> QuestionSet:
    """Read a question set.

    Parameters
    ----------
    source
        A ``.jsonl``, ``.csv``, ``.tsv``, ``.parquet``, ``.arrow``, ``.feather`` or ``.json`` file (a list, or SQuAD's
        form); or ``beir:DIR``, ``datasets:DIR`` or ``ir_datasets:NAME``.
    split
        For a BEIR folder: the file in ``qrels/`` that says which questions are asked. For a folder of ``datasets``:
        the split of the judgments, or of the questions; the only one there is, where it is ``test``.
    unanswerable
        For a BEIR folder: ask those of ``unanswerable.jsonl`` as well.

    Raises
    ------
    InvalidInput
        The file cannot be read, or no question in it can be asked. Single bad lines are listed in
        `QuestionSet.problems`.
    ExtraMissing
        A library that reads such a file is not installed.
    """
    prefix, place = split_prefix(str(source))
    try:
        if prefix.startswith(NAMED):
            return collection_questions(prefix.removeprefix(NAMED))
        if prefix == BEIR:
            return beir_questions(Path(place), split, unanswerable)
        if prefix == FOLDER:
            return folder_questions(Path(place), split)
        path = Path(source)
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder; say beir:{path} or datasets:{path}, by what it holds")
        kind = _KINDS.get(path.suffix.lower())
        if kind is None:
            raise InvalidInput(
                f"cannot tell what kind of questions {path.name} holds; give a file ending in "
                f"{', '.join(_KINDS)}, or beir:FOLDER, datasets:FOLDER or ir_datasets:NAME"
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
    found: list[tuple[str, int, Any]] = []
    for number, line in lines(path, reading):
        try:
            found.append((f"{path.name}:{number}", number, json.loads(line)))
        except (ValueError, RecursionError) as error:
            reading.problem(f"{path.name}:{number}: {error}")
    reading.add_rows(found)


def _table(path: Path, reading: Reading) -> None:
    text = "".join(line for _, line in lines(path, reading, blank=True))
    csv.field_size_limit(_LONGEST_CELL)
    table = csv.DictReader(io.StringIO(text, newline=""), delimiter=_delimiter(text, path))
    found: list[tuple[str, int, Any]] = []
    try:
        for row in table:
            where = f"{path.name}:{table.line_num}"
            if row.pop(None, None) is not None:  # the csv module's name for cells too many
                reading.problem(f"{where}: more cells than columns; put texts that hold the separator into quotes")
            else:
                found.append((where, table.line_num, row))
    except csv.Error as error:
        reading.problem(f"{path.name}:{table.line_num}: {error}")
    reading.add_rows(found, cells=True)


def _columnar(path: Path, reading: Reading) -> None:
    with path.open("rb") as file:
        try:
            found = list(rows(file, path.suffix.lower()))
        except InvalidInput as error:
            raise InvalidInput(f"{path.name}: {error}") from error
    reading.add_rows([(f"{path.name}, {where}", number, row) for number, (where, row) in enumerate(found, 1)])


_LONGEST_CELL = 100_000_000  # the csv module's own limit is 131,072: the passages of a row may be longer


def _delimiter(text: str, path: Path) -> str:
    """Return what separates the names in the first line: some programs write ``;`` into a CSV."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    head = text.partition("\n")[0]
    return next((mark for mark in ",;\t" if mark in head), ",")


def _squad(path: Path, reading: Reading) -> None:
    try:
        data = json.loads("".join(line for _, line in lines(path, reading, blank=True)))
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
    ".parquet": _columnar,
    ".arrow": _columnar,
    ".feather": _columnar,
}
