"""What a claim that nearly copies a document's sentence changes in it: a name, a number, "all", "not", an opposite.

Coverage by words cannot see one changed word among twenty. So a claim that the words support is laid beside the
sentence that it resembles most, word by word, and what is in the place of something else is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import pairwise

from ..sentences import sentences
from ..terms import STOP_WORDS
from .negation import denied, denying, doubts, framed, may_deny
from .opposites import opposed, stem
from .quantities import lacking, plain_numbers, quantities
from .unspaced_denials import departs
from .words import FUNCTION_WORDS, WordReader, listed

_NEAR = 0.5
"""Share of a claim's words that a sentence has in the same order, from which it counts as its source."""
_COPY = 0.7
"""The same, from which names and numbers in the place of others contradict it."""
_LONGEST = 6
"""Words of a slot; longer ones are passages that were put in other words."""
_MOST = 80
"""Words of a sentence that are laid beside each other."""

_NAME = "\0"
_JOINS = frozenset({_NAME, "and", "or"})
_NO_NAMES = (
    FUNCTION_WORDS
    | STOP_WORDS
    | listed(
        "he she they his her its their our your my this that these those it in on at by for from with among between "
        "during after before since until when while however although because both all some many most each every one two"
    )
)
_QUANTIFIERS = {
    word: kind
    for kind, words in {
        "all": "all every each always both everyone everybody everything entirely invariably entire whole",
        "most": "most mostly usually generally often frequently normally typically",
        "some": "some several many sometimes occasionally numerous various",
        "few": "few rarely seldom little",
        "no": "no none never neither nobody nothing nor",
        "only": "only solely exclusively",
    }.items()
    for word in listed(words)
}
_COMPATIBLE = (frozenset({"most", "some"}), frozenset({"few", "no"}))


_Block = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class _Text:
    """A text in words that are compared, its numbers in figures."""

    text: str
    words: tuple[str, ...]

    @classmethod
    def read(cls, text: str, reader: WordReader) -> _Text:
        plain = plain_numbers(text, least=2)
        words = reader.read(plain).words[:_MOST]
        return cls(plain, tuple(word.removesuffix("'s").removesuffix("’s") for word in words))

    @cached_property
    def stems(self) -> tuple[str, ...]:
        return tuple(stem(word) for word in self.words)

    @cached_property
    def denying(self) -> frozenset[int]:
        return denying(self.words)

    def slot(self, start: int, end: int) -> _Slot:
        denies = any(start <= place < end for place in self.denying)
        return _Slot(self.words[start:end], self.stems[start:end], start == 0, denies)


@dataclass(frozen=True)
class _Slot:
    """Words of one text in the place of those of another."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    first: bool
    denies: bool

    @property
    def names(self) -> frozenset[str]:
        capital = (word for word in self.words if any(map(str.isupper, word)) and word.lower() not in _NO_NAMES)
        return frozenset(word for word in capital if not self._begins(word))

    @property
    def quantifiers(self) -> frozenset[str]:
        return frozenset(_QUANTIFIERS[word] for word in map(str.lower, self.words) if word in _QUANTIFIERS)

    def _begins(self, word: str) -> bool:
        """Tell whether a capital may be only that of a sentence's first word; a single word there may be a name."""
        return self.first and word == self.words[0] and len(self.words) > 1 and word[1:].islower()


def contradiction(claim: str, said: str, reader: WordReader, strange: frozenset[str] = frozenset()) -> str:
    """Return how a claim departs from a document's text that it nearly copies, in words; empty if it does not.

    Parameters
    ----------
    claim
        The sentence.
    said
        The document's sentences whose words support it.
    reader
        Reads words.
    strange
        Stems of the claim's names that the whole passage lacks.
    """
    own = _Text.read(claim, reader)
    source = _source(own, said, reader)
    blocks = SequenceMatcher(None, own.stems, source.stems, autojunk=False).get_opcodes()
    same = sum(b - a for tag, a, b, _, _ in blocks if tag == "equal") / max(1, len(own.stems))
    known = {word for text in (own, source) for word in text.words[1:] if word[0].isupper()}
    if _swapped(own, source, known):
        return "the passage has its names in other places"
    if same < _NEAR:
        return _denial(own.text, said, reader)
    copies = same >= _COPY
    if problem := _denial(own.text, source.text, reader, copies=copies):
        return problem
    if copies and (problem := _strange(own, strange) or _opposite(own, source)):
        return problem
    return _changed(own, source, blocks, known, copies=copies)


def _source(claim: _Text, said: str, reader: WordReader) -> _Text:
    """Return the sentence that has most of the claim's words."""
    words = set(claim.stems)
    found = [_Text.read(said[start:end], reader) for start, end in sentences(said)] or [_Text(said, ())]
    return max(found, key=lambda each: len(words & set(each.stems)))


