"""Rerankers of LangChain, LlamaIndex and Haystack in our pipeline, each library imported when it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..documents.document import Passage
from ..errors import InvalidInput

_PLACE = "rag_place"
"""The metadata field by which a passage is known again."""


class ForeignReranker:
    """A reranker of another library, to give as ``rerank=``.

    Parameters
    ----------
    reranker
        A LangChain document compressor, a LlamaIndex node postprocessor, or a Haystack ranker.
    name
        Of its score in ``Passage.scores``; default: its class's.

    Raises
    ------
    InvalidInput
        It is none of these.

    Examples
    --------
    >>> bot = Bot.open("kb", rerank=ForeignReranker(compressor))                    # doctest: +SKIP
    """

    def __init__(self, reranker: object, *, name: str = "") -> None:
        self.name = name or type(reranker).__name__
        for method, ordered in _WAYS.items():
            if hasattr(reranker, method):
                self._ordered = ordered
                break
        else:
            raise InvalidInput(
                f"a {self.name} is not a reranker that is known here: give a document compressor of LangChain, a node "
                "postprocessor of LlamaIndex or a ranker of Haystack"
            )
        self._reranker = reranker

    def score(
        self,
        question: str,
        passages: Sequence[Passage],
        *,
        deadline: float | None = None,  # noqa: ARG002 - they know none
    ) -> NDArray[np.float64]:
        """Return a score for each passage by the place that it was given: float64, shape (n,), higher is better.

        Those that were left out share the lowest score.
        """
        scores = np.zeros(len(passages))
        for rank, place in enumerate(self._ordered(self._reranker, question, [each.text for each in passages])):
            scores[place] = len(passages) - rank
        return scores


def _compressed(reranker: Any, question: str, texts: list[str]) -> Iterable[int]:  # noqa: ANN401
    from langchain_core.documents import Document

    documents = [Document(text, metadata={_PLACE: place}) for place, text in enumerate(texts)]
    return [each.metadata[_PLACE] for each in reranker.compress_documents(documents, question)]


def _postprocessed(reranker: Any, question: str, texts: list[str]) -> Iterable[int]:  # noqa: ANN401
    from llama_index.core.schema import NodeWithScore, TextNode

    nodes = [
        NodeWithScore(node=TextNode(text=text, metadata={_PLACE: place}), score=1 / (1 + place))
        for place, text in enumerate(texts)
    ]
    return [each.metadata[_PLACE] for each in reranker.postprocess_nodes(nodes, query_str=question)]


def _ranked(reranker: Any, question: str, texts: list[str]) -> Iterable[int]:  # noqa: ANN401
    from haystack import Document

    documents = [Document(content=text, meta={_PLACE: place}) for place, text in enumerate(texts)]
    return [each.meta[_PLACE] for each in reranker.run(query=question, documents=documents)["documents"]]


_WAYS: dict[str, Callable[[Any, str, list[str]], Iterable[int]]] = {
    "compress_documents": _compressed,
    "postprocess_nodes": _postprocessed,
    "run": _ranked,
}
"""How to know each kind, and how to ask it for the places of the texts, best first."""
