"""Read and write TREC runs and judgments, as trec_eval, ir-measures and most of the field do.

A line of a run is ``question Q0 item rank score tag``; of judgments (qrels) ``question 0 item grade``. trec_eval orders
by score, not by rank, reads scores as float32 and breaks ties by descending id; so runs are written with scores that
descend strictly in float32, and its order is ours. White space in ids is percent-encoded, and decoded when read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

import numpy as np

from ..errors import InvalidInput
from ..whole_file import whole_file

Run = dict[str, dict[str, float]]
"""Score by item by question; higher is better."""

Qrels = dict[str, dict[str, int]]
"""Grade by item by question; above 0 is relevant."""


_T = TypeVar("_T")
_ESCAPES = {c: quote(c, safe="") for c in ("%", *(chr(i) for i in range(0x3001) if chr(i).isspace()))}
_ESCAPED = re.compile("|".join(_ESCAPES.values()))


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
    """
    last = np.float32(np.inf)
    for rank, (item, score) in enumerate(ranked, 1):
        last = min(np.float32(score), np.nextafter(last, np.float32(-np.inf)))
        yield f"{encode_id(question)} Q0 {encode_id(item)} {rank} {last:.9g} {tag}\n"


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
    """
    _write(path, (line for question, ranked in run.items() for line in run_lines(question, ranked, tag)))


def write_qrels(path: str | Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write judgments, whole or not at all."""
    _write(
        path,
        (f"{encode_id(q)} 0 {encode_id(item)} {grade}\n" for q, own in qrels.items() for item, grade in own.items()),
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
        _put(run, decode_id(fields[0]), decode_id(fields[2]), score, place)
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
        _put(qrels, decode_id(fields[0]), decode_id(fields[2]), _grade(fields[3], place), place)
    return qrels


def _beir_qrels(path: str | Path) -> Qrels:
    qrels: Qrels = {}
    for place, fields in _lines(path, 3, "question, item and grade, separated by tabs", "\t"):
        if fields[2] == "score":
            continue
        _put(qrels, fields[0], fields[1], _grade(fields[2], place), place)
    return qrels


def encode_id(name: str) -> str:
    """Percent-encode an id that holds white space, or what `decode_id` would take for it; others stay as they are."""
    if not any(c in _ESCAPES for c in name if c != "%") and not _ESCAPED.search(name):
        return name
    return "".join(_ESCAPES.get(c, c) for c in name)


def decode_id(name: str) -> str:
    """Undo `encode_id`."""
    return _ESCAPED.sub(lambda match: unquote(match[0]), name)


def _put(table: dict[str, dict[str, _T]], question: str, item: str, value: _T, place: str) -> None:
    own = table.setdefault(question, {})
    if item in own:
        raise InvalidInput(f"{place}: {item!r} occurs twice for question {question!r}")
    own[item] = value


def _grade(text: str, place: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InvalidInput(f"{place}: the grade {text!r} is not a whole number") from None


def _lines(path: str | Path, n: int, form: str, separator: str | None = None) -> Iterator[tuple[str, list[str]]]:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                fields = line.rstrip("\n").split(separator)
                if not line.strip():
                    continue
                place = f"{Path(path).name}:{number}"
                if len(fields) != n:
                    raise InvalidInput(f"{place}: {len(fields)} fields; a line is {form}")
                yield place, fields
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}") from error


def _write(path: str | Path, lines: Iterable[str]) -> None:
    with whole_file(path) as out:
        out.writelines(lines)
