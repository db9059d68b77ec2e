"""Make a question from a sentence that answers it, by templates; no model.

Few forms are taken, and those only if nothing points outside the sentence ("this", "it", "the above"): a question
must make sense without the page.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from ...documents.document import Document
from .questions import GoldSpan, Question

LONGEST_QUESTION = 140
SHARED_WORDS = 8
"""Words in a row that a question may take over from its sentence, at most."""

_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"\*\*|__|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)|<[^>]{1,80}>|\{[^}]*\}")
_PICTURE = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff\ufe0f\u200d]")
_CODE = re.compile(r"```|^\s*(///|:::|\{\*|\||>>>|\$ |#|&lt;)|</?\w+>|https?://")

# Words that point at something outside the sentence.
_POINTS = re.compile(
    r"\b(this|that|these|those|it|its|itself|they|them|their|he|she|his|her|him|here|there|above|below|previous(ly)?|"
    r"earlier|later|next|following|before|same|such|so|then|now|above-mentioned|former|latter|one|ones|other|others|"
    r"we|us|our|ours|again|instead|example|section|chapter|page|guide|tutorial|docs?|documentation|"
    r"more about|see|check|read|learn)\b",
    re.IGNORECASE,
)
# The sentence does not answer, it says where to look.
_ELSEWHERE = re.compile(r"\b(read|check|see|refer to|follow|learn|visit|have a look|take a look)\b", re.IGNORECASE)
_COMMANDS = frozenset(
    re.findall(
        r"\w+",
        "add allow apply attach choose combine configure connect convert create customize declare define delete deploy "
        "disable download enable exclude extend generate get handle hide import include inspect install integrate load "
        "mark migrate mount open override parse pass prepare protect publish receive register remove rename replace "
        "restart restrict reuse save send serve set sign sort specify split start stop store stream upgrade validate "
        "verify wrap write",
    )
)
# Commands if a determiner follows, else perhaps nouns: "Return Type", "Test Client".
_PERHAPS = frozenset(
    re.findall(
        r"\w+",
        "build call change document export filter limit log mix record return run search test trigger update use",
    )
)
_DETERMINERS = frozenset({"a", "an", "the", "your", "multiple", "several", "many", "more", "any", "all"})
_SELF = re.compile(r"\b(you|we)\b", re.IGNORECASE)
_YOUR = re.compile(r"\b(your|our)\b", re.IGNORECASE)
_YOURSELF = re.compile(r"\b(yoursel(f|ves)|ourselves)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DraftQuestion:
    """A question that a sentence answers.

    ``form`` names the template: ``how``, ``definition``, ``reason``, ``purpose``.
    """

    text: str
    form: str


def clean(sentence: str) -> str:
    """Return a sentence without markup, links' targets and pictures."""
    text = _LINK.sub(r"\1", sentence)
    return " ".join(_PICTURE.sub("", _MARKUP.sub("", text)).split())


def drafts(sentence: str) -> Iterator[DraftQuestion]:
    """Yield the questions that a sentence answers, best form first; nothing if it has none of the forms."""
    if _CODE.search(sentence):
        return
    text = clean(sentence)
    if not 6 <= len(text.split()) <= 45:
        return
    if _ELSEWHERE.search(text):
        return
    for make in (_how, _reason, _definition, _purpose, _means):
        draft = make(text)
        if draft is not None and fits(draft.text, text):
            yield draft


def fits(question: str, sentence: str) -> bool:
    """Tell whether a question stands alone and does not give its sentence away."""
    words = _words(question)
    return (
        len(words) >= 4
        and len(question) <= LONGEST_QUESTION
        and not _POINTS.search(question.rstrip("?"))
        and longest_shared_run(question, sentence) <= SHARED_WORDS
        and len(set(words) & set(_words(sentence))) < 0.8 * len(set(_words(sentence)))
    )


def longest_shared_run(question: str, sentence: str) -> int:
    """Return the number of words in a row that both share."""
    return len(shared_run(question, sentence).split())


def shared_run(question: str, sentence: str) -> str:
    """Return the longest run of words that both share, in small letters."""
    a, b = _words(question), _words(sentence)
    best, stop, last = 0, 0, [0] * (len(b) + 1)
    for i, word in enumerate(a, 1):
        row = [0] * (len(b) + 1)
        for j, other in enumerate(b, 1):
            if word == other:
                row[j] = last[j - 1] + 1
                if row[j] > best:
                    best, stop = row[j], i
        last = row
    return " ".join(a[stop - best : stop])


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _how(text: str) -> DraftQuestion | None:
    """Make ``How do I VERB ...?`` of "To VERB ..., you ..." and of "If you want to VERB ..., you ..."."""
    match = re.match(
        r"(?:To|In order to|If you (?:want|need|have) to) ((?!be\b|do\b|make sure)[a-z]+ [^,;:]{3,90}), ", text
    )
    if match is None or len(text) - match.end() < 20:
        return None
    return _asked(f"How do I {match[1]}?", "how")


