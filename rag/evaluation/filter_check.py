"""Refuse a filter that cannot find anything, before the first question is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from ..filter_parser import parse
from ..filters import FieldTest, Filter, Junction, Node, Not

if TYPE_CHECKING:
    from ..knowledge_base import KnowledgeBase


def refuse_useless_filter(kb: KnowledgeBase, where: str | None) -> None:
    """Refuse a filter that asks for a field which no document has, or that no passage fits.

    Every question would be asked and find nothing: the figures would be 0, and say nothing of the system.

    Raises
    ------
    InvalidInput
        Names the field, or the filter.
    """
    if where is None:
        return
    root = parse(where).root
    for name in dict.fromkeys(_fields(root)):
        if _is_empty(kb, FieldTest(name, "exists")):
            raise InvalidInput(f"the filter {where!r} asks for the field {name!r}, which no document has")
    if _is_empty(kb, root):
        raise InvalidInput(f"the filter {where!r} fits no passage of {kb.name}; nothing would be found")


def _is_empty(kb: KnowledgeBase, root: Node) -> bool:
    allowed = kb.allowed(Filter(root))
    return allowed is not None and not len(allowed.ids)


def _fields(node: Node) -> Iterator[str]:
    """Yield the fields that a filter tests; ``exists(x)``, which asks for absence too, aside."""
    if isinstance(node, Junction):
        for part in node.parts:
            yield from _fields(part)
    elif isinstance(node, Not):
        yield from _fields(node.part)
    elif isinstance(node, FieldTest) and node.op != "exists" and None not in node.values:
        yield node.field
