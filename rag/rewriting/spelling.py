"""Correct spelling against the corpus: a word that no document has becomes the likeliest word that documents have.

What may have been meant are words that documents have, and the function words of the language ("wnat" is a "what", not
a "want"). A word is left alone if any document has it, if it looks like an identifier, if it is a word of the language,
and wherever it is not clear what was meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import islice

from ..errors import ExtraMissing
from ..grounding.words import FUNCTION_WORDS
from ..languages import question_language, rules
from ..terms import Analyser, stemmer_of
from .corpus import Corpus
from .dictionary import Dictionary, dictionary
from .edit_distance import LONG, believed, cost, within
from .protocol import QueryDraft

# A word in plain text: nothing beside it that makes a path, an address, a compound or code of it.
_WORD = re.compile(r"(?<![\w./@#:\\`+=<>$&*~'’-])[^\W\d_]+(?:(?=['’]s(?!\w))|(?!['’]\w|[\w/@#:\\`+=<>$&*~(]|[.-]\w))")
_LETTERS = re.compile(r"[^\W\d_]{2,}")
_ASCII, _LATIN = re.compile(r"[A-Za-z]+\Z"), re.compile(r"[A-Za-z\u00c0-\u024f]+\Z")
_TELLING = 3  # words from which the language of a question is believed
_SHORTEST = 4
_WORDS_LOOKED_AT = 64
_FOREIGN = 2  # unknown words up to which a question is not taken for one in another language

# All in slips. Chosen on 300 questions each of four collections, asked of each other's documents.
_ANOTHER = 0.8  # a word that is so many slips farther than the nearest is not weighed
_TOGETHER = 0.6  # for a word that occurs in one chunk with all of the question's other words
_IN_CORPUS = 0.08  # times the logarithm of the chunks that hold a word, in `_CHUNKS` chunks
_IN_LANGUAGE = 0.05  # times the logarithm of its uses in the language
_CHUNKS = 5000
_FUNCTION = 0.3  # for a function word, of which documents are full
_EVERYWHERE = 0.25  # of the chunks
_CLEAR = 0.15  # by which the best must be ahead
_RARE = -0.6  # worth for each slip, below which a word is too rare to have been meant
_NAME_TOGETHER = 0.5  # of the other words that must occur beside the correction of a capitalised word
_WEIGHED = 6  # words that are looked up together with the question's others
_STEMS = 8  # terms whose words are looked up


@dataclass(frozen=True, slots=True)
class _Meant:
    """A word that may have been meant; ``term`` is "" for a function word, ``held`` says whether documents have it."""

    word: str
    term: str
    held: bool
    worth: float


@dataclass(frozen=True, slots=True)
class _Speech:
    """The language of a question: how its words are analysed, and which ones it has."""

    analyser: Analyser
    words: Dictionary
    function_words: frozenset[str]
    letters: re.Pattern[str]

    @classmethod
    def of(cls, text: str, analyser: Analyser) -> _Speech | None:
        """Return the language of a question; None if it is none of the documents' languages."""
        names = analyser.language.split("+")
        code = question_language(text)
        own = stemmer_of(code) if code else names[0]
        if own not in names and len(text.split()) >= _TELLING:
            return None
        name = own if own in names else names[0]
        # Words of documents in several languages have the stems of their own language alone.
        alone = analyser if len(names) == 1 else Analyser(name)
        functional = FUNCTION_WORDS if name == "english" else rules(code).function_words
        return cls(alone, dictionary(name), functional, _ASCII if name in {"english", "none"} else _LATIN)


