"""Haystack over a knowledge base: a document store, a retriever component; and Haystack's embedders in ours.

::

    store = KnowledgeBaseDocumentStore("kb")
    pipeline.add_component("retriever", KnowledgeBaseRetriever(document_store=store, top_k=5))
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from ..documents.document import Document, Passage
from ..embedding import CallableEmbedder
from ..embedding.protocol import Embedder
from ..errors import ExtraMissing
from ..filters import FieldTest, Filter, Junction, Node, Not
from ..knowledge_base import KnowledgeBase
from ..retrieval.config import PipelineConfig
from ..retrieval.retriever import Retriever
from . import records

try:
    from haystack import Document as TheirDocument, component, default_from_dict, default_to_dict
    from haystack.document_stores.errors import DuplicateDocumentError
    from haystack.document_stores.types import DuplicatePolicy
    from haystack.errors import FilterError
    from haystack.utils.filters import document_matches_filter
except ImportError as error:
    raise ExtraMissing("this needs Haystack: pip install 'rag-workbench[haystack]'") from error

_REST = "_haystack"
"""Metadata field with the JSON of what a document has besides content and meta: an embedding, a blob."""
_COMPARISONS = {"<", "<=", ">", ">="}


class KnowledgeBaseDocumentStore:
    """A knowledge base as Haystack's document store. It embeds by itself; embeddings given are kept and given back.

    Parameters
    ----------
    path
        Folder of the knowledge base; made when something is first written.
    embedder, chunker, analyser
        Of a new one, as specs, see `KnowledgeBase.create`; documents are stored whole by default, since Haystack has
        split them.
    """

    def __init__(
        self, path: str, *, embedder: str | None = None, chunker: str = "document", analyser: str = "english"
    ) -> None:
        self._given = {"path": str(path), "embedder": embedder, "chunker": chunker, "analyser": analyser}
        self._kb: KnowledgeBase | None = None

    @property
    def kb(self) -> KnowledgeBase:
        """The knowledge base, open for writing."""
        if self._kb is None:
            making = {name: value for name, value in self._given.items() if name != "path"}
            path = str(self._given["path"])
            self._kb = (
                KnowledgeBase.open(path, mode="w", embedder=self._given["embedder"])
                if KnowledgeBase.exists(path)
                else KnowledgeBase.create(path, **making)  # type: ignore[arg-type]
            )
        return self._kb

    def close(self) -> None:
        """Close the knowledge base; it opens again when it is needed."""
        if self._kb is not None:
            self._kb.close()
            self._kb = None

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it again."""
        form: dict[str, Any] = default_to_dict(self, **self._given)
        return form

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> KnowledgeBaseDocumentStore:
        """Make it again."""
        made: KnowledgeBaseDocumentStore = default_from_dict(cls, data)
        return made

    def count_documents(self) -> int:
        """Return how many documents are stored."""
        return self.kb.status().documents

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[TheirDocument]:
        """Return the documents that match, as Haystack itself compares them.

        Raises
        ------
        FilterError
            The filter is malformed.
        """
        every = (_theirs(self.kb.document(name)) for name in self.kb.document_ids())
        return [each for each in every if not filters or document_matches_filter(filters, each)]

    def write_documents(self, documents: list[TheirDocument], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Write documents; return how many were written. Without a policy a second one of an id is refused.

        Raises
        ------
        DuplicateDocumentError
            The policy is to fail, and a document of that id is there.
        ValueError
            These are no documents.
        """
        if not isinstance(documents, list) or not all(isinstance(each, TheirDocument) for each in documents):
            raise ValueError("give a list of haystack.Document")
        known = set(self.kb.document_ids())
        if policy in {DuplicatePolicy.NONE, DuplicatePolicy.FAIL} and (
            twice := next((each.id for each in documents if each.id in known), None)
        ):
            raise DuplicateDocumentError(f"a document with the id {twice!r} is there already")
        if policy == DuplicatePolicy.SKIP:
            documents = [each for each in documents if each.id not in known]
        self.kb.add(map(_ours, documents))
        return len(documents)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents by their ids; ids that are not there are left alone."""
        self.kb.remove(*document_ids, folders=False)

    def delete_all_documents(self) -> None:
        """Delete every document."""
        self.kb.remove(*self.kb.document_ids(), folders=False)


@component
class KnowledgeBaseRetriever:
    """A `rag.Retriever` as Haystack's component: rewriting, hybrid search, reranking and context as its pipeline says.

    Parameters
    ----------
    document_store
        The store.
    top_k
        Passages to find.
    filters
        Haystack's filters, or an expression of ours; those given with a question hold as well.
    pipeline
        Fields of `PipelineConfig` to change.
    """

    def __init__(
        self,
        document_store: KnowledgeBaseDocumentStore,
        *,
        top_k: int = 10,
        filters: dict[str, Any] | str | None = None,
        pipeline: dict[str, Any] | None = None,
    ) -> None:
        self._store, self._top_k, self._filters, self._choices = document_store, top_k, filters, pipeline or {}

    def to_dict(self) -> dict[str, Any]:
        """Return what makes it again."""
        form: dict[str, Any] = default_to_dict(
            self,
            document_store=self._store.to_dict(),
            top_k=self._top_k,
            filters=self._filters,
            pipeline=self._choices,
        )
        return form

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> KnowledgeBaseRetriever:
        """Make it again."""
        given = data["init_parameters"]
        given["document_store"] = KnowledgeBaseDocumentStore.from_dict(given["document_store"])
        made: KnowledgeBaseRetriever = default_from_dict(cls, data)
        return made

    @component.output_types(documents=list[TheirDocument])
    def run(
        self, query: str, filters: dict[str, Any] | str | None = None, top_k: int | None = None
    ) -> dict[str, list[TheirDocument]]:
        """Return the passages that fit a question, best first, with scores and places."""
        nodes = [node for each in (self._filters, filters) if each for node in (_node(each),)]
        where = None if not nodes else Filter(nodes[0] if len(nodes) == 1 else Junction("and", tuple(nodes)))
        kb = self._store.kb
        with Retriever(kb, PipelineConfig.of(kb), **self._choices) as retriever:
            found = retriever.retrieve(query, top_k or self._top_k, where=where)
        return {"documents": [_passage(each) for each in found]}


def embedder_of(text_embedder: Any, document_embedder: Any, *, name: str) -> Embedder:  # noqa: ANN401 - components
    """Return Haystack's two embedder components as an embedder of ours; ``name`` is the model's identity."""
    for each in (text_embedder, document_embedder):
        if hasattr(each, "warm_up"):
            each.warm_up()

    def passages(texts: list[str]) -> list[list[float]]:
        found = document_embedder.run(documents=[TheirDocument(content=text) for text in texts])["documents"]
        return [each.embedding for each in found]

    def queries(texts: list[str]) -> list[list[float]]:
        return [text_embedder.run(text=text)["embedding"] for text in texts]

    return CallableEmbedder(passages, dim=len(queries(["dimension"])[0]), name=name, queries=queries)


# ---- documents ------------------------------------------------------------------------------------------------


def _ours(document: TheirDocument) -> Document:
    rest = {k: v for k, v in document.to_dict(flatten=False).items() if k not in {"id", "content", "meta"} and v}
    made = records.document(document.content or "", document.meta, id=document.id)
    return replace(made, metadata={**made.metadata, **({_REST: json.dumps(rest)} if rest else {})})


def _theirs(document: Document) -> TheirDocument:
    return _restored(document.id, document.text, document.metadata)


def _restored(name: str, text: str, fields: Mapping[str, Any]) -> TheirDocument:
    own = dict(fields)
    rest = json.loads(own.pop(_REST, "{}"))
    return TheirDocument.from_dict({"id": name, "content": text or None, "meta": records.metadata_of(own), **rest})


def _passage(passage: Passage) -> TheirDocument:
    found = _restored(passage.document, passage.text, passage.metadata)
    placed = {name: value for name, value in records.place_of(passage).items() if name not in {"score", _REST}}
    return TheirDocument(id=found.id, content=found.content, meta={**placed, **found.meta}, score=passage.score)


# ---- filters --------------------------------------------------------------------------------------------------


def _node(filters: Mapping[str, Any] | str) -> Node:
    if isinstance(filters, str):
        from ..filter_parser import parse

        return parse(filters).root
    if "field" in filters:
        return _comparison(filters)
    try:
        word, conditions = filters["operator"], filters["conditions"]
    except KeyError as error:
        raise FilterError(f"{error} is missing in {dict(filters)}") from error
    parts = tuple(map(_node, conditions))
    if word not in {"AND", "OR", "NOT"} or not parts:
        raise FilterError(f"{word!r} with {len(parts)} conditions: AND, OR and NOT take one or more")
    joined = parts[0] if len(parts) == 1 else Junction("or" if word == "OR" else "and", parts)
    return Not(joined) if word == "NOT" else joined


def _comparison(filters: Mapping[str, Any]) -> Node:
    try:
        field, op, value = filters["field"], filters["operator"], filters["value"]
    except KeyError as error:
        raise FilterError(f"{error} is missing in {dict(filters)}") from error
    if field in {"content", "embedding", "blob", "score"}:
        raise FilterError(f"a search cannot be filtered by {field}")
    name = "document" if field == "id" else f"metadata.{str(field).removeprefix('meta.')}"
    if op in {"in", "not in"}:
        if not isinstance(value, list):
            raise FilterError(f"{op!r} takes a list, not {value!r}")
        test: Node = FieldTest(name, "in", tuple(map(_value, value)))
        return test if op == "in" else Not(test)
    if op in {"==", "!="}:
        test = FieldTest(name, "==", (_value(value),))
        return test if op == "==" else Not(test)
    if op not in _COMPARISONS:
        raise FilterError(f"{op!r} is not an operator: ==, !=, <, <=, >, >=, in, not in")
    return FieldTest(name, "in", ()) if value is None else FieldTest(name, op, (_ordered(value),))


def _value(value: Any) -> Any:  # noqa: ANN401 - a scalar
    return value.isoformat() if isinstance(value, date) else value


def _ordered(value: Any) -> Any:  # noqa: ANN401 - a number, or a date as text
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise FilterError(f"{value!r} has no order: compare with numbers and ISO dates") from None
    elif not isinstance(value, int | float | date):
        raise FilterError(f"{value!r} has no order: compare with numbers and ISO dates")
    return _value(value)
