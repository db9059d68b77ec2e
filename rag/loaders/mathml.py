"""MathML of web pages and books as text on one line: fractions with a slash, powers and indices with their marks."""

from __future__ import annotations

from collections.abc import Callable

from .scripts import lowered, raised, written
from .xml_text import Element, local

_ROOTS = frozenset({"msqrt", "mroot"})
_LEFT_OUT = frozenset({"annotation", "annotation-xml", "mphantom"})
_MAX_DEPTH = 200


def mathml(node: Element) -> str:
    """Return a formula as text."""
    return " ".join(written(_formula(node, 0)).split())


def _formula(node: Element, depth: int) -> str:
    if depth > _MAX_DEPTH:
        raise RecursionError
    tag = local(node.tag).lower()
    parts = [_formula(child, depth + 1) for child in node if local(child.tag).lower() not in _LEFT_OUT]
    if tag in _ROOTS and parts:
        return f"√{_whole(parts[0] if tag == 'mroot' else ''.join(parts))}"
    if tag in ("mtr", "mlabeledtr"):
        return " ".join(parts) + "; "
    scripts = _SCRIPTS.get((tag, len(parts)))
    return scripts(*parts) if scripts else (node.text or "") + "".join(parts)


def _whole(text: str) -> str:
    """Put a part of several words or signs into brackets."""
    text = text.strip()
    return text if text.isdecimal() or len(text) < 2 else f"({text})"


_SCRIPTS: dict[tuple[str, int], Callable[..., str]] = {
    ("mfrac", 2): lambda above, below: f" {_whole(above)}/{_whole(below)} ",
    **dict.fromkeys((("msub", 2), ("munder", 2)), lambda base, low: base + lowered(low)),
    **dict.fromkeys((("msup", 2), ("mover", 2)), lambda base, high: base + raised(high)),
    **dict.fromkeys((("msubsup", 3), ("munderover", 3)), lambda base, low, high: base + lowered(low) + raised(high)),
}
"""How an element of so many parts is written."""
