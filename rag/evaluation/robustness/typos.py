"""Typing errors as people make them: neighbouring keys, swapped, doubled and dropped letters.

The four kinds are Damerau's ("A technique for computer detection and correction of spelling errors", CACM 7(3), 1964).
The first letter of a word is spared, as people seldom get it wrong (E. J. Yannakoudakis and D. Fawthrop, "The rules of
spelling errors", Information Processing & Management 19(2), 1983). How often each kind comes is this file's choice.
"""

from __future__ import annotations

import hashlib
import random
import re

_ROWS = ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./")
_SHIFTS = (0.0, 1.5, 1.75, 2.25)  # shift of each row of a keyboard to the right, in keys
_WORD = re.compile(r"[^\W\d_]{4,}")
_KINDS = ("substitute", "omit", "insert", "transpose")
_WEIGHTS = (0.36, 0.32, 0.20, 0.12)


def _neighbours() -> dict[str, str]:
    places = {
        key: (shift + at, row)
        for row, (keys, shift) in enumerate(zip(_ROWS, _SHIFTS, strict=True))
        for at, key in enumerate(keys)
    }
    return {
        key: "".join(
            other
            for other, (ox, oy) in places.items()
            if other != key and other.isalpha() and abs(x - ox) <= 1.0 and abs(y - oy) <= 1
        )
        for key, (x, y) in places.items()
        if key.isalpha()
    }


NEIGHBOURS = _neighbours()
"""Letters within one key of each letter, on a QWERTY keyboard."""


def with_typos(text: str, n: int = 1, *, seed: int = 0) -> str:
    """Return ``text`` with ``n`` typing errors, each in a word of its own, of four letters or more.

    Same text, ``n`` and seed: same result, in every process. Fewer errors where the text has fewer such words; a text
    without any comes back as it is. Words with digits or capitals inside (names of functions, codes) are spared last.

    Examples
    --------
    >>> with_typos("how do I delete a document", seed=3)
    'how do I delete a documet'
    """
    if n < 1:
        return text
    digest = hashlib.sha256(f"{seed}\0{n}\0{text}".encode()).digest()
    rng = random.Random(digest)  # noqa: S311 - errors to test with, no secret
    words = list(_WORD.finditer(text))
    plain = [word for word in words if word[0][1:].islower()]
    chosen = rng.sample(plain, min(n, len(plain)))
    rest = [word for word in words if word not in plain]
    chosen += rng.sample(rest, min(n - len(chosen), len(rest)))
    for word in sorted(chosen, key=lambda word: -word.start()):
        text = text[: word.start()] + _misspelt(word[0], rng) + text[word.end() :]
    return text


def _misspelt(word: str, rng: random.Random) -> str:
    while True:  # a swap of equal letters changes nothing: draw again
        kind = rng.choices(_KINDS, _WEIGHTS)[0]
        at = rng.randrange(1, len(word))
        wrong = _ERRORS[kind](word, at, rng)
        if wrong != word:
            return wrong


def _near(letter: str, rng: random.Random) -> str:
    keys = NEIGHBOURS.get(letter.lower()) or letter.lower()
    found = rng.choice(keys)
    return found.upper() if letter.isupper() else found


def _substitute(word: str, at: int, rng: random.Random) -> str:
    return word[:at] + _near(word[at], rng) + word[at + 1 :]


def _omit(word: str, at: int, rng: random.Random) -> str:  # noqa: ARG001 - one signature for all kinds
    return word[:at] + word[at + 1 :]


def _insert(word: str, at: int, rng: random.Random) -> str:
    extra = word[at] if rng.random() < 0.5 else _near(word[at], rng)  # half of them: a key that repeats
    return word[: at + 1] + extra + word[at + 1 :]


def _transpose(word: str, at: int, rng: random.Random) -> str:  # noqa: ARG001
    at = min(at, len(word) - 2)
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


_ERRORS = {"substitute": _substitute, "omit": _omit, "insert": _insert, "transpose": _transpose}
