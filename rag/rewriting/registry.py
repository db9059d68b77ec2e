"""Rewriters by name."""

from __future__ import annotations

from types import MappingProxyType

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
