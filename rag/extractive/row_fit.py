"""Whether the row of a table is the one that a question asks for: by its label and its periods."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..grounding.quotable_sentences import Quotable
from ..grounding.words import WordReader
from ..sentences import figures

_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_BESIDE = 3.0
"""Penalty, in log odds, of a label that says only what was not asked ("Tug services" for "revenue"); set by hand."""


def of_asked_periods(question: str, candidates: Sequence[Quotable]) -> list[Quotable]:
    """Leave out rows whose columns are other years than those that the question names."""
    asked = set(_YEAR.findall(question))
    if not asked:
        return list(candidates)
    return [each for each in candidates if not (years := _years(each)) or years & asked]


def label_noise(candidate: Quotable, asked: frozenset[str], reader: WordReader) -> float:
    """Return how far the label of a row is from what is asked, as noise; 0 for what is not a row."""
    label = frozenset(reader.read(_label(candidate)).terms) if candidate.row else frozenset()
    return _BESIDE * len(label - asked) / len(label) if label else 0.0


def _years(candidate: Quotable) -> set[str]:
    """Return the years among the names of a row's columns."""
    return {year for cell in candidate.row.split(" | ") for year in _YEAR.findall(cell.partition(": ")[0])}


def _label(candidate: Quotable) -> str:
    first = candidate.text.split(" | ", maxsplit=1)[0]
    values = figures(first)
    return (first[: first.index(values[0])] if values else first).rpartition(": ")[2]
