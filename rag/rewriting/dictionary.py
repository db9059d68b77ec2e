"""Words of a language, and how common they are: the lists of `pyspellchecker <https://pypi.org/project/pyspellchecker/>`_."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec

from .edit_distance import within

CODES: Mapping[str, str] = {
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
}
"""Languages that have a list."""


class Dictionary:
    """The words of a language with the number of times each was seen in the texts that the list was made of."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts
        self._by_letter: defaultdict[str, list[str]] = defaultdict(list)
        for word in counts:
            self._by_letter[word[:1]].append(word)

    def __contains__(self, word: str) -> bool:
        return word.lower() in self.counts

    def near(self, typed: str, slips: int) -> list[str]:
        """Return the words that may have been meant by one in small letters, by at most so many slips."""
        letters = dict.fromkeys(typed[:2])  # the first two may have been swapped
        return [word for letter in letters for word in within(typed, self._by_letter.get(letter, ()), slips)]


NO_WORDS = Dictionary({})


@cache
def dictionary(language: str) -> Dictionary:
    """Return the words of a language; `NO_WORDS` where there is no list, or no pyspellchecker."""
    if language not in CODES or find_spec("spellchecker") is None:
        return NO_WORDS
    from spellchecker import SpellChecker

    return Dictionary(SpellChecker(language=CODES[language]).word_frequency.dictionary)
