"""Features of a sentence that tell whether it answers a question: one row of numbers for each candidate.

Every number comes from the question and the retrieved passages alone, without statistics of the collection.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..grounding.quotable_sentences import Quotable
from ..grounding.words import FUNCTION_WORDS, WordReader, Words, common_subsequence, listed, positions
from ..languages import SAMPLE, language, rules
from .answer_type import clues, nearness, new_names, new_numbers
from .completion import leans
from .question_type import AnalysedQuestion

NAMES = (
    "cosine",  # of question and sentence, standardised over the candidates, so that any embedder's scale fits
    "overlap",  # share of the question's weight in the sentence
    "overlap_beyond_focus",  # the same without the words that name what is asked for
    "focus",
    "context",  # overlap of the sentence with its title and headings
    "before",  # share of the weight that only the sentence before holds
    "after",
    "pronoun_before",  # the same if the sentence opens with a pronoun
    "passage",  # overlap of the whole passage
    "rarest_missing",  # weight of the rarest word that sentence and title lack
    "bigrams",
    "order",  # longest common subsequence
    "names",  # share of the question's capitalised words in sentence and title
    "numbers_missing",
    "clue",  # the sentence holds a word of the kind asked for
    "clues",
    "near",  # nearness of such words to the question's words
    "new",  # words that the question lacks
    "length",
    "rank",
    "score",  # of the passage, 0 for the best and -1 for the last
    "opens",  # first of its passage
    "names_new",
    "numbers_new",
    "question",  # the sentence is a question
    "cosine_gap",  # below the best cosine; this and the next three only where all candidates have a cosine
    "cosine_passage",  # of the best sentence of its passage below that of the best passage
    "cosine_before",  # of the sentence before in the passage
    "cosine_after",
)
_PRONOUNS = listed("he she it they this these his her its their those such him them that")
_MOST_TERMS = 64
_ASKING = FUNCTION_WORDS | listed("happen happens happened")


@dataclass(frozen=True, slots=True)
class PassageFacts:
    """Facts of a passage that its sentences' features need; ``score`` is 0 for the best passage, -1 for the last."""

    title: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class _Asked:
    question: AnalysedQuestion
    words: Words
    weight: Mapping[str, float]
    total: float
    language: str
    stems: frozenset[str]
    focus: frozenset[str]
    names: frozenset[str]
    numbers: frozenset[str]
    bigrams: Mapping[tuple[str, str], float]

    def share(self, terms: frozenset[str]) -> float:
        """Return the share of the question's weight that ``terms`` hold."""
        return sum(weight for term, weight in self.weight.items() if term in terms) / self.total

    def share_beyond_focus(self, terms: frozenset[str]) -> float:
        rest = {term: weight for term, weight in self.weight.items() if term not in self.focus}
        total = sum(rest.values())
        return sum(weight for term, weight in rest.items() if term in terms) / total if total else 0.0


def features(
    question: AnalysedQuestion, candidates: Sequence[Quotable], settings: Sequence[PassageFacts], reader: WordReader
) -> NDArray[np.float64]:
    """Return the features of every candidate.

    Parameters
    ----------
    question
        The question, analysed.
    candidates
        At least one; those of a passage are consecutive and in order.
    settings
        One for each passage, by the candidates' ``passage``.
    reader
        Reads words; shared between calls for its cache.

    Returns
    -------
    float64, shape (n_candidates, len(NAMES))
        Columns of cosines are 0, for `with_cosines`.
    """
    read = [reader.read(candidate.shown) for candidate in candidates]
    terms = [frozenset(words.terms) for words in read]
    asked = _asked(question, reader, terms, read_in(question, candidates))
    titles = [frozenset(reader.read(setting.title).terms) for setting in settings]
    passages = [titles[i] for i in range(len(settings))]
    for candidate, held in zip(candidates, terms, strict=True):
        passages[candidate.passage] = passages[candidate.passage] | held
    rows = []
    for i, candidate in enumerate(candidates):
        title = titles[candidate.passage]
        before = terms[i - 1] if i and candidates[i - 1].passage == candidate.passage else frozenset()
        after = terms[i + 1] if i + 1 < len(read) and candidates[i + 1].passage == candidate.passage else frozenset()
        row = _matches(asked, terms[i], title)
        row |= _phrases(asked, read[i])
        row |= _surroundings(asked, _points_back(candidate, read[i], asked.language), terms[i], before, after)
        row |= _clues(asked, read[i])
        row |= _form(candidate, read[i], settings[candidate.passage])
        row["passage"] = asked.share(passages[candidate.passage])
        rows.append([row.get(name, 0.0) for name in NAMES])
    return np.array(rows, dtype=np.float64)


