"""Perturb questions: seeded changes of the text that keep its meaning."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable

from ...errors import InvalidInput
from .typos import with_typos

Perturbation = Callable[[str, int], str]
"""Maps a question and a seed to the perturbed question; same arguments, same result."""

_WORD = re.compile(r"\S+")
_QUESTION_MARK = re.compile(r"\s*[?!.]+\s*$")

# What is asked, by how the question starts, and other ways to ask it. {x} is what follows.
_PARAPHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"how (?:do|can|should) (?:i|you|we|one) (?P<x>.+)", ("what is the way to {x}", "I want to {x}; how is it done")),
    (r"how to (?P<x>.+)", ("what is the way to {x}", "how does one {x}")),
    (r"how many (?P<x>.+)", ("what is the number of {x}", "tell me how many {x}")),
    (r"what (?:is|are) (?P<x>.+)", ("tell me about {x}", "I would like to know what {x} means")),
    (r"what (?P<x>.+)", ("can you tell me what {x}", "I would like to know what {x}")),
    (r"when (?:did|was|were) (?P<x>.+)", ("at what time: {x}", "I need the date: {x}")),
    (r"who (?P<x>.+)", ("which person {x}", "tell me who {x}")),
    (r"where (?P<x>.+)", ("in what place {x}", "do you know where {x}")),
    (r"why (?P<x>.+)", ("for what reason {x}", "please explain why {x}")),
    (r"which (?P<x>.+)", ("can you tell me which {x}", "do you know which {x}")),
    (r"(?P<x>.+)", ("I have a question: {x}", "please help me with this: {x}")),
)


def typo(text: str, seed: int) -> str:
    """One typing error."""
    return with_typos(text, 1, seed=seed)


def two_typos(text: str, seed: int) -> str:
    """Two typing errors, in different words."""
    return with_typos(text, 2, seed=seed)


def lower_case(text: str, seed: int) -> str:  # noqa: ARG001 - one signature for all
    """All in small letters."""
    return text.lower()


def upper_case(text: str, seed: int) -> str:  # noqa: ARG001
    """All in capitals."""
    return text.upper()


def no_marks(text: str, seed: int) -> str:  # noqa: ARG001
    """No question mark or full stop at the end, and no commas."""
    return _QUESTION_MARK.sub("", text).replace(",", "")


def paraphrase(text: str, seed: int) -> str:
    """Other words around the same matter, by templates on how the question starts."""
    bare = _QUESTION_MARK.sub("", text.strip())
    for pattern, templates in _PARAPHRASES:
        if match := re.fullmatch(pattern, bare, re.IGNORECASE | re.DOTALL):
            return _drawn(text, seed).choice(templates).format(x=match["x"]) + "?"
    return text


def word_order(text: str, seed: int) -> str:
    """Two neighbouring words change places, once for every four words."""
    words = _WORD.findall(_QUESTION_MARK.sub("", text))
    rng = _drawn(text, seed)
    free = list(range(1, len(words) - 1))  # the first word is usually the question word
    for _ in range(max(1, len(words) // 4)):
        if free:
            at = rng.choice(free)
            words[at], words[at + 1] = words[at + 1], words[at]
            free = [i for i in free if abs(i - at) > 1]
    return " ".join(words) + ("?" if text.rstrip().endswith("?") else "")


def shuffled(text: str, seed: int) -> str:
    """All words in any order: what remains is a bag of words."""
    words = _WORD.findall(_QUESTION_MARK.sub("", text))
    _drawn(text, seed).shuffle(words)
    return " ".join(words)


PERTURBATIONS: dict[str, Perturbation] = {
    "typo": typo,
    "two_typos": two_typos,
    "lower_case": lower_case,
    "upper_case": upper_case,
    "no_marks": no_marks,
    "paraphrase": paraphrase,
    "word_order": word_order,
    "shuffled": shuffled,
}
"""Perturbations by name."""


def perturbation(name: str) -> Perturbation:
    """Return a perturbation by name.

    Raises
    ------
    InvalidInput
        There is none of that name.
    """
    if name not in PERTURBATIONS:
        raise InvalidInput(f"there is no perturbation {name!r}; choose from {', '.join(PERTURBATIONS)}")
    return PERTURBATIONS[name]


def _drawn(text: str, seed: int) -> random.Random:
    return random.Random(hashlib.sha256(f"{seed}\0{text}".encode(errors="surrogatepass")).digest())  # noqa: S311