def _denial(claim: str, said: str, reader: WordReader, *, copies: bool = False) -> str:
    count = doubts(claim)
    if count and not may_deny(said, claim):
        return "the passage does not deny it"
    if framed(claim) and not framed(said):
        return "the passage does not deny it"
    if problem := departs(claim, said):
        return problem
    if copies and count == 0 and framed(said):
        return "the passage denies it"
    if count:
        no = denied(claim, reader)
        affirmed = frozenset(reader.read(said).terms) - denied(said, reader) if no and not doubts(said) else frozenset()
        if both := no & affirmed:
            return f"the passage affirms {min(both)!r}"
    return ""


def _strange(claim: _Text, strange: frozenset[str]) -> str:
    """Look for a name that the passage has nowhere; acronyms may abbreviate what it says in full."""
    words = zip(claim.words[1:], claim.stems[1:], strict=True)
    found = next((w for w, stem_ in words if stem_ in strange and w[0].isupper() and w[1:].islower()), "")
    return f"the passage lacks {found!r}" if found else ""


def _opposite(claim: _Text, source: _Text) -> str:
    own, other = frozenset(claim.stems), frozenset(source.stems)
    pair = opposed(own - other, other - own)
    return f"the passage says {pair[1]!r}, not {pair[0]!r}" if pair else ""


def _changed(claim: _Text, source: _Text, blocks: Sequence[_Block], known: set[str], *, copies: bool) -> str:
    until = "until" in {*source.words} - {*claim.words}  # "not open until nine" opens at nine
    for place, (tag, a, b, c, d) in enumerate(blocks):
        if tag == "equal":
            continue
        own, other = claim.slot(a, b), source.slot(c, d)
        inner = 0 < place < len(blocks) - 1
        problem = _quantified(own, other) or (copies and _negated(own, other, inner=inner and not until))
        if not problem and tag == "replace" and max(b - a, d - c) <= _LONGEST:
            problem = _turned(own, other, source) or (
                copies and (_renamed(own, other, known) or _recounted(own, other))
            )
        if problem:
            return problem
    return ""


def _swapped(claim: _Text, source: _Text, known: set[str]) -> bool:
    """Tell whether only the places of names differ; of those that an "and" or "or" joins they say nothing."""
    (own, mine), (other, theirs) = _frame(claim, known), _frame(source, known)
    if own != other or sorted(mine) != sorted(theirs):
        return False
    moved = [place for place, pair in enumerate(zip(mine, theirs, strict=True)) if pair[0] != pair[1]]
    at = [place for place, word in enumerate(own) if word == _NAME]
    return bool(moved) and any(set(own[at[one] + 1 : at[next_]]) - _JOINS for one, next_ in pairwise(moved))


def _frame(text: _Text, known: set[str]) -> tuple[list[str], list[str]]:
    """Return the words with a sign in the place of each name, and the names."""
    frame, names = list[str](), list[str]()
    for place, (word, stem_) in enumerate(zip(text.words, text.stems, strict=True)):
        if not word[0].isupper() or (place == 0 and word not in known):
            frame.append(stem_)
        elif frame and frame[-1] == _NAME:
            names[-1] += f" {word}"
        else:
            frame.append(_NAME)
            names.append(word)
    return frame, names


def _quantified(own: _Slot, other: _Slot) -> str:
    mine, theirs = own.quantifiers, other.quantifiers
    if not mine or not theirs or mine & theirs or any(mine | theirs <= pair for pair in _COMPATIBLE):
        return ""
    return f"the passage says {min(theirs)!r}, not {min(mine)!r}"


def _negated(own: _Slot, other: _Slot, *, inner: bool) -> str:
    """Look for a "not" that one of both lacks; a document's may be in a part that the claim left out."""
    if own.denies and not other.denies:
        return "the passage does not deny it"
    return "the passage denies it" if inner and other.denies and not own.denies else ""


def _turned(own: _Slot, other: _Slot, source: _Text) -> str:
    pair = opposed(frozenset(own.stems) - frozenset(source.stems), frozenset(other.stems))
    return f"the passage says {pair[1]!r}, not {pair[0]!r}" if pair else ""


def _renamed(own: _Slot, other: _Slot, known: set[str]) -> str:
    mine, theirs = own.names, other.names
    if (
        not mine
        or not theirs
        or not known & (mine | theirs)
        or set(map(str.lower, mine)) & set(map(str.lower, other.words))
    ):
        return ""
    if _abbreviates(mine, theirs) or _abbreviates(theirs, mine):
        return ""
    return f"the passage has {min(theirs)!r} in the place of {min(mine)!r}"


def _recounted(own: _Slot, other: _Slot) -> str:
    mine = quantities(" ".join(own.words), document=False)
    theirs = quantities(" ".join(other.words), document=True)
    if not mine or not theirs:
        return ""
    missing = lacking(mine, theirs, " ".join(other.words))
    return f"the passage has {theirs[0].value} in the place of {missing.value}" if missing else ""


def _abbreviates(short: frozenset[str], long: frozenset[str]) -> bool:
    initials = {word[0].lower() for word in long}
    return any(
        set(word.lower().replace(".", "")) <= initials or any(each.lower().startswith(word.lower()) for each in long)
        for word in short
    )
