"""Make a test set from the user's own documents: questions, each with the span that answers it.

Without a model, sentences of a few clear forms become questions (`rag.evaluation.questions.question_templates`), in
other words where rules know some (`rag.evaluation.questions.rephrasing`). With
one, it writes them from passages, and what it writes is checked: the passage must hold its quote, and the question
must neither repeat the passage nor point outside itself. Either way questions are drawn evenly over documents, by a
seed.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ...documents.document import Document
from ...errors import InvalidInput
from ...sentences import sentences
from .question_templates import clean, drafts, heading_question, question_about
from .question_writing import DEADLINE_S, written
from .questions import Question, QuestionSet
from .rephrasing import in_other_words, rephrased
from .taking_out import EASY, answering, copied, taken_out

if TYPE_CHECKING:
    from ...knowledge_base import KnowledgeBase
    from ...llm.language_model import LanguageModel


LONGEST_SPAN = 700
"""Characters of an answer's span, at most."""

_GOES_ON = re.compile(r"\b(previous|above|continue|the same way|as before|now)\b", re.IGNORECASE)
_ANNOUNCED = 6  # pieces after a colon that may belong to it
_OF_SECTION = 4  # sentences of a section that answer its heading
_SPARE = 2  # times as many as are wanted, so that some can be asked of documents that are taken out
_SAYING = 6  # words of a sentence that says something


@dataclass(slots=True)
class Making:
    """Questions made, and the reasons for rejecting others.

    Attributes
    ----------
    questions
        With spans, the span's text as the answer, and ``source``, ``heading``, ``form``, ``copied``, ``easy`` and
        ``first_asked`` (what an easy one was before it was put into other words) as metadata.
    rejected
        Reason -> how often.
    """

    questions: QuestionSet
    rejected: dict[str, int] = field(default_factory=dict)


def make_questions(
    kb: KnowledgeBase,
    n: int,
    *,
    unanswerable: int = 0,
    model: LanguageModel | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    deadline: float | None = DEADLINE_S,
) -> Making:
    """Make at most ``n`` questions from the documents of a knowledge base.

    Parameters
    ----------
    kb
        Its documents are read, not its indexes.
    n
        Fewer come where the documents hold no more.
    unanswerable
        How many of them are to have no answer: they are asked of documents that are left out when they are asked, see
        `rag.evaluation.questions.taking_out`.
    model
        Writes the questions; None: templates alone.
    seed
        Same documents and seed, same questions (with a model: same passages asked about).
    deadline
        Seconds that the model may take for one question; None for no limit.

    Raises
    ------
    InvalidInput
        ``n`` below 1, ``unanswerable`` not below it, or no question could be made.
    """
    if n < 1:
        raise InvalidInput(f"make 1 question or more, not {n}")
    if not 0 <= unanswerable < n:
        raise InvalidInput(f"of {n} questions, 0 to {n - 1} can be unanswerable, not {unanswerable}")
    rejected: Counter[str] = Counter()
    if model is None:
        found = _evenly(_by_templates(kb, rejected, seed), _SPARE * n)
    else:
        found = written(kb, model, n, seed=seed, rejected=rejected, progress=progress, deadline=deadline)
    if not found:
        why = "; ".join(f"{reason}: {count}" for reason, count in rejected.most_common(3)) or "they hold no sentence"
        raise InvalidInput(f"no question could be made of these documents ({why}); give a model, or other documents")
    marked = [_marked(kb, question) for question in found]
    answered, lost = _with_unanswerable(kb, marked, n, unanswerable, seed)
    if lost < unanswerable:
        rejected["of documents taken out: others may answer"] += unanswerable - lost
    return Making(QuestionSet(tuple(answered), f"made from {kb.name}"), dict(rejected))


