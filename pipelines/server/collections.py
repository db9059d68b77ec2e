"""The knowledge bases that a server answers from, each with its bot."""

from __future__ import annotations

import logging
import re
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rag.bot import Bot
from rag.errors import InvalidInput, RagError
from rag.feedback import Feedback
from rag.generation.generators import EXTRACTIVE
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import SETTING
from rag.retrieval.retriever import Retriever

from .errors import NoSuch
from .feedback_desk import Desk
from .public_ids import PublicIds
from .search_queue import SearchQueue

if TYPE_CHECKING:
    from rag.retrieval.config import PipelineConfig

log = logging.getLogger(__name__)
_VARIANT = re.compile(r"[\w-]{1,40}")
ALL = "all"
"""The name under which several knowledge bases are asked together."""


@dataclass(frozen=True)
class Collection:
    """One knowledge base, or all of them together, under its public name."""

    name: str
    bot: Bot
    ids: PublicIds
    searches: SearchQueue
    desk: Desk | None = None
    """Where its feedback is kept, if it is."""
    folder: Path | None = None
    """Of the knowledge base; None for several, and on a server."""

    @classmethod
    def of(cls, name: str, bot: Bot, desk: Desk | None = None) -> Collection:
        """Return a bot's collection."""
        kb = bot.retriever.kb
        folder = kb.folder if isinstance(kb, KnowledgeBase) else None
        return cls(name, bot, PublicIds(kb), SearchQueue(bot.retriever), desk, folder)


class Collections:
    """All of them by name; the first one answers where a request names none."""

    def __init__(
        self, members: Sequence[Collection], bases: Sequence[KnowledgeBase], makers: Mapping[str, Maker] | None = None
    ) -> None:
        self._by_name = {each.name: each for each in members}
        self._bases = bases
        self._makers = makers or {}
        self._stamps = {name: _stamp(self._by_name[name], bases) for name in self._makers}
        self._turn = threading.Lock()

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
        """Move on to what was written since: documents, stored pipelines and calibrations.

        What is being answered is answered as it began. A pipeline that cannot be used changes nothing, and is told in
        the log.
        """
        for kb in self._bases:
            kb.refresh()
        with self._turn:
            for name, make in self._makers.items():
                stamp = _stamp(self._by_name[name], self._bases)
                if stamp == self._stamps[name]:
                    continue
                self._stamps[name] = stamp
                try:
                    self._by_name[name] = make()
                except RagError as error:
                    log.warning("%s: the stored pipeline cannot be used, the one before holds: %s", name, error)


def _stamp(own: Collection, bases: Sequence[KnowledgeBase]) -> tuple[str | None, ...]:
    """Return what is stored of how a collection answers."""
    from rag.generation.calibration import setting_of

    generators = (getattr(own.bot.generator, "name", EXTRACTIVE), EXTRACTIVE)
    names = [SETTING, *map(setting_of, dict.fromkeys(generators))]
    asked = own.bot.retriever.kb
    own_bases = [kb for kb in bases if kb is asked] or bases
    return tuple(kb.setting(name) for kb in own_bases for name in names)


Maker = Callable[[], Collection]
"""Makes a collection anew, by what its knowledge base stores now."""
Config = Callable[[KnowledgeBase], "PipelineConfig"]
Keep = Literal["nothing", "answers", "histories"]


@contextmanager
def opened(
    paths: Sequence[str | Path],
    config: Config,
    *,
    at_once: int,
    rights: bool = False,
    keep: Keep = "nothing",
    variants: Mapping[str, Config] | None = None,
) -> Iterator[Collections]:
    """Open knowledge bases with their bots; several of one embedder are asked together as `ALL`, which comes first.

    Parameters
    ----------
    config
        The pipeline value of each.
    variants
        Other values by name: under ``KB@NAME``, knowledge bases are asked by these as well.
    at_once
        Questions that each answers at a time.
    rights
        Whether readers have different rights: then nothing reads which words the documents hold, as spelling does.
    keep
        What is kept for feedback: ``nothing``, ``answers``, or ``histories`` as well. Of what several answer together
        nothing is.

    Raises
    ------
    InvalidInput
        Two have one name.
    RagError
        As `KnowledgeBase.open` and `Bot`.
    """
    names = [KnowledgeBase.name_of(path) for path in paths]
    if len(set(names)) < len(names) or (len(names) > 1 and ALL in names):
        raise InvalidInput(f"knowledge bases are told apart by their names, and {ALL!r} is all: {names}")
    with ExitStack() as stack:
        bases = [stack.enter_context(KnowledgeBase.open(path)) for path in paths]

        desks = {}
        if keep != "nothing":
            histories = keep == "histories"
            desks = {
                name: Desk(stack.enter_context(Feedback.open(kb)), histories=histories)
                for name, kb in zip(names, bases, strict=True)
            }

        def collection(name: str, source: Any, first: KnowledgeBase, desk: Desk | None, by: Config) -> Collection:  # noqa: ANN401 - one or several
            with ExitStack() as own:
                retriever = own.enter_context(Retriever(source, by(first), statistics=not rights))
                made = Collection.of(name, own.enter_context(Bot(retriever, at_once=at_once)), desk)
                end = weakref.finalize(made, own.pop_all().close)  # once nothing is answered by it any more
            stack.callback(end)
            return made

        ways = {"": config, **{f"@{_fit(name)}": by for name, by in (variants or {}).items()}}
        makers: dict[str, Maker] = {
            name + way: partial(collection, name + way, kb, kb, desks.get(name), by)
            for way, by in ways.items()
            for name, kb in zip(names, bases, strict=True)
        }
        members = [make() for make in makers.values()]
        if len(bases) > 1:
            make = partial(collection, ALL, dict(zip(names, bases, strict=True)), bases[0], None, config)
            with suppress(InvalidInput):  # made with different embedders, they are asked one by one
                members.insert(0, make())
                makers = {ALL: make, **makers}
        collections = Collections(members, bases, makers)
        del members  # what is replaced ends with its last user, who must not be this function
        yield collections


def _fit(variant: str) -> str:
    if not _VARIANT.fullmatch(variant):
        raise InvalidInput(f"the variant {variant[:80]!r}: name it by letters, digits, - and _")
    return variant
