"""The tools of a stage's parts, and one run of a part: timed, and left out with a note when it fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from .deadlines import Deadline
from .errors import in_words

if TYPE_CHECKING:
    from .embedding.protocol import Embedder
    from .knowledge_base import KnowledgeBase
    from .llm.language_model import LanguageModel
    from .llm.parsed_completion import CompletionStore

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tools:
    """Objects that a part may need besides its own options; it gets those that its constructor names.

    ``completions`` keeps language models' answers by content, such as a `rag.llm.cache.CompletionCache`.
    """

    kb: KnowledgeBase
    model: LanguageModel | None = None
    completions: CompletionStore | None = None

    @property
    def embedder(self) -> Embedder:
        """The knowledge base's embedder."""
        return self.kb.embedder

    def with_model(self, spec: str) -> Tools:
        """Return them with the language model of a spec, such as ``openai:MODEL``."""
        from .llm.models import language_model

        return replace(self, model=language_model(spec))


@dataclass(frozen=True, slots=True)
class Tried(Generic[T]):
    """The outcome of one part.

    Attributes
    ----------
    value
        What it returned; None where it failed.
    note
        Why it was left out, in words; empty when all went well.
    seconds
        Time that it took.
    """

    value: T | None
    note: str
    seconds: float


def tried(name: str, work: Callable[[], T], until: Deadline, *, watched: bool = True) -> Tried[T]:
    """Run a part; whatever it raises, the pipeline goes on without it.

    Parameters
    ----------
    name
        Of the part, for the note.
    until
        The stage's deadline: work that is not done by then is left behind.
    watched
        False for rules that take no time: a thread that watches them would cost more than they do.
    """
    start = time.perf_counter()
    try:
        value = until.run(work) if watched or until.passed else work()
    except Exception as error:  # noqa: BLE001 - whatever a part raises, what it was given remains
        note = f"{name} was left out: {in_words(error)}"
        log.info("%s", note)  # the caller is told by the note
        return Tried(None, note, time.perf_counter() - start)
    return Tried(value, "", time.perf_counter() - start)
