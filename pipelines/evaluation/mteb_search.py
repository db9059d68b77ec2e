"""A whole knowledge base as MTEB's `SearchProtocol`: its figures then are those of MTEB's leaderboard for retrieval.

MTEB hands over a task's corpus and queries; they are cut, embedded, indexed, searched, fused and reranked as a user's
own documents are. MTEB computes the figures. Protocol as of MTEB 2.26.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rag.documents.document import Document
from rag.embedding.protocol import Embedder
from rag.errors import ExtraMissing, InvalidInput
from rag.knowledge_base import KnowledgeBase
from rag.retrieval.config import PipelineConfig
from rag.retrieval.retriever import Retriever

_BATCH = 256


class KnowledgeBaseSearch:
    """A knowledge base of its own for each task, split and subset; `mteb.evaluate` takes it as a model.

    Parameters
    ----------
    folder
        Where the knowledge bases are made; one that is there is made anew.
    config
        The pipeline value; of a rewriter or reranker with a language model as well.
    name
        ``organisation/name``, as MTEB's tables show it.
    **options
        Of a new knowledge base, as `rag.KnowledgeBase.create` takes them: ``embedder``, ``chunker``, ``indexes``,
        ``granularity``.

    Raises
    ------
    ExtraMissing
        MTEB is not installed.
    InvalidInput
        The name has no slash.

    Notes
    -----
    MTEB keeps results by name and revision. The revision is a digest of the pipeline value and the options.
    """

    def __init__(
        self,
        folder: str | Path,
        config: PipelineConfig | None = None,
        *,
        name: str = "rag-workbench/knowledge-base",
        **options: Any,  # noqa: ANN401 - each option has its own type
    ) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
            raise InvalidInput(f"MTEB wants a name such as organisation/name, not {name!r}")
        try:
            from mteb.models import ModelMeta
        except ImportError as error:
            raise ExtraMissing("scoring by MTEB needs it: pip install 'rag-workbench[mteb]'") from error
        self._folder, self._config, self._options = Path(folder), config or PipelineConfig(), options
        facts = {"pipeline": self._config.digest, **{key: _named(value) for key, value in options.items()}}
        revision = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
        self._meta = ModelMeta.create_empty({"name": name, "revision": revision})

    @property
    def mteb_model_meta(self) -> Any:  # noqa: ANN401 - MTEB is optional
        """Name and revision, for MTEB."""
        return self._meta

    def index(
        self,
        corpus: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,  # noqa: ANN401 - MTEB's
        hf_split: str,
        hf_subset: str,
        **_: Any,  # noqa: ANN401 - MTEB's
    ) -> None:
        """Make a knowledge base of a task's corpus."""
        place = self._place(task_metadata.name, hf_split, hf_subset)
        if KnowledgeBase.exists(place):
            shutil.rmtree(place)
        with KnowledgeBase.create(place, **self._options) as kb:
            kb.add(_documents(corpus))

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,  # noqa: ANN401 - MTEB's
        hf_split: str,
        hf_subset: str,
        top_k: int,
        top_ranked: object = None,
        **_: Any,  # noqa: ANN401 - MTEB's
    ) -> dict[str, dict[str, float]]:
        """Return the score of each query's documents, higher is better; a document's rank is its best passage's.

        Raises
        ------
        InvalidInput
            The task gives the documents to rerank, or a query is not a text.
        """
        if top_ranked is not None:
            raise InvalidInput(
                f"{task_metadata.name} gives the documents to rerank; a knowledge base searches for them"
            )
        place = self._place(task_metadata.name, hf_split, hf_subset)
        asked = [(str(row["id"]), _text(row)) for row in queries]
        embedder = self._options.get("embedder")
        with (
            KnowledgeBase.open(place, embedder=embedder, chunker=self._options.get("chunker")) as kb,
            Retriever(kb, self._config) as retriever,
        ):
            # Several passages of one document share one place.
            each = math.ceil(len(kb.chunk_ids()) / max(1, len(kb.document_ids())))
            found: dict[str, dict[str, float]] = {}
            for start in range(0, len(asked), _BATCH):
                batch = asked[start : start + _BATCH]
                results = retriever.search_many([text for _, text in batch], top_k * each, repeats=True)
                for (query, _text_of_it), result in zip(batch, results, strict=True):
                    ranked = list(dict.fromkeys(passage.document for passage in result.passages))[:top_k]
                    found[query] = {document: float(len(ranked) - at) for at, document in enumerate(ranked)}
        return found

    def _place(self, *names: str) -> Path:
        return self._folder / "-".join(re.sub(r"[^\w.]+", "_", name) for name in names)


def _documents(corpus: Iterable[Mapping[str, Any]]) -> Iterator[Document]:
    for row in corpus:
        yield Document.from_text(str(row.get("text") or ""), id=str(row["id"]), title=str(row.get("title") or ""))


def _text(row: Mapping[str, Any]) -> str:
    """Return a query as it is searched for, with the task's instruction where it has one."""
    text = row.get("text")
    if not isinstance(text, str):
        raise InvalidInput(f"the query {row['id']!r} is a {type(text).__name__}: only texts can be searched for")
    return f"{text} {row['instruction']}" if row.get("instruction") else text


def _named(value: object) -> object:
    if isinstance(value, Embedder):
        return [value.name, value.revision, value.dim]
    if isinstance(value, str | None):
        return value
    return list(value) if isinstance(value, list | tuple) else str(getattr(value, "name", value))
