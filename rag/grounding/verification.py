"""Verify an answer: resolve every citation mark, and check every sentence against the passages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ..answers import UNKNOWN, Answer, Checks, Citation, Sentence, citation
from ..documents.document import Passage
from .citation_marks import Said, folded, quotations
from .sanitising import without_embedded
from .support import SUPPORTED, Support, SupportChecker

Policy = Literal["mark", "drop"]
"""Whether unsupported sentences are shown with a mark, or left out."""

UNSUPPORTED = "[unsupported]"
_CUT = "the model was cut off in the middle of it"
_MOST_CITED = 3
_BARE = re.compile(r"\W*(?:yes|no|true|false|correct|incorrect)\W*", re.IGNORECASE)
_PLEASANTRY = re.compile(
    r"\W*(?:sure|certainly|of course|absolutely|hello|hi|thanks|thank you|(?:great|good) question|i hope this helps)\W*"
    r"|(?:\S+\s+){0,11}\S+:",
    re.IGNORECASE,
)
"""Sentences that claim nothing: courtesies, and introductions of a list."""
_ADDRESS = re.compile(
    r"(?<=\]\()\s*[^\s<>()\"'\]]{1,2000}|(?:\b(?:https?|ftp):|(?<![\w:/]))//[^\s<>()\"'\]]{2,2000}"
    r"|\bwww\.[^\s<>()\"'\]]{1,2000}|\b(?:javascript|data|mailto|file):[^\s<>()\"'\]]{1,2000}",
    re.IGNORECASE,
)
"""Addresses, with or without a scheme, and targets of Markdown links."""


@dataclass
class Verification:
    """Takes the sentences of one answer in order; `show` returns each as it may be shown.

    Attributes
    ----------
    question, passages
        The question, and the passages that the model got, in the order of their numbers.
    evidence
        The passages, analysed.
    """

    checker: SupportChecker
    question: str
    passages: Sequence[Passage]
    policy: Policy = "mark"
    sentences: list[Sentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.evidence = self.checker.evidence(self.passages)
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._shown: list[str] = []
        self._settled = (0, 0, 0)
        self._unknown = False

    def show(self, said: Said) -> str:
        """Check a sentence and return it with its white space and marks; empty if it is left out."""
        shown = self._checked(said)
        if shown:
            self._shown.append(f"{said.gap if self._shown else ''}{shown}")
        self._settled = (len(self._shown), len(self.citations), len(self.sentences))
        return self._shown[-1] if shown else ""

    def cite(self, place: int, start: int, end: int) -> int:
        """Return the number of the citation of a passage's span; a new one if it has none yet."""
        passage = self.passages[place]
        key = (passage.chunk, start, end)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers) + 1
            self.citations.append(citation(self._numbers[key], passage, start, end))
        return self._numbers[key]

    def answer(self, **facts: Any) -> Answer:  # noqa: ANN401 - fields of Answer
        """Return the answer; it abstains if no sentence is supported."""
        return self._answer(self._shown, self.citations, self.sentences, facts)

    def so_far(self, **facts: Any) -> Answer:  # noqa: ANN401 - fields of Answer
        """Return the answer of the sentences checked so far; another thread may be checking the next one."""
        shown, citations, sentences = self._settled
        return self._answer(self._shown[:shown], self.citations[:citations], self.sentences[:sentences], facts)

    def _answer(
        self,
        shown: Sequence[str],
        citations: Sequence[Citation],
        sentences: Sequence[Sentence],
        facts: Mapping[str, Any],
    ) -> Answer:
        claims = [each for each in sentences if each.verdict != "no claim"]
        support = sum(each.support for each in claims) / len(claims) if claims else 0.0
        answer = Answer(
            self.question,
            "".join(shown),
            tuple(citations),
            tuple(self.passages),
            support,
            sentences=tuple(sentences),
            checks=Checks(**self.counts),
            **facts,
        )
        if any(each.verdict == "supported" for each in claims):
            return answer
        if self._unknown and not claims:
            return withheld(answer, "the model found no answer in the passages")
        why = "no passage supports what the model said" if claims else "the model said nothing"
        return withheld(answer, why)

    def _checked(self, said: Said) -> str:
        text, images = without_embedded(said.text)
        self.counts["images"] += images
        text = text.strip()
        self.counts["fabricated"] += sum(not 1 <= n <= len(self.passages) for n in said.cited)
        if not any(character.isalnum() for character in text):
            return ""
        if folded(text) == UNKNOWN:
            self._unknown = True
            return ""
        cited = [n - 1 for n in dict.fromkeys(said.cited) if 1 <= n <= len(self.passages)]
        sentence = Sentence(text, 0.0, "unsupported", problem=_CUT) if said.cut else self._judged(text, cited)
        self.sentences.append(sentence)
        marks = "".join(f"[{n}]" for n in sentence.citations)
        if sentence.verdict == "unsupported":
            self.counts["unsupported"] += 1
            if self.policy == "drop":
                return ""
            marks = UNSUPPORTED
        joint = "" if not marks else "\n" if sentence.text.endswith(("```", "~~~")) else " "
        return f"{sentence.text}{joint}{marks}"

    def _judged(self, text: str, cited: Sequence[int]) -> Sentence:
        if _BARE.fullmatch(text):
            return Sentence(text, 0.0, "unsupported", problem="a bare yes or no cannot be checked")
        if not self.checker.claims(text):
            return Sentence(text, 0.0, "no claim")
        text, holders, problem = self._quotes(text)
        problem = problem or self._addresses(text)
        found = self.checker.check(text, self.evidence)
        good = [each for each in found if each.score >= SUPPORTED and (holders is None or each.passage in holders)]
        best = found[0] if found else Support(0.0, 0, 0, 0, "nothing was retrieved")
        if not problem and not good and len(cited) > 1:
            good = self.checker.together(text, self.evidence, cited)
        self.counts["misattributed"] += len(set(cited) - {each.passage for each in good})
        if not problem and not good and not cited and _PLEASANTRY.fullmatch(text):
            return Sentence(text, 0.0, "no claim")
        if problem or not good:
            return Sentence(text, min(best.score, 0.49), "unsupported", problem=problem or best.problem)
        chosen = [each for each in good if each.passage in cited][:_MOST_CITED] or good[:1]
        numbers = tuple(sorted(dict.fromkeys(self.cite(each.passage, each.start, each.end) for each in chosen)))
        return Sentence(text, max(each.score for each in chosen), "supported", numbers)

    def _quotes(self, text: str) -> tuple[str, set[int] | None, str]:
        """Remove the marks of false quotes; return the text, the passages that hold the true ones, and the problem."""
        holders: set[int] | None = None
        problem = ""
        for start, end, words in reversed(list(quotations(text))):
            places = set(self.evidence.quoting(words))
            if places:
                holders = places if holders is None else holders & places
            else:
                self.counts["false_quotes"] += 1
                text = text[:start] + words + text[end:]
                problem = "no passage contains what it quotes"
        return text, holders, problem

    def _addresses(self, text: str) -> str:
        found = _ADDRESS.findall(text)
        if not found:
            return ""
        known = " ".join((self.question, *(passage.text for passage in self.passages)))
        unknown = [each.strip().rstrip(".,;:!?") for each in found]
        return next(("no passage contains an address in it" for each in unknown if each not in known), "")