class SpellingCorrector:
    """Replaces words that no document has by the nearest that documents have.

    Nearness: optimal string alignment (`rag.rewriting.edit_distance`): one slip, two from eight letters on,
    never a wrong first letter. Among equally near words the one wins that occurs with the question's other words in a
    chunk, then the more frequent one. A capitalised word within a sentence, which may be a name, is changed only where
    documents have the other words beside what it becomes. Where a word of the language that no document has is as near,
    or the choice is open, nothing is changed; nor is a question in another language.

    Raises
    ------
    ExtraMissing
        rapidfuzz is not installed.
    """

    name = "spelling"
    waits = False

    def __init__(self) -> None:
        if find_spec("rapidfuzz") is None:
            raise ExtraMissing("spelling needs rapidfuzz: pip install 'rag-workbench[spelling]'")
        self._listed: tuple[Mapping[str, int], tuple[str, ...]] = ({}, ())

    def rewrite(self, asked: QueryDraft, corpus: Corpus, *, deadline: float | None = None) -> QueryDraft:  # noqa: ARG002
        """Return the question with its misspelt words corrected."""
        frequencies = corpus.frequencies()
        speech = _Speech.of(asked.text, corpus.analyser) if frequencies else None
        unknown = _unknown(asked.text, speech, frequencies) if speech is not None else []
        if speech is None or not unknown:
            return asked
        others = [term for term in speech.analyser.terms(asked.text) if term in frequencies]
        text, shift = asked.text, 0
        looked_up: dict[str, str] = {}
        for start, end in unknown:
            word = asked.text[start:end]
            if word not in looked_up:
                opens = not asked.text[:start].strip(" \"'(¿¡")
                looked_up[word] = self._meant(word, speech, corpus, others, opens=opens)
            meant = looked_up[word]
            text = text[: start + shift] + meant + text[end + shift :]
            shift += len(meant) - len(word)
        return asked if text == asked.text else replace(asked, text=text)

    def _meant(self, word: str, speech: _Speech, corpus: Corpus, others: Sequence[str], *, opens: bool) -> str:
        """Return the word that was meant; ``word`` itself where that is not clear."""
        found = self._candidates(word.lower(), speech, corpus)[:_WEIGHED]
        shares = {each.word: _together(each.term, others, speech, corpus) if each.held else 0.0 for each in found}
        ranked = sorted(((each.worth + _TOGETHER * shares[each.word], each) for each in found), key=_by_worth)
        if not ranked:
            return word
        worth, best = ranked[0]
        rivals = [own for own, each in ranked if each.term != best.term]
        if not (best.held or not best.term) or (rivals and worth - rivals[0] < _CLEAR):
            return word
        slips = math.ceil(cost(word.lower(), best.word))
        may_be_name = word.istitle() and not opens and shares[best.word] < _NAME_TOGETHER
        # Another long word is not so near by chance.
        if (slips > 1 or len(word) < LONG) and (may_be_name or worth < _RARE * slips):
            return word
        meant = (_as_written(best.term, word.lower(), speech, corpus) if best.held else None) or best.word
        return meant.capitalize() if word.istitle() else meant

    def _candidates(self, typed: str, speech: _Speech, corpus: Corpus) -> list[_Meant]:
        """Return the words that may have been meant by one in small letters, the best first."""
        known, frequencies = speech.words, corpus.frequencies()
        near = {word: _content(word, speech) for word in known.near(typed, believed(typed))}
        words = {word: terms for word, terms in near.items() if len(terms) < 2}
        for word, term in self._of_documents(typed, {t for terms in words.values() for t in terms}, speech, corpus):
            words[word] = [term]
        costs = {word: cost(typed, word) for word in words}
        farthest = min(costs.values(), default=0.0) + _ANOTHER
        found = [
            _weighed(word, terms, costs[word], known, frequencies, corpus.n)
            for word, terms in words.items()
            if costs[word] <= farthest
        ]
        return sorted(found, key=lambda each: (-each.worth, each.word))

    def _of_documents(self, typed: str, there: set[str], speech: _Speech, corpus: Corpus) -> Iterator[tuple[str, str]]:
        """Yield words of documents that no dictionary has, with their terms."""
        frequencies, stem = corpus.frequencies(), speech.analyser.terms(typed)[0]
        terms = [term for term in within(stem, self._terms(frequencies), believed(typed)) if term not in there]
        for term in sorted(terms, key=lambda term: (cost(stem, term), -frequencies[term], term))[:_STEMS]:
            word = _as_written(term, typed, speech, corpus)
            if word is not None:
                yield word, term

    def _terms(self, frequencies: Mapping[str, int]) -> tuple[str, ...]:
        """Return the terms that a word can have been meant as; listed once for a state of the corpus."""
        kept, terms = self._listed
        if kept is not frequencies:
            terms = tuple(term for term in frequencies if term.isalpha())
            self._listed = (frequencies, terms)
        return terms


def _unknown(text: str, speech: _Speech, frequencies: Mapping[str, int]) -> list[tuple[int, int]]:
    """Return the positions of the words that neither a document nor the language has; none in another language."""
    words = islice(_WORD.finditer(text), _WORDS_LOOKED_AT)
    found = [each for each in words if len(each[0]) >= _SHORTEST and _is_unknown(each[0], speech, frequencies)]
    strange = len({match.group() for match in found})
    # Fewer than these are the words of which every sentence of this language is full.
    if strange > _FOREIGN and strange > sum(_is_function_word(word, speech) for word in set(_LETTERS.findall(text))):
        return []
    return [match.span() for match in found if speech.letters.match(match.group()) and _is_plain(match.group())]


def _content(word: str, speech: _Speech) -> list[str]:
    return [] if _is_function_word(word, speech) else speech.analyser.terms(word)


def _is_unknown(word: str, speech: _Speech, frequencies: Mapping[str, int]) -> bool:
    terms = _content(word, speech)
    return len(terms) == 1 and terms[0] not in frequencies and word not in speech.words


def _is_function_word(word: str, speech: _Speech) -> bool:
    return not speech.analyser.terms(word) or word.lower() in speech.function_words


def _is_plain(word: str) -> bool:
    return word.islower() or word.istitle()


def _weighed(  # noqa: PLR0917 - one caller
    word: str, terms: Sequence[str], slips: float, known: Dictionary, frequencies: Mapping[str, int], n: int
) -> _Meant:
    term = terms[0] if terms else ""
    worth = _IN_LANGUAGE * math.log1p(known.counts.get(word, 0)) - slips
    held = frequencies.get(term, 0)
    share = held / max(1, n) if term else _EVERYWHERE
    worth += _IN_CORPUS * math.log1p(_CHUNKS * share) + (0.0 if term else _FUNCTION)
    return _Meant(word, term, held > 0, worth)


def _by_worth(each: tuple[float, _Meant]) -> tuple[float, str]:
    return -each[0], each[1].word


def _together(term: str, others: Sequence[str], speech: _Speech, corpus: Corpus) -> float:
    """Return the greatest share of the question's other words that one chunk has beside a term."""
    if not others:
        return 0.0
    texts = corpus.holding({term: 10.0, **dict.fromkeys(others, 1.0)}, 3)
    wanted = set(others)
    return max((len(wanted & set(speech.analyser.terms(text))) / len(wanted) for text, _ in texts), default=0.0)


def _as_written(term: str, typed: str, speech: _Speech, corpus: Corpus) -> str | None:
    """Return the word of a document that has this term, the nearest to what was typed; None where none is near."""
    found = {
        word.lower()
        for text, _ in corpus.holding({term: 1.0}, 3)
        for word in re.findall(r"[^\W\d_]+", text)
        if abs(len(word) - len(typed)) <= believed(typed) and speech.analyser.terms(word) == [term]
    }
    near = within(typed, sorted(found), believed(typed))
    return min(near, key=lambda word: (cost(typed, word), word), default=None)
