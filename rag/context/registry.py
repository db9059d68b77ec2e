"""Context steps by name."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from .. import components
from ..components import Tools
from ..errors import InvalidInput
from .protocol import ContextBuilder
from .stage import Context

BUILDERS = MappingProxyType(
    {
        "budget": "rag.context.budget:TokenBudget",
        "edges": "rag.context.edges:BestAtEdges",
        "neighbours": "rag.context.neighbours:Neighbours",
        "section": "rag.context.section:ParentSection",
        "unique": "rag.context.unique:NearDuplicates",
    }
)


def context(names: str | Sequence[str | ContextBuilder], tools: Tools) -> Context | None:
    """Make the context of some steps, one after another; None for ``none``.

    Parameters
    ----------
    names
        Specs such as ``"neighbours:sentences=2"``, or steps of your own. A string may hold several, joined by ``+``:
        ``"neighbours+unique+budget:tokens=1500+edges"``.

    Raises
    ------
    InvalidInput
        A name or option that does not exist.
    """
    given = names.split("+") if isinstance(names, str) else list(names)
    if given in (["none"], [""], []):
        return None
    if "none" in given:
        raise InvalidInput(f"context={names!r}: none goes alone")
    return Context([components.make("context", BUILDERS, n, tools) if isinstance(n, str) else n for n in given])
