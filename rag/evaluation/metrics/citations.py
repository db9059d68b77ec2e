"""Citation precision and recall: citations support their sentence, and every sentence is supported by its citations.

After T. Gao et al., "Enabling large language models to generate text with citations" (ALCE), EMNLP 2023, with the
check of `rag.grounding.support` in place of an entailment model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...documents.document import Passage
from ...grounding.support import SupportChecker
from ..aggregate import Score
from .answer_rows import unscored
from .cases import Case, Cases, Resources
from .faithfulness import Cited, cited_sentences, is_supported, support_checker

_Supports = Callable[[Iterable[int]], bool]
"""Says whether the quotes of some marks, taken together, support a sentence."""


def citation_recall(cases: Cases, resources: Resources) -> list[Score]:
    """Share of the answer's sentences that their citations, taken together, support."""
    return _each(cases, resources, lambda said, supports: [supports(said.marks)])


def citation_precision(cases: Cases, resources: Resources) -> list[Score]:
    """Share of the citations that support their sentence, alone or as a part that the others need.

    A mark without a citation counts as wrong; an answer without any citation has precision 0.
    """
    return _each(cases, resources, lambda said, supports: [_useful(said, mark, supports) for mark in {*said.marks}])


def _each(cases: Cases, resources: Resources, judge: Callable[[Cited, _Supports], list[bool]]) -> list[Score]:
    checker = support_checker(resources)
    return [unscored(case, needs_references=False) or _score(case, checker, judge) for case in cases]


def _score(case: Case, checker: SupportChecker, judge: Callable[[Cited, _Supports], list[bool]]) -> Score:
    answer = case.outcome.answer
    said = [] if answer is None or answer.abstained else cited_sentences(answer.text)
    if not said or answer is None:
        return Score(None, "the system abstained")
    quotes: dict[int, list[str]] = {}
    for citation in answer.citations:
        quotes.setdefault(citation.n, []).append(citation.quote)

    def judged(each: Cited) -> list[bool]:
        return judge(each, lambda marks: _together(each.text, marks, quotes, checker))

    verdicts = [verdict for each in said for verdict in judged(each)]
    return Score(sum(verdicts) / len(verdicts) if verdicts else 0.0)


def _useful(said: Cited, mark: int, supports: _Supports) -> bool:
    return supports([mark]) or (supports(said.marks) and not supports(m for m in said.marks if m != mark))


def _together(sentence: str, marks: Iterable[int], quotes: dict[int, list[str]], checker: SupportChecker) -> bool:
    text = " ".join(quote for mark in dict.fromkeys(marks) for quote in quotes.get(mark, ()))
    quoted = Passage(1, 0.0, 0, "", "", 0, len(text), text)
    return bool(text) and is_supported(sentence, checker.evidence([quoted]), checker)
