"""Citation precision and recall: what is cited says what it is cited for, and all that is said is cited.

After T. Gao et al., "Enabling large language models to generate text with citations" (ALCE), EMNLP 2023, with the
support of `rag.evaluation.metrics.lexical_faithfulness` in place of an entailment model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...answers import Answer
from ...sentences import sentences
from ...terms import Analyser
from ..aggregate import Score
from .answer_rows import unscored
from .cases import Case, Cases, Resources
from .lexical_faithfulness import is_supported

_MARKS = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence of an answer and the numbers it cites."""

    text: str
    marks: tuple[int, ...]


def citation_recall(cases: Cases, resources: Resources) -> list[Score]:
    """Share of the answer's sentences that what they cite, taken together, supports."""
    analyser = _analyser(resources)
    return [unscored(case, needs_references=False) or _recall(case, analyser) for case in cases]


def citation_precision(cases: Cases, resources: Resources) -> list[Score]:
    """Share of the citations that support their sentence, alone or as a part without which the others do not.

    A mark that cites nothing there is counts as wrong; an answer without any citation has precision 0.
    """
    analyser = _analyser(resources)
    return [unscored(case, needs_references=False) or _precision(case, analyser) for case in cases]


def cited_sentences(text: str) -> list[Cited]:
    """Cut an answer into sentences with the marks that stand in or right after each."""
    found: list[Cited] = []
    for start, end in sentences(text):
        part = text[start:end]
        leading = re.match(rf"(?:{_MARKS.pattern})+", part)
        if leading and found:  # marks after the full stop belong to the sentence before
            last = found[-1]
            found[-1] = Cited(last.text, (*last.marks, *_numbers(leading[0])))
            part = part[leading.end() :]
        said = _MARKS.sub("", part).strip()
        if any(c.isalnum() for c in said):
            found.append(Cited(said, _numbers(part)))
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for match in _MARKS.findall(text) for number in match.split(","))


def _analyser(resources: Resources) -> Analyser:
    return resources.kb.analyser if resources.kb is not None else Analyser("english")


def _cited(case: Case) -> tuple[list[Cited], dict[int, list[str]]] | None:
    answer: Answer | None = case.outcome.answer
    if answer is None or answer.abstained:
        return None
    quotes: dict[int, list[str]] = {}
    for citation in answer.citations:
        quotes.setdefault(citation.n, []).append(citation.quote)
    return cited_sentences(answer.text), quotes


def _recall(case: Case, analyser: Analyser) -> Score:
    found = _cited(case)
    if not found or not found[0]:
        return Score(None, "the system abstained")
    said, quotes = found
    good = sum(_together(each, each.marks, quotes, analyser) for each in said)
    return Score(good / len(said))


def _precision(case: Case, analyser: Analyser) -> Score:
    found = _cited(case)
    if not found or not found[0]:
        return Score(None, "the system abstained")
    said, quotes = found
    verdicts = [_useful(each, mark, quotes, analyser) for each in said for mark in dict.fromkeys(each.marks)]
    return Score(sum(verdicts) / len(verdicts) if verdicts else 0.0)


def _useful(said: Cited, mark: int, quotes: dict[int, list[str]], analyser: Analyser) -> bool:
    if mark not in quotes:
        return False
    if _together(said, (mark,), quotes, analyser):
        return True
    others = tuple(m for m in said.marks if m != mark)
    return _together(said, said.marks, quotes, analyser) and not _together(said, others, quotes, analyser)


def _together(said: Cited, marks: tuple[int, ...], quotes: dict[int, list[str]], analyser: Analyser) -> bool:
    evidence = " ".join(quote for mark in dict.fromkeys(marks) for quote in quotes.get(mark, ()))
    return bool(evidence) and is_supported(said.text, [evidence], analyser)
