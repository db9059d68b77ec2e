"""The rules of one language: words and patterns that the parts of the toolkit look up by its code."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property


def listed(words: str) -> frozenset[str]:
    """Return the words of a literal as a set."""
    return frozenset(words.split())


@dataclass(frozen=True)
class Rules:
    """What is known of a language; an empty field is knowledge that is not there, never a default of another language.

    Attributes
    ----------
    code
        Of ISO 639-1.
    asking
        Pattern of the words that only make a text a question; searches leave them out.
    function_words
        Words that carry no matter of their own, in lower case.
    abbreviations
        Words before a full stop that no sentence ends with: a name or number follows.
    before_number, before_number_endings
        The same where a number follows, and ends of such words.
    may_end
        Abbreviations that end a sentence where one of ``starters`` follows.
    starters
        Words that sentences begin with.
    ordinal
        Pattern of what precedes a number with a full stop that is an ordinal.
    kinds
        Kind of question -> pattern; where several match, the one that begins first does, then the first in order.
    clues
        Kind of question -> pattern of the words that may answer it.
    defining_words
        Verbs between a term and its definition, where words are parted by spaces.
    lists
        Pattern of a question for several things.
    leans
        Pattern of a sentence's beginning that takes its sense from the sentence before.
    impersonal
        Pattern of what looks like ``leans`` and points at nothing.
    points
        Pattern of words of a question that point back to what was said.
    opens
        Pattern of what opens a question that goes on from another one ("And", "Thanks, but").
    half
        Pattern of questions that are none without what was said before ("And for Italy?").
    elided
        Pattern of what is joined to a word's beginning by an apostrophe.
    content
        Pattern of words with a matter of their own, where no spaces part them; their group 0 is the word.
    """

    code: str
    asking: str = ""
    function_words: frozenset[str] = frozenset()
    abbreviations: frozenset[str] = frozenset()
    before_number: frozenset[str] = frozenset()
    before_number_endings: tuple[str, ...] = ()
    may_end: frozenset[str] = frozenset()
    starters: frozenset[str] = frozenset()
    ordinal: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    clues: Mapping[str, str] = field(default_factory=dict)
    defining_words: frozenset[str] = frozenset()
    lists: str = ""
    leans: str = ""
    impersonal: str = ""
    points: str = ""
    opens: str = ""
    half: str = ""
    elided: str = ""
    content: str = ""

    @cached_property
    def asking_pattern(self) -> re.Pattern[str] | None:
        """``asking``, compiled; None where it is not known."""
        return re.compile(self.asking) if self.asking else None

    def without_asking(self, text: str) -> str:
        """Return a question without the words that only ask."""
        return text if self.asking_pattern is None else self.asking_pattern.sub(" ", text)

    def matches(self, name: str, text: str) -> re.Match[str] | None:
        """Search a text, whatever its case, for the pattern of a field; an empty one is found nowhere."""
        pattern: str = getattr(self, name)
        return re.search(pattern, text, re.IGNORECASE) if pattern else None

    def kind_of(self, question: str) -> str:
        """Return the kind of answer that a question asks for; empty where nothing tells."""
        asked = question.rpartition("¿")[2]
        found = ((match.start(), at, kind) for at, (kind, match) in enumerate(self._matched(asked)) if match)
        return min(found, default=(0, 0, ""))[2]

    def _matched(self, text: str) -> Iterator[tuple[str, re.Match[str] | None]]:
        for kind, pattern in self.kinds.items():
            yield kind, re.search(pattern, text, re.IGNORECASE)

    def clue(self, kind: str, word: str) -> bool:
        """Say whether a word may be of the kind asked for."""
        pattern = self.clues.get(kind, "")
        return bool(pattern) and re.search(pattern, word, re.IGNORECASE) is not None


NEUTRAL = Rules("")


def one_of(words: str) -> str:
    """Return a pattern of one word, in full, of several."""
    return rf"\A(?:{'|'.join(words.split())})\Z"


def words_asking(words: str) -> str:
    """Return a pattern of words in small letters or capitalised; not in capitals: WHO is an organisation."""
    either = "|".join(f"[{word[0].upper()}{word[0]}]{word[1:]}" for word in words.split())
    return rf"\b(?:{either})(?:['’]s)?\b"
