"""Rewriters by name."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from .. import components
from ..components import Tools
from ..errors import InvalidInput
from .protocol import QueryRewriter
from .stage import DEADLINE_S, Rewriting

AUTO = "auto"
NONE = "none"

REWRITERS = MappingProxyType(
    {
        "acronyms": "rag.rewriting.acronyms:AcronymExpander",
        "auto": "rag.rewriting.gate:Automatic",
        "bo1": "rag.rewriting.feedback:Bo1",
        "condense": "rag.rewriting.condensing:Condenser",
        "condense-model": "rag.rewriting.by_model:CondenseByModel",
        "decompose": "rag.rewriting.by_model:Decompose",
        "hyde": "rag.rewriting.hyde:HyDE",
        "keywords": "rag.rewriting.by_model:Keywords",
        "multi-query": "rag.rewriting.by_model:MultiQuery",
        "normalise": "rag.rewriting.normalising:Normaliser",
        "rm3": "rag.rewriting.feedback:RM3",
        "rocchio": "rag.rewriting.feedback:Rocchio",
        "spelling": "rag.rewriting.spelling:SpellingCorrector",
        "step-back": "rag.rewriting.by_model:StepBack",
        "synonyms": "rag.rewriting.synonyms:SynonymExpander",
    }
)


def rewriting(
    names: str | Sequence[str | QueryRewriter], tools: Tools, *, deadline: float | None = DEADLINE_S
) -> Rewriting | None:
    """Make the rewriting of some strategies, one after another; None for ``none``.

    Parameters
    ----------
    names
        Specs such as ``"rm3:docs=5"``, or rewriters of your own. A string may hold several, joined by ``+`` or, where
        none has options, by commas: ``"spelling,rm3"``.
    tools
        The knowledge base, and the language model where one is configured.
    deadline
        As in `Rewriting`.

    Raises
    ------
    InvalidInput
        A name or option that does not exist, or a strategy that needs a language model where none is configured.
    """
    given = split(names) if isinstance(names, str) else list(names)
    if given in ([NONE], []):
        return None
    if NONE in given:
        raise InvalidInput(f"rewrite={names!r}: none goes alone")
    made = [components.make("rewriter", REWRITERS, each, tools) if isinstance(each, str) else each for each in given]
    return Rewriting(made, deadline=deadline)


def split(names: str) -> list[str]:
    """Split a list of specs; a comma before ``name=`` belongs to the options of the spec before."""
    found: list[str] = []
    for part in names.replace("+", ",+").split(","):
        fresh = part.startswith("+") or "=" not in part or ":" in part.partition("=")[0]
        if fresh or not found:
            found.append(part.lstrip("+").strip())
        else:
            found[-1] += f",{part.strip()}"
    return [each for each in found if each]
