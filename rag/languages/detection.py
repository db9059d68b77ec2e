"""Tell the language of a text: by its script where that decides, else by py3langid's model."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

SAMPLE = 1000
"""Characters that are looked at."""
_LEAST_LETTERS = 4
_SURE = 0.7
"""Probability from which the model is believed."""
_FOREIGN = 0.15
"""Share of the letters from which another script decides: texts of all languages hold Latin names, code and units."""
_KANA = 0.05
"""Share of kana among the letters of Chinese and Japanese from which a text is Japanese."""

_SCRIPTS: Mapping[str, str] = MappingProxyType(
    {
        "latin": "A-Za-z\u00c0-\u024f\u1e00-\u1eff",
        "han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
        "kana": "\u3041-\u30ff\uff66-\uff9f",
        "ko": "\u1100-\u11ff\uac00-\ud7a3",
        "th": "\u0e00-\u0e7f",
        "lo": "\u0e80-\u0eff",
        "my": "\u1000-\u109f",
        "km": "\u1780-\u17ff",
        "el": "\u0370-\u03ff\u1f00-\u1fff",
        "he": "\u0590-\u05ff",
        "hy": "\u0530-\u058f",
        "ka": "\u10a0-\u10ff",
        "am": "\u1200-\u137f",
        "bn": "\u0980-\u09ff",
        "pa": "\u0a00-\u0a7f",
        "gu": "\u0a80-\u0aff",
        "or": "\u0b00-\u0b7f",
        "ta": "\u0b80-\u0bff",
        "te": "\u0c00-\u0c7f",
        "kn": "\u0c80-\u0cff",
        "ml": "\u0d00-\u0d7f",
        "si": "\u0d80-\u0dff",
        "arabic": "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff",
        "cyrillic": "\u0400-\u052f",
        "devanagari": "\u0900-\u097f",
    }
)
_LETTERS = re.compile("|".join(f"(?P<{name}>[{ranges}]+)" for name, ranges in _SCRIPTS.items()))
_LATIN = "af ca cs cy da de en es et eu fi fr ga gl hr hu id is it lt lv nl no pl pt ro sk sl sq sv sw tr vi"
_OF_SCRIPT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "arabic": ("ar", "fa", "ps", "ur"),
        "cyrillic": ("be", "bg", "kk", "mk", "mn", "ru", "sr", "uk"),
        "devanagari": ("hi", "mr", "ne"),
        "latin": tuple(_LATIN.split()),
    }
)
"""Scripts of several languages, and those that are told apart."""
# So common in English, and so rare elsewhere, that a few of them spare the model, which takes half a second to load.
_ENGLISH = re.compile(
    r"\b(?:the|and|that|with|this|from|which|are|how|does|when|where|who|why|you|your|it|be|to|for|what|have|not"
    r"|were|these|their|been|they|between|than|into|our|its)\b",
    re.IGNORECASE,
)
_ENGLISH_TOO = re.compile(r"\b(?:of|we|by|in|is|was|as|on|at|an|a|or|has|can|may|but)\b", re.IGNORECASE)
"""As common in English, and words of other languages as well."""
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH_SHARE, _LEAST_SHARE, _WHOLE_SHARE = 0.15, 0.1, 0.25
"""Shares of the words that are English alone, or fewer of them with words that are English too."""

_models: dict[str, Any] = {}
_loading = threading.Lock()


def language(text: str) -> str:
    """Return the language of a text: its code of ISO 639-1, such as ``de``; empty where nobody can tell.

    Looks at the first `SAMPLE` characters. Equal texts give equal languages.

    Examples
    --------
    >>> language("Where do otters sleep, and why?"), language("ฉันไปโรงเรียน"), language("3.14 + 2")
    ('en', 'th', '')
    """
    return _language(text[:SAMPLE])


@lru_cache(maxsize=256)  # a question is asked about by several parts, a passage by several questions
def _language(sample: str) -> str:
    letters: Counter[str] = Counter()
    for run in _LETTERS.finditer(sample):
        letters[run.lastgroup or ""] += len(run.group())
    total = letters.total()
    if total < _LEAST_LETTERS and not letters.keys() - {"latin"}:
        return ""
    japanese = letters["kana"]
    letters["han"] += letters.pop("kana", 0)
    foreign = [(count, name) for name, count in letters.items() if name != "latin" and count >= _FOREIGN * total]
    script = max(foreign)[1] if foreign else "latin"
    if script == "han":
        return "ja" if japanese > _KANA * letters["han"] else "zh"
    if script not in _OF_SCRIPT:
        return script
    if script == "latin" and _is_english(sample):
        return "en"
    return _by_model(script, sample)


def _is_english(text: str) -> bool:
    """Say whether a text is English without doubt; what it does not tell, the model does."""
    words = len(_WORD.findall(text))
    found = len(_ENGLISH.findall(text))
    if found < 2 or found < _LEAST_SHARE * words:
        return False
    return found >= _ENGLISH_SHARE * words or found + len(_ENGLISH_TOO.findall(text)) >= _WHOLE_SHARE * words


def _by_model(script: str, text: str) -> str:
    found, probability = _model(script).classify(" ".join(text.split()))
    return str(found) if probability >= _SURE else ""


def _model(script: str) -> Any:  # noqa: ANN401 - py3langid has no type stubs
    """Return py3langid's model of the languages of a script, loaded once."""
    with _loading:
        if script not in _models:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
            made.set_languages(_OF_SCRIPT[script])
            _models[script] = made
        return _models[script]
