"""Read and write TREC runs and judgments, as trec_eval, ir-measures and most of the field do.

A line of a run is ``question Q0 item rank score tag``; of judgments (qrels) ``question 0 item grade``. trec_eval orders
by score, not by rank, reads scores as float32 and breaks ties by descending id; so runs are written with scores that
descend strictly in float32, and its order is ours. Ids are written and read as they are; one that holds white space,
which separates the fields, is refused by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..errors import InvalidInput
from ..whole_file import whole_file

Run = dict[str, dict[str, float]]
"""Score by item by question; higher is better."""

Qrels = dict[str, dict[str, int]]
"""Grade by item by question; above 0 is relevant."""
MOST_GRADE = 1000
"""Metrics raise 2 to the power of a grade."""


_T = TypeVar("_T")


def run_lines(question: str, ranked: Iterable[tuple[str, float]], tag: str = "rag-workbench") -> Iterator[str]:
    """Yield the lines of one question.

    Parameters
    ----------
    question
        Its id.
    ranked
        (item, score), best first. Scores that do not descend are lowered by the least that float32 can tell apart.
    tag
        Name of the system.

    Raises
    ------
    InvalidInput
        An id holds white space, or is empty.
    """
    last = np.float32(np.inf)
    for rank, (item, score) in enumerate(ranked, 1):
        last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
        yield f"{checked_id(question)} Q0 {checked_id(item)} {rank} {last:.9g} {tag}\n"


def write_run(path: str | Path, run: Mapping[str, Iterable[tuple[str, float]]], *, tag: str = "rag-workbench") -> None:
    """Write a run, whole or not at all.

    Parameters
    ----------
    path
        File to write.
    run
        For each question (item, score), best first.
    tag
        Name of the system.

    Raises
    ------
    InvalidInput
        As `run_lines`; an older file stays as it is.
    """
    _write(path, (line for question, ranked in run.items() for line in run_lines(question, ranked, tag)))


def write_qrels(path: str | Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write judgments, whole or not at all; ids as `write_run`."""
    _write(
        path,
        (f"{checked_id(q)} 0 {checked_id(item)} {grade}\n" for q, own in qrels.items() for item, grade in own.items()),
    )


def read_run(path: str | Path) -> Run:
    """Read a run.

    Raises
    ------
    InvalidInput
        It cannot be read, a line does not have six fields, a score is not finite, or an item occurs twice for one
        question; the message names the line.
    """
    run: Run = {}
    for place, fields in _lines(path, 6, "question Q0 item rank score tag"):
        try:
            score = float(fields[4])
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise InvalidInput(f"{place}: the score {fields[4]!r} is not a finite number")
        _put(run, fields[0], fields[2], score, place)
    return run


def read_qrels(path: str | Path) -> Qrels:
    """Read judgments, in TREC's form or BEIR's (tab-separated, with a header).

    Raises
    ------
    InvalidInput
        As `read_run`.
    """
    if str(path).endswith(".tsv"):
        return _beir_qrels(path)
    qrels: Qrels = {}
    for place, fields in _lines(path, 4, "question 0 item grade"):
        _put(qrels, fields[0], fields[2], _grade(fields[3], place), place)
    return qrels


def _beir_qrels(path: str | Path) -> Qrels:
    qrels: Qrels = {}
    for place, fields in _lines(path, 3, "question, item and grade, separated by tabs", "\t"):
        if fields[2] == "score":
            continue
        _put(qrels, fields[0], fields[1], _grade(fields[2], place), place)
    return qrels


def checked_id(name: str) -> str:
    """Return an id that a file in TREC's form can hold.

    Raises
    ------
    InvalidInput
        It holds white space, is empty, or begins with a byte order mark, which readers take for the file's.
    """
    wrong = "is empty" if not name else "holds white space" if any(map(str.isspace, name)) else ""
    if name.startswith("\ufeff"):
        wrong = "begins with a byte order mark"
    if wrong:
        raise InvalidInput(
            f"the id {name!r} {wrong}, which a file in TREC's form cannot hold; "
            "give the document or question another id, or keep the evaluation by --save"
        )
    return name


def _put(table: dict[str, dict[str, _T]], question: str, item: str, value: _T, place: str) -> None:
    own = table.setdefault(question, {})
    if item in own:
        raise InvalidInput(f"{place}: {item!r} occurs twice for question {question!r}")
    own[item] = value


def checked_grade(grade: int) -> int:
    """Return a grade that a metric can compute with.

    Raises
    ------
    ValueError
        It is beyond ``MOST_GRADE``, up or down.
    """
    if abs(grade) > MOST_GRADE:
        raise ValueError(f"a grade of {str(grade)[:30]} is beyond {MOST_GRADE}; TREC's are -2 to 4")
    return grade


def _grade(text: str, place: str) -> int:
    try:
        grade = int(text)
    except ValueError:
        raise InvalidInput(f"{place}: the grade {text!r} is not a whole number") from None
    try:
        return checked_grade(grade)
    except ValueError as error:
        raise InvalidInput(f"{place}: {error}") from None


def _lines(path: str | Path, n: int, form: str, separator: str | None = None) -> Iterator[tuple[str, list[str]]]:
    try:
        with Path(path).open("rb") as file:
            for number, raw in enumerate(file, 1):
                place = f"{Path(path).name}:{number}"
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError as error:
                    raise InvalidInput(f"{place}: not UTF-8, so that its ids are not known: {error}") from error
                if not line.strip():
                    continue
                # White space of ASCII separates, as in trec_eval: an id may hold any other.
                fields = _SPACE.split(line.strip(_ASCII)) if separator is None else line.split(separator)
                if len(fields) != n:
                    more = "; an id cannot hold white space" if len(fields) > n and separator is None else ""
                    raise InvalidInput(f"{place}: {len(fields)} fields; a line is {form}{more}")
                yield place, fields
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from error


_ASCII = " \t\r\n\f\v"
_SPACE = re.compile(f"[{_ASCII}]+")


def _write(path: str | Path, lines: Iterable[str]) -> None:
    with whole_file(path) as out:
        out.writelines(lines)