def with_cosines(
    rows: NDArray[np.float64], cosines: NDArray[np.float64], passages: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Return features with the columns of cosines filled in.

    Parameters
    ----------
    rows
        From `features`, of some or all candidates.
    cosines
        Of these candidates with the question.
    passages
        Each one's passage, where these are all candidates in order: neighbours are then known.
    """
    shown = rows.copy()
    scaled = standardised(cosines)
    shown[:, NAMES.index("cosine")] = scaled
    if passages is not None:
        owners = np.asarray(passages)
        best = np.array([scaled[owners == owner].max() for owner in passages])
        same = owners[1:] == owners[:-1]
        shown[:, NAMES.index("cosine_gap")] = scaled - scaled.max()
        shown[:, NAMES.index("cosine_passage")] = best - scaled.max()
        shown[1:, NAMES.index("cosine_before")] = np.where(same, scaled[:-1], 0.0)
        shown[:-1, NAMES.index("cosine_after")] = np.where(same, scaled[1:], 0.0)
    return shown


def standardised(similarities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return similarities as deviations from their mean, in standard deviations."""
    result: NDArray[np.float64] = (similarities - similarities.mean()) / (similarities.std() + 1e-6)
    return result


def read_in(question: AnalysedQuestion, candidates: Sequence[Quotable]) -> str:
    """Return the language of the sentences, by their beginnings; the question's where nobody can tell."""
    share = max(SAMPLE // len(candidates), 80)
    return language("\n".join(each.text[:share] for each in candidates)) or question.language or "en"


def asking_left_out(question: AnalysedQuestion, reader: WordReader, words: frozenset[str]) -> Words:
    """Return the words of a question without those that only ask; ``words`` are English ones."""
    if question.language in {"", "en"}:
        return reader.read(question.text).without(words)
    own = rules(question.language)
    found = reader.read(own.without_asking(question.text)).without(own.function_words)
    return found if found.terms else reader.read(question.text)


def _asked(question: AnalysedQuestion, reader: WordReader, sentences: Sequence[frozenset[str]], code: str) -> _Asked:
    """Weigh the question's words by their rarity among the retrieved sentences."""
    words = asking_left_out(question, reader, _ASKING)
    distinct = list(dict.fromkeys(words.terms))[:_MOST_TERMS]
    n = len(sentences)
    held = {term: sum(term in each for each in sentences) for term in distinct}
    weight = {term: math.log(1 + (n - count + 0.5) / (count + 0.5)) for term, count in held.items()}
    focus = frozenset(term for word in question.focus for term in reader.read(word).terms)
    stems = zip(words.words, words.stems, strict=True)
    names = frozenset(stem for word, stem in stems if word[0].isupper() and stem in weight)
    numbers = frozenset(term for term in weight if term[0].isdigit())
    bigrams = {
        pair: min(weight[pair[0]], weight[pair[1]]) for pair in pairwise(words.terms) if {*pair} <= weight.keys()
    }
    total = sum(weight.values()) or 1.0
    return _Asked(question, words, weight, total, code, frozenset(weight), focus, names, numbers, bigrams)


def _matches(asked: _Asked, terms: frozenset[str], title: frozenset[str]) -> dict[str, float]:
    context = terms | title
    return {
        "overlap": asked.share(terms),
        "overlap_beyond_focus": asked.share_beyond_focus(terms),
        "focus": len(asked.focus & terms) / len(asked.focus) if asked.focus else 0.0,
        "context": asked.share(context),
        "rarest_missing": max((w for term, w in asked.weight.items() if term not in context), default=0.0)
        / asked.total,
        "names": len(asked.names & context) / len(asked.names) if asked.names else 0.0,
        "numbers_missing": float(len(asked.numbers - terms)),
    }


def _phrases(asked: _Asked, words: Words) -> dict[str, float]:
    held = set(pairwise(words.terms))
    total = sum(asked.bigrams.values())
    terms = asked.words.terms[:_MOST_TERMS]
    return {
        "bigrams": sum(weight for pair, weight in asked.bigrams.items() if pair in held) / total if total else 0.0,
        "order": common_subsequence(terms, words.terms) / len(terms) if terms else 0.0,
    }


def _points_back(candidate: Quotable, words: Words, code: str) -> bool:
    if code == "en":
        return bool(words.words) and words.words[0].lower() in _PRONOUNS
    return leans(candidate.text, code)


def _surroundings(
    asked: _Asked, pronoun: bool, terms: frozenset[str], before: frozenset[str], after: frozenset[str]
) -> dict[str, float]:
    added = asked.share(before - terms)
    return {"before": added, "pronoun_before": added if pronoun else 0.0, "after": asked.share(after - terms)}


def _clues(asked: _Asked, words: Words) -> dict[str, float]:
    places = clues(asked.question.kind, words, asked.stems, asked.language)
    matched = {term: at for term, at in positions(words).items() if term in asked.weight}
    return {
        "clue": float(bool(places)),
        "clues": math.log1p(len(places)),
        "near": nearness(places, matched, asked.weight, asked.total),
        "new": math.log1p(sum(term not in asked.stems for term in words.terms)),
        "names_new": math.log1p(len(new_names(words, asked.stems))),
        "numbers_new": math.log1p(len(new_numbers(words, asked.stems))),
    }


def _form(candidate: Quotable, words: Words, setting: PassageFacts) -> dict[str, float]:
    return {
        "length": math.log1p(len(words.words)),
        "rank": 1 / (1 + setting.rank),
        "score": setting.score,
        "opens": float(candidate.place == 0),
        "question": float(candidate.text.endswith(("?", "？", "؟"))),
    }
