"""Complete sentences that say nothing alone.

The sentence before says what "it" or "this pointer" is, and a list's items say what follows "these formats are read:".
The pronouns here are English; those of other languages are in `rag.languages`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ..documents.document import Passage
from ..grounding.quotable_sentences import LONGEST, Quotable
from ..languages import language, rules

_OPENS = re.compile(
    r"(?:(?:However|Thus|Therefore|In addition|Also|Then|Later|Moreover|Furthermore|Instead|But|And|So|As such),? )?"
    r"(?:he|she|it|they|this|these|those|such|his|her|its|their)\b",
    re.IGNORECASE,
)
_IMPERSONAL = re.compile(
    r"(?:it|this)(?:'s|’s| (?:is|was|may be|can be)) (?:\w+ )?(?:that|to|possible|necessary|recommended|important"
    r"|common|likely|known|said|believed|thought|estimated|worth|best)\b",
    re.IGNORECASE,
)


_LIST = re.compile(
    r"\s*(?:(?:what|which)\b.{0,80}\b(?:are|were)\b|which \w+[^\Ws]s\b|list|name|enumerate)\b", re.IGNORECASE
)
_ITEM = re.compile(r"\s*(?:[-*+•‣]|\d{1,3}[.)])\s+")


def asks_for_list(question: str, code: str = "en") -> bool:
    """Tell whether a question in a language asks for several things by name."""
    return (_LIST.match(question) if code in {"", "en"} else rules(code).matches("lists", question)) is not None


def completed(chosen: Sequence[Quotable], found: Sequence[Quotable], passages: Sequence[Passage]) -> list[Quotable]:
    """Return the chosen sentences, with the one before if they open with a pronoun, and with the list they announce.

    Parameters
    ----------
    found
        All sentences that may be quoted, those of a passage in reading order.
    """
    before = {
        (b.passage, b.start): a
        for a, b in pairwise(found)
        if a.passage == b.passage and _joined(a, b, passages[a.passage].text)
    }
    whole = [_whole(each, before.get((each.passage, each.start)), passages) for each in chosen]
    whole = [with_items(each, found, passages[each.passage].text) for each in whole]
    kept: list[Quotable] = []
    for each in whole:
        if any(_within(each, other) for other in kept):
            continue
        held = [place for place, other in enumerate(kept) if _within(other, each)]
        rest = [other for other in kept if not _within(other, each)]
        kept = [*rest[: held[0]], each, *rest[held[0] :]] if held else [*rest, each]  # nothing is quoted twice
    return kept


def leans(text: str, code: str) -> bool:
    """Tell whether a sentence in a language begins with a word that the sentence before gives its sense."""
    if code in {"", "en"}:
        return _OPENS.match(text) is not None and _IMPERSONAL.match(text) is None
    own = rules(code)
    return own.matches("leans", text) is not None and own.matches("impersonal", text) is None


def _whole(sentence: Quotable, before: Quotable | None, passages: Sequence[Passage]) -> Quotable:
    if before is None or not leans(sentence.text, language(passages[sentence.passage].text)):
        return sentence
    text = passages[sentence.passage].text[before.start : sentence.end]
    return replace(sentence, start=before.start, place=before.place, text=text)


def with_items(sentence: Quotable, found: Sequence[Quotable], text: str) -> Quotable:
    """Add the items of a list that follows a sentence which ends with a colon, as far as they fit a quote.

    Parameters
    ----------
    found
        As in `completed`.
    text
        The passage's.
    """
    end = sentence.end
    if sentence.text.endswith(":"):
        for item in found:
            after = item.passage == sentence.passage and item.start >= end
            if after and not (_ITEM.fullmatch(text[end : item.start]) and item.end - sentence.start <= LONGEST):
                break
            end = item.end if after else end
    return sentence if end == sentence.end else replace(sentence, end=end, text=text[sentence.start : end], noise=0.0)


def _joined(before: Quotable, sentence: Quotable, text: str) -> bool:
    """Tell whether two sentences are prose with nothing between them, and short enough for one quote."""
    gap = text[before.end : sentence.start]
    prose = not (before.noise or before.row or sentence.row or before.heading)
    return prose and not gap.strip() and sentence.end - before.start <= LONGEST


def _within(a: Quotable, b: Quotable) -> bool:
    return a.passage == b.passage and b.start <= a.start and a.end <= b.end
