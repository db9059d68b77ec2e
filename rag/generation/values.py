"""Check each value of a JSON answer against the passages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..answers import Answer, Sentence
from ..grounding.citation_marks import folded
from ..grounding.evidence import Evidence
from ..grounding.quantities import lacking, quantities
from ..grounding.support import SUPPORTED
from ..grounding.verification import Verification

MOST = 1000
"""Values that are checked; an answer of a language model has fewer."""


def checked_values(verification: Verification, value: Any, **facts: Any) -> Answer:  # noqa: ANN401 - any JSON
    """Return an answer whose ``data`` is the value and whose sentences say what supports each text and number in it.

    A value is supported if a passage contains it verbatim, or supports it as it would a sentence. The answer abstains
    when no value is supported; ``data`` is there all the same.
    """
    for _, (path, leaf) in zip(range(MOST), leaves(value), strict=False):
        verification.sentences.append(_checked(verification, path, leaf))
    text = json.dumps(value, ensure_ascii=False, indent=2)
    answer = verification.answer(data=value, **facts)
    return answer if answer.abstained else replace(answer, text=text)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    """Yield (path, value) of everything in a JSON value but objects and lists; ``a.b[0]`` is a path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{place}]")
    else:
        yield path, value


def _checked(verification: Verification, path: str, leaf: Any) -> Sentence:  # noqa: ANN401 - any JSON
    text = leaf if isinstance(leaf, str) else json.dumps(leaf)
    said = f"{path}: {text}" if path else text
    if isinstance(leaf, bool) or leaf is None or not any(character.isalnum() for character in text):
        return Sentence(said, 0.0, "no claim")
    place = _standing(verification.evidence, leaf, text)
    score = 1.0
    if place is None:
        found = verification.checker.check(text, verification.evidence) if isinstance(leaf, str) else []
        score = found[0].score if found else 0.0
        place = (found[0].passage, found[0].start, found[0].end) if score >= SUPPORTED else None
    if place is not None:
        return Sentence(said, score, "supported", (verification.cite(*place),))
    verification.counts["unsupported"] += 1
    return Sentence(said, score, "unsupported", problem="no passage contains it")


def _standing(evidence: Evidence, leaf: Any, text: str) -> tuple[int, int, int] | None:  # noqa: ANN401 - any JSON
    """Return passage, start and end of the first and shortest span that contains a value verbatim."""
    wanted = folded(text)
    for span in sorted(evidence.spans, key=lambda each: each.sentences):
        if isinstance(leaf, str):
            held = wanted in folded(evidence.passages[span.passage].text[span.start : span.end])
        else:
            held = lacking(quantities(text, document=False), span.quantities, "") is None
        if held:
            return span.passage, span.start, span.end
    return None
