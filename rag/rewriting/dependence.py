"""Whether a question of a conversation lacks what was said before: by what is missing in it, not by its length.

A pronoun without a noun that it can mean, or half a sentence ("And for Italy?"), takes its sense from an earlier turn.
Other words are used in both ways: they leave a doubt, and so does a short question whose words the documents know, if
some passage has them beside the topic of the talk. Everything else can be understood alone. The words here are English;
those of other languages are in `rag.languages`. In a language without any, only the few words of a question tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from ..grounding.words import FUNCTION_WORDS, WORD, listed
from ..languages import question_language, rules

if TYPE_CHECKING:
    from .corpus import Corpus

Need = Literal["nothing", "doubt", "topic"]

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_STOP = listed(
    "a an the and or but nor so if then than as at by for from in into of off on onto out over to up with about after "
    "against among around before behind below beneath beside between beyond down during except inside near outside "
    "since through throughout toward under until upon within without i me my mine we us our ours you your yours he him "
    "his she her hers it its they them their theirs this that these those there here who whom whose which what when "
    "where why how am is are was were be been being do does did done doing have has had having can could may might "
    "must shall should will would not no very too all any each every few most such own same s t d ll ve re m don won "
    "isn aren wasn weren doesn didn hasn haven couldn shouldn wouldn because while again once both either neither "
    "asides system"
)
_CHAT = listed(
    "tell know find info information please give like want mean also main some different type types kind kinds thing "
    "things good best way ways help need explain describe example examples difference differences between compare "
    "common popular important interesting sure think heard really much many lot lots little bit use used using make "
    "made get got okay ok thanks thank yes no more other others well still even just only actually"
)
_BE = r"(?:is|are|was|were|be|been|isn't|aren't|wasn't|weren't)"
_JUDGED = (
    r"(?:possible|impossible|necessary|better|best|good|bad|ok|okay|safe|legal|illegal|allowed|permitted|hard|easy"
    r"|difficult|true|worth|wise|important|common|normal|enough|required|advisable|recommended|useful|likely|usual|cheaper"
    r"|faster|right|wrong|fine|dangerous|healthy|rare|sensible|known|said|believed|thought|argued|claimed|decided"
    r"|determined|assumed|estimated|shown|proven|suggested|proposed|discovered|agreed|hoped|feared)"
)
_CLAUSE = r"(?:to|that|if|when|whether|how|what|which|who|where|why)\b"
_HARMLESS = re.compile(
    rf"\b{_BE} there\b|\bthere(?:'s|’s| (?:{_BE}|will|must|can|may|might|should|has|have|exists?|used|seems?))\b"
    rf"|\b{_BE} it (?:\w+ )?{_JUDGED}(?: \w+)? {_CLAUSE}"
    rf"|\bit(?:'s|’s| (?:{_BE}|would be))(?: \w+)? {_JUDGED}(?: \w+)? {_CLAUSE}"
    rf"|\b(?:does|did|will|would|can) it (?:\w+ )?(?:take|cost|mean|matter|help|hurt)(?: \w+){{0,4}}? {_CLAUSE}"
    r"|\b(?:make|makes|made|find|finds|found|keep|keeps|consider|considers) it (?:\w+ ){1,2}to\b"
    r"|\b(?:so|such|now|know|knows|mean|means|say|says|said|believe|think|ensure|sure|fact|show|shows|prove|true"
    r"|that|discovered|found|stated|stating|claimed|claims|believed|believes|thought|argued|argues|suggests?|suggested)"
    r" that\b(?= \w+ \w+)"
    r"|\b(?:this|these) (?:year|month|week|time|version|century|decade|days)\b"
    r"|\bsuch as\b|\bother than\b|\beach other\b|\bone another\b|\bboth\b(?=.* and )|\beither\b(?=.* or )"
    r"|\bat the same time\b|\bthe same\b(?=.* (?:as|and) )|\bany others? \w+ than\b"
    rf"|(?<=[a-z]) that (?={_BE}\b|(?:has|have|had|can|could|will|would|should|must|may|might|do|does|did|the|an?|no"
    r"|not|i|you|we|people|\w+(?:s|ed))\b)",
    re.IGNORECASE,
)
_HE = re.compile(r"\b(?:he|him|his|she|her|hers)\b", re.IGNORECASE)
_IT = re.compile(r"\b(?:it|it's|it’s|its|itself)\b", re.IGNORECASE)
_THEY = re.compile(r"\b(?:they|them|their|theirs|themselves)\b", re.IGNORECASE)
_POINTS = re.compile(
    rf"\b(?:this|these|those|that)\b(?=\W*$|\W+(?:{_BE}|do|does|did|can|could|will|would|of|in|on|for|and|or|to|from)\b)"
    r"|\bthere\b|\b(?:an?|the|which|another|other) (?:[\w-]+ ){0,2}ones?\b|\bones?\s*(?:[?.!,;]|$)"
    r"|\bthe (?:former|latter|two|above|others?)\b(?!\s+\w+\s+\w)|\bmentioned\b|\byou (?:said|told)\b",
    re.IGNORECASE,
)
_NAMES_AGAIN = re.compile(r"\b(?:this|these|those)((?: [\w-]+){1,3})", re.IGNORECASE)
_MAY_POINT = re.compile(
    r"\b(?:that|here|such|ones|another|others?|both|either|same|previous|else|instead|too|as well)\b|\bcompare\W*$",
    re.IGNORECASE,
)
_BARE = re.compile(r"\bthe [a-z][\w-]+\W*$|\bbetter\b|\bmore [a-z]\w+\W*$")
_LACKS = re.compile(
    r"\bthe (?:[a-z][\w-]+ )?[a-z][\w-]+\b(?! (?:of|for|in|on|at|to|between|with|from|that|which|who)\b)(?=\W*$)"
)
_OPENS = re.compile(
    r"^\s*(?:(?:and|but|so|or|also|then|ok|okay|thanks?|thank you|i see|well|interesting|no|yes|great|now)\b"
    r"[\s,;.!]*)+",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"^\s*(?:and|but|so|or|also|then)\b", re.IGNORECASE)
_HALF = re.compile(
    r"^\s*(?:what about|how about|what else|who else|how so|how come|tell me more|more about|go on|why(?: not)?\W*$)",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"^\W*(?:who|whom|whose|which|what|when|where|why|how|do|does|did|is|are|was|were|am|can|could|will|would|shall|should|may"
    r"|might|must|has|have|had|in|on|at|to|for|from|by|if|tell|explain|describe|show|list|give|name|compare|find|define)\b"
    r"(?:\W+\w+){2}",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"^\W*(?:in|on|at|to|for|from|by|if|with)\b", re.IGNORECASE)
_FEW = 2
"""Words of its own with which a question may lack something."""
_LOOKED_AT = 5
_LISTENED = 3
_LONG_WORD = 3
"""Letters up to which a word of a language without a table counts as one that only joins others."""


def spoken(text: str, history: Sequence[str] = ()) -> str:
    """Return the language of a talk, by its last questions and the new one; empty where nobody can tell."""
    return question_language("\n".join((*history[-_LISTENED:], text))) or question_language(text)


def need(text: str, topic: Sequence[str] = (), corpus: Corpus | None = None, code: str = "en") -> Need:
    """Say what a question lacks: nothing, the topic of the talk, or perhaps that.

    Parameters
    ----------
    topic
        What the talk is about, in words.
    corpus
        Knows whether documents have the question's words; without one a short question lacks the topic.
    code
        The language of the talk, see `spoken`.
    """
    if code not in {"", "en"}:
        return _elsewhere(text, code, topic, corpus)
    opened = _OPENS.match(text)
    rest = text[opened.end() :] if opened else text
    own = own_words(rest)
    if _HALF.match(rest) or (opened and not _is_whole(rest)) or not own:
        return "topic"
    points = _points_back(rest, topic, corpus)
    if points == "nothing" and (_GOES_ON.match(text) or _BARE.search(rest)):
        points = "doubt"
    if points == "topic" or (corpus is None and (points == "doubt" or len(own) <= _FEW)):
        return "topic"
    return points if corpus is None or len(own) > _FEW else _of_few(rest, own, points, topic, corpus)


def _elsewhere(text: str, code: str, topic: Sequence[str], corpus: Corpus | None) -> Need:
    """Do so in a language other than English."""
    own = rules(code)
    opened = own.matches("opens", text)
    rest = text[opened.end() :] if opened else text
    words = own_words(rest, code)
    if own.matches("half", text) or own.matches("half", rest) or not words:
        return "topic"
    points: Need = "doubt" if opened else "nothing"
    if at := own.matches("points", rest):
        points = "doubt" if len(own_words(rest[: at.start()], code)) > 1 else "topic"
    few = len(words) <= (1 if own.content else _FEW)
    if points == "topic" or (corpus is None and (points == "doubt" or few)):
        return "topic"
    if corpus is None or not few:
        return points
    found = _of_few(rest, words, points, topic, corpus)
    terms = [term for word in words for term in corpus.analyser.terms(word)]
    lacks = len(words) == 1 and found == "doubt" and _together(terms, topic, corpus)
    return "topic" if lacks else found


def _is_whole(text: str) -> bool:
    """Say whether a text can be a sentence: it has a question word or a verb in front, and more behind."""
    return bool(_WHOLE.match(text)) and (not _PREPOSITION.match(text) or len(_WORD.findall(text)) > 5)


def _points_back(text: str, topic: Sequence[str], corpus: Corpus | None) -> Need:
    """Say whether a word of a question refers to something, and whether the question itself names that."""
    plain = _HARMLESS.sub(" ", text)
    if _POINTS.search(plain):
        return "topic"
    found: Need = "doubt" if _MAY_POINT.search(plain) else "nothing"
    if again := _NAMES_AGAIN.search(plain):  # "these symptoms": of the topic, if documents have them beside it
        if corpus is None or _beside(own_words(again[1])[:1], topic, corpus):
            return "topic"
        found = "doubt"
    for pronoun, names in ((_HE, _person), (_IT, _thing), (_THEY, _several)):
        if at := pronoun.search(plain):
            if not names(plain[: at.start()]):
                return "topic"
            found = "doubt"
    return found


def _person(before: str) -> bool:
    return any(word[0].isupper() for word in own_words(before)[-3:]) and len(own_words(before)) > 1


def _thing(before: str) -> bool:
    """Say whether a text names a thing: a noun behind an article, or a name."""
    own = own_words(before)
    return len(own) > 1 and bool(
        re.search(rf"\b(?:an?|the|each|every|my)\b(?: \w+)? {re.escape(own[-2])}\b", before)
        or re.search(rf"\b(?:an?|each|every|my)\b(?: \w+)? {re.escape(own[-1])}\b", before)
        or any(word[0].isupper() for word in own[1:])
    )


def _several(before: str) -> bool:
    own = own_words(before)
    plural = any(word.endswith("s") and not word.endswith("ss") for word in own)
    return len(own) > 1 and (plural or " and " in before)


def _of_few(text: str, own: Sequence[str], points: Need, topic: Sequence[str], corpus: Corpus) -> Need:
    """Judge a question of one or two words by what the documents have."""
    terms = [term for word in own for term in corpus.analyser.terms(word)]
    if not terms or not any(term in corpus.frequencies() for term in terms):
        return "topic"
    lacks = len(own) == 1 and points == "nothing" and _LACKS.search(text) and _together(terms, topic, corpus)
    return "topic" if lacks else "doubt"


def _beside(words: Sequence[str], topic: Sequence[str], corpus: Corpus) -> bool:
    return _together([term for word in words for term in corpus.analyser.terms(word)], topic, corpus)


def _together(terms: Sequence[str], topic: Sequence[str], corpus: Corpus) -> bool:
    """Say whether a passage has the question's terms and most of the topic's."""
    beside = {term for word in topic for term in corpus.analyser.terms(word)} - set(terms)
    wanted = {**dict.fromkeys(beside, 1.0), **dict.fromkeys(terms, 3.0)}
    for text, _ in corpus.holding(wanted, _LOOKED_AT) if beside else ():
        held = set(corpus.analyser.terms(text))
        if set(terms) <= held and 2 * len(beside & held) >= len(beside):
            return True
    return False


def own_words(text: str, code: str = "en") -> list[str]:
    """Return the words of a text that carry a meaning of their own, in the language of ``code``."""
    if code in {"", "en"}:
        return [w for w in _WORD.findall(text) if len(w) > 1 and not _plain(w) & (_STOP | _CHAT | FUNCTION_WORDS)]
    own = rules(code)
    if own.content:
        text = re.sub(own.points, " ", own.without_asking(text))
        return [match[0] for match in re.finditer(own.content, text) if len(match[0]) > 1 or not match[0].isascii()]
    least = 1 if own.function_words else _LONG_WORD
    words = (re.sub(own.elided, "", match[0], flags=re.IGNORECASE) for match in WORD.finditer(text))
    return [word for word in words if len(word) > least and not _plain(word) & own.function_words]


def _plain(word: str) -> frozenset[str]:
    """Return a word in lower case, and the part before its apostrophe: ``what's`` is a ``what``."""
    low = word.lower()
    return frozenset({low, re.split("['’]", low)[0]})
