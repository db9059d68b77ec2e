"""Split text into terms, for term indexes and the questions that search them.

The same analyser must serve documents and questions, so its name is part of a knowledge base's identity.
"""

from __future__ import annotations

import difflib
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain

from .errors import InvalidInput
from .languages import language, rules

# Raise this when the same text would give other terms: knowledge bases made before must then be refused or rebuilt.
VERSION = 1

LONGEST_TERM = 64
"""Characters a term keeps: base64 and other endless "words" tell nothing more by being longer."""

# The stop words of Lucene's EnglishAnalyzer.
STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be but by for if in into is it no not of on or such that the their then there these they "
        "this to was will with",
    )
)

_CACHED_WORDS = 200_000

# Scripts written without spaces between words (and Hangul, whose words carry particles): character bigrams find them.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"  # fmt: skip  # noqa: E501
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
HANGUL = "\uac00-\ud7a3"
UNSPACED = _UNSPACED.replace(HANGUL, "")
"""Ranges of the scripts that are written without spaces between words, for a character class of ``re``."""
_ACCENTS = re.compile("[\u0300-\u036f]+")
_INVISIBLE = re.compile("[\u00ad\u200d\u2060\ufeff]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_INITIALS = re.compile(r"\w(?:\.\w)+")
_PARTS = re.compile(r"[._']+")


class Analyser:
    """Splits text into lower-case words, drops stop words and stems the rest.

    Safe to share between threads. Kept whole: decimals (``3.14``), ``C++``, ``C#``. Identifiers and dotted names give
    themselves and their parts (``snake_case``: ``snake_case``, ``snake``, ``case``). Initials lose their dots
    (``U.S.``: ``us``), numbers their thousands separators, words their possessive ``'s`` and their accents. Chinese,
    Japanese, Korean, Thai and kindred scripts give overlapping pairs of characters.

    Parameters
    ----------
    language
        A Snowball stemmer's name (``english``, ``spanish``, ``german`` ...) or ``none``: no stemming, no stop words.
        Stop words are Lucene's English ones; other languages rely on the rank function to weigh common words down.
        Several are joined by +, ``english+german``: a document is analysed by its own language, or by the first one
        where that cannot be told; a question, and whatever is compared with one, by all of them.

    Raises
    ------
    InvalidInput
        When there is no such language.

    References
    ----------
    M. F. Porter, "Snowball: a language for stemming algorithms", 2001, https://snowballstem.org

    Examples
    --------
    >>> Analyser().terms("The U.S. economy's growth in 3.14 easy steps")
    ['us', 'economi', 'growth', '3.14', 'easi', 'step']
    """

    def __init__(self, language: str = "english") -> None:
        self._names = tuple(language.split("+"))
        for name in self._names:
            if name != "none":
                _check_language(name)
        self.language = language
        self._local = threading.local()

    @property
    def name(self) -> str:
        """Language and version of the rules: equal names give equal terms."""
        return f"{self.language}-{VERSION}"

    def __repr__(self) -> str:
        return f"Analyser({self.language!r})"

    def terms(self, text: str) -> list[str]:
        """Return the terms of ``text`` in their order, repeated as often as they occur, in all its languages."""
        lookups = [self._vocabulary(name).__getitem__ for name in self._names]
        if len(lookups) == 1:
            return list(chain.from_iterable(map(lookups[0], _words(text))))
        return [term for word in _words(text) for term in dict.fromkeys(chain(*(lookup(word) for lookup in lookups)))]

    def terms_many(self, texts: Iterable[str]) -> list[list[str]]:
        """Return the terms of each document, in its own language."""
        return [list(chain.from_iterable(map(self._of(text).pieces.__getitem__, text.split()))) for text in texts]

    def _of(self, text: str) -> _Vocabulary:
        """Return the vocabulary of the language that a document is in."""
        if len(self._names) > 1 and (own := stemmer_of(language(text))) in self._names:
            return self._vocabulary(own)
        return self._vocabulary(self._names[0])

    def _vocabulary(self, name: str) -> _Vocabulary:
        kept: dict[str, _Vocabulary] | None = getattr(self._local, "vocabularies", None)
        if kept is None:  # stemmer objects are not safe to share between threads
            kept = self._local.vocabularies = {}
        if name not in kept:
            kept[name] = _Vocabulary(name)
        return kept[name]

    def __reduce__(self) -> tuple[type[Analyser], tuple[str]]:
        return Analyser, (self.language,)


class _Pieces(dict[str, Sequence[str]]):
    """What lies between two blanks -> its terms, filled as it is met: twice as fast as word by word."""

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._terms_of = words.__getitem__

    def __missing__(self, piece: str) -> Sequence[str]:
        words = _words(piece)  # no word reaches over a blank
        terms = self._terms_of(words[0]) if len(words) == 1 else tuple(chain.from_iterable(map(self._terms_of, words)))
        if len(piece) <= LONGEST_TERM:
            if len(self) >= _CACHED_WORDS:
                self.clear()
            self[piece] = terms
        return terms


class _Vocabulary(dict[str, Sequence[str]]):
    """Word as written -> its terms; filled as words are met."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.pieces = _Pieces(self)
        self._stop = STOP_WORDS if language == "english" else frozenset[str]()
        self._possessive = language in ("english", "porter")
        self._stem = _stemmer(language)
        # English stems know no accents; those of other languages are told by them, so there they go last.
        self._fold_first = language in ("english", "porter")

    def __missing__(self, word: str) -> Sequence[str]:
        terms = self._analyse(word)
        if len(word) <= LONGEST_TERM:
            if len(self) >= _CACHED_WORDS:
                self.clear()
            self[word] = terms
        return terms

    def _analyse(self, word: str) -> Sequence[str]:
        word = word.lower() if word.isascii() else _normalise(word)
        if word.isascii() or not _UNSPACED_RUN.search(word):
            return self._spaced(word)
        terms: list[str] = []
        end = 0
        for run in _UNSPACED_RUN.finditer(word):
            terms += self._spaced(word[end : run.start()])
            terms += _pairs(run.group())
            end = run.end()
        return [*terms, *self._spaced(word[end:])]

    def _spaced(self, word: str) -> Sequence[str]:
        if self._possessive:
            word = word.removesuffix("'s")
        if not word or word in self._stop:
            return ()
        if _NUMBER.fullmatch(word):
            return (_plain_number(word)[:LONGEST_TERM],)
        if _INITIALS.fullmatch(word):
            return (word.replace(".", "")[:LONGEST_TERM],)
        if "_" in word or "." in word or ("'" in word and not self._possessive):
            return self._compound(word)
        word = word[:LONGEST_TERM]
        if word[-1] in "+#":
            bare = word.rstrip("+#")
            return (word,) if len(bare) == 1 else (word, self._stemmed(bare))
        return (self._stemmed(word),)

    def _compound(self, word: str) -> Sequence[str]:
        parts = [part for part in _PARTS.split(word) if part]
        stems = [self._stemmed(part[:LONGEST_TERM]) for part in parts if part not in self._stop]
        whole = word.strip("_.")[:LONGEST_TERM]
        return stems if len(parts) < 2 or "'" in word else [_without_accents(whole), *stems]

    def _stemmed(self, word: str) -> str:
        if self._fold_first:
            word = _without_accents(word) or word
        return _without_accents(self._stem(word)) or word


def _words(text: str) -> list[str]:
    if text.isascii():
        return _ASCII_WORD.findall(text)
    if _INVISIBLE.search(text):
        text = _INVISIBLE.sub("", text)
    return _unicode_word().findall(text)


# Every alternative starts with a character that no other one can take, so matching is linear in the text.
_INNER = r"(?:['.]\w+|(?<=\d),(?=\d)\w+)*(?:\+\+|\#(?!\w))?"
_ASCII_WORD = re.compile(r"\w+" + _INNER, re.ASCII)


@cache
def _unicode_word() -> re.Pattern[str]:
    word = rf"\w+(?:[{combining_marks()}]+\w*)*"
    return re.compile(word + _INNER.replace("'", "'’＇").replace(r"\w+", word))


def combining_marks() -> str:
    """Return the combining marks (Indic vowel signs, split accents): parts of words to readers, not to ``re``."""
    spans = (range(0x300, 0x3100), range(0xA600, 0xAC00), range(0xFB00, 0xFE30), range(0x10A00, 0x12000))
    return "".join(chr(c) for span in spans for c in span if unicodedata.category(chr(c)).startswith("M"))


def _normalise(word: str) -> str:
    # NFKC sorts runs of combining marks in quadratic time: bounded slices keep the whole linear.
    slices = (word[i : i + LONGEST_TERM] for i in range(0, len(word), LONGEST_TERM))
    word = "".join(unicodedata.normalize("NFKC", part) for part in slices).casefold()
    return unicodedata.normalize("NFC", word[:LONGEST_TERM]).replace("’", "'") + word[LONGEST_TERM:]


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))


def _plain_number(word: str) -> str:
    if "," in word and all(len(group.split(".")[0]) == 3 for group in word.split(",")[1:]):
        return word.replace(",", "")
    return word


def _pairs(run: str) -> list[str]:
    return [run[i : i + 2] for i in range(len(run) - 1)] or [run]


def _stemmer(language: str) -> Callable[[str], str]:
    if language == "none":
        return str
    import Stemmer

    # Its own cache is off: `_Vocabulary` is one already.
    stem: Callable[[str], str] = Stemmer.Stemmer(language, 0).stemWord
    return stem


@cache
def languages() -> list[str]:
    """Return the names that `Analyser` takes."""
    import Stemmer

    return ["none", *Stemmer.algorithms()]


def _check_language(language: str) -> None:
    known = languages()
    if language in known:
        return
    near = difflib.get_close_matches(str(language), known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"give one of {', '.join(known)}"
    raise InvalidInput(f"no analyser for the language {language!r}; {hint}")


# Scripts of bigrams: the English rules are those of the English words among them.
_BIGRAMS = frozenset({"ja", "km", "ko", "lo", "my", "th", "zh"})
_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
_PRESENT = 0.1
"""Share of the documents from which a language counts."""


def stemmer_of(code: str) -> str:
    """Return the `Analyser` language of a code of `rag.languages`; ``none`` where there is no stemmer."""
    if code in _BIGRAMS:
        return "english"
    name = _STEMMERS.get(code, "none")
    return name if name in languages() else "none"


def analyser_of(counts: Mapping[str, int]) -> str:
    """Return the `Analyser` language of documents, given how many there are of each language.

    Examples
    --------
    >>> analyser_of({"de": 60, "en": 30, "fr": 2}), analyser_of({"ja": 5}), analyser_of({})
    ('german+english', 'english', 'english')
    """
    total = sum(counts.values())
    present = [
        code for code in sorted(counts, key=lambda code: (-counts[code], code)) if counts[code] >= _PRESENT * total
    ]
    return "+".join(dict.fromkeys(map(stemmer_of, present))) or "english"


_CODES = {name: code for code, name in _STEMMERS.items()}


def topic_terms(question: str, analyser: Analyser) -> list[str]:
    """Return the terms of a question without its question words and auxiliary verbs.

    These are rare in documents, so BM25 would take them for the most telling words of a question. All of its terms are
    returned if nothing else is left ("Who are The Who?"), or if these words are not known: of several languages it is
    the question's own that counts, for "war" is a verb in one and a noun in another.
    """
    names = analyser.language.split("+")
    own = _CODES.get(names[0], "")
    if len(names) > 1 or _UNSPACED_RUN.search(question):
        own = language(question)
    left = rules(own).without_asking(question) if stemmer_of(own) in names else question
    return analyser.terms(left) or analyser.terms(question)