def _reason(text: str) -> DraftQuestion | None:
    """Make ``Why is X Y?`` of "X is Y because ..."."""
    match = re.match(
        r"((?:The |An? )?[\w`. -]{2,40}?) (is|are|can|should|must) ([^,;:]{3,70}?),? because (.{12,})", text
    )
    if match is None or not _is_noun(match[1]) or match[3].startswith("that "):
        return None
    return _asked(f"Why {match[2]} {_small(match[1])} {match[3]}?", "reason")


def _means(text: str) -> DraftQuestion | None:
    """Make ``How can I VERB ...?`` of "You can VERB ... by ..."."""
    match = re.match(
        r"You can (?:also )?((?!do\b|be\b|use\b)[a-z]+ [^,;:.]{6,70}?) (?:by|using|through|via) (.{12,})", text
    )
    return None if match is None else _asked(f"How can I {match[1]}?", "how")


def heading_question(heading: str, small: Container[str] = ()) -> DraftQuestion | None:
    """Make ``How do I VERB ...?`` of a heading that is a command, such as "Add custom headers".

    ``small`` are words that are written small elsewhere, so that Capitals of a Heading are not taken for names.
    """
    text = clean(re.sub(r"^(?:step )?\d+[.:)]?\s*", "", heading, flags=re.IGNORECASE))
    words = text.split()
    if not 3 <= len(words) <= 12 or _POINTS.search(text) or text.endswith("?"):
        return None
    first, second = words[0].lower(), words[1].lower()
    if first not in _COMMANDS and not (first in _PERHAPS and (second in _DETERMINERS or words[1].startswith("`"))):
        return None
    rest = " ".join(word.lower() if word.lower() in small else word for word in words[1:])
    return _asked(f"How do I {first} {rest}?", "heading")


def _definition(text: str) -> DraftQuestion | None:
    """Make ``What is X?`` of "X is a Y that ..."."""
    match = re.match(r"((?:The )?[\w`. /-]{2,45}?) (is|are) (?:an? |the |one of )([^,;:]{12,})", text)
    if match is None or not _is_noun(match[1]):
        return None
    if re.match(r"\w+ing\b|An? \w+ option\b|The [a-z]+$", match[1]):  # "the figure": which one, only its page knows
        return None
    if match[2] == "are" and not match[1].endswith(("s", "s`")):
        return None
    return _asked(f"What {match[2]} {_small(match[1])}?", "definition")


def _purpose(text: str) -> DraftQuestion | None:
    """Make ``What can I use to VERB ...?`` of "X allows you to VERB ..."."""
    allows = r"(?:allows? you to|lets? you|is used to|helps? you(?: to)?)"
    match = re.match(rf"((?:The |An? )?[\w`. /-]{{2,45}}?) {allows} ([a-z]+ .{{8,80}}?)[.,;:]", text)
    if match is None or not _is_noun(match[1]):
        return None
    return _asked(f"What can I use to {match[2]}?", "purpose")


_NO_NOUN = re.compile(
    r"\b(is|are|was|were|has|have|do|does|if|when|while|because|as|for|in|on|at|by|with|and|but|or|also|not|which|who|"
    r"what|where|why|how|you|i|note|notice|everything|something|nothing|all|each|every|some|most|many|remember|"
    r"thing|things|way|idea|problem|reason|result|difference|advantage|point|only|first|second|third|last|normally)\b",
    re.IGNORECASE,
)


def _is_noun(phrase: str) -> bool:
    return not _NO_NOUN.search(phrase) and not _POINTS.search(phrase) and any(c.isalpha() for c in phrase)


def _small(phrase: str) -> str:
    """Write an article small; names keep their capitals."""
    first, _, rest = phrase.partition(" ")
    return f"{first.lower()} {rest}" if first in {"The", "A", "An"} and rest else phrase


def _asked(question: str, form: str) -> DraftQuestion:
    text = _YOURSELF.sub("myself", _YOUR.sub("my", _SELF.sub("I", question)))
    return DraftQuestion(re.sub(r"\s*\([^)]*\)", "", text).replace(" ?", "?").replace("`", ""), form)


def question_about(document: Document, start: int, end: int, text: str, form: str) -> Question:
    """Make a question of a span of a document; equal spans and texts have equal ids."""
    mark = hashlib.sha256(f"{document.id}\0{start}\0{text}".encode(errors="surrogatepass")).hexdigest()[:12]
    heading = next((s.heading for s in reversed(document.sections) if s.start <= start), ())
    return Question(
        id=mark,
        text=text,
        spans=(GoldSpan(document.id, start, end),),
        answers=(clean(document.text[start:end]),),
        metadata={"source": document.source, "heading": " > ".join(heading), "form": form},
    )
