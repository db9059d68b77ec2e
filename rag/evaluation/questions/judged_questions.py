"""Questions whose gold are judgments (qrels): BEIR folders, folders of ``datasets``, collections of ir_datasets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import InvalidInput
from ...loaders import ir_collections
from ...loaders.dataset_folders import ITEM_IDS, QUERY_IDS, Table, tables
from ..trec import MOST_GRADE, checked_grade
from .question_cells import is_empty, name_of, whole
from .question_reading import Reading, json_object, lines, object_rows
from .question_rows import question_of
from .questions import QuestionSet

Grades = dict[str, dict[str, int]]
"""Grade by document by question."""


def beir_questions(folder: Path, split: str, unanswerable: bool) -> QuestionSet:
    """Read the questions of a BEIR folder; see `rag.evaluation.questions.question_files.read_questions`."""
    reading = Reading()
    grades = _qrels(folder, split, reading)
    answers = {
        str(row["_id"]): tuple(map(str, row["answers"])) for row in object_rows(folder / "answers.jsonl", reading)
    }
    unasked = 0
    for number, line in lines(folder / "queries.jsonl", reading):
        try:
            row = json_object(line)
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
    _note_unknown(reading, grades, f"qrels/{split}.tsv", "queries.jsonl")
    if unanswerable:
        for row in object_rows(folder / "unanswerable.jsonl", reading):
            fields = {"id": row.get("_id"), "text": row.get("text"), "unanswerable": True}
            reading.add("unanswerable.jsonl", partial(question_of, fields, 0))
    return reading.done(f"{folder.name} ({split})")


def _qrels(folder: Path, split: str, reading: Reading) -> Grades:
    path = folder / "qrels" / f"{split}.tsv"
    if not path.exists():
        there = sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))
        held = f"it has {', '.join(there)}" if there else "it has no qrels/*.tsv at all"
        raise InvalidInput(f"no judgments {path}; {held}")
    grades: Grades = {}
    for number, line in lines(path, reading):
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


def folder_questions(folder: Path, split: str) -> QuestionSet:
    """Read the questions of a folder of Hugging Face's ``datasets``.

    Questions and judgments are two tables, as BEIR's are on the hub (the judgments also in the folder beside it, whose
    name ends in ``-qrels``); or each row of one table is a question with its gold, under the names that files have.

    Raises
    ------
    InvalidInput
        It holds no questions, has no such split, or several tables that may be meant.
    """
    known = [(each, each.role()) for each in tables(folder)]
    asked = [each for each, role in known if role == "queries"]
    judged = [each for each, role in known if role == "qrels"]
    beside = folder.resolve().with_name(f"{folder.resolve().name}-qrels")
    if asked and not judged and beside.is_dir():
        judged = tables(beside)
    reading = Reading()
    name = f"{folder.resolve().name} ({split})"
    if asked and judged:
        grades = _judgments(_of_split(judged, split, folder).rows(), reading)
        _ask_judged(reading, (row for each in asked for row in each.rows()), grades)
        _note_unknown(reading, grades, "the judgments", "the questions")
        return reading.done(name)
    plain = asked or [each for each, role in known if role == ""]
    if not plain:
        raise InvalidInput(f"{folder} holds no questions; its tables are {', '.join(each.name for each, _ in known)}")
    rows = list(_of_split(plain, split, folder).rows())
    reading.add_rows([(where, number, row) for number, (where, row) in enumerate(rows, 1)])
    return reading.done(name)


def collection_questions(name: str) -> QuestionSet:
    """Read the judged questions of a collection of ir_datasets; raises as `rag.loaders.ir_collections.docs`."""
    reading = Reading()
    grades: Grades = {}
    for question, document, grade in ir_collections.qrels(name):
        _judge(reading, grades, (question, document, grade), f"{question} {document}")
    _ask_judged(reading, ((f"question {row['id']}", row) for row in ir_collections.queries(name)), grades)
    _note_unknown(reading, grades, "the judgments", "the questions")
    return reading.done(name)


def _of_split(found: Sequence[Table], split: str, folder: Path) -> Table:
    """Return the table of a split: the only one, where the split asked for is the default."""
    of = [each for each in found if each.split == split] or [each for each in found if each.config == split]
    if not of and len(found) == 1 and (split == _DEFAULT or not found[0].split):
        of = [found[0]]
    if len(of) == 1:
        return of[0]
    names = ", ".join(each.name for each in found)
    if of:
        raise InvalidInput(f"several tables of {folder} have the split {split!r}: {names}; name one's own folder")
    raise InvalidInput(f"{folder} has no split {split!r}; it has {names}")


_DEFAULT = "test"


def _judgments(rows: Iterable[tuple[str, Any]], reading: Reading) -> Grades:
    grades: Grades = {}
    for where, row in rows:
        if not isinstance(row, Mapping):
            reading.problem(f"{where}: {row if isinstance(row, Exception) else 'not an object'}")
            continue
        cells = [next((row[key] for key in names if not is_empty(row.get(key))), None) for names in _JUDGMENT]
        if any(cell is None for cell in cells):
            reading.problem(f"{where}: a judgment needs a question, a document and a grade; it has {', '.join(row)}")
            continue
        _judge(reading, grades, (name_of(cells[0]), name_of(cells[1]), cells[2]), where)
    return grades


_JUDGMENT = (QUERY_IDS, ITEM_IDS, ("score", "relevance", "rel", "grade", "label"))


def _judge(reading: Reading, grades: Grades, judgment: tuple[str, str, Any], where: str) -> None:
    question, document, grade = judgment
    try:
        checked = checked_grade(whole(grade, "the grade"))
    except ValueError as error:
        reading.problem(f"{where}: {error}")
        return
    own = grades.setdefault(question, {})
    if document in own:
        reading.problem(f"{where}: {document!r} is judged twice for {question!r}; the first counts")
    own.setdefault(document, checked)


def _ask_judged(reading: Reading, rows: Iterable[tuple[str, Any]], grades: Grades) -> None:
    """Add the questions that are judged."""
    for where, row in rows:
        if not isinstance(row, Mapping):
            reading.problem(f"{where}: {row if isinstance(row, Exception) else 'not an object'}")
            continue
        name = next((name_of(row[key]) for key in _IDS if not is_empty(row.get(key))), None)
        if name is None:
            reading.problem(f"{where}: no id")
        elif name in grades:
            reading.add(where, partial(question_of, {**row, "documents": grades[name]}, 0))


_IDS = ("_id", "id", "query_id", "query-id", "qid")


def _note_unknown(reading: Reading, grades: Grades, judgments: str, questions: str) -> None:
    unknown = [name for name in grades if name not in reading.questions]
    if unknown:
        shown = ", ".join(unknown[:5]) + (" ..." if len(unknown) > 5 else "")
        reading.problem(f"{judgments} judges {len(unknown)} questions that {questions} does not hold: {shown}")