def _with_unanswerable(
    kb: KnowledgeBase, questions: list[Question], n: int, wanted: int, seed: int
) -> tuple[list[Question], int]:
    """Return ``n`` questions, of which the last ones are asked of documents that are taken out, and their number."""
    if not wanted:
        return questions[:n], 0
    order = list(questions)
    random.Random(f"{seed} taken out").shuffle(order)  # noqa: S311 - a sample, no secret
    lost = taken_out(kb, order, wanted)
    gone = {question.id for question in lost}
    return [*[question for question in questions if question.id not in gone][: n - len(lost)], *lost], len(lost)


def _marked(kb: KnowledgeBase, question: Question) -> Question:
    """Note how much of the sentence that answers it a question repeats, and that it is easy where that is much."""
    span = question.spans[0]
    share = round(copied(question.text, clean(answering(kb.document(span.document).text, span.start, span.end))), 3)
    return replace(question, metadata={**question.metadata, "copied": share, "easy": share >= EASY})


def _by_templates(kb: KnowledgeBase, rejected: Counter[str], seed: int) -> list[list[Question]]:
    """Return the questions of each document, in an order drawn by the seed, no text twice."""
    seen: set[str] = set()
    groups = []
    for name in kb.document_ids():
        own = []
        for made in document_questions(kb.document(name)):
            question = in_other_words(made, rephrased(made.text, made.answers[0]))
            key = question.text.lower()
            if key in seen:
                rejected["asked before"] += 1
                continue
            seen.add(key)
            own.append(question)
        random.Random(f"{seed} {name}").shuffle(own)  # noqa: S311 - a sample, no secret
        own.sort(key=lambda question: copied(question.text, question.answers[0]) >= EASY)  # easy ones last
        groups.append(own)
        rejected["no question in the document"] += not own
    return groups


def document_questions(document: Document) -> Iterator[Question]:
    """Yield questions that a document's sentences answer."""
    spans = sentences(document.text)
    for at, (start, end) in enumerate(spans):
        text = document.text[start:end]
        for draft in drafts(text):
            if text.rstrip().endswith(":"):  # the answer is what comes after the colon
                end = _announced(document.text, spans, at)  # noqa: PLW2901
            yield question_about(document, start, end, draft.text, draft.form)
            break
    yield from _of_headings(document)


def _announced(text: str, spans: list[tuple[int, int]], at: int) -> int:
    """Return where the list or code ends that a sentence announces."""
    start, end = spans[at]
    for following, (_, stop) in enumerate(spans[at + 1 : at + 1 + _ANNOUNCED]):
        between = text[end : spans[at + 1 + following][0]]
        if stop - start > LONGEST_SPAN or text[end:stop].lstrip().startswith("#") or (following and "\n\n" in between):
            break
        end = stop
    return end


def _of_headings(document: Document) -> Iterator[Question]:
    small = frozenset(re.findall(r"(?<![\w`])[a-z]+(?![\w`])", document.text))
    for section in document.sections:
        draft = heading_question(section.heading[-1], small) if section.heading else None
        if draft is None:
            continue
        body = [
            (start + section.start, end + section.start)
            for start, end in sentences(document.text[section.start : section.end])
            if not document.text[start + section.start : end + section.start].lstrip().startswith("#")
        ][:_OF_SECTION]
        kept = [span for span in body if span[1] - body[0][0] <= LONGEST_SPAN]
        if (
            kept
            and not _GOES_ON.search(document.text[kept[0][0] : kept[0][1]])
            and any(len(document.text[s:e].split()) >= _SAYING for s, e in kept)
        ):
            yield question_about(document, kept[0][0], kept[-1][1], draft.text, draft.form)


def _evenly(groups: list[list[Question]], n: int) -> list[Question]:
    """Take from each document in turn, so that long ones do not crowd out the others."""
    found: list[Question] = []
    turn = 0
    while len(found) < n and any(len(own) > turn for own in groups):
        found += [own[turn] for own in groups if len(own) > turn]
        turn += 1
    return found[:n]
