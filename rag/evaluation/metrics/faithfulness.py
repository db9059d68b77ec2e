"""Faithfulness: the share of an answer's sentences that the passages read support.

The check is the one by which answers are verified before they are shown, see `rag.grounding.support`: a sentence that
is shown as supported counts as supported here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...documents.document import Passage
from ...grounding.evidence import Evidence
from ...grounding.support import SUPPORTED, SupportChecker
from ...grounding.verification import UNSUPPORTED
from ...sentences import sentences
from ...terms import Analyser
from ..aggregate import Score
from .answer_rows import unscored
from .cases import Case, Cases, Resources

_MARKS = re.compile(r"\s*\[(\d+(?:\s*,\s*\d+)*)\]")


@dataclass(frozen=True, slots=True)
class Cited:
    """A sentence of an answer and the numbers it cites."""

    text: str
    marks: tuple[int, ...]


def faithfulness(cases: Cases, resources: Resources) -> list[Score]:
    """Share of the answer's sentences that the passages read support; an abstention says nothing and is left out."""
    checker = support_checker(resources)
    return [unscored(case, needs_references=False) or _score(case, checker) for case in cases]


def support_checker(resources: Resources) -> SupportChecker:
    """Return the checker that the bot of the evaluated knowledge base has."""
    analyser = resources.kb.analyser if resources.kb is not None else Analyser("english")
    return SupportChecker(resources.embedder, analyser)


def passages_read(case: Case) -> Sequence[Passage]:
    """Return the passages that the answer was made from; those retrieved if it does not say."""
    answer = case.outcome.answer
    return answer.passages if answer is not None and answer.passages else case.passages


def cited_sentences(text: str) -> list[Cited]:
    """Cut an answer into sentences, each with the marks in it or right after it."""
    text = text.replace(f" {UNSUPPORTED}", "")
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


def is_supported(sentence: str, evidence: Evidence, checker: SupportChecker, cited: Sequence[int] = ()) -> bool:
    """Say whether a passage supports a sentence, or the cited ones (places from 0) do together."""
    if evidence.quoting(sentence):  # word for word: no model needs to be asked
        return True
    found = checker.check(sentence, evidence)
    if found and found[0].score >= SUPPORTED:
        return True
    return len(cited) > 1 and bool(checker.together(sentence, evidence, cited))


def _score(case: Case, checker: SupportChecker) -> Score:
    answer = case.outcome.answer
    said = [] if answer is None or answer.abstained else cited_sentences(answer.text)
    if not said or answer is None:
        return Score(None, "the system abstained")
    claims = [each for each in said if checker.claims(each.text)]
    if not claims:
        return Score(None, "the answer claims nothing")
    read = passages_read(case)
    evidence = checker.evidence(read)
    at = {passage.chunk: place for place, passage in enumerate(read)}
    places = {citation.n: at[citation.chunk] for citation in answer.citations if citation.chunk in at}
    verdicts = [
        is_supported(each.text, evidence, checker, sorted({places[n] for n in each.marks if n in places}))
        for each in claims
    ]
    return Score(sum(verdicts) / len(verdicts))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for match in _MARKS.findall(text) for number in match.split(","))
