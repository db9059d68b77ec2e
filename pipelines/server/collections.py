"""The knowledge bases that a server answers from, each with its bot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.bot import Bot
from rag.errors import InvalidInput
from rag.knowledge_base import KnowledgeBase

from .. import json_forms
from .errors import NoSuch
from .public_ids import PublicIds, public_id, public_source
from .search_queue import SearchQueue

if TYPE_CHECKING:
    from rag.answers import Answer
    from rag.documents import Passage
    from rag.retrieval.config import PipelineConfig
    from rag.retrieval.explanation import Explanation

ALL = "all"
"""The name under which several knowledge bases are asked together."""


@dataclass(frozen=True)
class Collection:
    """One knowledge base, or all of them together, under its public name."""

    name: str
    bot: Bot
    ids: PublicIds
    searches: SearchQueue

    @classmethod
    def of(cls, name: str, bot: Bot) -> Collection:
        """Return a bot's collection."""
        return cls(name, bot, PublicIds(bot.retriever.kb), SearchQueue(bot.retriever))

    def passage(self, found: Passage) -> dict[str, Any]:
        """Return a passage for JSON, with public ids."""
        return _public(json_forms.passage(found))

    def answer(self, answer: Answer) -> dict[str, Any]:
        """Return an answer for JSON, with public ids."""
        form = json_forms.answer(answer)
        return {**form, **{name: [_public(each) for each in form[name]] for name in ("citations", "passages")}}

    def explanation(self, found: Explanation) -> dict[str, Any]:
        """Return an explanation for JSON, with public ids."""
        form: dict[str, Any] = _public_everywhere(found.as_dict())
        return form

    def document(self, public: str) -> dict[str, Any]:
        """Return a document for JSON.

        Raises
        ------
        NoSuch
            There is none of that public id.
        """
        document = self.bot.retriever.kb.document(self.ids.document(public))
        return {
            "id": public,
            "title": document.title or public_source(document.source),
            "source": public_source(document.source),
            "type": document.type,
            "text": document.text,
            "metadata": dict(document.metadata),
        }


def _public(form: dict[str, Any]) -> dict[str, Any]:
    return {**form, "document": public_id(form["document"]), "source": public_source(form["source"])}


def _public_everywhere(value: Any, name: str = "") -> Any:  # noqa: ANN401 - JSON
    """Replace the ids in what has a ``document``, and in the rows of what was ``dropped``."""
    if isinstance(value, dict):
        return {key: _public_everywhere(each, key) for key, each in value.items()}
    if name == "dropped":
        return [[chunk, public_id(document), why] for chunk, document, why in value]
    if isinstance(value, list | tuple):
        return [_public_everywhere(each) for each in value]
    return public_id(value) if name == "document" else value


class Collections:
    """All of them by name; the first one answers where a request names none."""

    def __init__(self, members: Sequence[Collection], bases: Sequence[KnowledgeBase]) -> None:
        self._by_name = {each.name: each for each in members}
        self._bases = bases

    @property
    def names(self) -> list[str]:
        """Their names, in order."""
        return list(self._by_name)

    def get(self, name: str | None) -> Collection:
        """Return one by name; None for the first.

        Raises
        ------
        NoSuch
            There is none of that name.
        """
        if name is None:
            return next(iter(self._by_name.values()))
        if name not in self._by_name:
            raise NoSuch(f"there is no knowledge base {name[:80]!r}; there are: {', '.join(self.names)}")
        return self._by_name[name]

    def refresh(self) -> None:
        """Move on to what was written since."""
        for kb in self._bases:
            kb.refresh()


Config = Callable[[KnowledgeBase], "PipelineConfig"]


@contextmanager
def opened(paths: Sequence[Path], config: Config, *, at_once: int) -> Iterator[Collections]:
    """Open knowledge bases with their bots; several of one embedder are asked together as `ALL`, which comes first.

    Parameters
    ----------
    config
        The pipeline value of each.
    at_once
        Questions that each answers at a time.

    Raises
    ------
    InvalidInput
        Two have one name.
    RagError
        As `KnowledgeBase.open` and `Bot`.
    """
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names) or (len(names) > 1 and ALL in names):
        raise InvalidInput(f"knowledge bases are told apart by their folders' names, and {ALL!r} is all: {names}")
    with ExitStack() as stack:
        bases = [stack.enter_context(KnowledgeBase.open(path)) for path in paths]

        def collection(name: str, source: Any, value: PipelineConfig) -> Collection:  # noqa: ANN401 - one or several
            bot = stack.enter_context(Bot(source, config=value, at_once=at_once))
            return Collection.of(name, bot)

        members = [collection(name, kb, config(kb)) for name, kb in zip(names, bases, strict=True)]
        if len(bases) > 1:
            with suppress(InvalidInput):  # made with different embedders, they are asked one by one
                members.insert(0, collection(ALL, dict(zip(names, bases, strict=True)), members[0].bot.config))
        yield Collections(members, bases)
