"""METEOR as NLTK computes it: words aligned by exact match, by stem and, if WordNet is installed, by synonym.

S. Banerjee and A. Lavie, "METEOR: an automatic metric for MT evaluation with improved correlation with human
judgments", ACL workshop, 2005. Words are lower-cased runs of letters and digits, or single marks; of several references
the best counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from ...errors import ModelMissing
from ..aggregate import Score
from .answer_rows import against_references, evaluation_extra, spaced
from .cases import Cases, Resources

_TOKEN = re.compile(r"\w+|[^\w\s]")


class NoSynonyms:
    """A WordNet that knows no word."""

    def synsets(self, word: str) -> list[Any]:  # noqa: ARG002 - NLTK's signature
        """Return no synonyms."""
        return []


def meteor(cases: Cases, _: Resources) -> list[Score]:
    """METEOR with WordNet.

    Raises
    ------
    ModelMissing
        WordNet is not on this machine; says how to get it.
    """
    return _scores(cases, _wordnet())


def meteor_exact_stem(cases: Cases, _: Resources) -> list[Score]:
    """METEOR by exact and stem matches alone: lower than METEOR if answers use synonyms, hence its own name."""
    return _scores(cases, NoSynonyms())


@cache
def _wordnet() -> Any:  # noqa: ANN401 - NLTK has no types
    wordnet = evaluation_extra("nltk.corpus", "METEOR metrics").wordnet
    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        raise ModelMissing(
            "METEOR needs WordNet, which is not on this machine; run python -m nltk.downloader wordnet, "
            "or take meteor_exact_stem, which needs none"
        ) from error
    return wordnet


def _scores(cases: Cases, wordnet: object) -> list[Score]:
    score = evaluation_extra("nltk.translate.meteor_score", "METEOR metrics").meteor_score

    def value(answer: str, references: Sequence[str]) -> float:
        if not any(references):
            return float(not answer)
        return float(
            score([_TOKEN.findall(spaced(r)) for r in references], _TOKEN.findall(spaced(answer)), wordnet=wordnet)
        )

    return against_references(cases, value)