def withheld(answer: Answer, reason: str) -> Answer:
    """Return the answer as an abstention; its sentences stay, for anyone who wants to see what was withheld."""
    cut = f"{reason} ({answer.reason})" if answer.incomplete and answer.reason else reason
    return replace(answer, text=UNKNOWN, citations=(), abstained=True, reason=cut)


def rechecked(answer: Answer, passages: Sequence[Passage]) -> Answer:
    """Return a foreign generator's answer without the citations that the passages do not contain."""
    texts = {passage.chunk: passage for passage in passages}
    good = tuple(each for each in answer.citations if _is_verbatim(each, texts.get(each.chunk)))
    if len(good) == len(answer.citations):
        return answer
    known = {each.n for each in good}
    text = re.sub(r"\s?\[(\d{1,9})\]", lambda found: found[0] if int(found[1]) in known else "", answer.text)
    sentences = tuple(
        replace(each, citations=tuple(n for n in each.citations if n in known)) for each in answer.sentences
    )
    lost = len(answer.citations) - len(good)
    checks = replace(answer.checks, fabricated=answer.checks.fabricated + lost)
    return replace(answer, text=text, citations=good, sentences=sentences, checks=checks)


def _is_verbatim(citation: Citation, passage: Passage | None) -> bool:
    if passage is None or citation.document != passage.document:
        return False
    start, end = citation.start - passage.start, citation.end - passage.start
    return 0 <= start <= end <= len(passage.text) and passage.text[start:end] == citation.quote
