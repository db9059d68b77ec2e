"""Context steps by name."""

from __future__ import annotations

from types import MappingProxyType

BUILDERS = MappingProxyType(
    {
        "budget": "rag.context.budget:TokenBudget",
        "edges": "rag.context.edges:BestAtEdges",
        "neighbours": "rag.context.neighbours:Neighbours",
        "section": "rag.context.section:ParentSection",
        "unique": "rag.context.unique:NearDuplicates",
    }
)
