"""Rerankers by name."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from .. import components
from ..components import Tools
from ..errors import InvalidInput
from .protocol import Reranker
from .stage import DEADLINE_S, TOP_K_IN, Reranking

RERANKERS = MappingProxyType(
    {
        "cross-encoder": "rag.reranking.cross_encoder:CrossEncoderReranker",
        "late-interaction": "rag.reranking.late_interaction:LateInteraction",
        "listwise": "rag.reranking.listwise:ListwiseReranker",
        "mmr": "rag.reranking.diversity:MaximalMarginalRelevance",
        "recency": "rag.reranking.recency:RecencyPrior",
        "sources": "rag.reranking.source_prior:SourcePrior",
    }
)


def reranking(
    names: str | Sequence[str | Reranker],
    tools: Tools,
    *,
    top_k_in: int = TOP_K_IN,
    top_k_out: int | None = None,
    deadline: float | None = DEADLINE_S,
) -> Reranking | None:
    """Make the reranking of some rerankers, one after another; None for ``none``.

    Parameters
    ----------
    names
        Specs such as ``"cross-encoder:model=DIR"``, or rerankers of your own. A string may hold several, joined by
        ``+``: ``"late-interaction+mmr"``.
    top_k_in, top_k_out, deadline
        As in `Reranking`.

    Raises
    ------
    InvalidInput
        A name or option that does not exist.
    """
    given = names.split("+") if isinstance(names, str) else list(names)
    if given in (["none"], [""], []):
        return None
    if "none" in given:
        raise InvalidInput(f"rerank={names!r}: none goes alone")
    made = [components.make("reranker", RERANKERS, each, tools) if isinstance(each, str) else each for each in given]
    return Reranking(made, top_k_in=top_k_in, top_k_out=top_k_out, deadline=deadline)
