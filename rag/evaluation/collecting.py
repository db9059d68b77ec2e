"""Ask a system all questions and keep its answers, errors included: one bad row never stops the rest."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..answers import Answer
from ..documents.document import Passage
from ..errors import InvalidInput
from ..retrieval.config import PipelineConfig
from ..retrieval.retriever import Retriever
from .metrics.cases import Outcome
from .questions.questions import Question
from .questions.taking_out import without

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called with questions done and questions in all."""

_BATCH = 64


@runtime_checkable
class Retrieves(Protocol):
    """The retriever protocol of evaluation; `rag.Retriever` fulfils it."""

    def retrieve(self, question: str, k: int) -> Sequence[Passage]:
        """Return passages, best first."""
        ...


@runtime_checkable
class Answers(Protocol):
    """The bot protocol of evaluation; `rag.Bot` fulfils it."""

    def ask(self, question: str, *, k: int) -> Answer:
        """Answer, with the passages read."""
        ...


System = Retrieves | Answers


def ask_all(
    system: System,
    questions: Sequence[Question],
    *,
    depth: int,
    k: int,
    repeats: bool = False,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Return an outcome for each question, in order.

    Parameters
    ----------
    system
        A retriever or a bot.
    questions
        The questions to ask.
    depth
        Number of passages to retrieve for the metrics.
    k
        Passages that a bot reads.
    repeats
        Rank passages that repeat a better one as well: judged by document, near-identical documents are judged apart.
    progress
        Called after each question, or batch of them.

    Raises
    ------
    InvalidInput
        The system can neither answer nor retrieve.
    """
    outcomes: list[Outcome] = []
    if isinstance(system, Answers):
        for question in questions:
            outcomes.append(_answered(system, question, k, depth, repeats))
            _tell(progress, len(outcomes), len(questions))
        return outcomes
    if not isinstance(system, Retrieves):
        raise InvalidInput(
            f"{type(system).__name__} can neither answer nor retrieve: give a Retriever, a Bot, or an object with "
            "retrieve(question, k) or ask(question, k=...)"
        )
    for start in range(0, len(questions), _BATCH):
        outcomes += _retrieved(system, questions[start : start + _BATCH], depth, repeats)
        _tell(progress, len(outcomes), len(questions))
    return outcomes


def is_own_way(note: str) -> bool:
    """Whether a note says what a system does by itself, and is not a failure.

    ``auto`` asks a language model where that may help, and does without one whose answers nobody can read: asked again,
    it would do the same.
    """
    return bool(_AUTO_UNREAD.match(note))


_AUTO_UNREAD = re.compile(r"auto did without its language model: LLMBadResponse\b[^;]*$")


def knowledge_base_of(system: object) -> KnowledgeBase | None:
    """Return the knowledge base behind a retriever or a bot, if there is one."""
    kb: Any = getattr(getattr(system, "retriever", system), "kb", None)
    return kb if hasattr(kb, "chunks") else None


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _answered(system: Answers, question: Question, k: int, depth: int, repeats: bool) -> Outcome:
    start = time.perf_counter()
    try:
        answer = _checked_answer(system.ask(question.text, k=k, **_asked_without(system, question)), system)
        end = time.perf_counter()
        passages = answer.passages
        retriever = getattr(system, "retriever", None)
        if depth > k and isinstance(retriever, Retrieves):  # metrics look deeper than the bot reads; not timed
            outcome = _retrieved(retriever, [question], depth, repeats)[0]
            if outcome.error:
                return outcome
            passages = outcome.passages
    except _NotTheProtocol:
        raise
    except Exception as error:  # noqa: BLE001 - a row that failed is a result
        return Outcome(question.id, error=_said(error), seconds=time.perf_counter() - start)
    wrong = answer.reason if answer.degraded else ""
    notes = (wrong,) if is_own_way(wrong) else ()
    return Outcome(
        question.id, tuple(passages), answer, "" if notes else wrong, end - start, dict(answer.timings), notes
    )


def _retrieved(system: Retrieves, batch: Sequence[Question], depth: int, repeats: bool) -> list[Outcome]:
    many = getattr(system, "search_many", None)
    start = time.perf_counter()
    if many is not None and not any(question.without for question in batch):
        try:
            own = {"repeats": repeats} if isinstance(system, Retriever) else {}
            found = many([q.text for q in batch], depth, **own)
            share = (time.perf_counter() - start) / len(batch)
            return [
                Outcome(
                    q.id,
                    _checked_passages(each.passages, system),
                    seconds=share,
                    timings=dict(each.timings),
                    notes=tuple(each.notes),
                )
                for q, each in zip(batch, found, strict=True)
            ]
        except _NotTheProtocol:
            raise
        except Exception as error:  # noqa: BLE001 - one bad question spoils a batch: ask one at a time to find it
            log.info("a batch failed (%s); its questions are asked one by one", type(error).__name__)
    return [_one_retrieved(system, question, depth, repeats) for question in batch]


def _one_retrieved(system: Retrieves, question: Question, depth: int, repeats: bool) -> Outcome:
    start = time.perf_counter()
    try:
        if isinstance(system, Retriever):
            own = _asked_without(system, question)
            passages = tuple(system.search_many([question.text], depth, repeats=repeats, **own)[0].passages)
        else:
            _asked_without(system, question)
            passages = _checked_passages(system.retrieve(question.text, depth), system)
    except _NotTheProtocol:
        raise
    except Exception as error:  # noqa: BLE001 - a row that failed is a result
        return Outcome(question.id, error=_said(error), seconds=time.perf_counter() - start)
    return Outcome(question.id, passages, seconds=time.perf_counter() - start)


def _asked_without(system: object, question: Question) -> dict[str, Any]:
    """Return the filter that leaves out the documents that a question is asked without."""
    if not question.without:
        return {}
    config = getattr(system, "config", None)
    if not isinstance(config, PipelineConfig):
        raise InvalidInput(f"{type(system).__name__} cannot leave out documents, which this question asks for")
    return {"where": str(without(question, config.where))}


class _NotTheProtocol(InvalidInput):
    """A system of somebody's own returns other things than it should: no question can be judged."""


def _checked_passages(found: Any, system: object) -> tuple[Passage, ...]:  # noqa: ANN401 - whatever came back
    wants = f"{type(system).__name__}.retrieve must return rag.Passage objects, best first"
    if isinstance(found, str) or not isinstance(found, Iterable):
        raise _NotTheProtocol(f"{wants}; it returned {_kind(found)}")
    passages = tuple(found)
    for each in passages:
        if not isinstance(each, Passage):
            raise _NotTheProtocol(
                f"{wants}; it returned {_kind(each)}: give at least its document's id, its rank, score and text"
            )
        if not isinstance(each.document, str):  # gold names documents by text: it would match none, and say nothing
            raise _NotTheProtocol(f"{wants}; the document of one is {each.document!r}: give its id as text")
    return passages


def _checked_answer(found: Any, system: object) -> Answer:  # noqa: ANN401
    if not isinstance(found, Answer):
        raise _NotTheProtocol(f"{type(system).__name__}.ask must return a rag.Answer; it returned {_kind(found)}")
    return found


def _kind(found: object) -> str:
    return "nothing" if found is None else f"a {type(found).__name__}"


def _said(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
