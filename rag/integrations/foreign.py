"""Retrievers of other libraries as ones that `rag.evaluation` can judge beside our own; none of them is imported."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..documents.document import Passage
from ..errors import InvalidInput

IDS = ("document", "document_id", "doc_id", "source", "file_path", "file_name")
"""Metadata fields that name a passage's document, in the order in which they are tried; after them its own id."""
_STARTS = ("start", "start_index", "split_idx_start")
"""Metadata fields with a passage's first character in its document, as splitters note it."""

Search = Callable[[str, int], Iterable[Any]]


class ForeignRetriever:
    """A retriever of another library behind ``retrieve(question, k)``.

    Parameters
    ----------
    system
        A LangChain retriever or vector store, a LlamaIndex retriever or index, a Haystack retriever component, or a
        function from a question and ``k`` to any of their results.
    document
        Name of the metadata field that names a result's document, as the gold of questions does; empty tries `IDS`.

    Raises
    ------
    InvalidInput
        It is none of these.
    """

    def __init__(self, system: object, *, document: str = "") -> None:
        self.name = type(system).__name__
        self._search = _search_of(system)
        self._fields = (document,) if document else IDS

    def retrieve(self, question: str, k: int) -> list[Passage]:
        """Return at most ``k`` passages, best first.

        Raises
        ------
        InvalidInput
            A result names no document in the field that was asked for.
        """
        found = list(self._search(question, k))[:k]
        return [self._passage(rank, each, len(found)) for rank, each in enumerate(found, 1)]

    def _passage(self, rank: int, result: Any, n: int) -> Passage:  # noqa: ANN401 - of any library
        if isinstance(result, Passage):
            return result
        scored = isinstance(result, tuple) and len(result) == 2
        item, score = result if scored else (result, getattr(result, "score", None))
        item = getattr(item, "node", item)
        metadata: Mapping[str, Any] = getattr(item, "metadata", None) or getattr(item, "meta", None) or {}
        text = next(
            (t for name in ("page_content", "text", "content") if isinstance(t := getattr(item, name, None), str)), None
        )
        if text is None:
            raise InvalidInput(f"{self.name} returned a {type(item).__name__}, which holds no text that is known here")
        document = self._document(item, metadata)
        start = _start(item, metadata)
        return Passage(
            rank=rank,
            score=float(score) if isinstance(score, int | float) and not scored else float(n - rank + 1),
            chunk=-rank,
            document=document,
            source=str(metadata.get("source") or document),
            start=start,
            end=start + len(text),
            text=text,
        )

    def _document(self, item: Any, metadata: Mapping[str, Any]) -> str:  # noqa: ANN401
        for name in self._fields:
            if metadata.get(name) not in (None, ""):
                return str(metadata[name])
        own = getattr(item, "ref_doc_id", None) or getattr(item, "id", None) or getattr(item, "id_", None)
        if own is None or self._fields != IDS:
            held = ", ".join(map(str, metadata)) or "nothing"
            raise InvalidInput(
                f"a result of {self.name} does not say of which document it is: its metadata hold {held}; "
                "name the field with document= (--document-field)"
            )
        return str(own)


def adapted(system: object, *, document: str = "") -> object:
    """Return a system that `rag.evaluation.evaluate` can ask: as it is where it can, else a `ForeignRetriever`."""
    if document or _is_of("langchain_core", system) or _is_of("llama_index", system) or _is_of("haystack", system):
        return ForeignRetriever(system, document=document)
    if hasattr(system, "ask") or hasattr(system, "retrieve"):
        return system
    return ForeignRetriever(system)


def _search_of(system: Any) -> Search:  # noqa: ANN401 - an object of any library
    """Return how a system is asked for the best ``k``."""
    for fits, search in _WAYS:
        if fits(system):
            return search(system)
    raise InvalidInput(
        f"a {type(system).__name__} is not a retriever that is known here: give one of LangChain, LlamaIndex or "
        "Haystack, an object with retrieve(question, k), or a function of question and k"
    )


def _invoked(system: Any) -> Search:  # noqa: ANN401
    takes = (
        inspect.signature(system._get_relevant_documents).parameters
        if hasattr(system, "_get_relevant_documents")
        else {}
    )
    named = "k" in takes or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in takes.values())
    return lambda question, k: system.invoke(question, **({"k": k} if named else {}))


def _llama(system: Any) -> Search:  # noqa: ANN401
    def search(question: str, k: int) -> Sequence[Any]:
        for name in ("similarity_top_k", "_similarity_top_k"):  # what LlamaIndex's own retrievers go by
            if hasattr(system, name):
                setattr(system, name, k)
                break
        found: Sequence[Any] = system.retrieve(question)
        return found

    return search


_WAYS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Search]], ...] = (
    (
        lambda each: hasattr(each, "similarity_search"),  # a vector store of LangChain
        lambda each: lambda question, k: each.similarity_search(question, k=k),
    ),
    (
        lambda each: hasattr(each, "as_retriever"),  # an index of LlamaIndex
        lambda each: lambda question, k: each.as_retriever(similarity_top_k=k).retrieve(question),
    ),
    (lambda each: _is_of("langchain_core", each) and hasattr(each, "invoke"), _invoked),
    (lambda each: _is_of("llama_index", each) and hasattr(each, "retrieve"), _llama),
    (
        lambda each: hasattr(each, "run") and "query" in inspect.signature(each.run).parameters,  # of Haystack
        lambda each: lambda question, k: each.run(query=question, top_k=k)["documents"],
    ),
    (lambda each: hasattr(each, "retrieve"), lambda each: each.retrieve),
    (callable, lambda each: each),
)
"""How to know each kind of retriever, and how to ask it."""


def _is_of(library: str, system: object) -> bool:
    return any(each.__module__.partition(".")[0] == library for each in type(system).__mro__)


def _start(item: Any, metadata: Mapping[str, Any]) -> int:  # noqa: ANN401
    own = getattr(item, "start_char_idx", None)
    found = next((metadata[name] for name in _STARTS if isinstance(metadata.get(name), int)), own)
    return found if isinstance(found, int) else 0
